"""Identifying values: which tokens are made of them, and what the quick look at bytes says."""

from datetime import date

import pytest

from studies.deid.identifying import IdentifyingValues, fold, fold_with_offsets


def build(*values: tuple[str, str]) -> IdentifyingValues:
    return IdentifyingValues.build(values)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Müller", "muller"),
        ("GROß", "gross"),
        ("Łódź", "lodz"),
        ("Æther Œuvre", "aether oeuvre"),
        ("Ｓｍｉｔｈ１２", "smith12"),
        ("ﾔﾏﾀﾞ", "ヤマタ"),
        ("やまだ", "ヤマタ"),
        ("ΓΙΏΡΓΟΣ", "γιωργος"),
        ("Ёлка", "елка"),
        ("홍길동", "홍길동"),
        ("١٢٣", "123"),
        ("ﬁbula", "fibula"),
    ],
)
def test_folding_takes_case_accents_width_and_script_variants_away(text: str, folded: str) -> None:
    assert fold(text).replace("ς", "σ") == folded.replace("ς", "σ")


def test_folded_offsets_point_into_the_original() -> None:
    text = "Aß Mu\u0308ller"
    folded, offsets = fold_with_offsets(text)
    assert folded == "ass muller"
    assert offsets is not None
    assert [text[i] for i in offsets[:-1]] == list("Aßß Muller")


def test_a_rare_name_identifies_alone_and_a_clinical_word_does_not() -> None:
    values = build(("name", "Parkinson^Zbigniew"))
    assert "zbigniew" in values.strong
    assert "parkinson" in values.weak
    assert "parkinson" not in values.strong


def test_two_letters_and_particles_do_not_identify_alone() -> None:
    values = build(("name", "van der Berg^Jo"))
    assert "berg" in values.strong
    assert {"van", "der", "jo"} <= set(values.weak)


def test_every_group_and_component_of_a_name_is_taken_but_its_titles() -> None:
    values = build(("name", "Yamada^Tarou^^Professor=山田^太郎=ヤマダ^タロウ"))
    assert {"yamada", "tarou"} <= values.strong
    assert "professor" not in values.strong | set(values.weak)
    assert {"山田", "太郎", "山田太郎", "ヤマタ", "タロウ"} <= values.cjk


def test_umlauts_are_known_in_both_spellings() -> None:
    assert {"muller", "mueller"} <= build(("name", "Müller^Uwe")).strong
    assert {"muller", "mueller"} <= build(("name", "Mueller^Uwe")).strong


def test_an_id_is_known_with_and_without_leading_zeros_and_letters() -> None:
    assert {"0012345678", "12345678"} <= build(("id", "0012345678")).digit_ids
    assert "1234567" in build(("id", "PAT-1234567")).digit_ids


def test_short_ids_identify_nobody() -> None:
    values = build(("id", "12"), ("id", "7"))
    assert not values.digit_ids and not values.strong


def test_of_a_place_only_its_own_words_identify() -> None:
    values = build(("institution", "Kantonsspital Winterthur Radiology Dept"))
    assert values.strong == {"winterthur"}


def test_dates_are_days() -> None:
    values = build(("birth", "19500131"), ("date", "2024.02.12"), ("date", "2024"))
    assert values.birth_dates == {date(1950, 1, 31)}
    assert values.dates == {date(2024, 2, 12)}


def test_several_values_of_an_attribute_are_several_people_or_ids() -> None:
    values = build(("name", "Okafor^Ngozi\\Rossi^Elena"), ("id", "1111111\\2222222"))
    assert {"okafor", "rossi"} <= values.strong
    assert {"1111111", "2222222"} <= values.digit_ids


HEADER = (
    b"\x08\0\x30\x10LO\x0a\0CT ABDOMEN\x20\0\x10\0SH\x02\0X1\x28\0\x10\0US\x02\0\0\x02"
    b"\x40\0\x75\x02SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff\xfe\xff\x0d\xe0\0\0\0\0"
    b"\xfe\xff\xdd\xe0\0\0\0\0"
)


@pytest.fixture(params=["cold", "warm"])
def values(request: pytest.FixtureRequest) -> IdentifyingValues:
    built = IdentifyingValues(
        (("name", "Okafor^Lee^Jo"), ("name", "Hand^Wu"), ("id", "12345678"), ("birth", "19500131"))
    )
    if request.param == "warm":
        built.find_in(b"\0" * (1 << 16))
    return built


def test_a_header_without_any_of_it_is_clear(values: IdentifyingValues) -> None:
    assert not values.find_in(HEADER)


@pytest.mark.parametrize(
    "text",
    [
        "okafor", "OKAFOR", "ChestOkafor", " LEE ", "Wu^Hand", "12345678", "12-345-678",
        "1234 5678", "19500131", "31.01.1950", "31 Jan 1950", "1/31/50", "Ökafor", "Okáfor",
        "Mr. Hand", "Hand, J",
    ],
)  # fmt: skip
def test_what_may_be_a_token_is_suspected(values: IdentifyingValues, text: str) -> None:
    for codec in ("utf-8", "latin-1"):
        raw = text.encode(codec)
        assert values.find_in(HEADER.replace(b"CT ABDOMEN", raw))


@pytest.mark.parametrize(
    "raw", ["山田".encode("gb18030"), b"\x1b$B;3ED", "Иван".encode("iso8859-5")]
)
def test_a_text_in_another_script_has_to_be_read(values: IdentifyingValues, raw: bytes) -> None:
    assert values.find_in(HEADER.replace(b"ABDOMEN", raw))


def test_an_automaton_doesn_t_suspect_clinical_words_that_stand_alone() -> None:
    built = IdentifyingValues((("name", "Hand^Wu"),))
    built.find_in(b"\0" * (1 << 16))
    assert not built.find_in(HEADER.replace(b"ABDOMEN", b"HAND 3V"))


@pytest.mark.parametrize("codec", ["ascii", "utf-16-le", "utf-16-be", "utf-32-le"])
def test_a_binary_value_is_read_in_every_encoding(values: IdentifyingValues, codec: str) -> None:
    assert values.in_binary(b"\1\2" + "Okafor".encode(codec) + b"\xff")
    assert values.in_binary(b"\1\2" + "12345678".encode(codec) + b"\xff")
    assert not values.in_binary(b"\1\2" + "abdomen".encode(codec) + b"\xff")


def test_a_native_name_is_found_in_a_binary_value() -> None:
    built = build(("name", "Иванова^Екатерина=王^小明"))
    for codec in ("utf-8", "utf-16-le", "gb18030"):
        assert built.in_binary(b"\0\1" + "王小明".encode(codec))
    assert built.in_binary("ИВАНОВА".encode("iso8859-5"))
    assert not built.in_binary("胸部".encode())
