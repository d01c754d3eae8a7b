"""What a data set says about its people, in the forms in which it may turn up elsewhere.

Values become folded tokens once per set of values; the instances of a series share them. Decides
what identifies alone (a rare surname, an id), what only beside another token (a clinical word, two
letters), and answers whether a run of bytes may hold any of it. Cleans nothing and knows no tags.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from typing import Any

import re2

from .clinical import (
    CLINICAL_IDEOGRAPHS,
    FUNCTION_WORDS,
    GENERIC_PLACE_WORDS,
    is_clinical,
    is_term,
)
from .dates import MONTHS
from .expression import late
from .romanised import romanised

_CJK = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af"
RUN = late(rf"[{_CJK}]+|[^\W\d_{_CJK}]+|\d+")
_ASCII_RUN = late(r"[A-Za-z]+|[0-9]+")
_JAMO = late("[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?")  # decomposed Hangul
_LETTERS_FOLDED = str.maketrans(
    {"ø": "o", "đ": "d", "ð": "d", "ł": "l", "ı": "i", "ħ": "h", "’": "'", "ʼ": "'", "‐": "-"}
    | {"–": "-", "—": "-", "æ": "ae", "œ": "oe", "þ": "th"}
)
_DIGRAPH = late("ae|oe|ue")
_DIGRAPHS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})
SEPARATORS = b" \t\r\n\f\v-./^,_'=&"
_SQUEEZE = bytes.maketrans(
    bytes(range(ord("A"), ord("Z") + 1)), bytes(range(ord("a"), ord("z") + 1))
)
# Below this many bytes seen, tokens are cheaper to look for one by one than all at once.
_WORTH_AN_AUTOMATON = 1 << 16
_MANY_NAMES = 32
# What makes the word behind it a name, folded; `patterns` has what makes it a title.
TITLES = (
    "mrs", "miss", "mister", "doctor", "doktor", "docteur", "prof", "professor", "professeur",
    "herr", "herrn", "frau", "mme", "mlle", "madame", "monsieur", "senor", "senora", "srta",
    "dott", "dottor", "dottoressa", "dra", "sig", "signor", "signora", "mevr", "mevrouw", "dhr",
    "mr", "ms", "dr", "sr", "sra", "pr", "hr", "fr", "m", "drs",
)  # fmt: skip
# A name in these may be written as two words: McDonald, Mc Donald.
_PARTICLES = (
    "mac", "mc", "de", "des", "del", "la", "le", "van", "von", "vander", "di", "da", "dal", "al",
    "el", "st", "san", "o", "d", "l", "abu", "ben", "bin", "ter", "ten",
)  # fmt: skip
# Japan's eras: as written in full, by letter, and the year before their first.
_ERAS = (
    ("令和", "r", 2018), ("平成", "h", 1988), ("昭和", "s", 1925), ("大正", "t", 1911),
    ("明治", "m", 1867),
)  # fmt: skip
_FOREIGN_CODECS = (
    "utf-8", "utf-16-le", "utf-16-be", "cp932", "gb18030", "euc_kr", "iso8859-5", "iso8859-7",
    "iso8859-6", "iso8859-8", "cp1251",
)  # fmt: skip
_MONTHS = "|".join(sorted(name for name in MONTHS if name.isascii()))
# Whatever could be accented or ideographic text, or a written date: to be looked at as text.
_STATIC_SUSPICION = (
    r"[\x80-\xdc\xde\xdf\xe1-\xfd][\x20-\x7e\x80-\xff]|\xdd[\x20-\x7e\x80-\xdf\xe1-\xff]"
    r"|\xfe[\x20-\x7e\x80-\xfe]|\xff[a-z]"
    r"|[^\x00]\xe0[\x20-\x7e\x80-\xff]|\x00\xe0[a-z]{2}"  # but no tag or length of an item
    r"|\x1b[$()\-,.]|[a-z][\x80-\xff][^\x00]"
    r"|(?-i:[a-z][\x80-\xff]\x00|[A-Z]{3}[\x80-\xff]\x00)"
    r"|\d ?[-/] ?\d{1,2} ?[-/] ?\d|(?:19|20)\d\d-\d|\d/(?:19|20)\d"
    r"|\d ?\. ?\d{1,2} ?\. ?(?:19|20)\d\d|(?:19|20)\d\d\.\d{1,2}\.\d"
    r"|(?:^|[^.\d])\d\d\.\d\d\.\d\d(?:[^.\d]|$)"
    rf"|\d[a-z]{{0,2}}[ .,/'-]{{0,4}}(?:de |del |of |d'|den )?(?:{_MONTHS})(?:[^a-z]|$)"
    rf"|(?:^|[^a-z])(?:{_MONTHS})[ .,/'-]{{0,4}}(?:de |del |of )?'?\d"
)


def _re2_options() -> re2.Options:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.case_sensitive = False
    options.never_capture = True
    options.log_errors = False
    return options


def _names_options() -> re2.Options:
    options = re2.Options()
    options.max_mem = 64 << 20
    options.log_errors = False
    return options


@lru_cache(maxsize=16384)
def _fold_char(char: str) -> str:
    """Fold one character: case, accents, width, ß, kana; Hangul stays in syllables."""
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    text = unicodedata.normalize("NFKD", char.casefold().translate(_LETTERS_FOLDED))
    text = "".join(part for part in text if not unicodedata.combining(part))
    text = unicodedata.normalize("NFC", text.translate(_LETTERS_FOLDED).casefold())
    return "".join(chr(ord(c) + 0x60) if "\u3041" <= c <= "\u3096" else c for c in text)


def run_pattern(text: str) -> re.Pattern[str]:
    """Return what finds the runs of letters, of ideographs and of digits in this text.

    Text in ASCII is most of the text there is, and needs no table of all letters.
    """
    return _ASCII_RUN if text.isascii() else RUN


def fold(text: str) -> str:
    """Return the text folded for comparison; its length may differ from the original's."""
    if text.isascii():
        return text.lower()
    return "".join(map(_fold_char, _JAMO.sub(_composed, text)))


def _composed(syllable: re.Match[str]) -> str:
    return unicodedata.normalize("NFC", syllable[0])


def fold_with_offsets(text: str) -> tuple[str, list[int] | None]:
    """Return the folded text and, unless they are equal, each folded character's origin."""
    if text.isascii():
        return text.lower(), None
    parts: list[str] = []
    offsets: list[int] = []
    position = 0
    while position < len(text):
        char, size = text[position], 1
        if "\u1100" <= char <= "\u1112" and (syllable := _JAMO.match(text, position)):
            char, size = _composed(syllable), len(syllable[0])
        folded = _fold_char(char)
        parts.append(folded)
        offsets.extend([position] * len(folded))
        position += size
    offsets.append(len(text))
    return "".join(parts), offsets


def is_cjk(word: str) -> bool:
    """Tell whether a run is written in Han, kana or Hangul, where words have no boundaries."""
    return (
        "\u3040" <= word[0] <= "\u30ff"
        or "\u3400" <= word[0] <= "\u9fff"
        or ("\uf900" <= word[0] <= "\ufaff" or "\uac00" <= word[0] <= "\ud7af")
    )


def _spellings(word: str) -> set[str]:
    """Return the folded spellings of a name's word: Müller is muller and mueller, and back."""
    folded = fold(word)
    spellings = {folded}
    if not word.isascii():
        spellings.add(fold(word.casefold().translate(_DIGRAPHS)))
    spellings |= {plain_vowels(folded), *romanised(word.casefold()), *romanised(folded)}
    return {spelling for spelling in spellings if spelling}


def plain_vowels(word: str) -> str:
    """Return a folded word with mueller written muller; as it is if it is short or has none."""
    if len(word) < 5 or "e" not in word or not word.isascii():
        return word
    return _DIGRAPH.sub(lambda pair: pair[0][0], word)


class IdentifyingValues:
    """The tokens of one set of identifying values; build with `IdentifyingValues.build`."""

    __slots__ = (
        "_matcher", "_names", "_pieces", "_seen", "_squeezed", "birth_dates", "cjk", "dates",
        "digit_ids", "initials", "long", "phrases", "strong", "uids", "weak",
        "written_dates",
    )  # fmt: skip

    @classmethod
    def build(cls, values: tuple[tuple[str, str], ...]) -> IdentifyingValues:
        """Return the tokens of (kind, decoded value) pairs; equal values share one object.

        Kinds: name, id, date, birth, uid, institution, address, phone, other.
        """
        return _build(values)

    def __init__(self, values: Iterable[tuple[str, str]]) -> None:
        self.strong: set[str] = set()  # runs that identify alone
        self.weak: dict[str, set[int]] = {}  # runs that identify beside another of one person
        self.initials: dict[str, set[int]] = {}
        self.cjk: set[str] = set()  # found inside a run too
        self.phrases: dict[str, list[tuple[str, ...]]] = {}  # by first run
        self.digit_ids: set[str] = set()  # found across separators
        self.dates: set[date] = set()
        self.birth_dates: set[date] = set()
        self.written_dates: set[str] = set()  # of those days, as whole runs of digits
        self.uids: set[str] = set()
        person = 0
        for kind, value in values:
            for part in value.split("\\"):
                part = part.strip(" \0")
                if not part:
                    continue
                person += 1
                self._add(kind, part, person)
        self.long = tuple(sorted(
            (t for t in self.strong if len(t) >= 5 and not t[0].isdigit()), key=len, reverse=True
        ))  # fmt: skip
        self._matcher: Any = None
        self._names: Any = None
        self._seen = 0
        self._pieces = self._searched()
        # Joined by the same rule as the bytes are, so that separators on either side don't matter.
        self._squeezed = tuple(
            "".join(item).encode("ascii").translate(None, SEPARATORS) for item in self._pieces
        )

    def _add(self, kind: str, value: str, person: int) -> None:
        if kind == "name":
            self._add_name(value, person)
        elif kind in ("date", "birth"):
            self._add_date(value, kind == "birth")
        elif kind == "uid":
            self.uids.add(value)
        elif kind == "phone":
            digits = re.sub(r"\D", "", fold(value))
            if len(digits) >= 6:
                self.digit_ids |= {digits, digits[-7:], digits.lstrip("0")}
        elif kind == "id":
            self._add_id(value)
        else:
            self._add_place(value, kind)

    def _add_name(self, value: str, person: int) -> None:
        """Take every component of every group; prefixes and suffixes are titles, not names."""
        for group in value.split("="):
            components = group.split("^")[:3]
            joined: list[str] = []
            for component in components:
                folded = component.casefold()
                words = run_pattern(folded).findall(folded)
                for word in words:
                    for spelling in _spellings(word):
                        self._add_word(spelling, person)
                if len(words) > 1:
                    for spelling in _spellings("".join(words)):
                        if len(spelling) >= 5 and not is_cjk(spelling):
                            self._add_word(spelling, person)
                if words:
                    joined.append(fold("".join(words)))
            self._add_full(joined)

    def _add_word(self, word: str, person: int) -> None:
        """Sort one word of a name into those that identify alone and those that don't."""
        if word.isdecimal():
            return
        if is_cjk(word):
            is_kana = "\u3040" <= word[0] <= "\u30ff"
            if len(word) >= (3 if is_kana else 2) and word not in CLINICAL_IDEOGRAPHS:
                self.cjk.add(word)
            else:
                self.weak.setdefault(word, set()).add(person)
            return
        if len(word) <= 2 or word in FUNCTION_WORDS or is_clinical(word):
            self.weak.setdefault(word, set()).add(person)
        else:
            self.strong.add(word)
            self._add_parted(word)
        self.initials.setdefault(word[0], set()).add(person)

    def _add_parted(self, word: str) -> None:
        """Take a name with a particle as two words, too."""
        if not word.startswith(_PARTICLES):
            return
        for particle in _PARTICLES:
            rest = word[len(particle) :]
            if word.startswith(particle) and len(rest) >= 3:
                self.phrases.setdefault(particle, []).append((particle, rest))

    def _add_full(self, joined: list[str]) -> None:
        """Take the whole name written without separators, in both orders."""
        if len(joined) < 2:
            return
        for order in (joined, joined[::-1], joined[:2], joined[1::-1]):
            full = "".join(order)
            if is_cjk(full):
                self.cjk.add(full)
            elif len(full) >= 4 and not (is_clinical(full) or (len(full) == 4 and is_term(full))):
                self.strong.add(full)

    def _add_date(self, value: str, is_birth: bool) -> None:
        digits = value.replace(".", "")[:8]
        if len(digits) == 8 and digits.isascii() and digits.isdecimal():
            try:
                day = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
            except ValueError:
                return
            (self.birth_dates if is_birth else self.dates).add(day)
            self._add_written(day)

    def _add_written(self, day: date) -> None:
        """Take the forms of a day that mean nothing unless that day is known: 070324, S36.8.23."""
        full, year = f"{day.year:04d}", f"{day.year % 100:02d}"
        month, number = f"{day.month:02d}", f"{day.day:02d}"
        for parts in ((number, month), (month, number)):
            self.written_dates |= {"".join((*parts, full)), "".join((*parts, year))}
        self.written_dates |= {year + month + number, year + number + month}
        for name, letter, before in _ERAS:
            if not 0 < day.year - before < 100:
                continue
            count = day.year - before
            for years in {str(count), f"{count:02d}"}:
                for m, d in {(month, number), (str(day.month), str(day.day))}:
                    self.phrases.setdefault(letter, []).append((letter, years, m, d))
                    self.phrases.setdefault(name, []).append((name, years, "年", m, "月", d))
            if count == 1:
                words = (f"{name}元年", str(day.month), "月", str(day.day))
                self.phrases.setdefault(words[0], []).append(words)

    def _add_id(self, value: str) -> None:
        """Take an id whole, its long digit runs, and its digits without leading zeros."""
        folded = fold(value)
        runs = run_pattern(folded).findall(folded)
        plain = "".join(runs)
        for run in [*runs, plain]:
            if run.isdecimal() and (len(run) >= 6 or (run == plain and len(run) >= 4)):
                self.digit_ids |= {run, run.lstrip("0")} if len(run.lstrip("0")) >= 5 else {run}
        if plain.isdecimal() or len(plain) < 4:
            return
        if len(runs) == 1:
            if is_cjk(plain):
                self.cjk.add(plain)
            elif not is_clinical(plain):
                self.strong.add(plain)
        else:
            self.phrases.setdefault(runs[0], []).append(tuple(runs))

    def _add_place(self, value: str, kind: str) -> None:
        """Take a place whole and by the words in it that name a particular one."""
        folded = fold(value)
        runs = run_pattern(folded).findall(folded)
        if len(runs) > 1:
            self.phrases.setdefault(runs[0], []).append(tuple(runs))
        least = 4 if kind == "institution" else 5
        for run in runs:
            if kind == "other" and len(runs) > 1:
                break
            if run.isdecimal():
                if len(run) >= 6:
                    self.digit_ids.add(run)
            elif is_cjk(run):
                if len(run) >= 3 and run not in CLINICAL_IDEOGRAPHS:
                    self.cjk.add(run)
            elif len(run) >= least and not (
                is_clinical(run) or run in GENERIC_PLACE_WORDS or run in FUNCTION_WORDS
            ):
                self.strong.add(run)
        if not value.isascii():
            spelled = value.casefold().translate(_DIGRAPHS)
            if spelled.isascii():
                self._add_place(spelled, kind)

    def _searched(self) -> tuple[tuple[str, ...], ...]:
        """Return what to look for in bytes, ASCII only, each as the pieces separators may part."""
        pieces: set[tuple[str, ...]] = {(token,) for token in self.strong | self.uids}
        pieces |= {(token,) for token in self.weak if len(token) >= 3}
        pieces |= {tuple(token) for token in self.digit_ids}
        days = self.dates | self.birth_dates
        pieces |= {(f"{day.year:04d}{day.month:02d}{day.day:02d}",) for day in days}
        pieces |= {(written,) for written in self.written_dates}
        for phrases in self.phrases.values():
            pieces.update(phrases)
        weak = {token: people for token, people in self.weak.items() if token.isascii()}
        short = [token for token in weak if len(token) < 3]
        for first in short:
            for second, people in weak.items():
                if first != second and self.weak[first] & people:
                    pieces |= {(first, second), (second, first)}
        return tuple(sorted(item for item in pieces if "".join(item).isascii()))

    def find_in(self, header: bytes) -> bool:
        """Tell whether the bytes may hold any token, or a text that has to be read to know.

        False is reliable for values of text VRs in every character set; True is a suspicion.
        """
        if self._matcher is None:
            self._seen += len(header)
            if self._seen < _WORTH_AN_AUTOMATON:
                return self._find_one_by_one(header)
            self._matcher = re2.compile(self._pattern(), _re2_options())
        return self._matcher.search(header) is not None

    def _find_one_by_one(self, header: bytes) -> bool:
        if _static_matcher().search(header):
            return True
        squeezed = header.translate(_SQUEEZE, SEPARATORS)
        respelled = squeezed.replace(b"ae", b"a").replace(b"oe", b"o").replace(b"ue", b"u")
        return any(token in squeezed or token in respelled for token in self._squeezed)

    def _pattern(self) -> bytes:
        """Return one expression of everything; a weak token counts only where it may be a name."""
        gap = r"[\s,./^_'=&-]{0,3}"
        parts = [_STATIC_SUSPICION]
        for item in self._pieces:
            if len(item) == 1 and item[0] in self.weak:
                continue
            inner = r"[-./ ]?" if item[0].isdecimal() else gap
            text = inner.join(map(re2.escape, item))
            if len(item) == 1 and item[0].isalpha() and len(item[0]) >= 5:
                # Written otherwise, or parted: Mueller, Xiao-Dong.
                text = r"[ '_-]?".join(f"{c}e?" if c in "aou" else c for c in item[0])
            if len(item) == 1 and len(item[0]) < 5:
                # Only as a word; a letter beside it may be a byte of the next tag or of a length.
                text = rf"(?:^|[^a-z]|\x00[a-z]){text}(?:[^a-z]|[a-z]\x00|$)"
            parts.append(text)
        weak = [re2.escape(token) for token in self.weak if token.isascii() and len(token) >= 3]
        if weak:
            names = "|".join(weak)
            others = "|".join(re2.escape(token) for token in self.weak if token.isascii())
            parts.append(rf"(?:{names}){gap}(?:{others})|(?:{others}){gap}(?:{names})")
            parts.append(rf"(?:{names})[\s./^_'=&-]{{0,2}}[,.^]|[a-z]\.{gap}(?:{names})")
            parts.append(rf"(?:{'|'.join(TITLES)})\.? {{0,2}}(?:{names})")
        return "|".join(parts).encode("latin-1")

    def find_long(self, run: str) -> tuple[int, str]:
        """Return where a long name stands in a folded run of letters, and the name; "" if none."""
        if len(self.long) > _MANY_NAMES:
            if self._names is None:
                self._names = re2.compile("|".join(map(re2.escape, self.long)), _names_options())
            found = self._names.search(run)
            return (found.start(), found[0]) if found else (-1, "")
        for token in self.long:
            at = run.find(token)
            if at >= 0:
                return at, token
        return -1, ""

    def in_binary(self, raw: bytes) -> bool:
        """Tell whether a binary value holds a token of 5 letters or 6 digits, in any encoding."""
        squeezed = raw.translate(_SQUEEZE, SEPARATORS + b"\0")  # without NUL UTF-16 is ASCII
        for token in self._squeezed:
            if len(token) >= (6 if token.isdigit() else 5) and token in squeezed:
                return True
        return any(form in raw for form in self._foreign_forms())

    def _foreign_forms(self) -> set[bytes]:
        """Return the encoded forms of tokens outside ASCII."""
        forms: set[bytes] = set()
        for token in [*self.cjk, *self.strong]:
            if token.isascii() or (not is_cjk(token) and len(token) < 5):
                continue
            for text in {token, token.upper(), token.title()}:
                for codec in _FOREIGN_CODECS:
                    try:
                        forms.add(text.encode(codec))
                    except UnicodeEncodeError:
                        continue  # this code has no such letters, so it can't hold the token
        return forms


@lru_cache(maxsize=1)
def _static_matcher() -> Any:
    return re2.compile(_STATIC_SUSPICION.encode("latin-1"), _re2_options())


@lru_cache(maxsize=512)
def _build(values: tuple[tuple[str, str], ...]) -> IdentifyingValues:
    return IdentifyingValues(values)
