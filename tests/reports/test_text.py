"""Cloud ids and dates in running text: every usual form, and no ordinary word taken for one."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.deid.cloudid import new_cloud_id
from studies.reports import PatientIdentity, StudyIdentity
from studies.reports.text import Restorer, find_cloud_ids, find_in_text

PATIENT, STUDY = new_cloud_id(123456789012345678), new_cloud_id(987654321012345678)
UID = "2.25.1234567890123456789"


def identity(scheme: str = "patient", **study: tuple[str, ...]) -> PatientIdentity:
    values = {"AccessionNumber": ("ACC-77",), "StudyInstanceUID": ("1.2.3.4",)} | study
    dates = (("(0008,0020)", "20250314", "20240101"),)
    one = StudyIdentity(STUDY, "NORTH", scheme, values, dates)
    return PatientIdentity(
        PATIENT,
        {"PatientID": ("MRN1",), "PatientName": ("Moreau^Alice^^Dr",)},
        one,
        (one,),
        {UID: "1.2.3.4"},
        dt.date(2026, 1, 1),
    )


@pytest.mark.parametrize(
    ("written", "restored"),
    [
        (f"Study {STUDY}.", "Study ACC-77."),
        (f"study {STUDY.lower()}", "study ACC-77"),
        (f"{STUDY[:4]}-{STUDY[4:8]}-{STUDY[8:12]}-{STUDY[12:]}", "ACC-77"),
        (f"{STUDY[:4]} {STUDY[4:8]} {STUDY[8:12]} {STUDY[12:]}", "ACC-77"),
        (f"for X {STUDY}", "for X ACC-77"),
        (f"NORTH-{PATIENT}", "MRN1"),
        (f"CloudStudy^{PATIENT}", "Moreau^Alice^^Dr"),
        (f"CloudStudy, {PATIENT}", "Moreau, Dr Alice"),
        (f"NORTH-{PATIENT}, CloudStudy^{PATIENT}", "MRN1, Moreau^Alice^^Dr"),
        (f"UID {UID}!", "UID 1.2.3.4!"),
        (f"no UID {UID}9", f"no UID {UID}9"),
        ("on 2024-01-01", "on 2025-03-14"),
        ("on 20240101", "on 20250314"),
        ("on 01.01.2024", "on 14.03.2025"),
        ("on 1.1.2024", "on 14.3.2025"),
        ("on 1 January 2024", "on 14 March 2025"),
        ("on JAN 1, 2024", "on MAR 14, 2025"),
        ("on 2024年1月1日", "on 2025年3月14日"),
        ("on 01/01/2024", "on 2025-03-14"),
        ("read 2026-02-03", "read 2026-02-03"),
        ("acc 1.20240101.5", "acc 1.20240101.5"),
    ],
)
def test_what_was_sent_is_put_back_in_the_form_it_stands_in(written: str, restored: str) -> None:
    assert Restorer(identity()).text(written) == restored


def test_a_date_that_was_not_sent_is_marked_when_it_is_earlier_than_the_reading() -> None:
    restorer = Restorer(identity())
    pieces = restorer.pieces("Compared with 2019-05-06 and 03/04/2024, read 2026-03-01.")
    assert [piece.text for piece in pieces if piece.is_marked] == ["2019-05-06", "03/04/2024"]
    assert {mark.code for mark in restorer.marks} == {"date-unmatched"}


def test_a_date_with_two_originals_or_two_readings_stays_and_is_marked() -> None:
    one = identity()
    dates = (*one.study.dates, ("(0008,0021)", "20250320", "20240101"))
    study = StudyIdentity(STUDY, "NORTH", "patient", one.study.values, dates)
    both = PatientIdentity(PATIENT, one.values, study, (study,), {}, one.reading_from)
    assert Restorer(both).text("on 2024-01-01") == "on 2024-01-01"
    # Each field has a list of its own: there it is certain.
    assert Restorer(both).date("20240101", "f", "(0008,0021)") == "20250320"


def test_by_study_the_prefix_tells_the_patient_from_the_study() -> None:
    restorer = Restorer(identity("study"))
    assert restorer.text(f"NORTH-{STUDY} is {STUDY}") == "MRN1 is ACC-77"


def test_a_number_that_the_hospital_does_not_have_stays_and_is_marked() -> None:
    restorer = Restorer(identity(AccessionNumber=("",)))
    assert restorer.text(f"study {STUDY}") == f"study {STUDY}"
    assert [mark.code for mark in restorer.marks] == ["no-original"]


def test_ordinary_words_and_numbers_are_no_certain_ids() -> None:
    prose = (
        "The consolidation is unchanged; calcification 12 mm and 14 mm. Phone 0123456789012. "
        "Normal heart size, no pneumothorax, no pleural effusion. CT 2024 AND 2025 MR."
    )
    found, mistyped = find_in_text(prose, "NORTH")
    assert not [one for one in found if one.is_certain]
    assert mistyped == []


@pytest.mark.parametrize("introduction", ["NORTH-", "CloudStudy^", "CloudStudy "])
def test_a_mistyped_id_is_told_where_an_id_was_meant(introduction: str) -> None:
    wrong = STUDY[:-1] + ("0" if STUDY[-1] != "0" else "1")
    assert find_in_text(f"patient {introduction}{wrong}", "NORTH")[1] == ["text"]


@given(st.integers(0, (1 << 60) - 1), st.text("abc XYZ-,.\n", max_size=12), st.booleans())
def test_an_id_is_found_whatever_stands_before_it(number: int, before: str, lower: bool) -> None:
    cloud_id = new_cloud_id(number)
    written = cloud_id.lower() if lower else cloud_id
    assert cloud_id in find_cloud_ids(f"{before} {written}, end")
