"""Structured content: a dummy in Basic, cleaned by concept with the option, structure kept."""

import io

import pydicom
import pytest
from pydicom.sequence import Sequence
from pydicom.uid import ImplicitVRLittleEndian, KeyObjectSelectionDocumentStorage

from studies.deid import Option
from studies.deid.tables import sr_content

from .builders import FAMILY, GIVEN, IDENTITIES, ROOT, code, content, encoded, passed, plan, run
from .builders import report as sr

CLEAN = plan("basic", Option.CLEAN_STRUCTURED_CONTENT)
BOTH = plan("basic", Option.CLEAN_STRUCTURED_CONTENT, Option.CLEAN_DESCRIPTORS)
FINDING = code("121071", "DCM", "Finding")


def test_basic_leaves_an_empty_container() -> None:
    out = passed(sr(content("TEXT", FINDING, TextValue=f"{FAMILY} has a nodule")), plan())
    assert len(out.ContentSequence) == 1
    assert out.ContentSequence[0].ValueType == "CONTAINER"
    assert "ContentSequence" not in out.ContentSequence[0]


def test_basic_leaves_text_in_a_key_object_selection_that_may_hold_no_container() -> None:
    item = content("TEXT", code("113012", "DCM", "Key Object Description"), TextValue=FAMILY)
    out = passed(sr(item, sop_class=KeyObjectSelectionDocumentStorage), plan())
    assert out.ContentSequence[0].TextValue == "REMOVED"


@pytest.mark.parametrize("syntax", ["", ImplicitVRLittleEndian])
@pytest.mark.parametrize("undefined", [False, True])
def test_the_option_keeps_the_tree_and_cleans_in_it(syntax: str, undefined: bool) -> None:
    number = content("NUM", code("410668003", "SCT", "Length"))
    value = pydicom.Dataset()
    value.NumericValue = "12.5"
    value.MeasurementUnitsCodeSequence = Sequence([code("mm", "UCUM", "mm")])
    number.MeasuredValueSequence = Sequence([value])
    text = content("TEXT", FINDING, TextValue=f"Nodule seen in {GIVEN} {FAMILY}, right upper lobe")
    image = content("IMAGE", code("121112", "DCM", "Source of Measurement"))
    reference = pydicom.Dataset()
    reference.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    reference.ReferencedSOPInstanceUID = f"{ROOT}.7"
    image.ReferencedSOPSequence = Sequence([reference])
    group = content("CONTAINER", code("125007", "DCM", "Measurement Group"))
    group.ContentSequence = Sequence([number, text, image])
    ds = sr(group)
    for item in (group, ds):
        item["ContentSequence"].is_undefined_length = undefined
        item["ConceptNameCodeSequence"].is_undefined_length = undefined
        for inner in item.ContentSequence:
            inner.is_undefined_length_sequence_item = undefined
    outcome, raw = run(encoded(ds, syntax), BOTH)
    assert outcome.state == "deidentified", outcome
    out = pydicom.dcmread(io.BytesIO(raw))
    items = out.ContentSequence[0].ContentSequence
    assert items[0].MeasuredValueSequence[0].NumericValue == 12.5
    assert items[1].TextValue == "Nodule seen in REMOVED, right upper lobe"
    assert items[2].ReferencedSOPSequence[0].ReferencedSOPInstanceUID == IDENTITIES.uid(f"{ROOT}.7")


def test_every_concept_of_the_table_meets_its_action() -> None:
    items, expected = [], []
    for value, scheme, value_type, basic, _cells, meaning in sr_content.ROWS:
        if value_type != "TEXT":
            continue
        concept = code(value, scheme.split(" ")[0], meaning[:64])
        items.append(content("TEXT", concept, TextValue=f"{FAMILY} said so"))
        if basic != "X":
            expected.append(value)
    out = passed(sr(*items), CLEAN)
    found = {i.ConceptNameCodeSequence[0].CodeValue: i.TextValue for i in out.ContentSequence}
    assert sorted(found) == sorted(expected)
    assert set(found.values()) == {"REMOVED"}


def test_descriptors_option_keeps_cleaned_text_of_descriptive_concepts() -> None:
    item = content("TEXT", code("121077", "DCM", "Conclusion"), TextValue=f"{FAMILY} is well")
    assert passed(sr(item), BOTH).ContentSequence[0].TextValue == "REMOVED is well"
    assert len(passed(sr(item, item), CLEAN).ContentSequence) == 0


def test_items_referred_to_by_place_are_replaced_not_removed() -> None:
    hidden = content("TEXT", code("121022", "DCM", "Accession Number"), TextValue="A77")
    by_place = pydicom.Dataset()
    by_place.RelationshipType = "CONTAINS"
    by_place.ReferencedContentItemIdentifier = [1, 2]
    shown = content("TEXT", FINDING, TextValue="Nodule")
    shown.ContentSequence = Sequence([by_place])
    out = passed(sr(hidden, shown), BOTH)
    assert [item.TextValue for item in out.ContentSequence] == ["REMOVED", "Nodule"]


def test_names_in_the_tree_are_looked_for_in_its_text() -> None:
    who = content("PNAME", code("121008", "DCM", "Person Observer Name"))
    who.PersonName = "Wimbleshaw^Oda"
    said = content("TEXT", FINDING, TextValue="Discussed with Wimbleshaw by phone")
    outcome, raw = run(sr(said, who), BOTH)
    assert outcome.state == "deidentified", outcome
    assert b"Wimbleshaw" not in raw
