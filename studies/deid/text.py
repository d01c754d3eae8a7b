"""Clean one text: take out what identifies, leave what is clinical.

Two parts: the data set's own values (the second net, always), and patterns of identity (dates,
phones, addresses, ids, persons named as such) for the Clean Descriptors Option. Works on decoded
text; the engine chooses which texts, and what must fit where.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache

from . import patterns as identity_patterns
from .charset import Charset
from .clinical import (
    CLINICAL_PHRASE,
    CLINICAL_PHRASE_STARTS,
    FUNCTION_WORDS,
    ORDINARY_WORDS,
    is_term,
)
from .dates import dates_in_text, shift_found
from .expression import late
from .identifying import (
    IdentifyingValues,
    fold_with_offsets,
    is_cjk,
    plain_vowels,
    run_pattern,
)
from .romanised import romanised

TOKEN = "REMOVED"  # noqa: S105 - valid in every text VR, CS and AE included
_NAME_GAP = late(r"[\s,.^_'=&-]{0,3}")
_PHRASE_GAP = late(r"[\s,./^_'=&-]{0,3}")
_JOINT = late(r"[ '_-]")
_DIGIT_GROUP = late(r"\d(?:[-./ ]?\d){3,}")
_REPEATED = late(rf"{TOKEN}(?:[\s,.^_&-]{{0,3}}{TOKEN})+")
_UNITS = late(r" ?(?:mm|cm|ms|msec|sec|hu|kv|kvp|ma|mas|mg|ml|hz|mhz|slices?|%)\b")

_LONGEST_UID = 64
_CUT = 3  # letters that a name which was cut off still has, at least
_LONGEST = {b"AE": 16, b"CS": 16, b"LO": 64, b"SH": 16}  # characters of one value, PS3.5 6.2

Span = tuple[int, int, str]


class TextCleaner:
    """Cleans texts of one data set; repeated texts, as a series has them, are looked up."""

    __slots__ = ("_bytes_cache", "_cache", "_keep_dates", "_patterns", "_shift_days", "_values")

    def __init__(
        self,
        values: IdentifyingValues,
        *,
        shift_days: int | None,
        keep_dates: bool,
        patterns: bool,
    ) -> None:
        self._values = values
        self._shift_days = shift_days
        self._keep_dates = keep_dates
        self._patterns = patterns
        self._cache: dict[str, tuple[str, int]] = {}
        self._bytes_cache: dict[tuple[bytes, bytes], tuple[bytes, int]] = {}

    @classmethod
    def shared(
        cls,
        values: IdentifyingValues,
        *,
        shift_days: int | None,
        keep_dates: bool,
        patterns: bool,
    ) -> TextCleaner:
        """Return the cleaner of these settings, with what it has already cleaned."""
        return _shared(values, shift_days, keep_dates, patterns)

    def clean(self, text: str) -> tuple[str, int]:
        """Return the text without identity, and how many places were replaced."""
        found = self._cache.get(text)
        if found is None:
            found = self._clean(text)
            if len(self._cache) >= 4096:
                self._cache.clear()
            self._cache[text] = found
        return found

    def identifies(self, text: str) -> bool:
        """Tell whether a text identifies; unlike what is cleaned, it is not remembered."""
        return self._clean(text)[1] > 0

    def clean_bytes(self, raw: bytes, vr: bytes, charset: Charset) -> tuple[bytes, int]:
        """Clean an encoded value, padding taken off only if something was replaced.

        One cleaner serves one character set: a data set has one.
        """
        key = (raw, vr)
        found = self._bytes_cache.get(key)
        if found is None:
            text, count = self.clean(charset.decode(raw, vr))
            found = (charset.encode(_fitting(text, vr), vr), count) if count else (raw, 0)
            if len(self._bytes_cache) >= 4096:
                self._bytes_cache.clear()
            self._bytes_cache[key] = found
        return found

    def _clean(self, text: str) -> tuple[str, int]:
        if len(text) < 2 or not text.strip():
            return text, 0
        spans = self._own(text) + self._dates(text)
        if self._patterns:
            spans += identity_patterns.find(text, TOKEN)
        return _replace(text, spans)

    def _own(self, text: str) -> list[Span]:
        """Find the data set's own values."""
        folded, offsets = fold_with_offsets(text)
        runs = [(m.start(), m.end(), m[0]) for m in run_pattern(folded).finditer(folded)]
        found = _OwnValues(self._values, text, folded, offsets, runs, self._patterns).spans()
        if offsets is None:
            return [(start, end, TOKEN) for start, end in found]
        return [(offsets[start], _origin_end(offsets, end, text), TOKEN) for start, end in found]

    def _dates(self, text: str) -> list[Span]:
        """Find dates: shifted where they can be, else removed; a birth date is always removed."""
        if not any(char.isdecimal() for char in text):
            return []
        values = self._values
        spans: list[Span] = []
        for found in dates_in_text(text):
            days = {found.day} if found.day else set(found.readings)
            if days & values.birth_dates:
                spans.append((found.start, found.end, TOKEN))
            elif self._keep_dates:
                continue
            elif self._shift_days is not None:
                moved = shift_found(found, self._shift_days, _known(values))
                if moved != text[found.start : found.end]:
                    spans.append((found.start, found.end, moved or TOKEN))
            elif self._patterns or days & values.dates:
                spans.append((found.start, found.end, TOKEN))
        return spans


def _fitting(text: str, vr: bytes) -> str:
    """Cut each value to what its VR allows: what stands for a name may be longer than the name."""
    longest = _LONGEST.get(vr)
    if longest is None or len(text) <= longest:
        return text
    return "\\".join(value[:longest] for value in text.split("\\"))


@lru_cache(maxsize=512)
def _shared(
    values: IdentifyingValues, shift_days: int | None, keep_dates: bool, patterns: bool
) -> TextCleaner:
    return TextCleaner(values, shift_days=shift_days, keep_dates=keep_dates, patterns=patterns)


def _known(values: IdentifyingValues) -> set[date]:
    return values.dates


def _origin_end(offsets: list[int], end: int, text: str) -> int:
    """Return where a folded span ends in the original, combining marks behind it included."""
    return offsets[end] if offsets[end] != offsets[end - 1] else offsets[end] + 1


def _replace(text: str, spans: list[Span]) -> tuple[str, int]:
    """Replace spans; where they overlap, all of their ground is taken by one token."""
    if not spans:
        return text, 0
    merged: list[Span] = []
    for start, end, new in sorted(spans, key=lambda span: (span[0], -span[1])):
        if merged and start < merged[-1][1]:
            first, last, kept = merged[-1]
            is_inside = end <= last
            merged[-1] = (first, max(last, end), kept if is_inside and kept == TOKEN else TOKEN)
        else:
            merged.append((start, end, new))
    out: list[str] = []
    position = 0
    for start, end, new in merged:
        out += [text[position:start], new]
        position = end
    cleaned = "".join(out) + text[position:]
    return _REPEATED.sub(TOKEN, cleaned), len(merged)


class _OwnValues:
    """One search of a folded text for the data set's own values, run by run."""

    def __init__(
        self,
        values: IdentifyingValues,
        text: str,
        folded: str,
        offsets: list[int] | None,
        runs: list[tuple[int, int, str]],
        patterns: bool,
    ) -> None:
        self.values = values
        self.text = text
        self.folded = folded
        self.offsets = offsets
        self.runs = runs
        self.patterns = patterns
        self.found: list[tuple[int, int]] = []
        self.named: set[int] = set()  # numbers of runs that are surely a name

    def spans(self) -> list[tuple[int, int]]:
        """Return all places, in folded offsets, not ordered."""
        for i, (start, end, run) in enumerate(self.runs):
            for phrase in self.values.phrases.get(run, ()):
                self._phrase(i, phrase)
            if is_cjk(run):
                self._ideographs(i, start, run)
            elif not run[0].isdecimal():
                self._word(i, start, end, run)
                self._parted(i, run)
            elif run in self.values.written_dates:
                self.found.append((start, end))
        self._weak_names()
        self._cut_name()
        self._digits()
        self._uids()
        return self.found

    def _original(self, start: int, end: int) -> str:
        if self.offsets is None:
            return self.text[start:end]
        return self.text[self.offsets[start] : self.offsets[end]]

    def _gap(self, i: int) -> str:
        """Return what stands between run i and the next."""
        return self.folded[self.runs[i][1] : self.runs[i + 1][0]]

    def _mark(self, i: int, start: int, end: int) -> None:
        self.named.add(i)
        self.found.append((start, end))

    def _word(self, i: int, start: int, end: int, run: str) -> None:
        strong = self.values.strong
        if run in strong:
            is_everyday = run in ORDINARY_WORDS and self._original(start, end).islower()
            is_phrase = run in CLINICAL_PHRASE_STARTS and CLINICAL_PHRASE.match(self.folded, start)
            if not is_everyday and not is_phrase:
                self._mark(i, start, end)
            return
        if len(run) > 4 and not is_term(run):
            if self._is_respelled(run):
                self._mark(i, start, end)
                return
            at, token = self.values.find_long(run)
            if token:
                self._compound(i, start, run, at, token)

    def _is_respelled(self, run: str) -> bool:
        """Tell whether a word is a name that the data set spells otherwise: muller, Петрова."""
        strong = self.values.strong
        if run.isascii():
            return "e" in run and plain_vowels(run) in strong
        latin = romanised(run)
        return any(word in strong or self.values.find_long(word)[0] == 0 for word in latin)

    def _parted(self, i: int, run: str) -> None:
        """Take a name that stands in the data set as one word and here as two or three."""
        strong, runs = self.values.strong, self.runs
        whole, are_terms = run, is_term(run)
        for j in range(i + 1, min(i + 3, len(runs))):
            part = runs[j][2]
            if not _JOINT.fullmatch(self._gap(j - 1)):
                return
            whole += part
            are_terms = are_terms and is_term(part)
            if whole in strong and len(whole) > 4 and not are_terms:
                for k in range(i, j + 1):
                    self._mark(k, runs[k][0], runs[k][1])
                return

    def _compound(self, i: int, start: int, run: str, at: int, token: str) -> None:
        """Take a name out of a word it is glued into; the rest stays only if it is a term."""
        before, after = run[:at], run[at + len(token) :]
        first = start + (at if before and is_term(before) else 0)
        last = start + (at + len(token) if after and is_term(after) else len(run))
        self._mark(i, first, last)

    def _ideographs(self, i: int, start: int, run: str) -> None:
        for token in self.values.cjk:
            at = run.find(token)
            while at >= 0:
                self._mark(i, start + at, start + at + len(token))
                at = run.find(token, at + len(token))

    def _phrase(self, i: int, phrase: tuple[str, ...]) -> None:
        """Take several runs in order, with at most three separators between each."""
        last = i + len(phrase) - 1
        if last >= len(self.runs):
            return
        for k, word in enumerate(phrase):
            if self.runs[i + k][2] != word:
                return
            if k and not _PHRASE_GAP.fullmatch(self._gap(i + k - 1)):
                return
        self.found.append((self.runs[i][0], self.runs[last][1]))

    def _weak_names(self) -> None:
        """Take clinical words and short names where they stand beside the person's other names."""
        weak = self.values.weak
        if not weak:
            return
        for i, (start, end, run) in enumerate(self.runs):
            people = weak.get(run)
            if people and i not in self.named and self._is_name_here(i, run, people):
                self.found.append((start, end))

    def _is_name_here(self, i: int, run: str, people: set[int]) -> bool:
        for j in (i - 1, i + 1):
            if not 0 <= j < len(self.runs):
                continue
            gap = self._gap(min(i, j))
            if not _NAME_GAP.fullmatch(gap):
                continue
            other = self.runs[j][2]
            if j in self.named and (run not in FUNCTION_WORDS or len(run) > 1):
                return True
            if other != run and self.values.weak.get(other, set()) & people:
                return True
            if len(run) < 3 and not self.patterns:
                continue  # two letters and an initial: only where descriptors are cleaned
            is_initial = len(other) == 1 and self.values.initials.get(other, set()) & people
            if is_initial and any(sign in gap for sign in ",.^") and len(run) > 1:
                return True
            if is_initial and j < i and gap.startswith("."):
                return True
        if len(run) < 3 and not self.patterns:
            return False
        return i > 0 and identity_patterns.is_title(
            self._original(self.runs[i - 1][0], self.runs[i - 1][1]), self._gap(i - 1)
        )

    def _cut_name(self) -> None:
        """Take the beginning of a name that the length of its VR cut off, behind another name."""
        i = len(self.runs) - 1
        if i < 1 or i in self.named or i - 1 not in self.named:
            return
        start, end, run = self.runs[i]
        if (
            len(run) < _CUT
            or self.folded[end:].strip()
            or not _NAME_GAP.fullmatch(self._gap(i - 1))
        ):
            return
        if any(name.startswith(run) for name in self.values.strong):
            self._mark(i, start, end)

    def _digits(self) -> None:
        """Take numeric ids and phones, whole numbers only, whatever separates their digits."""
        ids = self.values.digit_ids
        if not ids:
            return
        for match in _DIGIT_GROUP.finditer(self.folded):
            group = match[0]
            positions = [k for k, char in enumerate(group) if char.isdecimal()]
            plain = "".join(group[k] for k in positions)
            for token in ids:
                at = plain.find(token)
                while at >= 0:
                    first, last = positions[at], positions[at + len(token) - 1] + 1
                    start, end = match.start() + first, match.start() + last
                    while start > match.start() and self.folded[start - 1] == "0":
                        start -= 1
                    if self._is_whole_number(start, end, len(token)):
                        self.found.append((start, end))
                    at = plain.find(token, at + 1)

    def _is_whole_number(self, start: int, end: int, size: int) -> bool:
        """Tell whether digits stand for themselves: not in a longer number, decimals, a measure."""
        text = self.folded
        before, after = text[max(start - 2, 0) : start], text[end : end + 2]
        if before[-1:].isdecimal() or after[:1].isdecimal():
            return False
        if before[-1:] == "." and before[:1].isdecimal() and not _is_dotted(text, start, end):
            return False
        if size >= 6:
            return True
        if after[:1] == "." and after[1:].isdecimal():
            return False
        return not _UNITS.match(text, end)

    def _uids(self) -> None:
        for uid in self.values.uids:
            at = self.folded.find(uid)
            while at >= 0:
                end = at + len(uid)
                if self.folded[max(at - 1, 0) : at] not in tuple("0123456789.") and self.folded[
                    end : end + 1
                ] not in tuple("0123456789"):
                    self.found.append((at, end))
                at = self.folded.find(uid, end)


def _is_dotted(text: str, start: int, end: int) -> bool:
    """Tell whether a number belongs to a dotted chain (a UID), not to a decimal fraction."""
    left, first = start, max(start - _LONGEST_UID, 0)
    while left > first and (text[left - 1].isdecimal() or text[left - 1] == "."):
        left -= 1
    right, last = end, min(end + _LONGEST_UID, len(text))
    while right < last and (text[right].isdecimal() or text[right] == "."):
        right += 1
    return text.count(".", left, right) > 1
