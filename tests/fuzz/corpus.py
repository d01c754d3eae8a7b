"""Small valid objects with known identity, in every encoding that the engine reads."""

import struct
from collections.abc import Callable
from functools import lru_cache

from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

from tests import datasets

MARKERS = datasets.Markers(
    family="Qubaredilo",
    given="Xovimefuta",
    referrer="Rilonedapu",
    reader="Dovemituka",
    operator="Osimavelor",
    institution="Hospital Bevorulani",
    address="7 Kapirodune Street",
    patient_id="MR7302918465",
    other_id="OT6150928374",
    issuer="ISPOTAMIRELU",
    accession="AC8391047265",
    study_id="S617283940",
    phone="+00 719305826",
    station="STVELANIMORA",
    serial="SN503817264",
    study_uid="2.25.207919310427365548201937465520193",
)


Build = Callable[[], Dataset]
_BUILDERS: dict[str, Build] = {
    "ct": lambda: datasets.ct(MARKERS, size=8),
    "ge-ct": lambda: datasets.ge_ct(MARKERS, size=8),
    "mr": lambda: datasets.mr(MARKERS, size=8),
    "enhanced-mr": lambda: datasets.enhanced_mr(MARKERS, frames=2, size=8),
    "pet": lambda: datasets.pet(MARKERS, size=8),
    "dx": lambda: datasets.dx(MARKERS, rows=8, columns=8),
    "sr": lambda: datasets.sr(MARKERS),
    "comprehensive-sr": lambda: datasets.comprehensive_sr(MARKERS),
    "pdf": lambda: datasets.pdf(MARKERS),
}
_SYNTAXES = {
    "implicit": ImplicitVRLittleEndian,
    "big": ExplicitVRBigEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
}


@lru_cache(maxsize=1)
def objects() -> dict[str, bytes]:
    """Return all objects as files, by name."""
    files = {name: datasets.part10(build()) for name, build in _BUILDERS.items()}
    for ending, syntax in _SYNTAXES.items():
        for name in ("ct", "mr", "sr"):
            files[f"{name}-{ending}"] = datasets.part10(_BUILDERS[name](), syntax)
    files["ct-utf8"] = datasets.part10(
        datasets.ct(MARKERS, size=8, SpecificCharacterSet="ISO_IR 192", ImageComments="Käse")
    )
    files["ct-jpeg"] = compressed(jpeg(), JPEGBaseline8Bit)
    files["ct-rle"] = compressed(rle(), RLELossless)
    files["ct-jpeg-2000"] = compressed(jpeg_2000(), JPEG2000Lossless)
    bare = files["ct-implicit"]
    files["ct-without-meta"] = bare[end_of_meta(bare) :]
    return files


def compressed(frame: bytes, syntax: str) -> bytes:
    """Return a CT image of 8 by 8 whose pixels are one compressed frame."""
    ds = _BUILDERS["ct"]()
    ds.PixelData = encapsulate([frame + b"\0" * (len(frame) & 1)])
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    return datasets.part10(ds, syntax)


def jpeg(comment: bytes = b"made for fuzzing") -> bytes:
    """Return what a de-identifier sees of a baseline JPEG of 8 by 8: segments and one scan."""
    application = b"\xff\xe0" + struct.pack(">H", 16) + b"JFIF\0\1\1\0\0\1\0\1\0\0"
    note = b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, 8, 8, 1) + b"\1\x11\0"
    scan = b"\xff\xda" + struct.pack(">H", 8) + b"\1\1\0\0\x3f\0" + b"\x12\xff\0\x34\x56"
    return b"\xff\xd8" + application + note + frame + scan + b"\xff\xd9"


def jpeg_2000(comment: bytes = b"made for fuzzing", *, tile_length: int | None = None) -> bytes:
    """Return the codestream of a JPEG 2000 image of 8 by 8 with one tile and a comment in it."""
    size = struct.pack(">HIIIIIIIIH", 0, 8, 8, 0, 0, 8, 8, 0, 0, 1) + b"\x0f\1\1"
    note = b"\xff\x64" + struct.pack(">HH", len(comment) + 4, 1) + comment
    tile = note + b"\xff\x93" + b"coded"
    length = 12 + len(tile) if tile_length is None else tile_length
    start = b"\xff\x90" + struct.pack(">HHIBB", 10, 0, length, 0, 1)
    return (
        b"\xff\x4f\xff\x51" + struct.pack(">H", len(size) + 2) + size + start + tile + b"\xff\xd9"
    )


def rle() -> bytes:
    """Return an RLE frame of two segments of zeros."""
    segment = b"\xc1\0"
    return struct.pack("<16I", 2, 64, 66, *([0] * 13)) + segment + segment


def end_of_meta(data: bytes) -> int:
    """Return where the data set of a file begins."""
    (size,) = struct.unpack_from("<I", data, 140)
    return int(size) + 144
