"""Running text: finding cloud ids and UIDs in it, and putting the hospital's own back.

Pure functions over text; every format uses them for its words. Also the plain-text report itself.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from studies.deid.cloudid import fold_cloud_id, parse_cloud_id
from studies.reports.dates import DateTable, dates_in
from studies.reports.identity import PatientIdentity, Strip, person_parts
from studies.reports.report import (
    Found,
    Mark,
    Piece,
    ReidentifiedReport,
    ReportError,
    ReturnedReport,
    Section,
    unique,
)

MAX_CHARACTERS = 1_000_000
_MAX_UID = 64
# Overlapping on purpose: an ordinary word in front must not swallow the beginning of an id.
_CANDIDATE = re.compile(r"(?<![0-9A-Za-z])(?=([0-9A-Za-z](?:[ -]?[0-9A-Za-z]){12})(?![0-9A-Za-z]))")
_UID = re.compile(r"(?<![0-9A-Za-z.])(?:2\.25\.\d{6,}|[012](?:\.\d+){3,})(?![0-9A-Za-z])")
_GROUPED = re.compile(r"[0-9A-Z]{13}|[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}-?[0-9A-Z]")
_NAME_BEFORE = re.compile(r"CloudStudy(\^|\\S\\|, ?| )\Z", re.IGNORECASE)
_NAME_AFTER = re.compile(r"(\^|\\S\\|, ?| )CloudStudy(?![0-9A-Za-z])", re.IGNORECASE)
_SEPARATOR = re.compile(r"\^|\\S\\|, ?| ")
_PREFIX_BEFORE = re.compile(r"(?<![0-9A-Za-z])[A-Z0-9]{2,16}-\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Candidate:
    """Thirteen characters that may be a cloud id, where they stand, and what introduces them."""

    start: int
    end: int
    written: str
    name_form: str = ""
    prefix: str = ""

    @property
    def cloud_id(self) -> str | None:
        """The id in its stored form, if its check character is right."""
        return parse_cloud_id(self.written)

    @property
    def is_deliberate(self) -> bool:
        """Say whether it can hardly be anything but a cloud id."""
        if self.name_form:
            return True
        digits = sum(character.isdigit() for character in self.written)
        return bool(_GROUPED.fullmatch(self.written)) and 0 < digits < 13


def candidates(text: str) -> Iterator[Candidate]:
    """Give everything in a text that has the shape of a cloud id, with its name or prefix."""
    for match in _CANDIDATE.finditer(text):
        start, end = match.span(1)
        before = text[max(0, start - 24) : start]
        named = _NAME_BEFORE.search(before)
        if named:
            yield Candidate(start - len(named[0]), end, match[1], named[1])
            continue
        prefixed = _PREFIX_BEFORE.search(before)
        after = None if prefixed else _NAME_AFTER.match(text, end)
        if after and not _begins_name(text, after.end()):
            yield Candidate(start, after.end(), match[1], f"after{after[1]}")
            continue
        yield Candidate(start, end, match[1], prefix=prefixed[0][:-1] if prefixed else "")


def _begins_name(text: str, position: int) -> bool:
    """Say whether an id follows: then the word before belongs to that one's name."""
    separator = _SEPARATOR.match(text, position)
    following = _CANDIDATE.match(text, separator.end()) if separator else None
    return following is not None and parse_cloud_id(following[1]) is not None


def whole_id(value: str) -> Candidate | None:
    """Return the pseudonym that a whole value is, with or without a prefix."""
    value = value.strip()
    for one in candidates(value):
        start = one.start - (len(one.prefix) + 1 if one.prefix else 0)
        if start == 0 and one.end == len(value) and one.cloud_id:
            return one
    return None


def find_in_text(text: str, prefix: str = "") -> tuple[list[Found], list[str]]:
    """Return the cloud ids and UIDs of a text, and "text" for each that was mistyped in it."""
    found: dict[tuple[str, str], Found] = {}
    mistyped: list[str] = []
    for candidate in candidates(text):
        cloud_id = candidate.cloud_id
        is_ours = bool(candidate.name_form) or (prefix and candidate.prefix.upper() == prefix)
        if cloud_id is None:
            if is_ours and len(fold_cloud_id(candidate.written)) == 13:
                mistyped.append("text")
            continue
        is_certain = bool(is_ours) or candidate.is_deliberate
        known = found.get(("any", cloud_id))
        if known is None or (is_certain and not known.is_certain):
            found["any", cloud_id] = Found(cloud_id, "any", "text", is_certain)
    for match in _UID.finditer(text):
        if len(match[0]) <= _MAX_UID:
            found.setdefault(("uid", match[0]), Found(match[0], "reference", "text", False))
    return list(found.values()), mistyped


def find_cloud_ids(text: str) -> list[str]:
    """Return what has the form of a cloud id in a text, each once, in order."""
    found, _mistyped = find_in_text(text)
    return [one.value for one in found if one.kind == "any"]


@dataclass(frozen=True)
class _Change:
    start: int
    end: int
    text: str
    is_marked: bool = False


class Restorer:
    """Puts one patient's own identifiers into texts; notes what its reader must know.

    `escape` is what the format needs to hold a value, such as HL7's escape sequences.
    """

    def __init__(
        self, identity: PatientIdentity, *, escape: Callable[[str], str] = lambda value: value
    ) -> None:
        self.identity = identity
        self.dates = DateTable(identity.dates(), identity.reading_from)
        self.marks: dict[Mark, None] = {
            Mark("several-originals", name): None for name in identity.several()
        }
        self._escape = escape

    def pieces(
        self, text: str, where: str = "text", *, has_dates: bool = True
    ) -> tuple[Piece, ...]:
        """Return the text in pieces, with ids, UIDs and dates put back.

        In a field that holds no running text, digits that look like a date are none (`has_dates`).
        """
        changes = [*self._ids(text, where), *self._uids(text)]
        if has_dates:
            changes += self._dates(text, where)
        changes.sort(key=lambda change: (change.start, -change.end))
        pieces: list[Piece] = []
        position = 0
        for change in changes:
            if change.start < position:
                continue
            if change.start > position:
                pieces.append(Piece(text[position : change.start]))
            pieces.append(Piece(change.text, not change.is_marked, change.is_marked))
            position = change.end
        if position < len(text):
            pieces.append(Piece(text[position:]))
        return tuple(pieces)

    def text(self, text: str, where: str = "text", *, has_dates: bool = True) -> str:
        """Return the text with ids, UIDs and dates put back."""
        return "".join(piece.text for piece in self.pieces(text, where, has_dates=has_dates))

    def mark(self, code: str, where: str) -> None:
        """Note something that the reader must know."""
        self.marks[Mark(code, where)] = None

    def uid(self, uid: str, where: str) -> str:
        """Return the original of a UID that we made; stop where it was made for somebody else."""
        known = self.identity.uids.get(uid)
        if known is not None:
            return known
        if self.identity.is_another_patients(uid):
            raise ReportError("uid-of-another-patient", where)
        return uid

    def date(self, written: str, where: str, path: str = "") -> str:
        """Return a DICOM or HL7 date or date-time with its day put back."""
        found = _leading_day(written)
        if found is None:
            return written
        original = self.dates.original(found, path)
        if original is not None:
            return f"{original:%Y%m%d}{written[8:]}"
        if self.dates.is_doubtful(found):
            self.mark("date-unmatched", where)
        return written

    def id_value(self, candidate: Candidate) -> str | None:
        """Return what a cloud id stands for, as it is written; None for one of somebody else."""
        cloud_id = candidate.cloud_id
        if cloud_id is None:
            return None
        identity = self.identity
        study = identity.study_of(cloud_id)
        is_patient = cloud_id == identity.cloud_patient_id
        if study is None and not is_patient:
            return None
        if candidate.name_form:
            return _name_as(identity.first("PatientName"), candidate.name_form)
        if is_patient:
            return identity.patient_id
        if study is None:
            return None
        if candidate.prefix.upper() == study.prefix and study.scheme == "study":
            return identity.patient_id
        return study.number

    def _ids(self, text: str, where: str) -> Iterator[_Change]:
        prefixes = {study.prefix for study in self.identity.studies}
        for candidate in candidates(text):
            value = self.id_value(candidate)
            if value is None:
                continue
            start = candidate.start
            if candidate.prefix.upper() in prefixes:
                start -= len(candidate.prefix) + 1
            if value:
                yield _Change(start, candidate.end, self._escape(value))
            else:
                # The hospital has no such number: the cloud id tells more than an empty place.
                self.mark("no-original", where)
                yield _Change(start, candidate.end, text[start : candidate.end], is_marked=True)

    def _uids(self, text: str) -> Iterator[_Change]:
        for match in _UID.finditer(text):
            original = self.uid(match[0], "text") if len(match[0]) <= _MAX_UID else match[0]
            if match[0] in self.identity.uids:
                yield _Change(match.start(), match.end(), original)

    def _dates(self, text: str, where: str) -> Iterator[_Change]:
        for found in dates_in(text):
            readings = [found.day] if found.other is None else [found.day, found.other]
            originals = [self.dates.original(day) for day in readings]
            if len(readings) == 1 and originals[0] is not None:
                yield _Change(found.start, found.end, self._escape(found.write(originals[0])))
            elif any(originals) or all(self.dates.is_doubtful(day) for day in readings):
                self.mark("date-unmatched" if not any(originals) else "date-two-readings", where)
                yield _Change(found.start, found.end, text[found.start : found.end], True)


def _leading_day(written: str) -> date | None:
    found = [one for one in dates_in(written[:8]) if one.end - one.start == 8]
    return found[0].day if found else None


def _name_as(name: str, form: str) -> str:
    """Return a patient's name in the form in which the pseudonym's two parts stood."""
    if form in ("^", "\\S\\"):
        return name
    family, given, middle, prefix, suffix = person_parts(name.split("=")[0])
    rest = " ".join(part for part in (prefix, given, middle, suffix) if part)
    if form.startswith("after"):
        return " ".join(part for part in (rest, family) if part)
    separator = ", " if form.startswith(",") else " "
    return separator.join(part for part in (family, rest) if part)


# --- the plain-text report ---------------------------------------------------------------------


def read(body: bytes, prefix: str = "") -> ReturnedReport:
    """Read a plain-text report: UTF-8, or UTF-16 with a byte order mark."""
    text, charset = decode(body)
    if len(text) > MAX_CHARACTERS:
        raise ReportError("report-too-long")
    if not text.strip():
        raise ReportError("report-empty")
    found, mistyped = find_in_text(text, prefix)
    return ReturnedReport(
        format="text",
        body=body,
        content_type="text/plain; charset=utf-8",
        extension="txt",
        found=tuple(found),
        mistyped=unique(mistyped),
        sections=(Section("", (Piece(text),)),),
        document=(text, charset),
    )


def restore(report: ReturnedReport, identity: PatientIdentity, strip: Strip) -> ReidentifiedReport:
    """Return the text with the hospital's own identifiers; UTF-8 carries every name."""
    text, charset = report.document
    restorer = Restorer(identity)
    pieces = restorer.pieces(text)
    restored = "".join(piece.text for piece in pieces)
    return ReidentifiedReport(
        format=report.format,
        body=restored.encode(charset),
        content_type=f"text/plain; charset={'utf-16' if 'utf-16' in charset else 'utf-8'}",
        file_name="report.txt",
        display=(replace(report.sections[0], pieces=pieces),),
        marks=tuple(restorer.marks),
    )


def decode(body: bytes) -> tuple[str, str]:
    """Return a text and the encoding to write it in again."""
    charset = "utf-8"
    if body.startswith(b"\xef\xbb\xbf"):
        charset = "utf-8-sig"
    elif body.startswith((b"\xff\xfe", b"\xfe\xff")):
        charset = "utf-16"
    try:
        text = body.decode(charset)
    except UnicodeDecodeError:
        raise ReportError("wrong-charset") from None
    if "\0" in text:
        raise ReportError("format-unknown")
    return text, charset


def sections_of(parts: Sequence[tuple[str, str]]) -> tuple[Section, ...]:
    """Return sections of text that nothing was put into."""
    return tuple(Section(heading, (Piece(text),)) for heading, text in parts if text.strip())
