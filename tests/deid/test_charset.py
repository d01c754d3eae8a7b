"""Character sets: every term of PS3.3 C.12.1.1.2 is decoded, encoded and, where wrong, survived."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.charset import convert_encodings, decode_bytes

from studies.deid.charset import Charset
from tests.counts import count

# Examples of PS3.5 Annexes H, I, J and K, and one text per single-byte term.
EXAMPLES = [
    (b"", "Smith^John"),
    (b"ISO_IR 100", "Buc^Jérôme"),
    (b"ISO_IR 101", "Wałęsa^Łukasz"),
    (b"ISO_IR 109", "Ċamilleri^Ġorġ"),
    (b"ISO_IR 110", "Bērziņš^Jānis"),
    (b"ISO_IR 144", "Люкceмбypг"),
    (b"ISO_IR 127", "قباني^لنزار"),
    (b"ISO_IR 126", "Διονυσιος"),
    (b"ISO_IR 138", "שרון^דבורה"),
    (b"ISO_IR 148", "Çavuşoğlu^Işık"),
    (b"ISO_IR 166", "นามสกุล^ชื่อ"),
    (b"ISO_IR 203", "Œuvre^€"),
    (b"ISO_IR 13", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
    (b"ISO_IR 192", "Wang^XiaoDong=王^小東"),
    (b"GB18030", "Wang^XiaoDong=王^小东"),
    (b"GBK", "Wang^XiaoDong=王^小东"),
    (b"\\ISO 2022 IR 87", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    (b"ISO 2022 IR 13\\ISO 2022 IR 87", "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
    (b"\\ISO 2022 IR 149", "Hong^Gildong=洪^吉洞=홍^길동"),
    (b"\\ISO 2022 IR 58", "Zhang^XiaoDong=张^小东"),
    (b"\\ISO 2022 IR 159", "Name^One=丂^丄"),
    (b"ISO 2022 IR 100\\ISO 2022 IR 144", "Müller^Иван"),
]


@pytest.mark.parametrize(("term", "text"), EXAMPLES)
def test_a_name_survives_encoding_and_decoding(term: bytes, text: str) -> None:
    charset = Charset.of(term)
    assert charset.known
    assert charset.decode(charset.encode(text, b"PN"), b"PN") == text


@pytest.mark.parametrize(
    ("term", "text"),
    # ISO_IR 203 is newer than pydicom, which leaves the escapes of IR 58 in the text.
    [(t, x) for t, x in EXAMPLES if t not in (b"ISO_IR 203", b"\\ISO 2022 IR 58")],
)
def test_pydicom_reads_what_was_encoded(term: bytes, text: str) -> None:
    encoded = Charset.of(term).encode(text, b"PN")
    encodings = convert_encodings(term.decode().split("\\"))
    assert decode_bytes(encoded, encodings, {*"\\^=\r\n\f\t"}) == text


def test_the_standard_s_japanese_example_is_encoded_byte_for_byte() -> None:
    encoded = Charset.of(b"\\ISO 2022 IR 87").encode("Yamada^Tarou=山田^太郎", b"PN")
    assert encoded == b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B"


def test_the_standard_s_korean_example_is_decoded() -> None:
    raw = b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7"
    raw += b"=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf"
    assert Charset.of(b"\\ISO 2022 IR 149").decode(raw, b"PN") == "Hong^Gildong=洪^吉洞=홍^길동"


def test_the_standard_s_chinese_example_is_encoded_byte_for_byte() -> None:
    encoded = Charset.of(b"\\ISO 2022 IR 58").encode("Zhang^XiaoDong=张^小东", b"PN")
    assert encoded == b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab"


def test_a_backslash_inside_a_multi_byte_character_is_no_separator() -> None:
    charset = Charset.of(b"GB18030")
    raw = "誠\\张".encode("gb18030")
    assert raw.count(b"\\") == 2  # one of them is half of the first character
    assert charset.decode(raw, b"LO").split("\\") == ["誠", "张"]


@pytest.mark.parametrize(
    "term", [b"ISO-IR 100", b"ISO IR 100", b"iso_ir 100", b"ISO_IR_100", b"ISO 2022 IR 100"]
)
def test_spellings_seen_in_the_wild_are_understood(term: bytes) -> None:
    charset = Charset.of(term)
    assert charset.known
    assert charset.decode(b"M\xfcller", b"LO") == "Müller"


def test_an_unknown_term_is_said_to_be_unknown_and_read_as_latin_1() -> None:
    charset = Charset.of(b"KLINGON 1")
    assert not charset.known
    assert charset.decode(b"M\xfcller ", b"LO") == "Müller"


def test_padding_is_no_part_of_a_text() -> None:
    assert Charset.of(b"").decode(b"CHEST\0", b"LO") == "CHEST"
    assert Charset.of(b"").encode("CHEST", b"LO") == b"CHEST"


def test_only_text_vrs_have_a_character_set() -> None:
    raw = "ä".encode()
    assert Charset.of(b"ISO_IR 192").decode(raw, b"LO") == "ä"
    assert Charset.of(b"ISO_IR 192").decode(raw, b"CS") == "Ã¤"


def test_a_character_outside_the_repertoire_becomes_a_question_mark() -> None:
    assert Charset.of(b"ISO_IR 100").encode("Müller 山", b"LO") == b"M\xfcller ?"
    assert Charset.of(b"\\ISO 2022 IR 87").encode("ก", b"LO") == b"?"


def test_equal_terms_share_one_object() -> None:
    assert Charset.of(b"ISO_IR 100") is Charset.of(b"ISO_IR 100")


@pytest.mark.parametrize("term", [t for t, _ in EXAMPLES if b"2022" not in t and b"13" not in t])
@given(raw=st.binary(max_size=60))
@settings(max_examples=count(30, 1000))
def test_any_bytes_decode_and_come_back(term: bytes, raw: bytes) -> None:
    charset = Charset.of(term)
    assert charset.encode(charset.decode(raw, b"LO"), b"LO") == raw.rstrip(b" \0")


@pytest.mark.parametrize("term", [t for t, _ in EXAMPLES])
@given(raw=st.binary(max_size=60).map(lambda raw: raw.replace(b"A", b"\x1b$B")))
@settings(max_examples=count(20, 500))
def test_no_bytes_make_decoding_fail(term: bytes, raw: bytes) -> None:
    charset = Charset.of(term)
    text = charset.decode(raw, b"PN")
    assert isinstance(charset.encode(text, b"PN"), bytes)
