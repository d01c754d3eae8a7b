"""Which images are looked at, what may stay in them, and what holds them."""

import io

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from studies.deid import Option, Outcome
from studies.deid.pixels import Box, FoundText, PixelPolicy, PixelVerdict, Template

from .builders import FAMILY, PATIENT_ID, ct, plan, run
from .pictures import BOX, COLUMNS, ROWS, Finder, frames, image, policy

CLEANS = plan("basic", Option.CLEAN_PIXEL_DATA)
BASIC = plan("basic")


def capture(count: int = 1, **attributes: object) -> Dataset:
    """Return a small grey capture."""
    return image(frames(8, 1, count), 8, **attributes)


def verdict(outcome: Outcome) -> PixelVerdict:
    assert outcome.pixels is not None
    return outcome.pixels


def text(words: str, score: float = 0.99, at: tuple[int, int] = (4, 20)) -> FoundText:
    return FoundText(*at, 9 * len(words), 12, words, score)


# Who is looked at -------------------------------------------------------------------------------


def test_images_without_evidence_are_not_looked_at() -> None:
    asked = policy()
    outcome, raw = run(ct(), CLEANS, pixels=asked)
    assert outcome.state == "deidentified"
    assert verdict(outcome).state == "not-at-risk"
    assert asked.finder is not None
    assert asked.finder.images == []  # type: ignore[attr-defined]
    after = pydicom.dcmread(io.BytesIO(raw))
    assert "BurnedInAnnotation" not in after  # nobody looked, so nobody says so
    codes = {item.CodeValue for item in after.DeidentificationMethodCodeSequence}
    assert "113101" not in codes


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"Manufacturer": "VIDAR Systems"}, "film digitizers"),
        ({"ManufacturerModelName": "LOGIQE9"}, "known to write text"),
        ({"SeriesDescription": "Dose Report"}, "screen or a dose report"),
        ({"BurnedInAnnotation": "YES"}, "Burned In Annotation"),
    ],
)
def test_evidence_comes_from_attributes_and_known_devices(
    attributes: dict[str, object], reason: str
) -> None:
    outcome, raw = run(ct(**attributes), CLEANS)
    assert (outcome.state, outcome.code, raw) == ("held", "pixel-text-unchecked", b"")
    assert verdict(outcome).state == "unchecked"
    assert reason in " ".join(verdict(outcome).because)


def test_without_a_finder_an_image_at_risk_waits() -> None:
    outcome, _raw = run(capture(), CLEANS, pixels=PixelPolicy(finder=None))
    assert outcome.code == "pixel-text-unchecked"


def test_what_can_not_be_decoded_waits() -> None:
    ds = capture()
    ds.PhotometricInterpretation = "YBR_SOMETHING"
    outcome, _raw = run(ds, CLEANS, pixels=policy())
    assert (outcome.state, outcome.code) == ("held", "pixel-undecodable")


# What may stay ----------------------------------------------------------------------------------


def kept(words: str, score: float = 0.99, ds: Dataset | None = None) -> tuple[bool, Box]:
    """Return whether text stays in an image, and its box."""
    outcome, raw = run(ds or capture(), CLEANS, pixels=policy(text(words, score)))
    assert outcome.state == "deidentified", outcome
    (box,) = verdict(outcome).boxes
    before = frames(8, 1, 1)[0]
    after = pydicom.dcmread(io.BytesIO(raw)).pixel_array
    part = slice(box.y, box.y + box.height), slice(box.x, box.x + box.width)
    assert np.array_equal(before[part], after[part]) == box.kept
    return box.kept, box


@pytest.mark.parametrize("words", ["R", "L", "AP", "SUPINE", "MI 1.1", "3.2cm", "kVp"])
def test_clinical_marks_stay(words: str) -> None:
    assert kept(words) == (True, kept(words)[1])


@pytest.mark.parametrize("words", ["Nemo", "12.3.61", "48291", "63 Y", "山田", "14:22", "Rx Doe"])
def test_all_other_text_is_blanked(words: str) -> None:
    stays, box = kept(words)
    assert not stays
    assert box.because == "text"


@pytest.mark.parametrize("words", [FAMILY[:6].upper() + FAMILY[6:], PATIENT_ID, "19610823"])
def test_the_data_set_s_own_identifiers_are_known_as_such(words: str) -> None:
    found = FoundText(2, 20, 60, 12, words, 0.99)
    outcome, _raw = run(capture(), CLEANS, pixels=policy(found))
    assert [box.because for box in verdict(outcome).boxes] == ["identifier"]


def test_a_mark_that_is_somebody_s_name_does_not_stay() -> None:
    assert kept("SUPINE")[0]
    assert not kept("SUPINE", ds=capture(PatientName="Supine^Max"))[0]


def test_a_mark_read_in_part_of_a_longer_text_does_not_stay() -> None:
    found = FoundText(2, 20, 58, 10, "L", 0.99)
    outcome, _raw = run(capture(), CLEANS, pixels=policy(found))
    assert [box.kept for box in verdict(outcome).boxes] == [False]


def test_text_that_nobody_can_read_is_blanked_or_waits_by_policy() -> None:
    stays, _box = kept("?", 0.2)
    assert not stays
    outcome, raw = run(capture(), CLEANS, pixels=policy(text("?", 0.2), unsure="review"))
    assert (outcome.state, outcome.code, raw) == ("held", "pixel-text-review", b"")
    assert verdict(outcome).state == "review"
    assert len(verdict(outcome).boxes) == 1
    again = policy(text("?", 0.2), unsure="review", approved=True)
    outcome, _raw = run(capture(), CLEANS, pixels=again)
    assert verdict(outcome).state == "blanked"


def test_outside_the_image_area_of_an_ultrasound_there_is_no_doubt() -> None:
    region = Dataset()
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 0, 0
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = COLUMNS - 1, 15
    ds = capture(SequenceOfUltrasoundRegions=Sequence([region]))
    unread = policy(text("?", 0.2), unsure="review")
    outcome, _raw = run(ds, CLEANS, pixels=unread)
    assert [box.because for box in verdict(outcome).boxes] == ["region"]
    inside = policy(text("?", 0.2, at=(4, 2)), unsure="review")
    assert run(ds, CLEANS, pixels=inside)[0].code == "pixel-text-review"


def test_without_the_option_found_text_holds_and_a_clean_image_passes() -> None:
    outcome, raw = run(capture(), BASIC, pixels=policy())
    assert (outcome.state, outcome.code, raw) == ("held", "pixel-text-found", b"")
    nothing = policy()
    nothing.finder.found = []  # type: ignore[union-attr]
    outcome, _raw = run(capture(), BASIC, pixels=nothing)
    assert outcome.state == "deidentified"


# Regions and templates --------------------------------------------------------------------------


def test_regions_of_known_devices_are_blanked_whatever_was_found() -> None:
    values = np.full((1, 80, 700), 200, np.uint8)
    ds = image(values, 8, ManufacturerModelName="LOGIQ9")
    nothing = policy()
    nothing.finder.found = []  # type: ignore[union-attr]
    outcome, raw = run(ds, CLEANS, pixels=nothing)
    assert [box.because for box in verdict(outcome).boxes] == ["device"]
    after = pydicom.dcmread(io.BytesIO(raw)).pixel_array
    assert (after[40:] == 200).all()
    assert (after[:, 640:] == 200).all()
    assert len(np.unique(after[:40, :640])) == 1


def test_templates_hold_for_their_device_and_matrix_size_only() -> None:
    drawn = Template("NOBODY", "camera 1", ROWS, COLUMNS, (Box(0, 30, 20, 500),))
    for template, blanked in (
        (drawn, True),
        (Template("", "", ROWS, COLUMNS, drawn.boxes), True),
        (Template("NOBODY", "camera 2", ROWS, COLUMNS, drawn.boxes), False),
        (Template("NOBODY", "camera 1", ROWS, COLUMNS + 1, drawn.boxes), False),
    ):
        asked = policy(text("L"), templates=(template,))
        outcome, _raw = run(capture(), CLEANS, pixels=asked)
        boxes = [box for box in verdict(outcome).boxes if box.because == "template"]
        assert boxes == ([Box(0, 30, 20, 10, because="template")] if blanked else [])


def test_a_person_s_boxes_take_the_place_of_all_others() -> None:
    drawn = Box(40, 2, 10, 10, because="person")
    asked = policy(person_boxes=(drawn,))
    outcome, raw = run(capture(), CLEANS, pixels=asked)
    assert verdict(outcome).boxes == (drawn,)
    assert asked.finder is not None
    assert asked.finder.images == []  # type: ignore[attr-defined]
    outcome, raw = run(capture(), BASIC, pixels=PixelPolicy(finder=None, person_boxes=()))
    assert verdict(outcome).state == "clean"
    assert pydicom.dcmread(io.BytesIO(raw)).PixelData == capture().PixelData


# Cines ------------------------------------------------------------------------------------------


class Reads(Finder):
    """Sees a text wherever a frame is as white as text is."""

    def find(self, image: np.ndarray, *, enlarged: bool = False) -> list[FoundText]:
        super().find(image, enlarged=enlarged)
        rows, columns = np.where(image > 250)
        if enlarged or not len(rows):
            return []
        x, y = int(columns.min()), int(rows.min())
        size = int(columns.max()) - x + 1, int(rows.max()) - y + 1
        return [FoundText(x, y, *size, "NOBODY ELSE", 0.99)]


def cine(count: int, shown: range, at: int = 6) -> Dataset:
    """Return a cine with text in some of its frames."""
    noise = np.random.default_rng(5)
    values = noise.integers(60, 70, (count, ROWS, COLUMNS)).astype(np.uint8)
    for frame in shown:
        values[frame, at : at + 8, 8:50] = noise.choice((0, 255), (8, 42))
    return image(values, 8)


def test_still_text_is_searched_once_and_blanked_in_every_frame() -> None:
    finder = Reads()
    outcome, raw = run(cine(30, range(30)), CLEANS, pixels=PixelPolicy(finder=finder))
    found = verdict(outcome)
    assert (found.frames, found.frames_looked) == (30, 1)
    assert len(finder.images) == 2  # as it is, and enlarged
    after = pydicom.dcmread(io.BytesIO(raw)).pixel_array
    assert after.max() < 100


@pytest.mark.parametrize("shown", [range(17, 18), range(29, 30), range(4, 21)])
def test_text_in_some_frames_only_is_found(shown: range) -> None:
    outcome, raw = run(cine(30, shown), CLEANS, pixels=PixelPolicy(finder=Reads()))
    assert verdict(outcome).frames_looked > 1
    assert pydicom.dcmread(io.BytesIO(raw)).pixel_array.max() < 100


def test_frames_that_differ_too_much_are_all_searched() -> None:
    noise = np.random.default_rng(9)
    values = np.zeros((40, ROWS, COLUMNS), np.uint8)
    for frame in range(40):  # something new in another place of each frame
        x, y = 8 * (frame % 8), 8 * (frame // 8)
        values[: frame + 1, y : y + 8, x : x + 8] = 0
        values[frame:, y : y + 8, x : x + 8] = noise.choice((0, 40 + 5 * frame), (8, 8))
    outcome, _raw = run(image(values, 8), CLEANS, pixels=policy(text("L")))
    assert verdict(outcome).frames_looked >= 6
    strength = [1.9**power for power in range(9)]
    values = np.stack([noise.integers(0, int(top) + 1, (ROWS, COLUMNS)) for top in strength])
    outcome, _raw = run(image(values.astype(np.uint8), 8), CLEANS, pixels=policy(text("L")))
    assert verdict(outcome).frames_looked >= 4


def test_a_mark_stays_in_a_cine_only_where_nothing_else_ever_stands() -> None:
    values = np.full((6, ROWS, COLUMNS), 60, np.uint8)
    values[:, 21:31, 5:12] = 200
    mark = FoundText(4, 20, 9, 12, "L", 0.99)
    outcome, _raw = run(image(values, 8), CLEANS, pixels=policy(mark))
    assert [box.kept for box in verdict(outcome).boxes] == [True]
    values[4, 21:31, 5:12] = np.random.default_rng(1).choice((60, 255), (10, 7))
    outcome, _raw = run(image(values, 8), CLEANS, pixels=policy(mark))
    assert [box.kept for box in verdict(outcome).boxes] == [False]


def test_nothing_that_was_read_is_part_of_an_outcome() -> None:
    found = FoundText(*BOX, "Secretname", 0.99)
    outcome, raw = run(capture(), CLEANS, pixels=policy(found))
    assert "Secretname" not in repr(outcome)
    assert b"Secretname" not in raw
    held, _raw = run(capture(), BASIC, pixels=policy(found))
    assert "Secretname" not in repr(held)
