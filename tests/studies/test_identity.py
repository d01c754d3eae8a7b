"""Names, dates and times as the pages of identity write them."""

import pytest
from django.utils import translation

from studies.web import identity


@pytest.mark.parametrize(
    ("value", "groups"),
    [
        ("Doe^Jane", ["Doe, Jane"]),
        ("Doe^Jane^Ann^Dr^Jr", ["Doe, Jane Ann Dr Jr"]),
        ("Doe", ["Doe"]),
        ("^Jane", ["Jane"]),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", ["Yamada, Tarou", "山田 太郎", "やまだ たろう"]),
        ("=山田^太郎", ["山田 太郎"]),
        ("Núñez de la Peña^María", ["Núñez de la Peña, María"]),
        ("", []),
    ],
)
def test_a_name_is_written_group_by_group_as_people_write_it(value: str, groups: list[str]) -> None:
    assert identity.name_groups(value) == groups


def test_a_date_is_written_by_locale_and_what_is_no_date_stays_as_it_is() -> None:
    with translation.override("es"):
        assert identity.readable_date("19610823") == "23 de agosto de 1961"
    for odd in ("1961", "19611399", "unknown", ""):
        assert identity.readable_date(odd) == odd


def test_a_time_is_written_in_hours_and_minutes_and_what_is_no_time_stays_as_it_is() -> None:
    assert identity.readable_time("150926.123456") == "15:09"
    assert identity.readable_time("15") == "15:00"
    for odd in ("9999", "noon", ""):
        assert identity.readable_time(odd) == odd


def test_each_attribute_is_a_name_a_word_or_a_code() -> None:
    kinds = {
        "PatientName": ("name", ("Doe, Jane",)),
        "ReferringPhysicianName": ("word", ("Doe, Jane",)),
        "AccessionNumber": ("code", ("Doe^Jane",)),
    }
    for keyword, (kind, lines) in kinds.items():
        row = identity.row(keyword, "Label", ["Doe^Jane", ""])
        assert (row.kind, row.lines) == (kind, lines)
