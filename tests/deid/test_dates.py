"""Dates: intervals exact, times kept, written forms found in many languages, no other number."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studies.deid.dates import (
    cap_age,
    dates_in_text,
    shift_da,
    shift_dates_in_text,
    shift_dt,
)
from tests.counts import count

DAYS = st.integers(1, 3650)
DATES = st.dates(date(1900, 1, 1), date(2099, 12, 31))


@given(first=DATES, second=DATES, days=DAYS)
@settings(max_examples=count(50, 2000))
def test_the_interval_between_two_dates_stays_exact(first: date, second: date, days: int) -> None:
    moved = [shift_da(f"{day:%Y%m%d}".encode(), days) for day in (first, second)]
    assert all(moved)
    a, b = (date.fromisoformat(raw.decode()) for raw in moved if raw)
    assert b - a == second - first
    assert first - a == timedelta(days=days)


@pytest.mark.parametrize(
    ("raw", "shifted"),
    [
        (b"20240131", b"20240121"),
        (b"20240105", b"20231226"),
        (b"20240301", b"20240220"),
        (b"2024.01.31", b"2024.01.21"),
        (b"20240131 ", b"20240121 "),
        (b"20240131\0", b"20240121\0"),
        (b"20240131\\20240201", b"20240121\\20240122"),
        (b"20240131-20240201", b"20240121-20240122"),
        (b"", b""),
    ],
)
def test_da_keeps_its_form(raw: bytes, shifted: bytes) -> None:
    assert shift_da(raw, 10) == shifted


@pytest.mark.parametrize("raw", [b"2024", b"202401", b"20240230", b"JAN 2024", b"00010103", b"x"])
def test_what_is_no_full_date_is_not_guessed(raw: bytes) -> None:
    assert shift_da(raw, 10) is None


@pytest.mark.parametrize(
    ("raw", "shifted"),
    [
        (b"20240131103015.123456+0100", b"20240121103015.123456+0100"),
        (b"202401311030", b"202401211030"),
        (b"2024013110", b"2024012110"),
        (b"20240131", b"20240121"),
        (b"20240131-0500", b"20240121-0500"),
        (b"20240131103015 ", b"20240121103015 "),
    ],
)
def test_dt_keeps_time_fraction_and_zone(raw: bytes, shifted: bytes) -> None:
    assert shift_dt(raw, 10) == shifted


@pytest.mark.parametrize("raw", [b"2024", b"202401", b"20241301103000", b"now"])
def test_a_dt_without_a_day_can_not_be_shifted(raw: bytes) -> None:
    assert shift_dt(raw, 10) is None


@pytest.mark.parametrize(
    ("raw", "capped"),
    [
        (b"089Y", b"089Y"),
        (b"090Y", b"090Y"),
        (b"091Y", b"090Y"),
        (b"104Y", b"090Y"),
        (b"95", b"090Y"),
        (b"092Y ", b"090Y"),
        (b"999M", b"999M"),
        (b"010D", b"010D"),
        (b"", b""),
    ],
)
def test_ages_over_89_become_one_class(raw: bytes, capped: bytes) -> None:
    assert cap_age(raw) == capped


WRITTEN = [
    "20240131", "2024-01-31", "2024.01.31", "2024/1/31", "31.01.2024", "31.1.2024", "31/01/2024",
    "01/31/2024", "1/31/2024", "31-01-2024", "31.01.24", "1/31/24", "31-01-24",
    "31 Jan 2024", "31-JAN-2024", "31JAN2024", "31-JAN-24", "January 31, 2024", "Jan 31 2024",
    "31st of January 2024", "31. Januar 2024", "31. Jänner 2024", "31 janvier 2024",
    "31 de enero de 2024", "31 gennaio 2024", "31 de janeiro de 2024", "31 januari 2024",
    "31 stycznia 2024", "31 ledna 2024", "31 января 2024", "31 Ocak 2024", "31 tammikuuta 2024",
    "2024年1月31日", "2024 年 01 月 31 日", "2024년 1월 31일", "2024-JAN-31", "31. 1. 2024",
]  # fmt: skip


@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize("frame", ["{}", "CT CHEST {}", "{} follow up", "prior_{}_abd", "({})"])
def test_dates_are_found_in_the_forms_people_write(written: str, frame: str) -> None:
    text = frame.format(written)
    (found,) = dates_in_text(text)
    assert found.day == date(2024, 1, 31)
    assert text[found.start : found.end] == written


@pytest.mark.parametrize("written", WRITTEN)
def test_a_shifted_text_says_the_shifted_day(written: str) -> None:
    text = shift_dates_in_text(f"seen {written}, stable", 10)
    (found,) = dates_in_text(text)
    assert found.day == date(2024, 1, 21)
    assert text.startswith("seen ") and text.endswith(", stable")


@pytest.mark.parametrize(
    "text",
    ["March 2024", "03/2024", "2024-03", "令和6年1月31日", "2024年1月", "15 January", "June 5th"],
)
def test_a_date_without_a_day_or_year_is_replaced_as_it_can_not_be_shifted(text: str) -> None:
    assert shift_dates_in_text(f"CT {text} abd", 10) == "CT REMOVED abd"


def test_of_two_readings_the_data_set_s_own_date_decides() -> None:
    assert shift_dates_in_text("CT 03/04/2024", 1) == "CT REMOVED"
    assert shift_dates_in_text("CT 03/04/2024", 1, {date(2024, 3, 4)}) == "CT 03/03/2024"
    assert shift_dates_in_text("CT 03/04/2024", 1, {date(2024, 4, 3)}) == "CT 02/04/2024"


def test_the_time_behind_a_date_is_kept() -> None:
    assert shift_dates_in_text("2024-01-31 10:30:15", 10) == "2024-01-21 10:30:15"
    assert shift_dates_in_text("20240131103015", 10) == "20240121103015"


@pytest.mark.parametrize(
    "text",
    [
        "CT CHEST W CONTRAST 5MM", "OCT 3", "CT MAR 3", "SEP 2", "T1 1/2", "L3/4", "C5-6", "1.2.10",
        "0.20240131", "1.20240131", "3 of 12", "120 kV 300 mAs", "10/20 s", "5 x 5 x 5", "2024 mm",
        "SE 3 IM 12", "T2 TSE 2/3", "v3.10.2024a1", "12 sec delay", "TR 2000 TE 30", "20241399",
        "May be normal", "MAI 2", "dec 2 mm", "1/2/3", "2010 x 2011",
    ],
)  # fmt: skip
def test_what_is_no_date_is_left_alone(text: str) -> None:
    assert shift_dates_in_text(text, 10) == text


@pytest.mark.parametrize(
    ("text", "month"), [("12 ſep 2024", 9), ("12 NİSAN 2024", 4), ("12 AĞUSTOS 2024", 8)]
)
def test_odd_upper_case_is_read_too(text: str, month: int) -> None:
    assert [found.day for found in dates_in_text(text)] == [date(2024, month, 12)]


def test_a_word_that_is_no_month_hides_no_date_behind_it() -> None:
    assert shift_dates_in_text("5 CHEST 2024-01-31", 10) == "5 CHEST 2024-01-21"
    assert shift_dates_in_text("40/40/2024 31 Jan 2024", 10) == "40/40/2024 2024-01-21"


@given(text=st.text(max_size=60), days=DAYS)
@settings(max_examples=count(100, 5000))
def test_no_text_makes_the_search_fail(text: str, days: int) -> None:
    shift_dates_in_text(text, days)
    for found in dates_in_text(text):
        assert 0 <= found.start < found.end <= len(text)


@given(day=DATES, days=DAYS, form=st.sampled_from(["%Y%m%d", "%Y-%m-%d", "%d.%m.%Y", "%d %b %Y"]))
@settings(max_examples=count(50, 3000))
def test_written_intervals_stay_exact(day: date, days: int, form: str) -> None:
    text = shift_dates_in_text(f"on {day.strftime(form)} .", days)
    moved = day - timedelta(days=days)
    # Years before 1900 are no dates of patients and are not read as such.
    assert [found.day for found in dates_in_text(text)] == ([moved] if moved.year >= 1900 else [])
