"""Text cleaning: identity goes, clinical words stay."""

import pytest

from studies.deid.charset import Charset
from studies.deid.identifying import IdentifyingValues
from studies.deid.text import TOKEN, TextCleaner
from tests.deid.generated import DESCRIPTIONS

PATIENT = (
    ("name", "Müller^Hans-Peter^W=山田^太郎=ﾔﾏﾀﾞ^ﾀﾛｳ"),
    ("id", "0012345678"),
    ("id", "AB-77412"),
    ("birth", "19500131"),
    ("date", "20240212"),
    ("institution", "St. Mary's General Hospital"),
    ("address", "12 Elm Grove, Springfield"),
    ("phone", "+49 30 1234567"),
    ("uid", "1.2.826.0.1.5"),
)


def cleaner(
    values: tuple[tuple[str, str], ...] = PATIENT,
    *,
    shift_days: int | None = None,
    keep_dates: bool = False,
    patterns: bool = True,
) -> TextCleaner:
    built = IdentifyingValues.build(values)
    return TextCleaner(built, shift_days=shift_days, keep_dates=keep_dates, patterns=patterns)


@pytest.mark.parametrize("text", DESCRIPTIONS)
@pytest.mark.parametrize("patterns", [True, False])
def test_a_clinical_description_comes_out_as_it_went_in(text: str, patterns: bool) -> None:
    assert cleaner(patterns=patterns).clean(text) == (text, 0)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("MULLER CHEST", "REMOVED CHEST"),
        ("Mueller chest", "REMOVED chest"),
        ("müller, hans-peter CT", "REMOVED CT"),
        ("HANS PETER MÜLLER", "REMOVED"),
        ("Mu\u0308ller abd", "REMOVED abd"),
        ("MullerHans", "REMOVED"),
        ("ChestMuller", "ChestREMOVED"),
        ("MULLER, HANS-PET", "REMOVED"),
        ("Chest Hans Müll", "Chest REMOVED"),
        ("Hans Müll chest", "REMOVED Müll chest"),
        ("MULLER LAT", "REMOVED LAT"),
        ("chest mul", "chest mul"),
        ("CT_MULLER_5mm", "CT_REMOVED_5mm"),
        ("胸部山田太郎CT", "胸部REMOVEDCT"),
        ("山田 太郎", "REMOVED"),
        ("太郎", "REMOVED"),
        ("ヤマダ", "REMOVED"),
        ("やまだ CT", "REMOVED CT"),
        ("Ｍüｌｌｅｒ", "REMOVED"),
        ("id 12345678", "id REMOVED"),
        ("12 345 678", "REMOVED"),
        ("0012345678A", "REMOVEDA"),
        ("ab77412 knee", "REMOVED knee"),
        ("AB 77412", "REMOVED"),
        ("Mary's CT", "REMOVED's CT"),
        ("St. Mary's General Hospital", "REMOVED"),
        ("Springfield", "REMOVED"),
        ("call 030-1234567", "call 030-REMOVED"),
        ("born 31.01.1950", "born REMOVED"),
        ("prior 12 Feb 2024", "prior REMOVED"),
        ("uid 1.2.826.0.1.5", "uid REMOVED"),
    ],
)
def test_the_data_set_s_own_values_are_taken_out(text: str, cleaned: str) -> None:
    assert cleaner(patterns=False).clean(text)[0] == cleaned


@pytest.mark.parametrize(
    "text", ["SLICE 0.12345678", "1.2.826.0.1.51", "TR 12345678901", "Chest 3", "sans contraste"]
)
def test_numbers_that_are_part_of_other_numbers_stay(text: str) -> None:
    assert cleaner(patterns=False).clean(text) == (text, 0)


@pytest.mark.parametrize("surname", ["Hand", "Baker", "Parkinson", "Hodgkin", "Graves", "Wilson"])
class TestASurnameThatIsAClinicalWord:
    def clean(self, surname: str, text: str, *, patterns: bool = True) -> str:
        return cleaner((("name", f"{surname}^John^Q"),), patterns=patterns).clean(text)[0]

    @pytest.mark.parametrize(
        "frame", ["{} protocol", "{} disease", "XR {} 3 views", "{}", "bilat {}"]
    )
    def test_stays_where_it_stands_alone(self, surname: str, frame: str) -> None:
        text = frame.format(surname)
        assert self.clean(surname, text) == text

    @pytest.mark.parametrize(
        "frame",
        [
            "{}, John",
            "{}^John",
            "John {}",
            "{} John",
            "JOHN Q {}",
            "{}, J.",
            "J. {}",
            "Mr. {}",
            "Mrs {}",
        ],
    )
    def test_goes_where_it_stands_as_the_patient_s_name(self, surname: str, frame: str) -> None:
        for text in (frame.format(surname), f"CT {frame.format(surname)} 5mm"):
            assert surname.lower() not in self.clean(surname, text).lower()
            assert surname.lower() not in self.clean(surname, text, patterns=False).lower()


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Li protocol", "Li protocol"),
        ("Wu Li knee", "REMOVED knee"),
        ("LI^WU", "REMOVED"),
        ("Mr. Li", "Mr. REMOVED"),
        ("Li, Wu", "REMOVED"),
        ("LIVER", "LIVER"),
    ],
)
def test_names_of_two_letters_go_only_beside_each_other(text: str, cleaned: str) -> None:
    assert cleaner((("name", "Li^Wu"),)).clean(text)[0] == cleaned


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("王小明 胸部", "REMOVED 胸部"),
        ("检查王小明CT", "检查REMOVEDCT"),
        ("王 小明", "REMOVED"),
        ("小明", "REMOVED"),
        ("王", "王"),
        ("明", "明"),
        ("胸部CT平扫", "胸部CT平扫"),
    ],
)
def test_ideographic_names_are_found_without_word_boundaries(text: str, cleaned: str) -> None:
    assert cleaner((("name", "Wang^Xiaoming=王^小明"),)).clean(text)[0] == cleaned


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Dr. Baker CT chest", "Dr. REMOVED CT chest"),
        ("Dr Jane Doe-Rossi knee", "Dr REMOVED knee"),
        ("ref by Dr. John Q. Public chest", "ref by Dr. REMOVED chest"),
        ("referred by Gonzalez", "referred by REMOVED"),
        ("for Smithson", "for REMOVED"),
        ("FOR SMITHSON CT", "FOR REMOVED CT"),
        ("performed by T. Okafor", "performed by REMOVED"),
        ("Tech: Ramirez", "Tech: REMOVED"),
        ("Name: Baker", "Name: REMOVED"),
        ("Frau Schmidt Thorax", "Frau REMOVED Thorax"),
        ("Mme Lefebvre genou", "Mme REMOVED genou"),
        ("Sra. Ortega rodilla", "Sra. REMOVED rodilla"),
        ("MRN 4711-22", "REMOVED"),
        ("MRN: A1234567", "REMOVED"),
        ("Acc# 998877", "REMOVED"),
        ("NHS 943 476 5919", "REMOVED"),
        ("SSN 078-05-1120", "REMOVED"),
        ("078-05-1120", "REMOVED"),
        ("E12345678", "REMOVED"),
        ("12345678Z", "REMOVED"),
        ("121212-1212", "REMOVED"),
        ("RSSMRA85T10A562S", "REMOVED"),
        ("11010519491231002X", "REMOVED"),
        ("a.b@example.org", "REMOVED"),
        ("tel. 555 1234", "REMOVED"),
        ("+1 212 555 0100", "REMOVED"),
        ("(212) 555-0100", "REMOVED"),
        ("212-555-0100", "REMOVED"),
        ("221B Baker Street", "REMOVED"),
        ("Hauptstraße 12", "REMOVED"),
        ("12 rue de la Paix", "REMOVED"),
        ("Calle Mayor 5", "REMOVED"),
        ("P.O. Box 123", "REMOVED"),
        ("NY 10001", "REMOVED"),
        ("SW1A 1AA", "REMOVED"),
        ("CT 3/4/2021", "CT REMOVED"),
        ("92 y/o male", "90 y/o male"),
        ("aged 101", "aged 90"),
        ("45 y/o male", "45 y/o male"),
        ("病历号 123456", "REMOVED"),
    ],
)
def test_patterns_of_identity_are_taken_out(text: str, cleaned: str) -> None:
    assert cleaner(()).clean(text)[0] == cleaned


def test_patterns_are_for_clean_descriptors_only() -> None:
    assert cleaner((), patterns=False).clean("Dr. Baker 212-555-0100")[1] == 0


def test_dates_are_shifted_where_the_profile_shifts() -> None:
    shifting = cleaner(shift_days=10)
    assert shifting.clean("prior 12.02.2024")[0] == "prior 02.02.2024"
    assert shifting.clean("prior 2023-01-15")[0] == "prior 2023-01-05"


def test_dates_stay_where_the_profile_keeps_them() -> None:
    keeping = cleaner(keep_dates=True)
    assert keeping.clean("prior 12.02.2024") == ("prior 12.02.2024", 0)


@pytest.mark.parametrize("settings", [{"shift_days": 10}, {"keep_dates": True}, {}])
def test_a_birth_date_never_stays(settings: dict[str, int]) -> None:
    for form in ("31.01.1950", "19500131", "Jan 31, 1950", "1/31/1950"):
        cleaned, number = cleaner(**settings).clean(f"dob {form}")  # type: ignore[arg-type]
        assert (cleaned, number) == ("dob REMOVED", 1)


def test_the_token_fits_every_text_vr() -> None:
    assert TOKEN.isascii() and TOKEN.isupper() and len(TOKEN) <= 16
    assert cleaner().clean(TOKEN) == (TOKEN, 0)


def test_neighbouring_replacements_become_one_token() -> None:
    assert cleaner().clean("Müller Hans, 31.01.1950")[0] == TOKEN


def test_an_encoded_value_that_holds_nothing_comes_back_unchanged_with_its_padding() -> None:
    charset = Charset.of(b"ISO_IR 100")
    assert cleaner().clean_bytes(b"CHEST \0", b"LO", charset) == (b"CHEST \0", 0)
    assert cleaner().clean_bytes(b"M\xfcller CT ", b"LO", charset) == (b"REMOVED CT", 1)


def test_multi_valued_text_keeps_its_other_values() -> None:
    assert cleaner().clean("CHEST\\Müller\\ABD")[0] == "CHEST\\REMOVED\\ABD"


def test_two_people_with_one_token_each_do_not_make_a_name() -> None:
    values = (("name", "Hand^Peter"), ("name", "Foot^Mary"))
    assert cleaner(values).clean("HAND FOOT XR") == ("HAND FOOT XR", 0)


def test_an_everyday_word_stays_in_lower_case() -> None:
    assert (
        cleaner((("name", "Known^Ann"),)).clean("known lesion, Known")[0] == "known lesion, REMOVED"
    )


def test_cleaners_of_equal_settings_share_what_they_cleaned() -> None:
    values = IdentifyingValues.build(PATIENT)
    one = TextCleaner.shared(values, shift_days=3, keep_dates=False, patterns=True)
    assert one is TextCleaner.shared(values, shift_days=3, keep_dates=False, patterns=True)
    assert values is IdentifyingValues.build(PATIENT)
