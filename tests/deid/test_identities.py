"""Cloud ids and keyed identities: stable under one key, meaningless without it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn

from studies.deid import Held, KeyedIdentities
from studies.deid.cloudid import ALPHABET, fold_cloud_id, is_cloud_id, new_cloud_id, parse_cloud_id
from studies.deid.identities import is_placeholder_id, normalise_patient_id

KEY = b"0123456789abcdef0123456789abcdef"


@given(st.integers(0, (1 << 60) - 1))
def test_a_cloud_id_is_thirteen_characters_with_a_luhn_mod_32_check(bits: int) -> None:
    made = new_cloud_id(bits)
    assert len(made) == 13
    assert luhn.is_valid(made, ALPHABET)
    assert is_cloud_id(made)


@given(st.integers(0, (1 << 60) - 1), st.integers(0, 12), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_noticed(bits: int, place: int, other: str) -> None:
    made = new_cloud_id(bits)
    wrong = made[:place] + other + made[place + 1 :]
    assert (parse_cloud_id(wrong) is not None) == (wrong == made)


def test_typed_ids_are_folded() -> None:
    made = new_cloud_id(1 << 59 | 1)
    typed = "-".join(made[i : i + 4].lower().replace("0", "o").replace("1", "l") for i in (0, 4, 8))
    assert parse_cloud_id(f" {typed} {made[12]} ") == made
    assert fold_cloud_id("oO-iL") == "0011"
    assert parse_cloud_id("") is None
    assert parse_cloud_id("U" * 13) is None


@pytest.mark.parametrize("bits", [-1, 1 << 60])
def test_a_cloud_id_is_made_of_sixty_bits(bits: int) -> None:
    with pytest.raises(ValueError, match="60 bits"):
        new_cloud_id(bits)


def test_golden_vectors_hold_for_ever() -> None:
    made = KeyedIdentities(KEY)
    patient = made.patient("PID-1", "NORTH")
    assert patient == GOLDEN["patient"]
    assert made.study("1.2.3", patient) == GOLDEN["study"]
    assert made.uid("1.2.3") == GOLDEN["uid"]
    assert made.date_shift(patient) == GOLDEN["days"]


def test_equal_keys_agree_and_others_do_not() -> None:
    first, again, other = KeyedIdentities(KEY), KeyedIdentities(KEY), KeyedIdentities(KEY[::-1])
    assert first.patient("A1", "") == again.patient(" a1 ", "")
    assert first.patient("A1", "") != other.patient("A1", "")
    assert first.patient("A1", "X") != first.patient("A1", "Y")
    assert first.uid("1.2") != other.uid("1.2")


@given(st.text(min_size=1, max_size=64))
def test_new_uids_are_uids(text: str) -> None:
    uid = KeyedIdentities(KEY).uid(text)
    assert uid.startswith("2.25.")
    assert len(uid) <= 44
    assert not uid.startswith("2.25.0") or uid == "2.25.0"


@given(st.text(min_size=1, max_size=13))
def test_dates_shift_by_one_to_3650_days(patient: str) -> None:
    assert 1 <= KeyedIdentities(KEY).date_shift(patient) <= 3650


@pytest.mark.parametrize("value", ["", "  ", "0", "0000", "unknown", "Anonymous", "n/a", "999999"])
def test_placeholders_are_no_ids(value: str) -> None:
    assert is_placeholder_id(value)
    with pytest.raises(Held):
        KeyedIdentities(KEY).patient(value, "")


@pytest.mark.parametrize("value", ["1", "A", "TESTER-1", "X1", "0001"])
def test_real_ids_are_ids(value: str) -> None:
    assert not is_placeholder_id(value)


def test_spellings_of_one_id_are_equal() -> None:
    assert normalise_patient_id(" ab１2\0", "n ") == ("AB12", "N")


@pytest.mark.parametrize(
    ("key", "prefix"), [(b"short", "ANON"), (KEY, "A"), (KEY, "anon"), (KEY, "A" * 17), (KEY, "A-")]
)
def test_a_weak_key_or_a_wrong_prefix_is_refused(key: bytes, prefix: str) -> None:
    with pytest.raises(ValueError, match="the"):
        KeyedIdentities(key, prefix)


GOLDEN = {
    "patient": "A3C90KBAZ63PH",
    "study": "G7A9TCH8CKG3A",
    "uid": "2.25.207331184586173688491911245060495870305",
    "days": 693,
}
