"""Small images at risk, in every encoding the frame path knows, with text in a known place.

The text finder of these tests is a stand-in that always sees the same box; the real one has tests
of its own.
"""

import io

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ExplicitVRBigEndian,
    JPEGBaseline8Bit,
    SecondaryCaptureImageStorage,
)

from studies.deid.pixels import FoundText, PixelPolicy

from .builders import base

ROWS, COLUMNS = 40, 64
BOX = (11, 6, 23, 9)  # x, y, width, height
INSIDE = (slice(6, 15), slice(11, 34))


class Finder:
    """Sees one text at one place, whatever it looks at."""

    def __init__(self, *found: FoundText) -> None:
        self.found = list(found or (FoundText(*BOX, "NOBODY ELSE", 0.99),))
        self.images: list[np.ndarray] = []

    def find(self, image: np.ndarray, *, enlarged: bool = False) -> list[FoundText]:
        assert image.dtype == np.uint8
        assert image.ndim == 2
        self.images.append(image)
        return [] if enlarged else self.found


def policy(*found: FoundText, **more: object) -> PixelPolicy:
    """Return a policy whose finder sees these texts, or one in the usual place."""
    return PixelPolicy(finder=Finder(*found), **more)  # type: ignore[arg-type]


def frames(bits: int, samples: int, count: int, *, signed: bool = False) -> np.ndarray:
    """Return frames of gradients with a pattern where the text is."""
    noise = np.random.default_rng([bits, samples, count])
    top = 1 << bits
    y, x = np.mgrid[0:ROWS, 0:COLUMNS]
    ramp = ((x + 2 * y) * (top // 4) // (COLUMNS + 2 * ROWS) + top // 4).astype(np.int64)
    made = np.repeat(ramp[None, :, :, None], count, axis=0).repeat(samples, axis=3)
    made = made + noise.integers(0, max(top // 64, 2), made.shape)
    made[:, *INSIDE] = noise.integers(0, 2, made[:, *INSIDE].shape) * (top - 1)
    if signed:
        made -= top // 2
    kind = ("i" if signed else "u") + ("1" if bits <= 8 else "2")
    return made[..., 0].astype(kind) if samples == 1 else made.astype(kind)


def image(
    values: np.ndarray, bits: int, photometric: str = "MONOCHROME2", **attributes: object
) -> Dataset:
    """Return an uncompressed secondary capture with these frames."""
    ds = base(SecondaryCaptureImageStorage, "OT")
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.ConversionType = "WSD"
    ds.BurnedInAnnotation = "YES"
    ds.Manufacturer, ds.ManufacturerModelName = "Nobody", "Camera 1"
    ds.SamplesPerPixel = 3 if values.ndim == 4 else 1
    if values.ndim == 4:
        ds.PlanarConfiguration = 0
    ds.PhotometricInterpretation = photometric
    ds.NumberOfFrames = str(len(values))
    ds.Rows, ds.Columns = values.shape[1:3]
    ds.BitsAllocated = values.dtype.itemsize * 8
    ds.BitsStored, ds.HighBit = bits, bits - 1
    ds.PixelRepresentation = int(values.dtype.kind == "i")
    raw = values.tobytes()
    ds.PixelData = raw + b"\0" * (len(raw) & 1)
    ds["PixelData"].VR = "OW" if ds.BitsAllocated == 16 else "OB"
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def planar(ds: Dataset) -> Dataset:
    """Return the image with its colours in planes."""
    values = np.frombuffer(ds.PixelData, np.uint8).reshape(-1, ds.Rows, ds.Columns, 3)
    ds.PixelData = np.ascontiguousarray(values.transpose(0, 3, 1, 2)).tobytes()
    ds.PlanarConfiguration = 1
    return ds


def subsampled(ds: Dataset) -> Dataset:
    """Return the image as YBR_FULL_422, uncompressed: two pixels share their chroma."""
    values = np.frombuffer(ds.PixelData, np.uint8).reshape(-1, 2, 3)
    packed = np.stack((values[:, 0, 0], values[:, 1, 0], values[:, 0, 1], values[:, 0, 2]), axis=-1)
    ds.PixelData = packed.tobytes()
    ds.PhotometricInterpretation = "YBR_FULL_422"
    return ds


def palette(ds: Dataset) -> Dataset:
    """Return the image with a palette whose darkest entry is not the first."""
    ds.PhotometricInterpretation = "PALETTE COLOR"
    entries = np.roll(np.arange(256, dtype="<u2") * 257, 7)
    for colour in ("Red", "Green", "Blue"):
        setattr(ds, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(ds, f"{colour}PaletteColorLookupTableData", entries.tobytes())
    return ds


def baseline(values: np.ndarray, *, sampling: str = "4:2:2", quality: int = 90) -> Dataset:
    """Return frames as baseline JPEG, as ultrasound machines write them."""
    grey = values.ndim == 3
    coded = []
    for frame in values:
        stream = io.BytesIO()
        picture = Image.fromarray(frame, "L" if grey else "RGB")
        more = {} if grey else {"subsampling": sampling}
        picture.save(stream, "JPEG", quality=quality, **more)
        coded.append(stream.getvalue())
    ds = image(values, 8, "MONOCHROME2" if grey else "YBR_FULL_422")
    ds.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    ds.LossyImageCompression = "01"
    ds.LossyImageCompressionRatio, ds.LossyImageCompressionMethod = "9.5", "ISO_10918_1"
    ds.PixelData = encapsulate(coded)
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    return ds


def big_endian(ds: Dataset) -> bytes:
    """Return a 16-bit image in the retired big-endian syntax."""
    ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
    ds.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    stream = io.BytesIO()
    ds.save_as(stream, little_endian=False, implicit_vr=False)
    return stream.getvalue()
