"""High-Throughput JPEG 2000: decoded, searched, blanked, and written as what it then is.

No encoder for it is at hand, so a blanked picture leaves uncompressed; one in which nothing is to
be blanked leaves as it came. What can't be decoded is held.
"""

import io

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRLittleEndian

from studies.deid import Option
from studies.deid.pixels import PixelPolicy
from studies.deid.pixels.rapid import RapidTextFinder

from .builders import encoded, plan, run
from .codestreams import INSIDE, WORDS, codestream, values
from .pictures import Finder, image

CLEANS = plan("basic", Option.CLEAN_PIXEL_DATA)
LOSSLESS, LOSSLESS_RPCL, ANY = (UID(f"1.2.840.10008.1.2.4.{end}") for end in (201, 202, 203))


def compressed(name: str, syntax: str, frames: int = 1, *, data: bytes = b"") -> bytes:
    """Return a capture whose frames are one codestream."""
    shown = np.zeros((48, 208), np.uint8) if name == WORDS else values(name)
    photometric = "YBR_RCT" if shown.ndim == 3 else "MONOCHROME2"
    ds = image(np.stack([shown] * frames), 8 * shown.dtype.itemsize, photometric)
    if name == "LOSSY_8":
        ds.LossyImageCompression = "01"
        ds.LossyImageCompressionRatio, ds.LossyImageCompressionMethod = "2.7", "ISO_15444_15"
    ds.PixelData = encapsulate([data or codestream(name)] * frames)
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    return encoded(ds, syntax)


def cleaned(raw: bytes, finder: object) -> Dataset:
    """De-identify a picture that has text; return the output."""
    outcome, out = run(raw, CLEANS, pixels=PixelPolicy(finder=finder))  # type: ignore[arg-type]
    assert outcome.state == "deidentified", outcome
    assert outcome.pixels is not None
    assert outcome.pixels.state == "blanked"
    assert not outcome.pixels.lossy
    after = pydicom.dcmread(io.BytesIO(out))
    assert outcome.transfer_syntax_uid == after.file_meta.TransferSyntaxUID
    return after


@pytest.mark.parametrize("syntax", [LOSSLESS, LOSSLESS_RPCL, ANY])
@pytest.mark.parametrize("name", ["GREY_8", "GREY_16", "SIGNED_16", "RGB_8"])
def test_text_is_blanked_and_every_other_pixel_is_the_input_s(name: str, syntax: str) -> None:
    before, finder = values(name), Finder()
    after = cleaned(compressed(name, syntax), finder)
    assert after.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert after.PhotometricInterpretation == ("RGB" if before.ndim == 3 else "MONOCHROME2")
    shown = pydicom.pixels.pixel_array(after, raw=True)
    box = np.zeros(before.shape, bool)
    box[INSIDE] = True
    assert shown.dtype == before.dtype
    assert np.array_equal(shown[~box], before[~box])
    assert len(np.unique(shown[INSIDE].reshape(-1, *shown.shape[2:]), axis=0)) == 1
    assert after.BurnedInAnnotation == "NO"
    assert after.ImageType[0] == "DERIVED"
    assert "LossyImageCompression" not in after


def test_what_came_lossy_is_not_called_lossless_for_being_written_plain() -> None:
    after = cleaned(compressed("LOSSY_8", ANY), Finder())
    assert after.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert after.LossyImageCompression == "01"
    assert after.LossyImageCompressionMethod == "ISO_15444_15"
    far = np.ones(values("LOSSY_8").shape, bool)
    far[INSIDE] = False
    shown = pydicom.pixels.pixel_array(after).astype(int)
    assert np.abs(shown - values("LOSSY_8"))[far].max() <= 1


def test_all_frames_are_blanked() -> None:
    after = cleaned(compressed("GREY_8", LOSSLESS, frames=3), Finder())
    shown = pydicom.pixels.pixel_array(after, raw=True)
    assert shown.shape == (3, 40, 64)
    assert len(np.unique(shown[:, *INSIDE])) == 1


def test_the_text_finder_sees_the_writing() -> None:
    after = cleaned(compressed(WORDS, LOSSLESS), RapidTextFinder())
    shown = pydicom.pixels.pixel_array(after)
    assert np.unique(shown).tolist() == [24]  # nothing but what is behind the writing


def test_a_picture_without_text_passes_as_it_came_but_for_its_comment() -> None:
    finder = Finder()
    finder.found = []
    raw = compressed("GREY_16", LOSSLESS)
    outcome, out = run(raw, CLEANS, pixels=PixelPolicy(finder=finder))
    assert outcome.state == "deidentified", outcome
    after = pydicom.dcmread(io.BytesIO(out))
    assert after.file_meta.TransferSyntaxUID == LOSSLESS
    assert np.array_equal(pydicom.pixels.pixel_array(after, raw=True), values("GREY_16"))
    assert np.array_equal(finder.images[0] >= 128, values("GREY_16") >= 32_896)


def test_what_cannot_be_decoded_is_held_and_says_so() -> None:
    whole = codestream("GREY_8")
    broken = whole[: len(whole) // 2] + b"\xff\xd9"
    raw = compressed("GREY_8", LOSSLESS, data=broken)
    outcome, out = run(raw, CLEANS, pixels=PixelPolicy(finder=Finder()))
    assert (outcome.state, outcome.code) == ("held", "pixel-undecodable")
    assert out == b""


def test_without_a_text_finder_it_is_held_unchecked() -> None:
    outcome, out = run(compressed("GREY_8", LOSSLESS), CLEANS)
    assert (outcome.state, outcome.code) == ("held", "pixel-text-unchecked")
    assert out == b""
