"""Every transfer syntax: the same answer, the same pixels, the syntax it came in."""

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, encapsulate_extended, generate_frames
from pydicom.sequence import Sequence
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    RLELossless,
)

from studies.deid import Option, deidentify
from studies.deid.encapsulated import before_pixels

from .builders import FAMILY, IDENTITIES, ROOT, code, ct, encoded, passed, plan, run

NATIVE = [
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
]


def rich() -> Dataset:
    """A CT with nested sequences, numbers of several widths, and pixels."""
    ds = ct(WindowCenter=["40", "50"], ImagePositionPatient=["1", "2", "3"])
    item = code("51185008", "SCT", f"Chest of {FAMILY}")
    inner = Dataset()
    inner.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    inner.ReferencedSOPInstanceUID = f"{ROOT}.3"
    inner.ReferencedFrameNumber = [1, 2]
    item.ReferencedSOPSequence = Sequence([inner])
    ds.AnatomicRegionSequence = Sequence([item])
    ds.TableAngle = 12.5
    ds.SmallestImagePixelValue = 3
    return ds


@pytest.mark.parametrize("syntax", NATIVE)
@pytest.mark.parametrize("undefined", [False, True])
def test_native_syntaxes_give_the_same_answer(syntax: str, undefined: bool) -> None:
    ds = rich()
    if syntax == ExplicitVRBigEndian:
        values = np.frombuffer(ds.PixelData, "<u2")
        ds.PixelData = values.astype(">u2").tobytes()
        ds["PixelData"].VR = "OW"
    ds["AnatomicRegionSequence"].is_undefined_length = undefined
    out = passed(encoded(ds, syntax), plan())
    assert out.file_meta.TransferSyntaxUID == syntax
    assert out.PixelData == ds.PixelData
    assert out.TableAngle == 12.5
    assert out.Rows == 8
    region = out.AnatomicRegionSequence[0]
    assert FAMILY not in region.CodeMeaning
    assert region.ReferencedSOPSequence[0].ReferencedFrameNumber == [1, 2]
    assert region.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == IDENTITIES.uid(f"{ROOT}.3")
    assert [element.tag for element in out] == sorted(element.tag for element in out)


@pytest.mark.parametrize("syntax", NATIVE)
def test_a_stream_that_gives_little_at_a_time_gives_the_same_bytes(syntax: str) -> None:
    class Trickle:
        def __init__(self, data: bytes) -> None:
            self._stream = io.BytesIO(data)

        def read(self, count: int) -> bytes:
            return self._stream.read(min(count, 77))

    raw, writer = encoded(rich(), syntax), io.BytesIO()
    outcome = deidentify(Trickle(raw), writer, plan(), IDENTITIES)  # type: ignore[arg-type]
    assert outcome.state == "deidentified", outcome
    assert writer.getvalue() == run(raw, plan())[1]
    assert outcome.size == len(writer.getvalue())
    assert len(outcome.sha256) == 64


def test_plain_files_take_the_kernel_path_to_the_same_bytes(tmp_path) -> None:
    ds = ct()
    ds.Rows = ds.Columns = 512
    ds.PixelData = np.arange(512 * 512, dtype="<u2").tobytes()
    source, target = tmp_path / "in", tmp_path / "out"
    source.write_bytes(encoded(ds))
    with source.open("rb") as reader, target.open("wb") as writer:
        outcome = deidentify(reader, writer, plan(), IDENTITIES)
    assert outcome.state == "deidentified"
    assert target.read_bytes() == run(ds, plan())[1]
    assert outcome.size == target.stat().st_size


def test_data_sets_without_preamble_or_meta_are_read() -> None:
    for syntax in (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian):
        stream = io.BytesIO()
        ds = ct()
        ds["PixelData"].VR = "OW"
        implicit, little = syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian
        pydicom.dcmwrite(
            stream,
            _without_meta(ds),
            implicit_vr=implicit,
            little_endian=little,
            force_encoding=True,
        )
        out = passed(stream.getvalue(), plan())
        assert out.file_meta.TransferSyntaxUID == syntax


def _without_meta(ds: Dataset) -> Dataset:
    bare = Dataset()
    bare.update({element.tag: element for element in ds})
    return bare


def test_implicit_declared_explicit_and_the_reverse_are_read_as_what_they_are() -> None:
    raw = encoded(ct(), ExplicitVRLittleEndian)
    wrong = raw.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2\0\0\0", 1)
    assert passed(wrong, plan()).file_meta.TransferSyntaxUID == ExplicitVRLittleEndian


def test_un_with_a_known_tag_is_read_before_the_plan_looks() -> None:
    raw = encoded(ct(OtherPatientNames=FAMILY))
    item = struct.pack("<HHI", 0x0010, 0x0010, 14) + b"Quillfeather^A"
    nested = struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item
    sequence = struct.pack("<HH2sHI", 0x0008, 0x2218, b"UN", 0, len(nested)) + nested
    place = raw.index(b"\x10\0\x10\0PN")
    raw = as_un(raw[:place] + sequence + raw[place:], b"\x10\0\x01\x10PN")
    raw = as_un(raw, b"\x08\0\x80\0LO")
    outcome, out = run(raw, plan())
    assert outcome.state == "deidentified", outcome
    assert b"Quillfeather" not in out
    assert b"Moonharbour" not in out


def as_un(raw: bytes, head: bytes) -> bytes:
    """Write the element that begins with tag and VR `head` as UN."""
    place = raw.index(head)
    length = int.from_bytes(raw[place + 6 : place + 8], "little")
    return raw[:place] + head[:4] + b"UN\0\0" + struct.pack("<I", length) + raw[place + 8 :]


def test_what_follows_the_pixels_is_handled() -> None:
    ds = ct()
    ds.add(DataElement(0x7FE10010, "LO", FAMILY))
    ds.add(DataElement(0xFFFCFFFC, "OB", FAMILY.encode()))
    for junk in (b"", bytes(64), FAMILY.encode() * 3):
        outcome, raw = run(encoded(ds) + junk, plan())
        assert outcome.state == "deidentified"
        assert FAMILY.encode() not in raw
        assert pydicom.dcmread(io.BytesIO(raw)).PixelData == ds.PixelData


def test_padding_of_the_pixel_value_is_cut_off() -> None:
    ds = ct()
    ds.PixelData = bytes(128) + FAMILY.encode()[:10]
    outcome, raw = run(ds, plan())
    assert outcome.state == "deidentified"
    assert FAMILY.encode()[:10] not in raw
    ds.PixelData = bytes(300)
    assert run(ds, plan())[0].code == "pixel-length"


# Compressed ------------------------------------------------------------------------------------


def jpeg(comment: bytes = b"", exif: bytes = b"") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.arange(64, dtype="u1").reshape(8, 8) * 3).save(stream, "JPEG")
    raw = stream.getvalue()
    extra = b""
    if comment:
        extra += b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment
    if exif:
        extra += b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    return raw[:2] + extra + raw[2:]


def compressed(frames: list[bytes], syntax: str = JPEGBaseline8Bit, *, extended: bool = False):
    ds = ct(BitsAllocated=8, BitsStored=8, HighBit=7)
    ds.NumberOfFrames = len(frames)
    ds.file_meta.TransferSyntaxUID = syntax
    if extended:
        ds.PixelData, ds.ExtendedOffsetTable, ds.ExtendedOffsetTableLengths = encapsulate_extended(
            frames
        )
    else:
        ds.PixelData = encapsulate(frames)
    ds["PixelData"].is_undefined_length = True
    ds["PixelData"].VR = "OB"
    return ds


@pytest.mark.parametrize("extended", [False, True])
def test_text_in_jpeg_segments_is_blanked_and_every_frame_decodes_alike(extended: bool) -> None:
    frames = [jpeg(), jpeg(FAMILY.encode(), b"Exif\0\0" + FAMILY.encode()), jpeg(b"x")]
    ds = compressed(frames, extended=extended)
    outcome, raw = run(ds, plan())
    assert outcome.state == "deidentified", outcome
    assert FAMILY.encode() not in raw
    out = pydicom.dcmread(io.BytesIO(raw))
    for before, after in zip(frames, fragments(out), strict=True):
        first, second = (np.asarray(Image.open(io.BytesIO(data))) for data in (before, after))
        assert (first == second).all()


def fragments(ds: Dataset) -> Iterator[bytes]:
    return generate_frames(ds.PixelData, number_of_frames=int(ds.NumberOfFrames))


def test_bytes_behind_the_end_of_a_frame_are_blanked() -> None:
    outcome, raw = run(compressed([jpeg() + FAMILY.encode()]), plan())
    assert outcome.state == "deidentified"
    assert FAMILY.encode() not in raw


def test_comments_of_jpeg_2000_are_blanked() -> None:
    stream = io.BytesIO()
    Image.fromarray(np.zeros((8, 8), "u1")).save(stream, "JPEG2000", no_jp2=False)
    boxed = stream.getvalue()
    start = boxed.index(b"\xff\x4f\xff\x51")
    comment = b"\xff\x64" + struct.pack(">HH", 4 + len(FAMILY), 1) + FAMILY.encode()
    size = int.from_bytes(boxed[start + 4 : start + 6], "big")
    codestream = boxed[start : start + 4 + size] + comment + boxed[start + 4 + size :]
    outcome, raw = run(compressed([codestream], JPEG2000), plan())
    assert outcome.state == "deidentified", outcome
    assert FAMILY.encode() not in raw
    xml = struct.pack(">I", 8 + len(FAMILY)) + b"xml " + FAMILY.encode()
    outcome, raw = run(compressed([boxed + xml], JPEG2000), plan())
    assert FAMILY.encode() not in raw or outcome.state == "held"


@pytest.mark.parametrize(
    "frame", [b"\0\0", b"not a jpeg", jpeg()[:100], jpeg()[:-2], b"\xff\xd8\xff\xd9"]
)
def test_frames_that_cannot_be_parsed_are_held(frame: bytes) -> None:
    outcome, _raw = run(compressed([frame + b"\0" * (len(frame) & 1)]), plan())
    assert (outcome.state, outcome.code) == ("held", "frame-unreadable")


def test_a_jpeg_of_another_size_is_held() -> None:
    ds = compressed([jpeg()])
    ds.Rows = 16
    assert run(ds, plan())[0].code == "frame-unreadable"


def test_rle_passes_and_a_wrong_segment_table_is_held() -> None:
    frame = struct.pack("<16I", 1, 64, *[0] * 14) + bytes(8)
    assert run(compressed([frame], RLELossless), plan())[0].state == "deidentified"
    frame = struct.pack("<16I", 9, 64, *[0] * 14) + bytes(8)
    assert run(compressed([frame], RLELossless), plan())[0].code == "frame-unreadable"


def test_video_and_private_syntaxes_do_not_pass() -> None:
    video = compressed([bytes(64)], "1.2.840.10008.1.2.4.102")
    assert run(video, plan())[0].code == "video-unchecked"
    private = encoded(ct()).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.113619.5.2\0\0", 1)
    assert run(private, plan())[0].code == "transfer-syntax"


def test_compressed_pixels_in_a_native_syntax_are_held() -> None:
    raw = encoded(compressed([jpeg()]))
    raw = raw.replace(b"1.2.840.10008.1.2.4.50", b"1.2.840.10008.1.2.1\0\0\0", 1)
    assert run(raw, plan())[0].code == "pixel-encoding-mismatch"


def test_a_deflate_bomb_is_stopped() -> None:
    meta = encoded(ct(), DeflatedExplicitVRLittleEndian)
    start = meta.index(b"1.2.840.10008.1.2.1.99")
    head = meta[: 132 + 12 + int.from_bytes(meta[140:144], "little")]
    assert start < len(head)
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = deflater.compress(b"\x08\0\x16\0UN\0\0" + struct.pack("<I", 0x7FFFFFFF))
    bomb += b"".join(deflater.compress(bytes(1 << 20)) for _ in range(80)) + deflater.flush()
    outcome, raw = run(head + bomb, plan())
    assert outcome.state == "held"
    assert outcome.code in ("deflate-ratio", "header-too-large")
    assert raw == b""


def test_retained_safe_private_in_big_endian_and_implicit() -> None:
    ds = ct()
    ds.add(DataElement(0x00190010, "LO", "GEMS_ACQU_01"))
    ds.add(DataElement(0x00191023, "DS", "1.5"))
    for syntax in (ImplicitVRLittleEndian, ExplicitVRBigEndian):
        ds["PixelData"].VR = "OW"
        out = passed(encoded(ds, syntax), plan("basic", Option.RETAIN_SAFE_PRIVATE))
        assert out[0x00191023].value in (1.5, b"1.5 ")


def test_of_a_frame_in_rle_only_the_table_is_searched_for_text() -> None:
    """Pixels may hold any bytes, also those that begin a scan in JPEG; a chance hit is no leak."""
    table = bytes([1, 0, 0, 0, 64]) + bytes(59)
    assert before_pixels(table + b"Moreau \xff\xda\xff\x93") == table
    assert before_pixels(b"\xff\xd8 comment \xff\xda pixels") == b"\xff\xd8 comment "
