"""Rules of a custom profile at work: each action, at every depth, and what no rule may break."""

from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from studies.deid import KeyedIdentities, Outcome, compile_plan, deidentify
from studies.deid.profile_text import load_profile
from tests import datasets

KEY = b"a key for tests, 32 bytes long.."


def applied(
    rules: str, ds: Dataset, *, options: str = "", base: str = "basic"
) -> tuple[Outcome, Dataset]:
    profile = load_profile(f"name: x\nbase: {base}\noptions: [{options}]\nrules:\n{rules}")
    output = BytesIO()
    outcome = deidentify(
        BytesIO(datasets.part10(ds)), output, compile_plan(profile), KeyedIdentities(KEY)
    )
    assert outcome.state == "deidentified", (outcome.code, outcome.where, outcome.message)
    output.seek(0)
    return outcome, dcmread(output)


def test_keep_leaves_what_the_base_would_remove_and_says_so() -> None:
    _, out = applied("  - {keyword: PatientSex, action: keep}", datasets.ct(PatientSex="F"))
    assert out.PatientSex == "F"
    assert out.PatientIdentityRemoved == "NO"
    assert "DeidentificationMethodCodeSequence" not in out


def test_remove_and_empty_go_beyond_the_base_and_are_still_conformant() -> None:
    rules = "  - {keyword: KVP, action: empty}\n  - {keyword: ConvolutionKernel, action: remove}"
    _, out = applied(rules, datasets.ct())
    assert out.KVP is None
    assert "ConvolutionKernel" not in out
    assert out.PatientIdentityRemoved == "YES"


def test_the_first_rule_that_selects_decides() -> None:
    rules = "  - {keyword: KVP, action: empty}\n  - {keyword: KVP, action: keep}"
    _, out = applied(rules, datasets.ct())
    assert out.KVP is None


def test_replace_fills_in_the_cloud_ids_and_the_prefix() -> None:
    rules = (
        "  - {keyword: SeriesDescription, action: replace,\n"
        "     value: '{prefix} {cloud_study_id} {cloud_patient_id}'}"
    )
    outcome, out = applied(rules, datasets.ct())
    assert out.SeriesDescription == (f"ANON {outcome.cloud_study_id} {outcome.cloud_patient_id}")


def test_hash_gives_equal_values_for_equal_values() -> None:
    rules = "  - {keyword: Manufacturer, action: hash}"
    one = applied(rules, datasets.ct())[1].Manufacturer
    two = applied(rules, datasets.ct(datasets.Markers()))[1].Manufacturer
    other = applied(rules, datasets.ge_ct())[1].Manufacturer
    assert one == two != other
    assert "SIEMENS" not in one and len(one) <= 16


def test_regex_replace_keeps_the_script_of_the_data_set() -> None:
    ds = datasets.ct(
        datasets.Markers(character_set=("ISO_IR 192",)), SeriesDescription="胸部 CT 5mm 平扫"
    )
    rules = (
        "  - {keyword: SeriesDescription, action: regex-replace,\n"
        "     find: '(\\d)mm', value: '层厚\\1'}"
    )
    _, out = applied(rules, ds, options="clean-descriptors")
    assert out.SeriesDescription == "胸部 CT 层厚5 平扫"


def test_shift_date_needs_no_option() -> None:
    ds = datasets.ct()
    outcome, out = applied("  - {keyword: StudyDate, action: shift-date}", ds)
    assert out.StudyDate != ds.StudyDate
    assert len(out.StudyDate) == 8
    assert [(path, shifted) for path, _, shifted in outcome.originals.dates] == [
        ("(0008,0020)", out.StudyDate)
    ]


def test_new_uid_and_clean_text_do_as_the_options_would() -> None:
    markers = datasets.Markers()
    ds = datasets.ct(markers, ProtocolName=f"THORAX for {markers.family}")
    rules = (
        "  - {keyword: DeviceUID, action: new-uid}\n  - {keyword: ProtocolName, action: clean-text}"
    )
    ds.DeviceUID = "1.2.3.4"
    _, out = applied(rules, ds)
    assert out.DeviceUID.startswith("2.25.")
    assert "THORAX" in out.ProtocolName
    assert markers.family not in out.ProtocolName


def test_a_rule_holds_at_every_depth() -> None:
    ds = datasets.ct()
    item = ds.RequestAttributesSequence[0]
    assert "RequestedProcedureDescription" in item
    rules = (
        "  - {keyword: RequestAttributesSequence, action: keep}\n"
        "  - {keyword: RequestedProcedureDescription, action: remove}"
    )
    _, kept = applied(
        "  - {keyword: RequestAttributesSequence, action: keep}", ds, options="clean-descriptors"
    )
    _, out = applied(rules, ds, options="clean-descriptors")
    assert "RequestedProcedureDescription" in kept.RequestAttributesSequence[0]
    assert "RequestedProcedureDescription" not in out.RequestAttributesSequence[0]


def test_a_private_element_is_kept_by_its_creator_wherever_its_block_lies() -> None:
    ds = datasets.ct()
    rule = "  - {tag: 0029xx08, private_creator: SIEMENS CSA HEADER, action: keep}"
    _, out = applied(rule, ds)
    assert out.private_block(0x0029, "SIEMENS CSA HEADER")[0x08].value == "IMAGE NUM 4"
    assert (0x0029, 0x1020) not in out
    assert out.PatientIdentityRemoved == "NO"


def test_a_rule_removes_even_what_the_safe_list_would_keep() -> None:
    kept = applied("  []", datasets.mr(), options="retain-safe-private")[1]
    block = kept.private_block(0x0019, "SIEMENS MR HEADER")
    assert block[0x0C].value == 1000
    rule = "  - {tag: 0019xx0C, private_creator: SIEMENS MR HEADER, action: remove}"
    out = applied(rule, datasets.mr(), options="retain-safe-private")[1]
    assert (0x0019, 0x100C) not in out
    assert out.PatientIdentityRemoved == "YES"


@pytest.mark.parametrize(
    "rule", ["{pattern: '.*', action: remove}", "{tag: xxxxxxxx, action: empty}"]
)
def test_a_sweeping_rule_leaves_what_makes_an_object(rule: str) -> None:
    ds = datasets.ct(datasets.Markers(character_set=("ISO_IR 100",)))
    outcome, out = applied(f"  - {rule}", ds)
    assert out.SOPClassUID == ds.SOPClassUID
    assert out.SOPInstanceUID == outcome.sop_instance_uid
    assert out.StudyInstanceUID == outcome.study_instance_uid
    assert out.SpecificCharacterSet == "ISO_IR 100"
    assert out.PatientID.endswith(outcome.cloud_patient_id)
    assert out.PatientIdentityRemoved == "YES"
    assert out.PixelData == ds.PixelData
