"""Boxes are blanked in the stored values: every depth, sign, colour, plane, frame and codec."""

import io
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels import compress
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from studies.deid import Option, Outcome

from .builders import encoded, plan, run
from .pictures import (
    BOX,
    INSIDE,
    baseline,
    big_endian,
    frames,
    image,
    palette,
    planar,
    policy,
    subsampled,
)

CLEANS = plan("basic", Option.CLEAN_PIXEL_DATA)


def blanked(data: Dataset | bytes, **more: object) -> tuple[Outcome, Dataset]:
    """De-identify an image with text; return outcome and output."""
    outcome, raw = run(data, CLEANS, pixels=policy(**more))  # type: ignore[arg-type]
    assert outcome.state == "deidentified", outcome
    assert outcome.pixels is not None
    assert outcome.pixels.state == "blanked"
    return outcome, pydicom.dcmread(io.BytesIO(raw))


def values_of(ds: Dataset) -> np.ndarray:
    """Return stored values, frames first, without any change of colours."""
    made = pydicom.pixels.pixel_array(ds, raw=True)
    return made if ds.get("NumberOfFrames", 1) > 1 else made[None]


def assert_only_the_box_changed(before: np.ndarray, after: np.ndarray) -> None:
    assert before.shape == after.shape
    box = np.zeros(before.shape, bool)
    box[:, *INSIDE] = True
    assert np.array_equal(before[~box], after[~box])
    for frame in after[:, *INSIDE]:
        assert len(np.unique(frame.reshape(-1, *frame.shape[2:]), axis=0)) == 1


NATIVE: dict[str, Callable[[], Dataset]] = {
    "8 bit": lambda: image(frames(8, 1, 1), 8),
    "10 bit": lambda: image(frames(10, 1, 1), 10),
    "12 bit": lambda: image(frames(12, 1, 1), 12),
    "16 bit": lambda: image(frames(16, 1, 1), 16),
    "12 bit signed": lambda: image(frames(12, 1, 1, signed=True), 12),
    "16 bit signed": lambda: image(frames(16, 1, 1, signed=True), 16),
    "MONOCHROME1": lambda: image(frames(12, 1, 1), 12, "MONOCHROME1"),
    "RGB": lambda: image(frames(8, 3, 1), 8, "RGB"),
    "RGB in planes": lambda: planar(image(frames(8, 3, 3), 8, "RGB")),
    "YBR_FULL": lambda: image(frames(8, 3, 1), 8, "YBR_FULL"),
    "multi-frame": lambda: image(frames(8, 1, 5), 8),
    "multi-frame 16": lambda: image(frames(16, 1, 4), 16),
    "palette": lambda: palette(image(frames(8, 1, 2), 8)),
}


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize("kind", NATIVE)
def test_native_values_change_in_the_box_and_nowhere_else(kind: str, syntax: str) -> None:
    ds = NATIVE[kind]()
    before = values_of(ds)
    outcome, after = blanked(encoded(ds, syntax))
    assert after.file_meta.TransferSyntaxUID == syntax
    assert_only_the_box_changed(before, values_of(after))
    assert outcome.pixels is not None
    assert not outcome.pixels.lossy
    assert len(after.PixelData) == len(ds.PixelData)


def test_blank_is_black_whatever_black_is() -> None:
    dark = values_of(blanked(image(frames(12, 1, 1), 12))[1])
    assert dark[0, *INSIDE].max() == dark.min()
    inverse = values_of(blanked(image(frames(12, 1, 1), 12, "MONOCHROME1"))[1])
    assert inverse[0, *INSIDE].min() == inverse.max()
    indexed = values_of(blanked(palette(image(frames(8, 1, 1), 8)))[1])
    assert set(indexed[0, *INSIDE].ravel()) == {7}  # where the palette has its black
    luma = values_of(blanked(image(frames(8, 3, 1), 8, "YBR_FULL"))[1])
    assert luma[0, 8, 15].tolist() == [0, 128, 128]


def test_two_pixels_that_share_their_chroma_are_blanked_together() -> None:
    ds = subsampled(image(frames(8, 3, 1), 8))
    before = np.frombuffer(ds.PixelData, np.uint8).reshape(40, 32, 4)
    _outcome, after = blanked(ds)
    words = np.frombuffer(after.PixelData, np.uint8).reshape(40, 32, 4)
    box = np.zeros((40, 32), bool)
    box[6:15, 5:17] = True  # pixels 10 to 33
    assert np.array_equal(words[~box], before[~box])
    assert (words[box] == (0, 0, 128, 128)).all()


def test_big_endian_and_deflated_inputs_keep_their_syntax() -> None:
    ds = image(frames(12, 1, 2), 12)
    before = values_of(ds)
    _outcome, after = blanked(big_endian(image(frames(12, 1, 2), 12)))
    assert_only_the_box_changed(before, values_of(after))
    outcome, after = blanked(encoded(ds, DeflatedExplicitVRLittleEndian))
    assert outcome.transfer_syntax_uid == DeflatedExplicitVRLittleEndian
    assert_only_the_box_changed(before, values_of(after))


LOSSLESS = [RLELossless, JPEGLSLossless, JPEG2000Lossless]
COMPRESSED: dict[str, Callable[[], Dataset]] = {
    "8 bit": lambda: image(frames(8, 1, 3), 8),
    "12 bit": lambda: image(frames(12, 1, 1), 12),
    "16 bit": lambda: image(frames(16, 1, 2), 16),
    "12 bit signed": lambda: image(frames(12, 1, 1, signed=True), 12),
    "16 bit signed": lambda: image(frames(16, 1, 2, signed=True), 16),
    "RGB": lambda: image(frames(8, 3, 2), 8, "RGB"),
}


@pytest.mark.parametrize("syntax", LOSSLESS)
@pytest.mark.parametrize("kind", COMPRESSED)
def test_lossless_codecs_stay_and_so_do_all_other_pixels(kind: str, syntax: str) -> None:
    ds = COMPRESSED[kind]()
    compress(ds, syntax)
    before = values_of(ds)
    outcome, after = blanked(encoded(ds, syntax))
    assert after.file_meta.TransferSyntaxUID == syntax == outcome.transfer_syntax_uid
    assert_only_the_box_changed(before, values_of(after))
    assert "LossyImageCompression" not in after
    assert outcome.pixels is not None
    assert not outcome.pixels.lossy


@pytest.mark.parametrize(
    ("syntax", "result", "how"),
    [
        (JPEGLSNearLossless, JPEGLSLossless, {"jls_error": 3}),
        (JPEG2000, JPEG2000, {"j2k_cr": [6]}),
    ],
)
def test_lossy_codecs_with_a_lossless_mode_lose_nothing_more(
    syntax: str, result: str, how: dict[str, object]
) -> None:
    ds = image(frames(8, 1, 2), 8)
    compress(ds, syntax, **how)  # type: ignore[arg-type]
    ds.LossyImageCompression = "01"
    before = values_of(ds)
    _outcome, after = blanked(encoded(ds, syntax))
    assert after.file_meta.TransferSyntaxUID == result
    assert after.LossyImageCompression == "01"
    assert_only_the_box_changed(before, values_of(after))


@pytest.mark.parametrize("samples", [1, 3])
def test_baseline_jpeg_is_compressed_anew_and_says_so(samples: int) -> None:
    ds = baseline(frames(8, samples, 3))
    before = pydicom.pixels.pixel_array(ds)
    outcome, after = blanked(encoded(ds, JPEGBaseline8Bit))
    assert after.file_meta.TransferSyntaxUID == JPEGBaseline8Bit
    assert outcome.pixels is not None
    assert outcome.pixels.lossy
    assert after.LossyImageCompression == "01"
    assert after.LossyImageCompressionMethod == ["ISO_10918_1", "ISO_10918_1"]
    assert float(after.LossyImageCompressionRatio[0]) == 9.5
    assert len(after.LossyImageCompressionRatio) == 2
    values = pydicom.pixels.pixel_array(after)
    black = values[:, 30:].min() if samples == 1 else 0
    assert values[:, 7:14, 12:33].max() < black + 60
    apart = np.abs(values.astype(int) - before.astype(int))
    far = np.ones(apart.shape[1:3], bool)
    far[:32, :48] = False
    assert apart[:, far].mean() < 2


@pytest.mark.peers
@pytest.mark.parametrize(("option", "bits"), [("+el", 16), ("+e1", 12), ("+ee", 12)])
def test_what_has_no_encoder_is_written_uncompressed(
    option: str, bits: int, tmp_path: Path
) -> None:
    coder = shutil.which("dcmcjpeg")
    if coder is None:
        pytest.skip("dcmcjpeg of DCMTK is not installed")
    plain, coded = tmp_path / "plain.dcm", tmp_path / "coded.dcm"
    plain.write_bytes(encoded(image(frames(bits, 1, 2), bits)))
    subprocess.run([coder, option, plain, coded], check=True, capture_output=True)
    before = values_of(pydicom.dcmread(coded))
    outcome, after = blanked(coded.read_bytes())
    assert (
        outcome.transfer_syntax_uid == after.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    )
    assert_only_the_box_changed(before, values_of(after))
    assert after.get("LossyImageCompression", "00") == ("01" if option == "+ee" else "00")


def test_attributes_say_what_was_done() -> None:
    _outcome, after = blanked(image(frames(8, 1, 1), 8))
    assert after.BurnedInAnnotation == "NO"
    assert after.ImageType == ["DERIVED", "PRIMARY"]
    codes = {item.CodeValue for item in after.DeidentificationMethodCodeSequence}
    assert "113101" in codes


def test_an_image_in_which_nothing_was_found_passes_bit_for_bit() -> None:
    ds = image(frames(12, 1, 3), 12)
    outcome, raw = run(ds, CLEANS, pixels=policy_without_text())
    assert outcome.state == "deidentified"
    after = pydicom.dcmread(io.BytesIO(raw))
    assert after.PixelData == ds.PixelData
    assert after.BurnedInAnnotation == "NO"
    assert after.ImageType == ["ORIGINAL", "PRIMARY"]
    assert outcome.pixels is not None
    assert outcome.pixels.state == "clean"


def policy_without_text() -> object:
    """Return a policy whose finder sees nothing."""
    made = policy()
    made.finder.found = []  # type: ignore[union-attr]
    return made


def test_text_in_unused_bits_of_the_pixels_is_cleared() -> None:
    values = frames(12, 1, 1)
    values[0, 20:30, 20:30] |= 0xF000
    ds = image(values, 12)
    outcome, raw = run(ds, CLEANS, pixels=policy_without_text())
    assert outcome.state == "deidentified"
    after = pydicom.dcmread(io.BytesIO(raw))
    assert np.array_equal(values_of(after)[0], values[0] & 0x0FFF)


def test_frames_are_blanked_one_by_one_without_holding_them_all() -> None:
    import tracemalloc

    values = np.repeat(frames(16, 1, 1), 1, axis=0)
    many = np.ascontiguousarray(np.tile(values, (400, 4, 4)))
    raw = encoded(image(many, 16))
    held = policy()
    tracemalloc.start()
    outcome, out = run(raw, CLEANS, pixels=held)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert outcome.state == "deidentified"
    assert len(out) >= len(raw) - 4096
    # Test's own copies of input and output, the finder's images, and a few frames.
    assert peak < 3.2 * len(raw)


def test_boxes_of_a_person_are_blanked_in_the_frames_they_are_meant_for() -> None:
    from studies.deid.pixels import Box, PixelPolicy

    ds = image(frames(8, 1, 4), 8)
    before = values_of(ds)
    box = Box(*BOX, frames=(1, 2), because="person")
    outcome, raw = run(ds, CLEANS, pixels=PixelPolicy(finder=None, person_boxes=(box,)))
    assert outcome.state == "deidentified"
    after = values_of(pydicom.dcmread(io.BytesIO(raw)))
    assert np.array_equal(after[[0, 3]], before[[0, 3]])
    assert_only_the_box_changed(before[1:3], after[1:3])
