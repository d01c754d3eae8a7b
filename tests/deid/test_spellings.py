"""One person, written otherwise: what the data set says in one form must go in all of them."""

import pytest

from studies.deid import leaks
from studies.deid.identifying import IdentifyingValues
from studies.deid.romanised import romanised
from studies.deid.text import TextCleaner
from tests.deid.builders import ct, passed, plan


def cleaned(kind: str, value: str, text: str, *, patterns: bool = False, shift: int = 0) -> str:
    values = IdentifyingValues.build(((kind, value),))
    settings = {"shift_days": shift or None, "keep_dates": False, "patterns": patterns}
    return TextCleaner(values, **settings).clean(text)[0]


@pytest.mark.parametrize(
    ("name", "text", "left"),
    [
        ("Muller^Hans", "Mueller chest", "REMOVED chest"),
        ("MULLER^HANS", "MÜLLER", "REMOVED"),
        ("JORGEN^KAI", "Joergen knee", "REMOVED knee"),
        ("Sorensen^Ase", "Soerensen abd", "REMOVED abd"),
        ("Vandenbroucke^Marc", "van den Broucke CT", "REMOVED CT"),
        ("Gildong^Hong", "GIL DONG", "REMOVED"),
        ("Wang^XiaoDong", "Xiao-Dong abdomen", "REMOVED abdomen"),
        ("Quillfeather^Ann", "Quill feather", "REMOVED"),
        ("OBrien^Sean", "O’Brien", "REMOVED"),
        ("Li^Na", "LiNa CT", "REMOVED CT"),
        ("Li^Na", "NALI", "REMOVED"),
        ("Иванов^Пётр", "IVANOV PETR", "REMOVED"),
        ("Иванов^Пётр", "Ivanov, Pyotr", "REMOVED"),
        ("Щербакова^Юлия", "Shcherbakova chest", "REMOVED chest"),
        ("Щербакова^Юлия", "Iuliia", "REMOVED"),
        ("Petrova^Yulia", "Петрова грудь", "REMOVED грудь"),
        ("Ivanov^Petr", "МРТ Ивановой", "МРТ REMOVED"),
        ("Παπαδόπουλος^Γιώργος", "Papadopoulos", "REMOVED"),
    ],
)
def test_a_name_goes_however_it_is_spelled_or_parted(name: str, text: str, left: str) -> None:
    assert cleaned("name", name, text) == left


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Underhill^Ann", "under the hill"),
        ("Highfield^Guy", "HIGH FIELD MRI"),
        ("Handlong^Guy", "HAND LONG axis"),
        ("Blu^Val", "blue value queue tissue"),
        ("Da^Ta", "raw data"),
        ("Ma^Ss", "MASS LEFT BREAST"),
        ("Ivanov^Petr", "ПЕТРОЗ"),
    ],
)
def test_words_that_only_look_like_a_name_stay(name: str, text: str) -> None:
    assert cleaned("name", name, text, patterns=True) == text


@pytest.mark.parametrize(
    "text",
    ["White matter lesions", "WHITE BLOOD CELL SCAN", "Grey-matter", "white_matter map"],
)
@pytest.mark.parametrize("name", ["White^Ray", "Baker^White", "Grey^Ann"])
def test_a_term_of_two_words_stays_though_one_is_a_name(name: str, text: str) -> None:
    assert cleaned("name", name, text, patterns=True) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [("Bell^Ann", "Bell's palsy"), ("Jones^Al", "Jones fracture"), ("Gray^Al", "Gray scale US")],
)
def test_an_eponym_of_a_common_name_stays_in_the_output(name: str, text: str) -> None:
    out = passed(ct(PatientName=name, StudyDescription=text), plan("cloud"))
    assert out.StudyDescription == text  # verification has to agree, else it would be held


@pytest.mark.parametrize("text", ["White", "WHITE, RAY", "matter of White", "Whitematter White"])
def test_the_same_name_goes_where_it_is_no_part_of_a_term(text: str) -> None:
    assert "White" not in cleaned("name", "White^Ray", text.replace("WHITE", "White")).replace(
        "Whitematter", ""
    )


def test_verification_steps_over_terms_and_nothing_else() -> None:
    assert leaks.without_phrases("White matter of White") == "  of White"
    assert leaks.without_phrases("Whitematter, İ white") == "Whitematter, İ white"
    suspects = leaks.Suspects((("name", "White^Ray"),))
    assert not suspects.is_in_text("white matter é")
    assert suspects.is_in_text("White é") == "name"


@pytest.mark.parametrize(
    "text",
    ["070324", "240307", "030724", "07032024", "R6.3.7", "R06/03/07", "令和6年3月7日", "CT_070324"],
)
def test_a_known_day_goes_in_forms_that_alone_say_nothing(text: str) -> None:
    left = cleaned("date", "20240307", text)
    assert not any(char.isdecimal() for char in left)
    assert cleaned("date", "20240307", text, shift=100).rstrip("日") == left.rstrip("日")


def test_the_first_year_of_an_era_has_a_name() -> None:
    assert "元年" not in cleaned("birth", "20190503", "令和元年5月3日")


@pytest.mark.parametrize("text", ["070325", "R6.3.8", "H30.1.2", "0703241", "S 36"])
def test_other_numbers_of_that_form_stay(text: str) -> None:
    assert cleaned("date", "20240307", text) == text


@pytest.mark.parametrize(
    ("kind", "value", "text", "left"),
    [
        ("id", "12345678", "0012345678", "REMOVED"),
        ("id", "12345678", "MR0012345678_1", "MRREMOVED_1"),
        ("phone", "+49 30 1234567", "0049301234567", "REMOVED"),
        ("id", "12345678", "0.0012345678", "0.0012345678"),
        ("id", "12345678", "10012345678", "10012345678"),
    ],
)
def test_zeros_before_a_number_are_no_other_number(
    kind: str, value: str, text: str, left: str
) -> None:
    assert cleaned(kind, value, text) == left


@pytest.mark.parametrize("text", ["Koeln", "KÖLN CT1", "Koln"])
def test_a_place_goes_in_every_spelling(text: str) -> None:
    assert "REMOVED" in cleaned("institution", "Universitätsklinikum Köln", text)


def test_only_cyrillic_and_greek_are_romanised() -> None:
    assert {"yulia", "iuliia", "julija"} <= romanised("юлия") | romanised("юлиа")
    assert romanised("smith") == romanised("müller") == romanised("山田") == set()
