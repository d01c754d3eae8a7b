"""Shift, cap and find dates: the arithmetic of DA, DT and AS values and of dates written in text.

Intervals stay exact: every date of a patient moves by the same whole number of days, times stay as
they are. What can't be shifted exactly is reported as None, never guessed. Knows no tags.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

from .expression import late

_DA = late(rb"(\d{4})(\.?)(\d\d)\2(\d\d)")
_DT = late(rb"(\d{8})((?:\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,6})?)?)?)?(?:[+-]\d{4})?)")
_AS = late(rb"0*(\d{1,4}) *([DdWwMmYy]?)")


def _shifted(year: int, month: int, day: int, days: int) -> date | None:
    """Return the date that many days earlier, None where the calendar has no such day."""
    try:
        return date(year, month, day) - timedelta(days=days)
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=4096)
def shift_da(raw: bytes, days: int) -> bytes | None:
    """Shift every value of a DA (also ranges, YYYY.MM.DD) back by days; None if one is no date."""
    body = raw.rstrip(b" \0")
    shifted: list[bytes] = []
    for value in body.split(b"\\"):
        ends: list[bytes] = []
        for end in value.split(b"-"):
            moved = _shift_one_da(end.strip(b" \0"), days)
            if moved is None:
                return None
            ends.append(moved)
        shifted.append(b"-".join(ends))
    return b"\\".join(shifted) + raw[len(body) :]


def _shift_one_da(value: bytes, days: int) -> bytes | None:
    if not value:
        return b""
    match = _DA.fullmatch(value)
    moved = match and _shifted(int(match[1]), int(match[3]), int(match[4]), days)
    if not match or not moved:
        return None
    dot = match[2].decode("ascii")
    return f"{moved.year:04d}{dot}{moved.month:02d}{dot}{moved.day:02d}".encode("ascii")


@lru_cache(maxsize=4096)
def shift_dt(raw: bytes, days: int) -> bytes | None:
    """Shift every value of a DT back by days, its time, fraction and zone kept.

    A value without a day (YYYY, YYYYMM) can't move by days and gives None.
    """
    body = raw.rstrip(b" \0")
    shifted: list[bytes] = []
    for value in body.split(b"\\"):
        stripped = value.strip(b" \0")
        match = _DT.fullmatch(stripped)
        moved = match and _shift_one_da(match[1], days)
        if stripped and (not match or not moved):
            return None
        shifted.append(moved + match[2] if match and moved else b"")
    return b"\\".join(shifted) + raw[len(body) :]


def cap_age(raw: bytes) -> bytes:
    """Return an age string with everything over 89 years as 090Y (HIPAA 164.514(b)(2)(i)(C))."""
    body = raw.strip(b" \0")
    match = _AS.fullmatch(body)
    if match is None:
        return b""  # no age: nobody can tell what it is
    is_over = int(match[1]) > 89 and match[2] in (b"", b"Y", b"y")
    return b"090Y" if is_over else raw


class DateInText(NamedTuple):
    """A date written in text: where, which day, and how to write another day in the same form.

    `day` is None where the day is missing or where two readings are possible (03/04/2021).
    """

    start: int
    end: int
    day: date | None
    form: str
    readings: tuple[date, ...] = ()


# Month names by number, folded of accents where texts often are; longest first in the pattern.
_MONTH_NAMES: tuple[str, ...] = (
    "january jan januar janvier janv enero ene gennaio gen janeiro januari januari jänner jän"
    " jaenner styczeń stycznia leden ledna январь января янв ocak ianuarie tammikuu tammikuuta",
    "february feb februar février fevrier févr fevr febrero febbraio fevereiro fev februari"
    " luty lutego únor února февраль февраля фев şubat subat helmikuu helmikuuta",
    "march mar märz maerz mrz mär mars marzo março marco mrt maart marzec marca březen března"
    " март марта мар mart maaliskuu maaliskuuta",
    "april apr avril avr abril abr aprile kwiecień kwietnia duben dubna апрель апреля апр nisan"
    " huhtikuu huhtikuuta",
    "may mai mayo maggio mag maio mei maj maja květen května май мая mayıs mayis toukokuu"
    " toukokuuta",
    "june jun juni juin junio giugno giu junho czerwiec czerwca červen června июнь июня июн"
    " haziran kesäkuu kesäkuuta",
    "july jul juli juillet juil julio luglio lug julho lipiec lipca červenec července июль июля"
    " июл temmuz heinäkuu heinäkuuta",
    "august aug août aout agosto ago augustus augusti sierpień sierpnia srpen srpna август"
    " августа авг ağustos agustos elokuu elokuuta",
    "september sep sept septembre septiembre settembre set setembro wrzesień września září"
    " сентябрь сентября сен eylül eylul syyskuu syyskuuta",
    "october oct oktober okt octobre octubre ottobre ott outubro out październik października"
    " říjen října октябрь октября окт ekim lokakuu lokakuuta",
    "november nov novembre noviembre novembro listopad listopada listopadu ноябрь ноября ноя"
    " kasım kasim marraskuu marraskuuta",
    "december dec dezember dez décembre decembre déc diciembre dic dicembre dezembro desember"
    " des grudzień grudnia prosinec prosince декабрь декабря дек aralık aralik joulukuu"
    " joulukuuta",
)
MONTHS = {name: number for number, names in enumerate(_MONTH_NAMES, 1) for name in names.split()}
# Names that make a date without a year too; short ones are protocol terms (MAR, OCT).
_LONG_MONTHS = frozenset(
    name
    for name in MONTHS
    if (len(name) >= 5 and name not in ("march", "marca")) or name in ("june", "july")
)
# Any word stands for the month in the expression, which stays small; the reading looks it up.
_NAME = r"[^\W\d_]{3,12}"
_OF = r"(?:de |del |of |d')?"
_YEAR = r"(?:19|20)\d\d"
_D = r"(?:0?[1-9]|[12]\d|3[01])"
_M = r"(?:0?[1-9]|1[0-2])"
_TIME = r"(?:[T ,]{0,2}(?:at )?[0-2]?\d:[0-5]\d(?::[0-5]\d(?:\.\d{1,6})?)?(?: ?[ap]m)?Z?)?"
_TEXT_DATE = late(
    rf"(?<!\d)(?<!\d[.,/-])(?:"
    rf"(?P<ymd>(?P<y1>{_YEAR})(?P<s1>[-./])(?P<m1>{_M})(?P=s1)(?P<d1>{_D})(?!\d))"
    rf"|(?P<compact>(?P<y2>{_YEAR})(?P<m2>0[1-9]|1[0-2])(?P<d2>0[1-9]|[12]\d|3[01])"
    rf"(?!\d)|(?P<y2b>{_YEAR})(?P<m2b>0[1-9]|1[0-2])(?P<d2b>0[1-9]|[12]\d|3[01])"
    rf"(?=[0-2]\d[0-5]\d(?:[0-5]\d)?(?!\d)))"
    rf"|(?<![^\W_])(?:(?P<numeric>(?P<a3>\d\d?)(?P<s3> ?[-./] ?)(?P<b3>\d\d?)"
    rf"(?P=s3)(?P<y3>{_YEAR})(?!\d|[a-su-z]))"
    rf"|(?P<short>(?P<a4>\d\d?)(?P<s4>/)(?P<b4>\d\d?)/(?P<y4>\d\d)(?![\d/.])"
    rf"|(?P<a4b>\d\d)(?P<s4b>[-.])(?P<b4b>\d\d)(?P=s4b)(?P<y4b>\d\d)(?![\d.-]))"
    rf"|(?P<dmy>(?P<d5>{_D})(?:st|nd|rd|th|er|\.)?(?P<s5>[ ./-]{{0,4}}){_OF}(?P<n5>{_NAME})"
    rf"\.?(?P<t5>[ ,./-]{{0,4}}){_OF}(?P<y5>{_YEAR}|'?\d\d(?![^\W_]))(?!\d))"
    rf"|(?P<mdy>(?P<n6>{_NAME})\.?[ -]?(?P<d6>{_D})(?:st|nd|rd|th)?(?P<t6>[ ,.-]{{1,4}})"
    rf"(?P<y6>{_YEAR})(?!\d))"
    rf"|(?P<ynd>(?P<y7>{_YEAR})[- ](?P<n7>{_NAME})[- ](?P<d7>{_D})(?![^\W_]))"
    rf"|(?P<cjk>(?P<y8>{_YEAR}) ?[年년] ?(?P<m8>{_M}) ?[月월](?: ?(?P<d8>{_D}) ?[日号일])?)"
    rf"|(?P<era>(?:令和|平成|昭和|大正|明治|民國|民国) ?(?:\d{{1,3}}|元) ?年"
    rf"(?: ?\d{{1,2}} ?月)?(?: ?\d{{1,2}} ?日)?)"
    rf"|(?P<ny>(?P<n8>{_NAME})\.?[ ,/-]{{0,2}}{_OF}{_YEAR}(?!\d))"
    rf"|(?P<md>(?P<n9>{_NAME}) {_D}(?:st|nd|rd|th)?(?![\w.]))"
    rf"|(?P<dm>{_D}(?:st|nd|rd|th|\.)? {_OF}(?P<n10>{_NAME})(?![^\W_]))"
    rf"|(?P<my>(?:{_M}/{_YEAR}|{_YEAR}-(?:0[1-9]|1[0-2]))(?![\d/-])))"
    rf"){_TIME}",
    re.IGNORECASE,
)


def _month(name: str) -> int:
    """Return a month's number, 0 if the word is no month."""
    return MONTHS.get(name.casefold().replace("\u0307", ""), 0)  # the dot of a Turkish İ


def _day(year: str, month: int, day: str) -> date | None:
    """Return a calendar day; a year of two digits is taken within 1930 to 2029."""
    number = int(year.strip("'"))
    if number < 100:
        number += 2000 if number < 30 else 1900
    try:
        return date(number, month, int(day))
    except ValueError:
        return None


def dates_in_text(text: str) -> list[DateInText]:
    """Find dates in the forms and languages that descriptions use, in order, not overlapping."""
    found: list[DateInText] = []
    position = 0
    while match := _TEXT_DATE.search(text, position):
        item = _read(match)
        if item is None:
            position = match.start() + 1  # a word that is no month may hide a date behind it
        else:
            found.append(item)
            position = item.end
    return found


def _read(match: re.Match[str]) -> DateInText | None:
    """Turn one match into a date with its form, or None where the numbers are no date."""
    start, group = match.start(), _kind(match)
    end = match.end(group)
    if group in ("era", "my"):
        return DateInText(start, end, None, "")
    if group in _INEXACT:
        return _read_inexact(match[_INEXACT[group]], group, start, end)
    if group in ("numeric", "short"):
        return _read_numeric(match, group, start, end)
    if group == "compact":
        side = "2" if match["y2"] else "2b"
        day = _day(match["y" + side], int(match["m" + side]), match["d" + side])
        return DateInText(start, end, day, "%Y%m%d") if day else None
    if group == "cjk" and not match["d8"]:
        return DateInText(start, end, None, "")
    number, name = {
        "ymd": ("1", ""),
        "cjk": ("8", ""),
        "dmy": ("5", "n5"),
        "mdy": ("6", "n6"),
        "ynd": ("7", "n7"),
    }[group]
    month = _month(match[name]) if name else int(match["m" + number])
    day = _day(match["y" + number], month, match["d" + number])
    if day is None:
        return DateInText(start, end, None, "") if month and name else None
    if group == "ymd":
        return DateInText(start, end, day, f"%Y{match['s1']}%m{match['s1']}%d")
    return DateInText(start, end, day, "%Y年%m月%d日" if group == "cjk" else "%Y-%m-%d")


_INEXACT = {"ny": "n8", "md": "n9", "dm": "n10"}


def _read_inexact(name: str, group: str, start: int, end: int) -> DateInText | None:
    """Read a month with a year or a day only; without a year just the long names are months."""
    month = _month(name)
    if not month or (group != "ny" and name.lower() not in _LONG_MONTHS):
        return None
    return DateInText(start, end, None, "")


def _read_numeric(match: re.Match[str], group: str, start: int, end: int) -> DateInText | None:
    """Read 03/04/2021: as one day where only one reading is possible, else with both readings."""
    side = "3" if group == "numeric" else ("4" if match["a4"] else "4b")
    first, second, separator, year = (match[name + side] for name in "absy")
    short = "%y" if len(year) == 2 else "%Y"
    readings: dict[date, str] = {}
    if int(second) <= 12 and (day := _day(year, int(second), first)):
        readings[day] = f"%d{separator}%m{separator}{short}"
    if int(first) <= 12 and (day := _day(year, int(first), second)):
        readings.setdefault(day, f"%m{separator}%d{separator}{short}")
    if not readings:
        return None
    # A date with points is written day first wherever it is written.
    if len(readings) == 1 or "." in separator:
        day, form = next(iter(readings.items()))
        return DateInText(start, end, day, form, (day,))
    return DateInText(start, end, None, "|".join(readings.values()), tuple(readings))


_KINDS = (
    "ymd", "compact", "numeric", "short", "dmy", "mdy", "ynd", "cjk", "era", "ny", "md", "dm", "my",
)  # fmt: skip


def _kind(match: re.Match[str]) -> str:
    return next(kind for kind in _KINDS if match[kind] is not None)


def render(day: date, form: str) -> str:
    """Write a day in a form of `DateInText`, independent of the platform's strftime."""
    return (
        form.replace("%Y", f"{day.year:04d}")
        .replace("%y", f"{day.year % 100:02d}")
        .replace("%m", f"{day.month:02d}")
        .replace("%d", f"{day.day:02d}")
    )


def shift_found(found: DateInText, days: int, known: Collection[date] = ()) -> str | None:
    """Return a found date written days earlier; None where it can't be shifted exactly.

    Of two readings the one is taken that the data set itself has as a date (`known`).
    """
    day, form = found.day, found.form
    if day is None and found.readings:
        matching = [reading for reading in found.readings if reading in known]
        if len(matching) != 1:
            return None
        day = matching[0]
        form = found.form.split("|")[found.readings.index(day)]
    moved = day and _shifted(day.year, day.month, day.day, days)
    return render(moved, form) if moved and form else None


def shift_dates_in_text(
    text: str, days: int, known: Collection[date] = (), instead: str = "REMOVED"
) -> str:
    """Return the text with every date moved back by days, inexact ones replaced."""
    out: list[str] = []
    last = 0
    for found in dates_in_text(text):
        out += [text[last : found.start], shift_found(found, days, known) or instead]
        last = found.end
    return "".join(out) + text[last:]
