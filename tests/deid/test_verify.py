"""Verification: every planted leak is found wherever it hides, and nothing innocent is."""

import io
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from studies.deid.errors import LeakFound
from studies.deid.identifying import IdentifyingValues
from studies.deid.leaks import shifted_dates
from studies.deid.text import TextCleaner
from studies.deid.verify import Expectation, verify
from tests.counts import count
from tests.deid.generated import DESCRIPTIONS, FORMS, PEOPLE, SEPARATORS, Person

SYNTAXES = [
    ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
]  # fmt: skip
VALUES = (
    ("name", "Müller^Hans-Peter=山田^太郎"),
    ("name", "Lee^Ann"),
    ("name", "Parkinson^Bo"),
    ("name", "Иванова^Екатерина"),
    ("id", "0012345678"),
    ("id", "AB-77412"),
    ("id", "4711"),
    ("birth", "19500131"),
    ("date", "20240212"),
    ("institution", "Kantonsspital Winterthur"),
    ("phone", "+49 30 1234567"),
)
EXPECT = Expectation(
    VALUES,
    uids=frozenset(("1.2.826.0.1.3680043.9.1", "1.2.826.0.1.3680043.9.2")),
    own=frozenset(("CloudStudy^LEEANN0000000", "PRE-LEEANN0000000")),
    marks=((0x00120062, "YES"), (0x00120063, ""), (0x00280303, "REMOVED")),
    type1=frozenset((0x00080016, 0x00080018, 0x00080060, 0x7FE00010)),
    type2=frozenset((0x00100010, 0x00080090)),
    sop_instance_uid="2.25.111",
)


def output() -> Dataset:
    """Return a data set as de-identification leaves it."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID, ds.Modality = CTImageStorage, "CT"
    ds.SOPInstanceUID, ds.StudyInstanceUID, ds.SeriesInstanceUID = "2.25.111", "2.25.2", "2.25.3"
    ds.PatientName, ds.PatientID = "CloudStudy^LEEANN0000000", "PRE-LEEANN0000000"
    ds.ReferringPhysicianName = ""
    ds.PatientIdentityRemoved, ds.DeidentificationMethod = "YES", "Basic"
    ds.LongitudinalTemporalInformationModified = "REMOVED"
    ds.StudyDescription = "CT CHEST W CONTRAST 5MM"
    ds.SeriesDescription = "Parkinson protocol, channel scanner"
    ds.ProtocolName = "Schädel nativ"
    ds.PixelSpacing, ds.SliceLocation = ["0.12345678", "0.12345678"], "-4711.5"
    ds.ExposureTime, ds.InstanceNumber = "4711", "12345678"
    ds.AcquisitionTime = "123456.78"
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "T-1", "SRT", "Chest"
    inner = Dataset()
    inner.CodeValue, inner.CodingSchemeDesignator, inner.CodeMeaning = "G-1", "SRT", "Left"
    item.AnatomicRegionModifierSequence = [inner]
    ds.AnatomicRegionSequence = [item]
    ds.add_new(0x00190010, "LO", "ACME")
    ds.add_new(0x00191001, "OB", b"\1\2\3\4")
    ds.Rows = ds.Columns = 4
    ds.BitsAllocated = ds.BitsStored = 16
    ds.add_new(0x7FE00010, "OW", b"Muller Hans-Peter 12345678 pixels"[:32])
    return ds


def encode(ds: Dataset, syntax: str = ExplicitVRLittleEndian) -> tuple[bytes, bytes]:
    """Return the file up to its pixel value, and what stands behind it."""
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = "2.25.111"
    file = io.BytesIO()
    is_little = syntax != ExplicitVRBigEndian
    ds.save_as(
        file,
        enforce_file_format=True,
        little_endian=is_little,
        implicit_vr=syntax == ImplicitVRLittleEndian,
    )
    raw = file.getvalue()
    if syntax == DeflatedExplicitVRLittleEndian:
        return raw, b""
    start = raw.index(b"\xe0\x7f\x10\0" if is_little else b"\x7f\xe0\0\x10")
    start += 8 if syntax == ImplicitVRLittleEndian else 12
    return raw[:start], raw[start + 32 :]


def check(ds: Dataset, syntax: str = ExplicitVRLittleEndian, expect: Expectation = EXPECT) -> None:
    header, tail = encode(ds, syntax)
    verify(expect, header=header, tail=tail, transfer_syntax=str(syntax))


def leak(
    ds: Dataset, syntax: str = ExplicitVRLittleEndian, expect: Expectation = EXPECT
) -> LeakFound:
    with pytest.raises(LeakFound) as caught:
        check(ds, syntax, expect)
    return caught.value


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_clean_output_passes_though_pixels_and_decimals_hold_tokens_by_chance(
    syntax: str,
) -> None:
    check(output(), syntax)


def put(tag: int, vr: str, value: object) -> Callable[[Dataset], None]:
    """Return what plants a value in an attribute that no table would name."""
    return lambda ds: ds.add_new(tag, vr, value)


def in_code_meaning(value: str) -> Callable[[Dataset], None]:
    def plant(ds: Dataset) -> None:
        item = ds.AnatomicRegionSequence[0]
        item.AnatomicRegionModifierSequence[0].CodeMeaning = value

    return plant


NESTED = "(0008,2218)[1].(0008,2220)[1].(0008,0104)"
PLANTS = [
    (put(0x00081030, "LO", "mueller chest"), "(0008,1030)", "name"),
    (put(0x00081030, "LO", "CHESTMULLERX"), "(0008,1030)", "name"),
    (put(0x00081030, "LO", "MÜLLER"), "(0008,1030)", "foreign-name"),
    (put(0x00081030, "LO", "Mu\u0308ller"), "(0008,1030)", "foreign-name"),
    (put(0x00081030, "LO", "Müllér"), "(0008,1030)", "name"),
    (put(0x00081030, "LO", "胸部山田太郎"), "(0008,1030)", "foreign-name"),
    (put(0x00081030, "LO", "ИВАНОВА"), "(0008,1030)", "foreign-name"),
    (put(0x00081030, "LO", "knee Lee"), "(0008,1030)", "short-name"),
    (put(0x00081030, "LO", "LEE"), "(0008,1030)", "short-name"),
    (put(0x00081030, "LO", "Parkinson, Bo"), "(0008,1030)", "full-name"),
    (put(0x00081030, "LO", "x 12345678 y"), "(0008,1030)", "number"),
    (put(0x00081030, "LO", "x0012345678y"), "(0008,1030)", "number"),
    (put(0x00081030, "LO", "tel 49301234567"), "(0008,1030)", "number"),
    (put(0x00081030, "LO", "AB-77412"), "(0008,1030)", "short-name"),
    (put(0x00081030, "LO", "no 4711"), "(0008,1030)", "short-number"),
    (put(0x00081030, "LO", "Winterthur"), "(0008,1030)", "name"),
    (put(0x00081030, "LO", "31.01.1950"), "(0008,1030)", "date"),
    (put(0x00081030, "LO", "1/31/1950"), "(0008,1030)", "date"),
    (put(0x0008002A, "DT", "20240212103000"), "(0008,002A)", "date"),
    (put(0x00080022, "DA", "20240212"), "(0008,0022)", "date"),
    (put(0x00189074, "DT", "20240212103000.12+0100"), "(0018,9074)", "date"),
    (in_code_meaning("x muller"), NESTED, "name"),
    (in_code_meaning("prior 20240212"), NESTED, "date"),
    (put(0x00191002, "LO", "Winterthur"), "(0019,1002)", "name"),
    (put(0x00191002, "OB", "\1Winterthur\2\0".encode("utf-16-le")), "(0019,1002)", "name"),
    (put(0x00191002, "OB", "\1Winterthur\2\0".encode("utf-16-be")), "(0019,1002)", "name"),
    (put(0x00191002, "OB", "Winterthur".encode("utf-32-le")), "(0019,1002)", "name"),
    (put(0x00191002, "OB", "山田太郎".encode("cp932")), "(0019,1002)", "foreign-name"),
    (put(0x00191002, "OB", "山田太郎".encode("utf-16-le")), "(0019,1002)", "foreign-name"),
    (put(0x00191002, "UN", b"\x10\0\x10\0PN\x0c\0MULLER^HANS "), "(0019,1002)", "name"),
    (put(0x00191002, "OB", b"..1.2.826.0.1.3680043.9.2.."), "(0019,1002)", "uid"),
    (put(0x00081155, "UI", "1.2.826.0.1.3680043.9.1"), "(0008,1155)", "uid"),
    (put(0xFFFCFFFC, "OB", b"\0\0\0MULLER\0\0\0"), "(FFFC,FFFC)", "name"),
]  # fmt: skip


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(("plant", "where", "rule"), PLANTS)
def test_a_planted_leak_is_found_and_named_without_its_value(
    plant: Callable[[Dataset], None], where: str, rule: str, syntax: str
) -> None:
    ds = output()
    plant(ds)
    found = leak(ds, syntax)
    assert (found.code, found.where) == ("leak-found", where)
    assert f"rule {rule}" in found.message
    for value in ("muller", "müller", "winterthur", "lee", "12345678", "1950", "4711", "1.2.826"):
        assert value not in (found.message + found.where).lower()


def test_a_name_in_another_character_set_than_declared_is_found() -> None:
    for codec in ("latin-1", "utf-8", "utf-16-le"):
        header, tail = encode(output())
        raw = "Zzz Müller".encode(codec)
        raw += b" " * (len(raw) & 1)
        element = b"\x19\0\x02\x10LO" + len(raw).to_bytes(2, "little") + raw
        header = header.replace(b"\x28\0\x10\0US", element + b"\x28\0\x10\0US", 1)
        with pytest.raises(LeakFound) as caught:
            verify(EXPECT, header=header, tail=tail, transfer_syntax=ExplicitVRLittleEndian)
        assert caught.value.where == "(0019,1002)"


def test_a_name_behind_iso_2022_escapes_is_found() -> None:
    ds = output()
    ds.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    ds.ProtocolName = "Skull"
    ds.StudyDescription = "山田太郎"
    term = b"\\ISO 2022 IR 87"
    assert leak(ds, expect=EXPECT._replace(charset=term)).where == "(0008,1030)"


def test_an_undefined_length_sequence_is_searched_and_located() -> None:
    ds = output()
    ds["AnatomicRegionSequence"].is_undefined_length = True
    ds.AnatomicRegionSequence[0].is_undefined_length_sequence_item = True
    check(ds)
    in_code_meaning("Winterthur")(ds)
    assert leak(ds).where == NESTED


def test_an_un_sequence_of_undefined_length_is_searched() -> None:
    header, tail = encode(output())
    item = b"\x08\0\x04\x01\x0a\0\0\0Winterthur"
    item = b"\xfe\xff\0\xe0" + len(item).to_bytes(4, "little") + item
    sequence = b"\x19\0\x02\x10UN\0\0\xff\xff\xff\xff" + item + b"\xfe\xff\xdd\xe0\0\0\0\0"
    header = header.replace(b"\x28\0\x10\0US", sequence + b"\x28\0\x10\0US", 1)
    with pytest.raises(LeakFound) as caught:
        verify(EXPECT, header=header, tail=tail, transfer_syntax=ExplicitVRLittleEndian)
    assert caught.value.where == "(0019,1002)[1].(0008,0104)"


def broken(header: bytes, tail: bytes = b"", **more: object) -> LeakFound:
    with pytest.raises(LeakFound) as caught:
        verify(EXPECT, header=header, tail=tail, transfer_syntax=ExplicitVRLittleEndian, **more)  # type: ignore[arg-type]
    return caught.value


def test_what_stands_around_the_data_set_is_searched_too() -> None:
    header, tail = encode(output())
    assert broken(b"II*\0" + header[4:], tail).code == "verify-preamble"
    padding = b"\xfc\xff\xfc\xffOB\0\0\x08\0\0\0\0MULLER\0"
    assert broken(header, padding).where == "(FFFC,FFFC)"
    assert broken(header, tail, encapsulated=[b"ok", b"JFIF Winterthur"]).code == "leak-found"
    found = broken(header, tail, object_key="b/LEE/2.25.1.dcm".replace("LEE", "Muller"))
    assert (found.code, found.where) == ("leak-found", "the name of the object")


def test_junk_behind_the_pixels_that_is_no_element_is_a_finding() -> None:
    header, _ = encode(output())
    assert broken(header, b"Winterthur MULLER").code.startswith(("verify", "leak"))


@pytest.mark.parametrize("element", [0x16, 0x17, 0x18, 0x100, 0x102])
def test_file_meta_names_no_origin(element: int) -> None:
    header, tail = encode(output())
    vr = {0x100: b"UI", 0x102: b"OB\0\0"}.get(element, b"AE")
    size = b"\x04\0\0\0" if len(vr) > 2 else b"\x04\0"
    extra = b"\x02\0" + element.to_bytes(2, "little") + vr + size + b"1.23"
    position = header.index(b"\x08\0\x05\0CS")
    found = broken(header[:position] + extra + header[position:], tail)
    assert found.code == "verify-meta"


def test_deflated_bytes_that_do_not_inflate_or_go_on_behind_the_end_are_findings() -> None:
    header, _ = encode(output(), DeflatedExplicitVRLittleEndian)
    for raw in (header + b"MULLER", header[:-20], header[:400] + b"\xff" * 50):
        with pytest.raises(LeakFound):
            verify(EXPECT, header=raw, transfer_syntax=DeflatedExplicitVRLittleEndian)


@pytest.mark.parametrize("cut", [1, 5, 9, 30, 200])
def test_a_header_that_ends_inside_an_element_is_a_finding(cut: int) -> None:
    header, _ = encode(output())
    assert broken(header[:-cut]).code.startswith("verify-")


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(
    ("spoil", "code", "where"),
    [
        (lambda ds: ds.pop("PatientIdentityRemoved"), "verify-marks", "(0012,0062)"),
        (lambda ds: setattr(ds, "PatientIdentityRemoved", "NO"), "verify-marks", "(0012,0062)"),
        (lambda ds: setattr(ds, "DeidentificationMethod", ""), "verify-marks", "(0012,0063)"),
        (lambda ds: ds.pop("ReferringPhysicianName"), "verify-type", "(0008,0090)"),
        (lambda ds: setattr(ds, "Modality", ""), "verify-type", "(0008,0060)"),
        (lambda ds: setattr(ds, "SOPInstanceUID", "2.25.112"), "verify-marks", "(0002,0003)"),
    ],
)
def test_marks_and_required_attributes_have_to_be_there(
    spoil: Callable[[Dataset], object], code: str, where: str, syntax: str
) -> None:
    ds = output()
    spoil(ds)
    found = leak(ds, syntax)
    assert (found.code, found.where) == (code, where)


@pytest.mark.parametrize("uid", [b"1.2.03", b"1..2 ", b"PATIENT1", b"1." + b"2" * 64, b"/1.2/3"])
def test_a_uid_that_is_none_is_a_finding(uid: bytes) -> None:
    header, tail = encode(output())
    uid += b"\0" * (len(uid) & 1)
    start = header.index(b"\x20\0\x0d\0UI")
    length = int.from_bytes(header[start + 6 : start + 8], "little")
    spoiled = header[: start + 6] + len(uid).to_bytes(2, "little") + uid
    assert broken(spoiled + header[start + 8 + length :], tail).code == "verify-uid"


def test_private_attributes_are_findings_where_none_may_be() -> None:
    for syntax in SYNTAXES:
        assert (
            leak(output(), syntax, EXPECT._replace(private_allowed=False)).code == "verify-private"
        )


def test_a_longer_uid_that_begins_like_an_original_is_another_uid() -> None:
    ds = output()
    ds.add_new(0x00081155, "UI", "1.2.826.0.1.3680043.9.19")
    check(ds)


def test_many_original_uids_are_looked_for_at_once() -> None:
    many = EXPECT._replace(uids=frozenset(f"1.2.826.0.1.3680043.{n}" for n in range(60)))
    check(output(), expect=many)
    ds = output()
    ds.add_new(0x00081155, "UI", "1.2.826.0.1.3680043.37")
    assert leak(ds, expect=many).where == "(0008,1155)"


def test_retained_uids_and_sent_out_dates_are_no_findings() -> None:
    ds = output()
    ds.add_new(0x00081155, "UI", "1.2.826.0.1.3680043.9.1")
    ds.add_new(0x00080022, "DA", "20240202")
    values = (*VALUES, ("date", "20240202"))
    assert (
        leak(ds, expect=EXPECT._replace(values=values, uids_retained=True)).where == "(0008,0022)"
    )
    moved = shifted_dates(values, 10)
    assert "20240202" in moved
    check(ds, expect=EXPECT._replace(values=values, uids_retained=True, allowed_dates=moved))


def test_values_that_are_retained_are_simply_not_expected() -> None:
    ds = output()
    ds.InstitutionName = "Kantonsspital Winterthur"
    retained = tuple(pair for pair in VALUES if pair[0] != "institution")
    check(ds, expect=EXPECT._replace(values=retained))
    assert leak(ds).where == "(0008,0080)"


@pytest.mark.parametrize("text", DESCRIPTIONS)
def test_ordinary_descriptions_are_no_findings(text: str) -> None:
    ds = output()
    ds.StudyDescription = text
    check(ds)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Stern^Ada", "STERNUM lateral"), ("Thora^Ann", "thorax, THORACIC"), ("Lang^Ian", "median"),
        ("Costa^Eve", "costal margin"), ("Press^Art", "PRESSURE artery"),
        ("Hand^Bo", "HAND 2 views"), ("Long^He", "LONG axis"), ("Known^Tim", "known lesion, time"),
    ],
)  # fmt: skip
def test_words_of_the_field_are_no_findings_whoever_the_patient_is(name: str, text: str) -> None:
    ds = output()
    ds.StudyDescription = text
    check(ds, expect=EXPECT._replace(values=(("name", name),)))


def test_a_leak_is_found_in_the_first_instance_and_in_the_thousandth() -> None:
    values = (("name", "Kowalczyk^Zofia"), ("id", "55512345"))
    expect = EXPECT._replace(values=values)
    ds = output()
    ds.StudyDescription = "KOWALCZYK"
    assert leak(ds, expect=expect).where == "(0008,1030)"
    for _ in range(100):
        check(output(), expect=expect)
    ds.StudyDescription = "Schädel KÖWALCZYK"
    assert leak(ds, expect=expect).where == "(0008,1030)"
    ds.StudyDescription = "KOWALCZYK"
    assert leak(ds, expect=expect).where == "(0008,1030)"


@given(
    person=PEOPLE,
    text=st.sampled_from(DESCRIPTIONS),
    form=FORMS,
    separator=st.sampled_from(SEPARATORS),
    part=st.sampled_from(["name", "native", "id", "birth"]),
    patterns=st.booleans(),
)
@settings(max_examples=count(60, 2000), deadline=None)
def test_what_cleaning_lets_pass_verification_lets_pass(
    person: Person, text: str, form: Callable[[str], str], separator: str, part: str, patterns: bool
) -> None:
    written = {
        "name": person.name.replace("^", separator),
        "native": person.native.replace("^", separator),
        "id": person.patient_id,
        "birth": person.birth,
    }[part]
    built = IdentifyingValues.build(person.values)
    cleaner = TextCleaner(built, shift_days=None, keep_dates=False, patterns=patterns)
    ds = output()
    ds.StudyDescription = cleaner.clean(f"{text} / {form(written)}")[0]
    check(ds, expect=EXPECT._replace(values=person.values))


@given(raw=st.binary(max_size=400), syntax=st.sampled_from(SYNTAXES), at=st.integers(0, 2000))
@settings(max_examples=count(100, 5000), deadline=None)
def test_damaged_bytes_end_in_a_finding_or_pass_but_never_fail(
    raw: bytes, syntax: str, at: int
) -> None:
    header, tail = encode(output(), syntax)
    damaged = header[:at] + raw + header[at + len(raw) :]
    try:
        verify(EXPECT, header=damaged, tail=tail, transfer_syntax=str(syntax))
    except LeakFound as found:
        assert found.code and found.message
