"""One instance through the engine: identity, marks, nesting, what other tools get wrong."""

import datetime
import io
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from studies.deid import KeyedIdentities, Option, Profile, inventory
from studies.deid.cloudid import is_cloud_id
from studies.deid.profile import Rule, RuleAction

from .builders import (
    ACCESSION,
    FAMILY,
    GIVEN,
    IDENTITIES,
    INSTITUTION,
    PATIENT_ID,
    ROOT,
    base,
    code,
    ct,
    encoded,
    passed,
    plan,
    plan_of,
    run,
)


def test_identity_becomes_cloud_ids() -> None:
    outcome, raw = run(ct(), plan())
    out = pydicom.dcmread(io.BytesIO(raw))
    assert is_cloud_id(outcome.cloud_patient_id)
    assert is_cloud_id(outcome.cloud_study_id)
    assert out.PatientID == f"TEST-{outcome.cloud_patient_id}"
    assert out.PatientName == f"CloudStudy^{outcome.cloud_patient_id}"
    assert out.AccessionNumber == out.StudyID == outcome.cloud_study_id
    assert out.InstitutionName == "TEST"
    assert out.PatientBirthDate == out.ReferringPhysicianName == out.StudyDate == ""


def test_the_study_scheme_links_no_studies() -> None:
    by_study = KeyedIdentities(b"0123456789abcdef", prefix="TEST", scheme="study")
    outcome, raw = run(ct(), plan(), by_study)
    assert pydicom.dcmread(io.BytesIO(raw)).PatientID == f"TEST-{outcome.cloud_study_id}"


def test_missing_type_2_identifiers_are_added() -> None:
    ds = ct()
    del ds.AccessionNumber, ds.StudyID, ds.InstitutionName, ds.PatientName
    out = passed(ds, plan())
    assert out.AccessionNumber == out.StudyID != ""
    assert str(out.PatientName).startswith("CloudStudy^")
    tags = [element.tag for element in out]
    assert tags == sorted(tags)


def test_clients_need_three_attributes_emptied_rather_than_deleted() -> None:
    out = passed(ct(), plan())
    assert out["StudyDescription"].is_empty
    assert out["ReferringPhysicianName"].is_empty
    assert "PatientName" in out


@pytest.mark.parametrize("value", ["", " ", "0", "000", "UNKNOWN", "anonymous", "N/A", "XXXX"])
def test_placeholder_patient_ids_stop_at_a_person(value: str) -> None:
    outcome, raw = run(ct(PatientID=value), plan())
    assert (outcome.state, outcome.code) == ("held", "patient-id-missing")
    assert raw == b""
    assert run(ct(PatientID=value), plan(), patient=("REAL-77", ""))[0].state == "deidentified"


def test_equal_ids_of_two_issuers_are_two_people() -> None:
    first, _ = run(ct(IssuerOfPatientID="NORTH"), plan())
    second, _ = run(ct(IssuerOfPatientID="SOUTH"), plan())
    assert first.cloud_patient_id != second.cloud_patient_id


def test_the_same_patient_gets_the_same_id_in_a_second_upload() -> None:
    later = ct(StudyInstanceUID=f"{ROOT}.2", PatientID=f" {PATIENT_ID} ")
    first, second = run(ct(), plan())[0], run(later, plan())[0]
    assert first.cloud_patient_id == second.cloud_patient_id
    assert first.cloud_study_id != second.cloud_study_id


def test_marks_claim_what_was_applied_and_nothing_else() -> None:
    out = passed(ct(), plan("teleradiology"))
    assert out.PatientIdentityRemoved == "YES"
    codes = {item.CodeValue for item in out.DeidentificationMethodCodeSequence}
    options = {"113103", "113104", "113105", "113107", "113108", "113109", "113111"}
    assert codes == {"113100", *options}
    assert out.LongitudinalTemporalInformationModified == "MODIFIED"
    equipment = out.ContributingEquipmentSequence[-1]
    assert equipment.PurposeOfReferenceCodeSequence[0].CodeValue == "109104"
    assert "ContributionDateTime" not in equipment
    assert passed(ct(), plan()).LongitudinalTemporalInformationModified == "REMOVED"


def test_a_second_run_keeps_the_earlier_marks_first() -> None:
    ds = ct(DeidentificationMethod="Earlier tool 3")
    ds.DeidentificationMethodCodeSequence = Sequence([code("113100", "DCM", "Basic")])
    ds.ContributingEquipmentSequence = Sequence([Dataset()])
    ds.ContributingEquipmentSequence[0].Manufacturer = "Earlier"
    out = passed(ds, plan("cloud"))
    assert out.DeidentificationMethod[0] == "Earlier tool 3"
    assert len(out.DeidentificationMethod) == 2
    values = [item.CodeValue for item in out.DeidentificationMethodCodeSequence]
    assert values == ["113100", "113105", "113109"]
    assert out.ContributingEquipmentSequence[0].Manufacturer == "Earlier"
    assert len(out.ContributingEquipmentSequence) == 2


def test_a_stamp_is_no_finer_than_a_day() -> None:
    out = passed(ct(), plan(), stamp=datetime.date(2020, 2, 3))
    assert out.ContributingEquipmentSequence[-1].ContributionDateTime == "20200203"


def test_file_meta_and_preamble_are_new() -> None:
    raw = bytearray(encoded(ct()))
    raw[:14] = b"MZ" + FAMILY.encode()
    ds = pydicom.dcmread(io.BytesIO(bytes(raw)))
    ds.file_meta.SourceApplicationEntityTitle = FAMILY[:16]
    ds.file_meta.PrivateInformationCreatorUID = f"{ROOT}.8"
    ds.file_meta.PrivateInformation = FAMILY.encode()
    ds.preamble = bytes(raw[:128])
    outcome, out = run(encoded(ds), plan())
    assert outcome.state == "deidentified"
    assert out[:128] == bytes(128)
    meta = pydicom.dcmread(io.BytesIO(out)).file_meta
    assert {element.tag.element for element in meta} == {0, 1, 2, 3, 0x10, 0x12, 0x13}
    assert meta.MediaStorageSOPInstanceUID == outcome.sop_instance_uid


def test_nested_identity_goes_from_sequences_that_no_table_names() -> None:
    ds = ct()
    inner = Dataset()
    inner.PatientName = f"{FAMILY}^{GIVEN}"
    inner.CodeMeaning = f"Protocol for {FAMILY}"
    outer = Dataset()
    outer.AnatomicRegionModifierSequence = Sequence([inner])
    ds.AnatomicRegionSequence = Sequence([outer])
    outcome, raw = run(ds, plan())
    assert outcome.state == "deidentified"
    assert FAMILY.lower().encode() not in raw.lower()
    kept = pydicom.dcmread(io.BytesIO(raw)).AnatomicRegionSequence[0]
    assert "CodeMeaning" in kept.AnatomicRegionModifierSequence[0]


def test_the_second_net_catches_what_no_table_names() -> None:
    ds = ct(
        SequenceName=f"{FAMILY[:12]}", SoftwareVersions=PATIENT_ID, ReceiveCoilName=GIVEN,
        RetrieveURL=f"http://pacs/{ACCESSION}",
    )  # fmt: skip
    ds.SequenceName = FAMILY
    outcome, raw = run(ds, plan())
    assert outcome.state == "deidentified"
    for token in (FAMILY, GIVEN, "8841207", ACCESSION):
        assert token.encode() not in raw
    assert any(change.because == "second net" for change in outcome.changes)


def test_text_of_a_removed_sequence_is_looked_for_elsewhere() -> None:
    former = Dataset()
    former.PatientName = "Wimbleshaw^Oda"
    original = Dataset()
    original.ModifiedAttributesSequence = Sequence([former])
    ds = ct(SequenceName="Wimbleshaw")
    ds.OriginalAttributesSequence = Sequence([original])
    outcome, raw = run(ds, plan())
    assert outcome.state == "deidentified"
    assert b"Wimbleshaw" not in raw


def test_descriptions_are_cleaned_not_emptied() -> None:
    ds = ct(SeriesDescription=f"AX T1 {FAMILY} POST", ProtocolName="Parkinson protocol")
    out = passed(ds, plan("cloud"))
    assert out.StudyDescription == "CT CHEST W CONTRAST 5MM"
    assert out.ProtocolName == "Parkinson protocol"
    assert out.SeriesDescription == "AX T1 REMOVED POST"


def test_uids_are_mapped_everywhere_and_classes_are_not() -> None:
    item = Dataset()
    item.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    item.ReferencedSOPInstanceUID = f"{ROOT}.1.1.1"
    evidence = Dataset()
    evidence.ReferencedSOPSequence = Sequence([item])
    evidence.SeriesInstanceUID = f"{ROOT}.1.1"
    ds = ct()
    ds.ReferencedSeriesSequence = Sequence([evidence])
    ds.add(DataElement(0x00081167, "UI", f"{ROOT}.1.1.1"))
    ds.add(DataElement(0x00080058, "UI", [f"{ROOT}.5", f"{ROOT}.6"]))
    outcome, raw = run(ds, plan())
    assert outcome.state == "deidentified", outcome
    out = pydicom.dcmread(io.BytesIO(raw))
    series = out.ReferencedSeriesSequence[0]
    assert series.SeriesInstanceUID == outcome.series_instance_uid
    reference = series.ReferencedSOPSequence[0]
    assert reference.ReferencedSOPInstanceUID == outcome.sop_instance_uid
    assert reference.ReferencedSOPClassUID == "1.2.840.10008.5.1.4.1.1.2"
    assert out.FrameOfReferenceUID == IDENTITIES.uid(f"{ROOT}.1.9")
    assert list(out[0x00080058].value) == [IDENTITIES.uid(f"{ROOT}.{n}") for n in (5, 6)]
    assert ROOT.encode() not in raw


def test_retained_uids_stay_but_for_the_one_that_the_column_leaves_out() -> None:
    out = passed(ct(), plan("basic", Option.RETAIN_UIDS))
    assert out.SOPInstanceUID == out.file_meta.MediaStorageSOPInstanceUID == f"{ROOT}.1.1.1"


def test_dates_shift_together_and_times_stay() -> None:
    ds = ct(AcquisitionDateTime="20240314101112.5+0100", ContentDate="20240315")
    ds.ContentTime = "235959.25"
    outcome, raw = run(ds, plan("basic", Option.RETAIN_MODIFIED_DATES))
    out = pydicom.dcmread(io.BytesIO(raw))
    days = IDENTITIES.date_shift(outcome.cloud_patient_id)
    moved = (datetime.date(2024, 3, 14) - datetime.timedelta(days)).strftime("%Y%m%d")
    assert out.StudyDate == moved
    assert out.AcquisitionDateTime == f"{moved}101112.5+0100"
    assert out.StudyTime == "101112"
    assert out.ContentTime == "235959.25"
    assert out.PatientBirthDate == ""
    originals = {path: (old, new) for path, old, new in outcome.originals.dates}
    assert originals["(0008,0020)"] == ("20240314", moved)


def test_an_age_over_89_is_capped() -> None:
    characteristics = plan("basic", Option.RETAIN_PATIENT_CHARACTERISTICS)
    assert passed(ct(PatientAge="093Y"), characteristics).PatientAge == "090Y"
    assert passed(ct(PatientAge="063Y"), characteristics).PatientAge == "063Y"


def test_unknown_retired_and_group_length_attributes_are_removed() -> None:
    ds = ct()
    ds.add(DataElement(0x00080001, "UL", 5))
    ds.add(DataElement(0x00090010, "LO", FAMILY))
    ds.add(DataElement(0x50000005, "US", 1))
    ds.add(DataElement(0x60000010, "US", 8))
    ds.add(DataElement(0x60003000, "OW", bytes(8)))
    ds.add(DataElement(0x00187FFE, "LO", "unknown"))
    out = passed(ds, plan())
    for tag in (0x00080001, 0x00090010, 0x50000005, 0x60000010, 0x60003000, 0x00187FFE):
        assert tag not in out


def test_pixels_pass_bit_for_bit() -> None:
    assert passed(ct(), plan()).PixelData == bytes(range(128))


def test_original_values_are_sealed_for_the_way_back() -> None:
    ds = ct(SpecificCharacterSet="ISO_IR 100", IssuerOfPatientID="NORTH")
    ds.PatientName = "Müller^Änne"
    outcome, _ = run(ds, plan())
    assert outcome.originals.patient["PatientName"] == ("Müller^Änne",)
    assert outcome.originals.patient["IssuerOfPatientID"] == ("NORTH",)
    assert outcome.originals.study["AccessionNumber"] == (ACCESSION,)
    assert outcome.originals.sop_instance_uid == f"{ROOT}.1.1.1"
    assert outcome.originals.uids[f"{ROOT}.1"] == outcome.study_instance_uid
    assert FAMILY not in repr(outcome)
    assert INSTITUTION not in repr(outcome)


def test_private_and_unknown_sop_classes_are_refused() -> None:
    for uid, expected in (("1.3.12.2.1107.5.9.1", "private-sop-class"),
                          ("1.2.840.10008.5.1.4.1.1.999", "unknown-sop-class")):  # fmt: skip
        ds = ct(SOPClassUID=uid)
        ds.file_meta.MediaStorageSOPClassUID = uid
        outcome, raw = run(ds, plan())
        assert (outcome.state, outcome.code, raw) == ("refused", expected, b"")


def test_a_dicomdir_is_never_passed_on() -> None:
    ds = ct()
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    assert run(encoded(ds), plan())[0].code == "dicomdir"


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"Modality": "US"}, "Modality"),
        ({"BurnedInAnnotation": "YES"}, "Burned In"),
        ({"ConversionType": "WSD"}, "Conversion Type"),
        ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, "Image Type"),
        ({"SeriesDescription": "Dose Report"}, "Series Description"),
    ],
)
def test_images_at_risk_are_held_until_they_are_checked(
    attributes: dict[str, object], reason: str
) -> None:
    outcome, raw = run(ct(**attributes), plan("teleradiology"))
    assert (outcome.state, outcome.code) == ("held", "pixel-text-unchecked")
    assert outcome.risk is not None
    assert reason in " ".join(outcome.risk.reasons)
    assert raw == b""


def test_an_overlay_in_unused_pixel_bits_is_cleared() -> None:
    ds = ct(BitsStored=12, HighBit=11, PixelData=b"\x34\xf2" * 64)
    ds.add(DataElement(0x60000102, "US", 12))
    outcome, raw = run(ds, plan())
    assert outcome.risk is not None
    assert outcome.state == "deidentified"
    after = pydicom.dcmread(io.BytesIO(raw))
    assert after.PixelData == b"\x34\x02" * 64
    assert "BurnedInAnnotation" not in after  # nobody looked for text


def test_an_image_without_risk_loads_nothing_that_looks_at_pixels() -> None:
    program = (
        "import io, sys; from tests.deid.builders import *; raw = encoded(ct());"
        "before = set(sys.modules); assert run(raw, plan())[0].state == 'deidentified';"
        "print(sorted(set(sys.modules) - before))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    ).stdout
    for name in ("cv2", "onnxruntime", "rapidocr", "studies.deid.pixels.looking"):
        assert name not in loaded


def test_safe_private_elements_stay_by_creator_wherever_their_block_lies() -> None:
    ds = ct()
    ds.add(DataElement(0x00190010, "LO", "SOMEBODY ELSE"))
    ds.add(DataElement(0x00190011, "LO", "GEMS_ACQU_01"))
    ds.add(DataElement(0x00191023, "DS", "1.0"))
    ds.add(DataElement(0x00191123, "DS", "2.5"))
    ds.add(DataElement(0x00191199, "LO", FAMILY))
    kept = passed(ds, plan("basic", Option.RETAIN_SAFE_PRIVATE))
    assert 0x00191023 not in kept
    assert 0x00190010 not in kept
    assert 0x00191199 not in kept
    assert kept[0x00191123].value == 2.5
    item = kept[0x00080300].value[0]
    assert item.PrivateGroupReference == 0x0019
    assert item.PrivateCreatorReference == "GEMS_ACQU_01"
    assert item.BlockIdentifyingInformationStatus == "MIXED"
    assert item.NonidentifyingPrivateElements == 0x23
    assert 0x00191123 not in passed(ds, plan())


def test_a_profile_that_keeps_more_than_the_options_claims_nothing() -> None:
    rules = (Rule(RuleAction.KEEP, tag="00102160"), Rule(RuleAction.REMOVE, keyword="KVP"))
    profile = Profile("own", rules=rules)
    ds = ct(EthnicGroup="GROUP 7", KVP="120")
    out = passed(ds, plan_of(profile))
    assert out.EthnicGroup == "GROUP 7"
    assert "KVP" not in out
    assert out.PatientIdentityRemoved == "NO"
    assert "DeidentificationMethodCodeSequence" not in out


def test_rules_replace_hash_and_substitute() -> None:
    rules = (
        Rule(RuleAction.REPLACE, keyword="StationName", value="S-{cloud_study_id}"[:16]),
        Rule(RuleAction.HASH, keyword="DeviceSerialNumber"),
        Rule(RuleAction.REGEX_REPLACE, keyword="SequenceName", find="[0-9]+", value="#"),
        Rule(RuleAction.EMPTY, tag="00180015"),
    )
    ds = ct(StationName="BAY4", DeviceSerialNumber="SN1", SequenceName="se2d1")
    ds.BodyPartExamined = "CHEST"
    first = passed(ds, plan_of(Profile("own", rules=rules)))
    assert first.DeviceSerialNumber not in ("", "SN1")
    assert first.SequenceName == "se#d#"
    assert first["BodyPartExamined"].is_empty


def test_inventory_reads_what_intake_needs() -> None:
    found = inventory(io.BytesIO(encoded(ct())))
    assert (found.patient_id, found.patient_name) == (PATIENT_ID, f"{FAMILY}^{GIVEN}")
    assert (found.modality, found.series_number, found.has_pixels) == ("CT", 1, True)
    assert FAMILY not in repr(found)


def test_changes_name_every_attribute_and_no_value() -> None:
    outcome, _ = run(ct(StationName="BAY4"), plan())
    rows = {change.path: change for change in outcome.changes}
    assert rows["(0008,1010)"].action == "X"
    assert rows["(0010,0010)"].name == "Patient's Name"
    assert FAMILY not in str(list(outcome.changes))
    assert sum(outcome.changes.counts.values()) == len(outcome.changes)


@pytest.mark.parametrize("profile", ["basic", "cloud", "teleradiology"])
def test_spectra_stand_for_pixels(profile: str) -> None:
    ds = base("1.2.840.10008.5.1.4.1.1.4.2", "MR")
    ds.Rows = ds.Columns = 1
    ds.SpectroscopyData = b"\0\0\x80\x3f\0\0\0\x40"
    assert passed(ds, plan(profile)).SpectroscopyData == ds.SpectroscopyData
    del ds.SpectroscopyData
    assert run(ds, plan(profile))[0].code == "pixels-missing"
