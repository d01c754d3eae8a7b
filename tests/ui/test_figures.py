"""Numbers, sizes and times as pages write them."""

import datetime as dt

import pytest
from django.utils import translation

from anonportal.ui import figures

NOW = dt.datetime(2026, 11, 21, 8, 42, 10, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0\u00a0B"),
        (999, "999\u00a0B"),
        (1_000, "1.0\u00a0KB"),
        (999_499, "999\u00a0KB"),
        (999_500, "1.0\u00a0MB"),
        (9_960_000, "10\u00a0MB"),
        (856_000_000, "856\u00a0MB"),
        (1_250_000_000, "1.2\u00a0GB"),
        (None, "—"),
    ],
)
def test_sizes_have_a_unit_and_at_most_one_decimal(size: int | None, shown: str) -> None:
    assert figures.filesize(size) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (6000, "1 h 40 min"),
        (93_600, "1 d 2 h"),
        (172_800, "2 d"),
        (None, "—"),
    ],
)
def test_a_span_has_at_most_two_units(seconds: float | None, shown: str) -> None:
    assert figures.span(seconds) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(1, "about 5 s"), (38, "about 40 s"), (372, "about 6 min"), (7100, "about 2 h"), (None, "—")],
)
def test_every_estimate_says_about(seconds: float | None, shown: str) -> None:
    assert figures.estimate(seconds) == shown


@pytest.mark.parametrize(
    ("ago", "shown"),
    [
        (dt.timedelta(seconds=5), "just now"),
        (dt.timedelta(minutes=25), "25 min ago"),
        (dt.timedelta(hours=23, minutes=59), "23 h ago"),
        (dt.timedelta(hours=24), "Nov. 20, 2026"),
        (-dt.timedelta(minutes=3), "Nov. 21, 2026"),
    ],
)
def test_a_time_is_relative_under_a_day_and_a_date_after(ago: dt.timedelta, shown: str) -> None:
    assert figures.ago(NOW - ago, NOW) == shown


def test_the_exact_time_names_its_zone() -> None:
    assert figures.exact(NOW) == "2026-11-21 08:42:10 UTC"
    assert figures.clock(NOW) == "08:42:10"


def test_numbers_take_the_readers_marks() -> None:
    assert figures.number(1_284_331) == "1,284,331"
    assert figures.number(0.45, 2) == "0.45"
    with translation.override("es"):
        assert figures.number(1_284_331) == "1\u00a0284\u00a0331"
        assert figures.number(0.45, 2) == "0,45"
