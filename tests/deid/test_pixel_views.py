"""Text that one grey picture of the values can't show: colours of one grey, narrow ranges.

The whole engine with the real text finder; each was missed when only one view was looked at.
"""

import io

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit

from benchmarks.pictures import BACKGROUNDS, mask_of
from benchmarks.pixels import capture
from studies.deid import Option
from studies.deid.pixels import PixelPolicy
from studies.deid.pixels.display import other_views
from studies.deid.pixels.image import Image
from studies.deid.pixels.rapid import RapidTextFinder
from studies.demo import pixels as phantoms

from .builders import plan, run
from .pictures import image

ROWS, COLUMNS = 400, 600
AT = (60, 300)  # column and row of the text
CLEANS = plan("basic", Option.CLEAN_PIXEL_DATA)
INK = mask_of("MILLER ROBERT 1961", 20, "latin", np.random.default_rng(4)) > 0.5


@pytest.fixture(scope="module")
def finder() -> RapidTextFinder:
    return RapidTextFinder()


def written(values: np.ndarray, what: object) -> np.ndarray:
    """Return a frame with the text at its place."""
    values[AT[1] : AT[1] + INK.shape[0], AT[0] : AT[0] + INK.shape[1]][INK] = what
    return values


def is_gone(finder: RapidTextFinder, ds: Dataset) -> bool:
    """Tell whether the engine leaves nothing of the text in any frame."""
    outcome, raw = run(ds, CLEANS, pixels=PixelPolicy(finder=finder))
    assert outcome.state == "deidentified", outcome
    after = pydicom.pixels.pixel_array(pydicom.dcmread(io.BytesIO(raw)), raw=True)
    frames = after if outcome.pixels is not None and outcome.pixels.frames > 1 else after[None]
    part = frames[:, AT[1] : AT[1] + INK.shape[0], AT[0] : AT[0] + INK.shape[1]]
    # What is blank has one value, but for what compression does to it.
    return all(int(np.ptp(frame[INK].astype(int), axis=0).max()) < 40 for frame in part)


@pytest.mark.parametrize(
    ("grey", "colour"),
    [(142, (0, 0, 255)), (165, (255, 0, 0)), (202, (0, 255, 0)), (160, (160, 160, 100))],
)
def test_text_of_the_same_grey_as_what_is_behind_it_is_blanked(
    finder: RapidTextFinder, grey: int, colour: tuple[int, int, int]
) -> None:
    noise = np.random.default_rng(3).normal(grey, 3, (ROWS, COLUMNS, 1)).repeat(3, 2)
    frame = written(np.clip(noise, 0, 255).astype(np.uint8), colour)
    assert is_gone(finder, capture(frame[None]))


def deep(low: int, high: int, text: int, outlier: int, kind: type, **more: object) -> Dataset:
    """Return a deep image with values from low to high, text, and a few far-off values."""
    tissue = BACKGROUNDS["tissue"](np.random.default_rng(8))[:ROWS, :COLUMNS].astype(float) / 255
    values = written((low + (high - low) * tissue).astype(kind), text)
    values[:3, :3] = outlier
    return image(values[None], 16, **more)


@pytest.mark.parametrize(
    "made",
    [
        lambda: deep(0, 800, 1000, -32768, np.int16),
        lambda: deep(0, 800, 1200, 65535, np.uint16),
        lambda: deep(1000, 1000, 1001, 60000, np.uint16),
        lambda: deep(200, 900, 0, 40000, np.uint16, photometric="MONOCHROME1"),
        lambda: deep(0, 20, 90, 3000, np.int16, WindowCenter="40", WindowWidth="200"),
    ],
    ids=["padding", "saturated", "one level", "MONOCHROME1", "window"],
)
def test_text_that_only_a_narrow_range_shows_is_blanked(
    finder: RapidTextFinder, made: object
) -> None:
    assert is_gone(finder, made())  # type: ignore[operator]


def coloured_cine(*, compressed: bool) -> Dataset:
    """Return a cine in which text of its background's luma appears in ten frames."""
    frame = np.full((ROWS, COLUMNS, 3), 76 if compressed else 165, np.uint8)
    frame[:120] = phantoms.sector_frame(120, COLUMNS, 0.3, 5)
    other = written(frame.copy(), (255, 0, 0))
    frames = np.stack([other if 20 <= index < 30 else frame for index in range(40)])
    if not compressed:
        return capture(frames)
    ds = capture(frames[:1])
    ds.NumberOfFrames, ds.PhotometricInterpretation = "40", "YBR_FULL_422"
    ds.LossyImageCompression = "01"
    ds.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    ds.PixelData = encapsulate([phantoms.jpeg(frame) for frame in frames])
    ds["PixelData"].is_undefined_length = True
    return ds


@pytest.mark.parametrize("compressed", [False, True])
def test_a_cine_s_later_frames_are_compared_in_their_colours(
    finder: RapidTextFinder, compressed: bool
) -> None:
    assert is_gone(finder, coloured_cine(compressed=compressed))


def test_a_deep_cine_s_later_frames_are_compared_in_a_narrow_range(
    finder: RapidTextFinder,
) -> None:
    noise = np.random.default_rng(1)
    tissue = BACKGROUNDS["tissue"](noise)[:ROWS, :COLUMNS].astype(float)
    values = np.stack([1000 + tissue + noise.normal(0, 3, tissue.shape) for _ in range(12)])
    values = values.astype(np.uint16)
    values[:, 0, 0] = 65535
    for frame in values[5:9]:
        written(frame, 1500)
    assert is_gone(finder, image(values, 16))


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_ordinary_images_are_looked_at_in_one_view(bits: int) -> None:
    values = phantoms.radiograph(ROWS, COLUMNS, 3).astype(np.uint16) << max(bits - 12, 0)
    values = values if bits > 8 else (values >> 4).astype(np.uint8)
    about = Image(ROWS, COLUMNS, 1, 8 if bits == 8 else 16, bits, False, "MONOCHROME2", 0, 1,
                  False, "1.2.840.10008.1.2.1", False)  # fmt: skip
    assert other_views(values, about) == []
