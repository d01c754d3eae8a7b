"""What verification looks for in the bytes, and whether a hit is a leak.

A second opinion: it makes its own tokens of the identifying values and reads bytes, not elements.
It shares only the list of clinical words with the second net, so that the two agree on those.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import re2

from .clinical import (
    CLINICAL_IDEOGRAPHS,
    CLINICAL_PHRASE,
    FUNCTION_WORDS,
    GENERIC_PLACE_WORDS,
    ORDINARY_WORDS,
    is_clinical,
    is_term,
)
from .expression import late

# A name may be written as ASCII, UTF-16 or UTF-32: NULs between its letters are stepped over.
_BETWEEN = r"\x00{0,3}"
_CODECS = (
    "utf-8", "utf-16-le", "utf-16-be", "latin-1", "iso8859-2", "iso8859-3", "iso8859-4",
    "iso8859-5", "iso8859-6", "iso8859-7", "iso8859-8", "iso8859-9", "iso8859-15", "cp1251",
    "koi8-r", "cp932", "euc_jp", "gb18030", "big5", "euc_kr", "cp874",
)  # fmt: skip
# Below this many bytes of one person, tokens are cheaper to look for one by one.
_WORTH_AN_AUTOMATON = 1 << 16
_LOWER = bytes(byte + 32 if 65 <= byte <= 90 else byte for byte in range(256))
_SQUEEZED = b"\0 ,.^_=-/"
_LETTER_RUNS = late(r"[^\W\d_]+")
_ASCII_LETTERS = late(r"[A-Za-z]+")
_IDEOGRAPH = late(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af]")
_LIGATURES = str.maketrans(
    {"ß": "ss", "ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}
)
_GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})
_GAP = r"[ ,.^_=-]{1,3}"
# Text with letters outside ASCII: the element is decoded and compared as text.
FOREIGN_TEXT = (
    r"[a-z][\xc0-\xff][a-z]|[a-z]{2}[\xc0-\xff][ ^=\\,]|[ ^=\\,][\xc0-\xff][a-z]{2}"
    r"|[\xc3-\xc9][\x80-\xbf][a-z]|[a-z][\xc3-\xc9][\x80-\xbf]|[a-z]\xcc[\x80-\xbf]"
    r"|\xef[\xbc\xbd][\x80-\xbf]|\x1b[$()-]"
)


UID_IN_BYTES: Any = re2.compile(rb"[0-9]+(?:\.[0-9]+){3,}")
ASCII_RUN = late(rb"[A-Za-z]+")
_LETTERS_BEHIND = late(rb"[A-Za-z]+$")
_LETTERS_AHEAD = late(rb"[A-Za-z]+")


class Hit(NamedTuple):
    """A place in the bytes that one rule may object to."""

    start: int
    end: int
    rule: str


def _letter_runs(text: str) -> list[str]:
    """Return the runs of letters of a text; text in ASCII needs no table of all letters."""
    found: list[str] = (_ASCII_LETTERS if text.isascii() else _LETTER_RUNS).findall(text)
    return found


def without_phrases(text: str) -> str:
    """Return a text without terms such as "white matter", which say nothing of a Mr White."""
    folded = text.lower()
    if len(folded) != len(text):
        return text
    for match in reversed([*CLINICAL_PHRASE.finditer(folded)]):
        text = f"{text[: match.start()]} {text[match.end() :]}"
    return text


def _has_ideograph(text: str) -> bool:
    return not text.isascii() and _IDEOGRAPH.search(text) is not None


def strip_accents(text: str) -> str:
    """Return the text in lower case without accents, ligatures resolved."""
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKD", text.lower().translate(_LIGATURES))
    return "".join(char for char in text if not unicodedata.combining(char)).translate(_LIGATURES)


class Suspects:
    """The tokens of one set of identifying values, as verification sees them."""

    def __init__(self, values: tuple[tuple[str, str], ...]) -> None:
        self.long: set[str] = set()
        self.short: set[str] = set()
        self.pairs: set[tuple[str, str]] = set()
        self.numbers: set[str] = set()
        self.short_numbers: set[str] = set()
        self.dates: set[date] = set()
        self.foreign: set[str] = set()
        for kind, value in values:
            for part in value.split("\\"):
                self._take(kind, part.strip(" \0"))
        self.checked: set[tuple[bytes, bytes]] = set()  # charset and run of text found clean
        self._foreign_forms = frozenset(self._encoded())
        self._squeezed = tuple(self._squeezed_tokens())
        self._seen = 0

    def _take(self, kind: str, value: str) -> None:
        if kind == "name":
            for group in value.split("="):
                self._take_name(group)
        elif kind in ("date", "birth"):
            day = _as_date(value)
            if day:
                self.dates.add(day)
        elif kind in ("id", "phone"):
            self._take_id(value, kind)
        elif kind in ("institution", "address", "other"):
            words = _letter_runs(value)
            if kind == "other" and len(words) > 1:
                return
            for word in words:
                if strip_accents(word) not in GENERIC_PLACE_WORDS:
                    self._take_word(word, least=5)

    def _take_name(self, group: str) -> None:
        words: list[str] = []
        for component in group.split("^")[:3]:
            for word in _letter_runs(component):
                self._take_word(word, least=3)
                words.append(strip_accents(word))
        if _has_ideograph(group):
            full = "".join(_letter_runs("".join(group.split("^")[:3])))
            if len(full) >= 2 and full not in CLINICAL_IDEOGRAPHS:
                self.foreign.add(full)
            return
        for first, second in itertools.pairwise(words):
            is_usable = len(first) + len(second) >= 4 and first != second
            is_plain = (first + second).isascii() and not {first, second} & FUNCTION_WORDS
            if is_usable and is_plain:
                self.pairs |= {(first, second), (second, first)}

    def _take_word(self, word: str, *, least: int) -> None:
        plain = strip_accents(word)
        if _has_ideograph(word):
            is_kana = "\u3040" <= word[0] <= "\u30ff"
            if len(word) >= (3 if is_kana else 2) and word not in CLINICAL_IDEOGRAPHS:
                self.foreign.add(word)
            return
        if len(plain) < least or plain in FUNCTION_WORDS or is_clinical(plain):
            return
        if not word.isascii():
            self.foreign.add(word)
        for spelling in {plain, strip_accents(word.lower().translate(_GERMAN))}:
            if spelling.isascii():
                (self.long if len(spelling) >= 5 else self.short).add(spelling)

    def _take_id(self, value: str, kind: str) -> None:
        digits = re.sub(r"\D", "", value)
        letters = re.sub(r"[\W_]", "", strip_accents(value))
        if letters.isdigit() or kind == "phone":
            if len(digits) >= 6:
                self.numbers.add(digits)
                if len(digits.lstrip("0")) >= 6:
                    self.numbers.add(digits.lstrip("0"))
            elif len(digits) >= 4 and kind == "id":
                self.short_numbers.add(digits)
            return
        self.numbers.update(re.findall(r"[0-9]{6,}", value))
        if letters.isascii() and not is_clinical(letters):
            if len(letters) >= 5 and letters.isalpha():
                self.long.add(letters)
            elif len(letters) >= 4:
                self.short.add(strip_accents(value).strip())

    def _encoded(self) -> Iterator[bytes]:
        """Yield the bytes of tokens outside ASCII in every code that has them."""
        seen: set[bytes] = set()
        for token in self.foreign:
            for text in {token, token.lower(), token.upper(), token.title()}:
                for form in ("NFC", "NFD"):
                    for codec in _CODECS:
                        try:
                            raw = unicodedata.normalize(form, text).encode(codec)
                        except UnicodeEncodeError:
                            continue  # a code without these letters can't hold the token
                        if len(raw) >= 4 and raw not in seen:
                            seen.add(raw)
                            yield raw

    def _pattern(self) -> bytes:
        parts = [_BETWEEN.join(map(re2.escape, token)) for token in sorted(self.long)]
        edge = r"(?:^|[^a-z0-9]|\x00[a-z])"
        parts += [
            rf"{edge}{_BETWEEN.join(map(re2.escape, token))}(?:[^a-z0-9]|[a-z0-9]\x00|$)"
            for token in sorted(self.short)
        ]
        parts += [rf"{re2.escape(a)}{_GAP}{re2.escape(b)}" for a, b in sorted(self.pairs)]
        parts += [_BETWEEN.join(token) for token in sorted(self.numbers)]
        parts += [
            rf"(?:^|[^0-9]){token}(?:[^0-9]|[0-9]\x00|$)" for token in sorted(self.short_numbers)
        ]
        for day in sorted(self.dates):
            y, m, d = f"{day.year:04d}", f"0?{day.month}", f"0?{day.day}"
            compact = _BETWEEN.join(f"{y}{day.month:02d}{day.day:02d}")
            parts += [compact, rf"{y}[-./]{m}[-./]{d}"]
            parts += [rf"{d}[-./]{m}[-./]{y}", rf"{m}[-./]{d}[-./]{y}"]
        text = "|".join(parts).encode("latin-1")
        escaped = [b"".join(b"\\x%02x" % byte for byte in raw) for raw in self._foreign_forms]
        return b"|".join(filter(None, [text, *escaped]))

    @cached_property
    def _matcher(self) -> Any:
        """All tokens as one automaton: worth building only where there may be a hit."""
        return re2.compile(self._pattern(), _options())

    @cached_property
    def _first(self) -> Any:
        tokens = b"|".join(filter(None, (FOREIGN_TEXT.encode("latin-1"), self._pattern())))
        return re2.compile(tokens, _options())

    def _squeezed_tokens(self) -> Iterator[bytes]:
        """Yield tokens as they look when NULs and separators are taken out of the bytes."""
        for first, second in self.pairs:
            yield (first + second).encode("ascii")
        for token in self.long | self.short | self.numbers | self.short_numbers:
            yield re.sub(r"[^a-z0-9]", "", token).encode("ascii")
        for day in self.dates:
            y, m, d = str(day.year), str(day.month), str(day.day)
            for month in {m, m.zfill(2)}:
                for number in {d, d.zfill(2)}:
                    for form in {y + month + number, number + month + y, month + number + y}:
                        yield form.encode("ascii")

    def first_look(self, data: bytes) -> tuple[bool, bool]:
        """Tell whether bytes are clear of every rule, and else whether they hold foreign text.

        Foreign text is a suspicion of its own. The first bytes of a new person are searched token
        by token, which costs less than an automaton for a few small instances.
        """
        self._seen += len(data)
        if self._seen < _WORTH_AN_AUTOMATON:
            has_foreign = _foreign_text().search(data) is not None
            if has_foreign or any(form in data for form in self._foreign_forms):
                return False, has_foreign
            squeezed = data.translate(_LOWER, _SQUEEZED)
            return not any(token in squeezed for token in self._squeezed), False
        if self._first.search(data) is None:
            return True, False
        return False, _foreign_text().search(data) is not None

    def hits(self, data: bytes) -> Iterator[Hit]:
        """Yield the places that a rule may object to."""
        if not self._squeezed and not self._foreign_forms:
            return
        for match in self._matcher.finditer(data):
            yield Hit(match.start(), match.end(), self._rule(match.group()))

    def _rule(self, raw: bytes) -> str:
        """Name the rule of a matched run of bytes."""
        text = raw.replace(b"\0", b"").lower().decode("latin-1")
        if raw in self._foreign_forms:
            return "foreign-name"
        bare = text.strip()
        if text in self.long:
            return "name"
        digits = re.sub(r"[^0-9]", "", text)
        if text in self.numbers:
            return "number"
        if any(sign.isdigit() for sign in text) and digits in self.short_numbers:
            return "short-number"
        if len(digits) >= 6 and not re.search(r"[a-z]", text):
            return "date"
        if any(all(part in bare for part in pair) for pair in self.pairs):
            return "full-name"
        words = re.findall(r"[a-z0-9]+", text)
        if any(word in self.short for word in words) or any(t in text for t in self.short):
            return "short-name"
        return "number"

    def is_innocent(self, hit: Hit, data: bytes) -> bool:
        """Tell whether the bytes around a hit show at once that it is a word or a decimal."""
        around = data[max(hit.start - 40, 0) : hit.end + 40]
        start = min(hit.start, 40)
        if hit.rule == "name":
            left = _LETTERS_BEHIND.search(around[:start])
            right = _LETTERS_AHEAD.match(around[start:])
            word = (left[0] if left else b"") + (right[0] if right else b"")
            return len(word) > hit.end - hit.start and is_term(word.lower().decode("ascii"))
        if hit.rule == "number":
            end = start + hit.end - hit.start
            # Behind the last digit of a value stands a tag, which may begin with the byte of one.
            is_whole = is_whole_number(around, start, end) or around[end + 1 : end + 2] == b"\0"
            return not is_whole
        return False

    def dates_in(self, plain: bytes) -> Iterator[date]:
        """Yield the identifying dates that stand in a value, in one of the numeric forms."""
        for day in self.dates:
            compact = render(day).encode("ascii")
            for match in re.finditer(compact, plain):
                if _is_date_here(plain, match.start(), match.end()):
                    yield day
            if _written(day).search(plain):
                yield day

    def is_in_text(self, text: str) -> str:
        """Return the rule that a decoded text breaks as whole words, "" where it breaks none."""
        for run in _letter_runs(without_phrases(text)):
            plain = strip_accents(run)
            if run.islower() and plain in ORDINARY_WORDS:
                continue
            if plain in self.long or plain in self.short:
                return "name"
            if not is_term(plain) and any(token in plain for token in self.long):
                return "name"
        folded = unicodedata.normalize("NFC", text)
        if any(token in folded for token in self.foreign if _has_ideograph(token)):
            return "foreign-name"
        return ""

    def breaks_word(self, text: str) -> bool:
        """Tell whether a text holds a short name as a whole word, or a full name."""
        plain = without_phrases(strip_accents(text))
        words = set(re.findall(r"[a-z0-9]+", plain))
        if words & self.short or any(" " in t or "-" in t for t in self.short if t in plain):
            return True
        return any(
            re.search(rf"(?<![a-z]){re.escape(a)}{_GAP}{re.escape(b)}(?![a-z])", plain)
            for a, b in self.pairs
        )


def _options() -> re2.Options:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = 64 << 20
    return options


def _as_date(value: str) -> date | None:
    digits = re.sub(r"\D", "", value)[:8]
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


@lru_cache(maxsize=256)
def suspects(values: tuple[tuple[str, str], ...]) -> Suspects:
    """Return the tokens of these values; the instances of a series share them."""
    return Suspects(values)


@lru_cache(maxsize=1)
def _foreign_text() -> Any:
    return re2.compile(FOREIGN_TEXT.encode("latin-1"), _options())


@lru_cache(maxsize=1)
def _foreign_runs() -> Any:
    run = r"[^\x00-\x1a\x1c-\x1f]*"
    return re2.compile(f"{run}(?:{FOREIGN_TEXT}){run}".encode("latin-1"), _options())


def foreign_runs(data: bytes) -> set[bytes]:
    """Return the runs of bytes without control characters that hold text outside ASCII."""
    return {match.group() for match in _foreign_runs().finditer(data)}


@lru_cache(maxsize=1024)
def _written(day: date) -> re.Pattern[bytes]:
    """Return the date's forms with separators, not as part of a longer chain of numbers."""
    y, m, d = f"{day.year:04d}", f"0?{day.month}", f"0?{day.day}"
    forms = f"{y}[-./]{m}[-./]{d}|{d}[-./]{m}[-./]{y}|{m}[-./]{d}[-./]{y}"
    return re.compile(rf"(?<![0-9])(?<![0-9]\.)(?:{forms})(?![0-9]|\.[0-9])".encode("ascii"))


def render(day: date) -> str:
    """Write a day as DA."""
    return f"{day.year:04d}{day.month:02d}{day.day:02d}"


def _is_date_here(plain: bytes, start: int, end: int) -> bool:
    """Tell whether 8 digits are a date: alone, or with a time of day right behind."""
    before = plain[max(start - 2, 0) : start]
    if before[-1:].isdigit():
        return False
    after = re.match(rb"[0-9]*", plain[end : end + 16])
    rest = after[0] if after else b""
    if before[-1:] == b"." and before[:1].isdigit() and not rest:
        return _is_in_chain(plain, start, end)
    return not rest or bool(re.fullmatch(rb"(?:[01]\d|2[0-3])(?:[0-5]\d){0,2}\d{0,6}", rest))


def is_whole_number(plain: bytes, start: int, end: int) -> bool:
    """Tell whether digits stand for themselves, not in a longer number or as decimals."""
    before = plain[max(start - 2, 0) : start]
    if before[-1:].isdigit() or plain[end : end + 1].isdigit():
        return False
    if before[-1:] == b"." and before[:1].isdigit():
        return _is_in_chain(plain, start, end)
    return True


def is_short_number(plain: bytes, start: int, end: int) -> bool:
    """Tell whether 4 or 5 digits are a word of their own, not a measure or a decimal number."""
    before, after = plain[max(start - 1, 0) : start], plain[end : end + 16]
    if before.isalnum() or before == b"." or after[:1].isalnum():
        return False
    if after[:1] == b"." and after[1:2].isdigit():
        return False
    return not re.match(rb" ?(?:mm|cm|ms|sec|hu|kvp?|mas?|mg|ml|m?hz|slices?|%)\b", after, re.I)


def _is_in_chain(plain: bytes, start: int, end: int) -> bool:
    """Tell whether a number is a component of a dotted chain, as in a UID."""
    left = plain[max(start - 64, 0) : start]
    right = plain[end : end + 64]
    dots = left[len(left.rstrip(b"0123456789.")) :].count(b".")
    return dots + right[: len(right) - len(right.lstrip(b"0123456789."))].count(b".") > 1


def shifted_dates(values: tuple[tuple[str, str], ...], days: int) -> frozenset[str]:
    """Return what the dates among the values become when shifted: those may be in the output."""
    days_found = (_as_date(value) for kind, value in values if kind == "date")
    return frozenset(
        (day - timedelta(days=days)).strftime("%Y%m%d") for day in days_found if day is not None
    )
