"""Overlays and annotations: what was seen free of text stays under Clean Graphics, else it goes.

Letters are drawn as dots and as lines, as senders do, and looked at by the real text finder.
"""

import io
import math

import numpy as np
import pydicom
import pytest
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from studies.deid import Outcome, builtin_profile, compile_plan, deidentify
from studies.deid.pixels import PixelPolicy, TextFinder
from studies.deid.pixels.rapid import RapidTextFinder
from tests.deid.builders import FAMILY, IDENTITIES, ROOT, base, ct

PRESENTATION = "1.2.840.10008.5.1.4.1.1.11.1"
SIDE = 320


@pytest.fixture(scope="module")
def finder() -> TextFinder:
    return RapidTextFinder()


def sent(
    ds: Dataset, finder: TextFinder | None, profile: str = "teleradiology"
) -> tuple[Outcome, Dataset]:
    source, target = io.BytesIO(), io.BytesIO()
    ds.save_as(source, enforce_file_format=True)
    source.seek(0)
    plan = compile_plan(builtin_profile(profile))
    outcome = deidentify(source, target, plan, IDENTITIES, pixels=PixelPolicy(finder=finder))
    assert outcome.state == "deidentified", outcome.message
    target.seek(0)
    return outcome, pydicom.dcmread(target)


def plane(text: str = "", *, rings: bool = False) -> np.ndarray:
    """Return an overlay's bits: a text, or the outline of a region."""
    picture = Image.new("L", (SIDE, SIDE), 0)
    pen = ImageDraw.Draw(picture)
    if text:
        pen.text((20, 100), text, fill=255, font=ImageFont.load_default(28))
    if rings:
        pen.ellipse((60, 60, 250, 230), outline=255, width=2)
    return np.asarray(picture) > 127


def with_overlay(bits: np.ndarray, group: int = 0x6000, **numbers: object) -> Dataset:
    ds = ct()
    values = {"Rows": SIDE, "Columns": SIDE, "BitsAllocated": 1, "BitPosition": 0, **numbers}
    elements = {"Rows": 0x10, "Columns": 0x11, "BitsAllocated": 0x100, "BitPosition": 0x102}
    for name, element in elements.items():
        ds.add_new(group << 16 | element, "US", values[name])
    ds.add_new(group << 16 | 0x40, "CS", "G")
    ds.add_new(group << 16 | 0x50, "SS", [1, 1])
    ds.add_new(group << 16 | 0x22, "LO", f"drawn for {FAMILY}")
    ds.add_new(group << 16 | 0x1500, "LO", FAMILY)
    ds.add_new(group << 16 | 0x3000, "OW", np.packbits(bits, bitorder="little").tobytes())
    return ds


def test_an_outline_stays_where_it_is_and_its_labels_go(finder: TextFinder) -> None:
    ds = with_overlay(plane(rings=True))
    _outcome, out = sent(ds, finder)
    assert out[0x60003000].value == ds[0x60003000].value
    assert out[0x60000010].value == out[0x60000011].value == SIDE
    assert out[0x60000050].value == [1, 1]
    assert 0x60000022 not in out and 0x60001500 not in out


@pytest.mark.parametrize("group", [0x6000, 0x601E])
def test_a_name_in_dots_goes(group: int, finder: TextFinder) -> None:
    _outcome, out = sent(with_overlay(plane(FAMILY), group), finder)
    assert [element.tag for element in out if element.tag.group == group] == []


def test_of_two_overlays_only_the_one_with_text_goes(finder: TextFinder) -> None:
    ds = with_overlay(plane(rings=True), 0x6002)
    for element in with_overlay(plane(FAMILY), 0x6004):
        if element.tag.group == 0x6004:
            ds.add(element)
    _outcome, out = sent(ds, finder)
    assert 0x60023000 in out and 0x60043000 not in out


def test_without_a_text_finder_only_an_empty_overlay_stays() -> None:
    _outcome, out = sent(with_overlay(plane(rings=True)), None)
    assert 0x60003000 not in out
    _outcome, out = sent(with_overlay(plane()), None)
    assert 0x60003000 in out


@pytest.mark.parametrize(
    "numbers", [{"Rows": SIDE + 8}, {"Columns": 0}, {"BitsAllocated": 8}, {"Rows": SIDE - 8}]
)
def test_an_overlay_that_is_not_what_it_says_goes(
    numbers: dict[str, int], finder: TextFinder
) -> None:
    _outcome, out = sent(with_overlay(plane(rings=True), **numbers), finder)
    assert [element.tag for element in out if element.tag.group == 0x6000] == []


def test_without_the_option_every_overlay_goes(finder: TextFinder) -> None:
    _outcome, out = sent(with_overlay(plane()), finder, "basic")
    assert [element.tag for element in out if element.tag.group == 0x6000] == []


# Annotations ----------------------------------------------------------------------------------


def presentation(*lines: list[tuple[float, float]], text: str = "") -> Dataset:
    ds = base(PRESENTATION, "PR")
    ds.PresentationCreationDate, ds.PresentationCreationTime = "20240314", "101112"
    ds.ContentLabel = "MARKS"
    annotation = Dataset()
    annotation.GraphicLayer = "LAYER1"
    objects = []
    for points in lines:
        part = Dataset()
        part.GraphicAnnotationUnits = "PIXEL"
        part.GraphicDimensions, part.NumberOfGraphicPoints = 2, len(points)
        part.GraphicData = [number for point in points for number in point]
        part.GraphicType = "POLYLINE"
        objects.append(part)
    annotation.GraphicObjectSequence = Sequence(objects)
    if text:
        written = Dataset()
        written.UnformattedTextValue = text
        annotation.TextObjectSequence = Sequence([written])
    ds.GraphicAnnotationSequence = Sequence([annotation])
    return ds


def strokes(text: str) -> list[list[tuple[float, float]]]:
    """Write a text as many short lines, as a pen does: one along every row of its letters."""
    font = ImageFont.load_default(48)
    picture = Image.new("L", (60 * len(text), 80), 0)
    ImageDraw.Draw(picture).text((5, 5), text, fill=255, font=font)
    rows = np.asarray(picture) > 127
    lines = []
    for y, row in enumerate(rows):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], row, [0]])))
        for first, last in zip(edges[::2], edges[1::2], strict=True):
            lines.append(
                [(float(first), float(y)), (first + 0.5, float(y)), (float(last), y + 0.5)]
            )
    return lines


def circle(points: int = 40) -> list[tuple[float, float]]:
    steps = [2 * math.pi * step / points for step in range(points + 1)]
    return [(100 + 60 * math.cos(step), 100 + 40 * math.sin(step)) for step in steps]


def test_lines_that_spell_nothing_stay_and_their_text_is_cleaned(finder: TextFinder) -> None:
    ds = presentation(circle(), [(1, 1), (90, 90)], text=f"lesion 12 mm, seen by {FAMILY}")
    _outcome, out = sent(ds, finder)
    annotation = out.GraphicAnnotationSequence[0]
    assert len(annotation.GraphicObjectSequence) == 2
    assert len(annotation.GraphicObjectSequence[0].GraphicData) == 82
    text = annotation.TextObjectSequence[0].UnformattedTextValue
    assert text.startswith("lesion 12 mm") and FAMILY not in text


def test_a_name_written_in_lines_goes(finder: TextFinder) -> None:
    _outcome, out = sent(presentation(*strokes(FAMILY[:8])), finder)
    (part,) = out.GraphicAnnotationSequence[0].GraphicObjectSequence
    assert part.GraphicType == "POINT"


def test_without_a_text_finder_only_straight_lines_stay() -> None:
    _outcome, out = sent(presentation([(1, 1), (90, 90)]), None)
    assert out.GraphicAnnotationSequence[0].GraphicObjectSequence[0].GraphicType == "POLYLINE"
    _outcome, out = sent(presentation(circle()), None)
    assert out.GraphicAnnotationSequence[0].GraphicObjectSequence[0].GraphicType == "POINT"


def test_clean_graphics_is_claimed_where_it_is_applied() -> None:
    def codes(profile: str) -> set[str]:
        _outcome, out = sent(ct(), None, profile)
        return {item.CodeValue for item in out.DeidentificationMethodCodeSequence}

    assert "113103" in codes("teleradiology")
    assert "113103" not in codes("basic")


def test_uids_in_annotations_are_replaced(finder: TextFinder) -> None:
    ds = presentation(circle())
    reference = Dataset()
    reference.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    reference.ReferencedSOPInstanceUID = f"{ROOT}.1.1.7"
    ds.GraphicAnnotationSequence[0].ReferencedImageSequence = Sequence([reference])
    _outcome, out = sent(ds, finder)
    (kept,) = out.GraphicAnnotationSequence[0].ReferencedImageSequence
    assert kept.ReferencedSOPInstanceUID.startswith("2.25.")
