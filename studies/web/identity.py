"""How a person's name, dates and numbers are written on the pages that may show them.

It only turns DICOM values into what people read; it opens nothing and stores nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, time

from django.utils import formats
from django.utils.functional import Promise

from anonportal.ui import figures

Text = str | Promise

_NAMES = frozenset({"PatientName"})
_OTHER_NAMES = frozenset({"ReferringPhysicianName"})
_DATES = frozenset({"PatientBirthDate", "StudyDate"})
_TIMES = frozenset({"StudyTime"})
_WORDS = frozenset({"PatientSex"})


@dataclass(frozen=True)
class Row:
    """One line of a patient panel: what it is, how it is drawn, the values as people read them."""

    label: Text
    kind: str
    lines: tuple[str, ...]


def row(keyword: str, label: Text, values: Iterable[str]) -> Row:
    """Return the line of an attribute; its kind is name, word or code."""
    known = [value for value in values if value]
    if keyword in _NAMES:
        return Row(label, "name", tuple(group for value in known for group in name_groups(value)))
    if keyword in _OTHER_NAMES:
        return Row(label, "word", tuple(group for value in known for group in name_groups(value)))
    if keyword in _DATES:
        return Row(label, "word", tuple(map(readable_date, known)))
    if keyword in _TIMES:
        return Row(label, "word", tuple(map(readable_time, known)))
    return Row(label, "word" if keyword in _WORDS else "code", tuple(known))


def name_groups(value: str) -> list[str]:
    """Return a person name's groups as people write them: letters, ideographs, sounds.

    >>> name_groups("Yamada^Tarou=山田^太郎")
    ['Yamada, Tarou', '山田 太郎']
    """
    letters, *others = value.split("=")
    family, *given = letters.split("^")
    spoken = [" ".join(part for part in given if part), family]
    groups = [", ".join(part.strip() for part in reversed(spoken) if part.strip())]
    groups += [" ".join(part for part in group.split("^") if part) for group in others]
    return [group for group in groups if group]


def readable_date(value: str) -> str:
    """Return a date by locale; a value that is no date as it is."""
    try:
        return figures.day(date.fromisoformat(f"{value[:4]}-{value[4:6]}-{value[6:8]}"))
    except ValueError:
        return value


def readable_time(value: str) -> str:
    """Return hours and minutes by locale; a value that is no time as it is."""
    try:
        moment = time(int(value[:2]), int(value[2:4] or 0))
    except ValueError:
        return value
    return formats.time_format(moment, "H:i")
