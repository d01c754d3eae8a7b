"""Dates in a returning report: which were sent out for this patient, and what they were before.

A date goes back only where it equals one that was sent out, for one original, in a form that can't
be read in two ways. An earlier date that matches none is doubtful; dates of the reading stay.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_NAMED = {name[:length].casefold(): n for n, name in enumerate(_MONTHS, 1) for length in (3, 9)}
_MONTH = "|".join(sorted({*(name[:3] for name in _MONTHS), *_MONTHS}, key=len, reverse=True))
_TIME = r"(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d(?:\.\d{1,6})?)?"
_FIRST_YEAR, _LAST_YEAR = 1850, 2200


@dataclass(frozen=True)
class WrittenDate:
    """A date in a text: where it stands, what it says, and how another would be written there.

    `other` is the day it also could be, where the form may be read in two ways.
    """

    start: int
    end: int
    day: date
    write: Callable[[date], str]
    other: date | None = None


class DateTable:
    """The dates that were sent out for one patient."""

    def __init__(self, dates: Iterable[tuple[str, str, str]], reading_from: date) -> None:
        self._originals: dict[date, set[date]] = {}
        self._by_path: dict[tuple[str, date], set[date]] = {}
        self._reading_from = reading_from
        for path, original, sent in dates:
            for before, after in zip(original.split("\\"), sent.split("\\"), strict=False):
                old, new = day_of(before), day_of(after)
                if old is not None and new is not None:
                    self._originals.setdefault(new, set()).add(old)
                    self._by_path.setdefault((path, new), set()).add(old)

    def original(self, day: date, path: str = "") -> date | None:
        """Return what a date was before it was sent out; None for any other, or in doubt."""
        for known in (self._by_path.get((path, day)), self._originals.get(day)):
            if known is not None and len(known) == 1:
                return next(iter(known))
        return None

    def is_doubtful(self, day: date) -> bool:
        """Say whether a date is of before the reading but none that was sent out."""
        return day < self._reading_from and self.original(day) is None


def day_of(value: str) -> date | None:
    """Return the day of a DICOM or HL7 date or date-time; None where it has no whole day."""
    digits = value.strip(" \0")[:8]
    if len(digits) != 8 or not digits.isascii() or not digits.isdigit():
        return None
    try:
        return datetime.strptime(digits, "%Y%m%d").date()
    except ValueError:
        return None


def dates_in(text: str) -> Iterator[WrittenDate]:
    """Give the dates that stand in a text, in any usual form, in no order."""
    for pattern, read in _FORMS:
        for match in pattern.finditer(text):
            found = read(match)
            if found is not None and _FIRST_YEAR <= found.day.year <= _LAST_YEAR:
                yield found


def _made(year: str | int, month: str | int, day: str | int) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def _written(
    day: date | None, start: int, end: int, write: Callable[[date], str]
) -> WrittenDate | None:
    return None if day is None else WrittenDate(start, end, day, write)


def _digits(match: re.Match[str]) -> WrittenDate | None:
    day = _made(match[1], match[2], match[3])
    return _written(day, match.start(1), match.end(3), "{:%Y%m%d}".format)


def _year_first(match: re.Match[str]) -> WrittenDate | None:
    day = _made(match["y"], match["m"], match["d"])
    form = match["s"]

    def write(new: date) -> str:
        return f"{new.year:04d}{form}{new.month:02d}{form}{new.day:02d}"

    return _written(day, match.start(), match.end(), write)


def _with_signs(match: re.Match[str]) -> WrittenDate | None:
    """Read 2024年3月14日, which is written without leading zeros."""
    day = _made(match["y"], match["m"], match["d"])

    def write(new: date) -> str:
        return f"{new.year}年{new.month}月{new.day}日"

    return _written(day, match.start(), match.end(), write)


def _day_first(match: re.Match[str]) -> WrittenDate | None:
    day = _made(match["y"], match["m"], match["d"])
    width = len(match["d"]) if match["d"].startswith("0") or len(match["m"]) == 2 else 1

    def write(new: date) -> str:
        return f"{new.day:0{width}d}.{new.month:0{width}d}.{new.year}"

    return _written(day, match.start(), match.end(), write)


def _slashes(match: re.Match[str]) -> WrittenDate | None:
    """Read 14/03/2024 or 03/14/2024; what goes back is written so that it has one meaning."""
    european = _made(match["y"], match["b"], match["a"])
    american = _made(match["y"], match["a"], match["b"])
    day = european or american
    if day is None:
        return None
    if european and american and european != american:
        return WrittenDate(match.start(), match.end(), european, date.isoformat, american)
    return WrittenDate(match.start(), match.end(), day, date.isoformat)


def _month_named(match: re.Match[str]) -> WrittenDate | None:
    """Read 14 March 2024 and March 14, 2024, in short and in capitals too."""
    named, between, after = match["m"], match["s1"], match["s2"]
    day = _made(match["y"], _NAMED[named.casefold()], match["d"])
    is_month_first = match.start("m") < match.start("d")

    def write(new: date) -> str:
        month = _MONTHS[new.month - 1] if len(named) > 3 else _MONTHS[new.month - 1][:3]
        month = month.upper() if named.isupper() else month
        first, second = (month, new.day) if is_month_first else (new.day, month)
        return f"{first}{between}{second}{after}{new.year}"

    return _written(day, match.start(), match.end(), write)


_FORMS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], WrittenDate | None]], ...] = (
    (re.compile(rf"(?<![\d.])(\d{{4}})(\d\d)(\d\d)(?=(?:{_TIME})?(?![\d]))"), _digits),
    (
        re.compile(r"(?<![\d.\-/])(?P<y>\d{4})(?P<s>[-/.])(?P<m>\d\d)(?P=s)(?P<d>\d\d)(?![\d])"),
        _year_first,
    ),
    (re.compile(r"(?<!\d)(?P<y>\d{4})年(?P<m>\d{1,2})月(?P<d>\d{1,2})日"), _with_signs),
    (
        re.compile(r"(?<![\d.])(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})(?![\d]|\.\d)"),
        _day_first,
    ),
    (
        re.compile(r"(?<![\d/\-])(?P<a>\d{1,2})(?P<s>[/-])(?P<b>\d{1,2})(?P=s)(?P<y>\d{4})(?!\d)"),
        _slashes,
    ),
    (
        re.compile(
            rf"(?<![\dA-Za-z])(?P<d>\d{{1,2}})(?P<s1>[ .-]{{1,2}})(?P<m>{_MONTH})"
            r"(?P<s2>[ .,-]{1,2})(?P<y>\d{4})(?!\d)",
            re.IGNORECASE,
        ),
        _month_named,
    ),
    (
        re.compile(
            rf"(?<![A-Za-z])(?P<m>{_MONTH})(?P<s1>\.? )(?P<d>\d{{1,2}})(?P<s2>,? )"
            r"(?P<y>\d{4})(?!\d)",
            re.IGNORECASE,
        ),
        _month_named,
    ),
)
