"""What others did before us: signatures, encrypted attributes, earlier values, earlier marks."""

from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from studies.deid import KeyedIdentities, builtin_profile, compile_plan, deidentify
from studies.demo.attributes import code
from tests import datasets

KEY = b"a key for tests, 32 bytes long.."


def sent(ds: Dataset, profile: str) -> Dataset:
    output = BytesIO()
    plan = compile_plan(builtin_profile(profile))
    outcome = deidentify(BytesIO(datasets.part10(ds)), output, plan, KeyedIdentities(KEY))
    assert outcome.state == "deidentified", (outcome.code, outcome.where, outcome.message)
    output.seek(0)
    return dcmread(output)


def item(**values: object) -> Dataset:
    ds = Dataset()
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds


@pytest.mark.parametrize("profile", ["basic", "cloud", "teleradiology"])
def test_identity_encrypted_by_an_earlier_run_does_not_travel_on(profile: str) -> None:
    encrypted = item(
        EncryptedContentTransferSyntaxUID="1.2.840.10008.1.2.1", EncryptedContent=b"\x30\x82" * 16
    )
    out = sent(datasets.ct(EncryptedAttributesSequence=Sequence([encrypted])), profile)
    assert "EncryptedAttributesSequence" not in out


@pytest.mark.parametrize("profile", ["basic", "cloud", "teleradiology"])
def test_signatures_that_no_longer_hold_go_with_their_parameters(profile: str) -> None:
    signature = item(MACIDNumber=1, DigitalSignatureUID="1.2.3.4", Signature=b"12345678")
    parameters = item(MACIDNumber=1, MACAlgorithm="SHA256")
    ds = datasets.ct(
        DigitalSignaturesSequence=Sequence([signature]),
        MACParametersSequence=Sequence([parameters]),
    )
    out = sent(ds, profile)
    assert "DigitalSignaturesSequence" not in out
    assert "MACParametersSequence" not in out


@pytest.mark.parametrize("profile", ["basic", "cloud", "teleradiology"])
def test_values_from_before_a_correction_go(profile: str) -> None:
    markers = datasets.Markers()
    before = item(PatientName=markers.family, PatientID=markers.patient_id)
    change = item(ModifiedAttributesSequence=Sequence([before]), ModifyingSystem="RIS")
    out = sent(datasets.ct(OriginalAttributesSequence=Sequence([change])), profile)
    assert "OriginalAttributesSequence" not in out


def test_earlier_marks_stay_and_ours_are_appended() -> None:
    ds = datasets.ct(
        PatientIdentityRemoved="YES",
        DeidentificationMethod="an earlier run",
        DeidentificationMethodCodeSequence=Sequence([code("113100", "DCM", "Basic")]),
    )
    out = sent(ds, "cloud")
    assert out.DeidentificationMethod[0] == "an earlier run"
    assert len(out.DeidentificationMethod) == 2
    values = [entry.CodeValue for entry in out.DeidentificationMethodCodeSequence]
    assert values == ["113100", "113105", "113109"]


def test_a_second_run_changes_identity_again_and_nothing_else() -> None:
    once = sent(datasets.ct(), "cloud")
    twice = sent(once, "cloud")
    assert once.PatientID != twice.PatientID
    assert once.SOPInstanceUID != twice.SOPInstanceUID
    assert once.pixel_array.tobytes() == twice.pixel_array.tobytes()
    assert {element.tag for element in once} == {element.tag for element in twice}
