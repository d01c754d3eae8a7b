"""Fragments of compressed pixels: marker segments that can hold text are blanked in place.

Blanking keeps every length, so that offset tables stay true. What can't be parsed is held: pixels
nobody can read are pixels nobody can check. Video is held, its metadata have many places to hide.
"""

import itertools
from collections.abc import Callable
from struct import Struct

from .dataset import (
    ITEM,
    LENGTH,
    SEQUENCE_END,
    SEQUENCE_END_BYTES,
    TAG_LENGTH,
    UNDEFINED,
    truncated,
)
from .errors import Held, Unsupported
from .expression import late
from .filemeta import RLE
from .source import Sink, Source
from .survey import Survey

MAX_FRAME = 256 * 1024 * 1024
MAX_FRAGMENTS = 65_536
MAX_TABLE = 16 * 1024 * 1024
_JPEG = frozenset(
    f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63,
                                         64, 65, 66, 70, 80, 81)
)  # fmt: skip
_JPEG_2000 = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (90, 91, 92, 93, 201, 202, 203))
_U16 = Struct(">H")
_U32 = Struct(">I")
# The next marker in entropy-coded data: stuffed bytes, restarts and JPEG-LS bit stuffing are none.
_MARKER = late(rb"\xff[\x80-\xcf\xd8-\xfe]")
_SOF = frozenset((*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), 0xCD, 0xCE, 0xCF))
_SOF_LS = 0xF7
_J2K_SEGMENTS = frozenset((0x51, 0x50, 0x52, 0x53, 0x5C, 0x5D, 0x5E, 0x5F, 0x60, 0x61, 0x55, 0x57,
                           0x58, 0x63, 0x59, 0x56))  # fmt: skip
_JP2_SIGNATURE = bytes.fromhex("0000000c6a5020200d0a870a")
_JP2_STRUCTURE = frozenset((b"jP  ", b"ftyp", b"jp2h", b"jp2c"))

Cleaner = Callable[[bytes, Survey], bytes]


def pass_fragments(
    source: Source, sink: Sink, offset: int, syntax: str, found: Survey, markers: list[bytes]
) -> int:
    """Copy the fragments that start at `offset`, frame by frame; return the offset behind them.

    `markers` takes the bytes before the coded pixels of each frame, each kind once.
    """
    seen: set[bytes] = set()
    clean = cleaner_for(syntax)
    tag, length, offset = _item(source, offset)
    wanted = found.integer(0x00280008) or 1
    if tag != ITEM or length not in (0, 4 * wanted) or length > MAX_TABLE:
        raise _unreadable()
    table = _content(source, offset, length)
    if not _is_offset_table(table):
        raise _unreadable()
    sink.write(TAG_LENGTH.pack(ITEM, length) + table)
    offset += length
    frame: list[bytes] = []
    frames = size = 0
    while True:
        tag, length, offset = _item(source, offset)
        if tag == SEQUENCE_END:
            break
        if tag != ITEM or length == UNDEFINED or length > MAX_FRAME:
            raise _unreadable()
        fragment = _content(source, offset, length)
        offset += length
        if frame and starts_frame(fragment, syntax):
            seen.add(_write_frame(sink, frame, clean, found))
            frames += 1
            frame, size = [], 0
        frame.append(fragment)
        size += 8 + length
        if size > MAX_FRAME or len(frame) > MAX_FRAGMENTS:
            raise _unreadable()
    if frame:
        seen.add(_write_frame(sink, frame, clean, found))
        frames += 1
    if frames != wanted:
        raise _unreadable()
    sink.write(SEQUENCE_END_BYTES)
    markers.extend(seen)
    return offset


def _item(source: Source, offset: int) -> tuple[int, int, int]:
    head = source.read_at(offset, 8)
    if len(head) < 8:
        raise truncated(offset)
    tag, length = TAG_LENGTH.unpack(head)
    return tag, length, offset + 8


def _content(source: Source, offset: int, length: int) -> bytes:
    data = source.read_at(offset, length)
    if len(data) < length:  # the buffer ended inside
        data += source.read_at(offset + len(data), length - len(data))
    if len(data) < length:
        raise truncated(offset)
    return data


def _is_offset_table(table: bytes) -> bool:
    """Tell whether bytes are offsets that begin at 0 and rise: no place for anything else."""
    offsets = [offset for (offset,) in LENGTH.iter_unpack(table)]
    return not offsets or (offsets[0] == 0 and all(a < b for a, b in itertools.pairwise(offsets)))


def starts_frame(fragment: bytes, syntax: str) -> bool:
    """Tell whether a fragment is the first of a frame."""
    return syntax == RLE or fragment[:3] in (b"\xff\xd8\xff", b"\xff\x4f\xff", b"\0\0\0")


def _write_frame(sink: Sink, fragments: list[bytes], clean: Cleaner, found: Survey) -> bytes:
    if len(fragments) == 1:
        data = clean(fragments[0], found)
        sink.write(TAG_LENGTH.pack(ITEM, len(data)))
        sink.write(data)
        return before_pixels(data)
    whole, position = clean(b"".join(fragments), found), 0
    for fragment in fragments:
        part = whole[position : position + len(fragment)]
        sink.write(TAG_LENGTH.pack(ITEM, len(part)))
        sink.write(part)
        position += len(fragment)
    return before_pixels(whole)


def before_pixels(data: bytes) -> bytes:
    """Return the marker segments up to the first scan, or up to the first tile's data.

    A frame in RLE begins with the number of its segments and has no markers: behind its table of
    64 bytes stand pixels, in which any bytes may meet by chance.
    """
    if data[:1] not in (b"\xff", b"\0"):
        return data[:64]
    first = data[:8192]
    ends = [at for at in (first.find(b"\xff\xda"), first.find(b"\xff\x93")) if at > 0]
    return first[: min(ends)] if ends else first[:64]


def cleaner_for(syntax: str) -> Cleaner:
    """Return what cleans the marker segments of one frame in a transfer syntax."""
    if syntax in _JPEG:
        return clean_jpeg
    if syntax in _JPEG_2000:
        return clean_jpeg_2000
    if syntax == RLE:
        return check_rle
    if syntax.startswith("1.2.840.10008.1.2.4.1") and len(syntax) > 22:
        if syntax in (
            "1.2.840.10008.1.2.4.110",
            "1.2.840.10008.1.2.4.111",
            "1.2.840.10008.1.2.4.112",
        ):
            return check_jpeg_xl
        raise Held(
            "video-unchecked",
            "The pixels are video, whose frames and metadata were not checked for text.",
            "(7FE0,0010)",
        )
    raise Unsupported(
        "transfer-syntax",
        "The transfer syntax is not one whose pixels can be checked.",
        "(0002,0010)",
    )


def _unreadable() -> Held:
    return Held(
        "frame-unreadable",
        "The compressed pixels can't be read with certainty, so nobody can tell what they hold.",
        "(7FE0,0010)",
    )


def _check_size(rows: int, columns: int, found: Survey) -> None:
    wanted = found.number(0x00280010), found.number(0x00280011)
    if (rows and rows != wanted[0]) or columns != wanted[1]:
        raise _unreadable()


def clean_jpeg(data: bytes, found: Survey) -> bytes:
    """Blank APPn and COM segments of a JPEG or JPEG-LS frame, and what follows its end."""
    if data[:2] != b"\xff\xd8":
        raise _unreadable()
    out: bytearray | None = None
    position, sized = 2, False
    while True:
        while data[position : position + 2] == b"\xff\xff":
            position += 1
        if data[position : position + 1] != b"\xff" or position + 2 > len(data):
            raise _unreadable()
        marker = data[position + 1]
        if marker == 0xD9:
            break
        if marker < 0xC0 or 0xD0 <= marker <= 0xD8 or position + 4 > len(data):
            raise _unreadable()
        (length,) = _U16.unpack_from(data, position + 2)
        start, end = position + 4, position + 2 + length
        if length < 2 or end > len(data):
            raise _unreadable()
        if (marker in _SOF or marker == _SOF_LS) and end - start >= 6:
            rows, columns = Struct(">HH").unpack_from(data, start + 1)
            _check_size(rows, columns, found)
            sized = True
        elif (0xE0 <= marker <= 0xEF or marker == 0xFE) and not _is_technical(
            marker, data[start:end]
        ):
            out = out if out is not None else bytearray(data)
            out[start:end] = bytes(end - start)
        position = end
        if marker == 0xDA:
            following = _MARKER.search(data, end)
            if following is None:
                raise _unreadable()
            position = following.start()
    if not sized:
        raise _unreadable()
    return _without_rest(data, out, position + 2)


def _without_rest(data: bytes, out: bytearray | None, end: int) -> bytes:
    """Blank what follows the end of a frame: padding may hold anything."""
    if data[end:].strip(b"\0"):
        out = out if out is not None else bytearray(data)
        out[end:] = bytes(len(data) - end)
    return bytes(out) if out is not None else data


def _is_technical(marker: int, content: bytes) -> bool:
    """Tell whether an APPn segment only says how to decode: JFIF, Adobe's and HP's colours."""
    if marker == 0xE0:
        return content[:5] == b"JFIF\0" and len(content) == 14 and content[12:] == b"\0\0"
    if marker == 0xEE:
        return content[:5] == b"Adobe" and len(content) == 12
    return marker == 0xE8 and content[:4] == b"mrfx" and len(content) == 5


def clean_jpeg_2000(data: bytes, found: Survey) -> bytes:
    """Blank comments of a JPEG 2000 codestream and the boxes around one that can hold text."""
    out: bytearray | None = None
    start, stop = 0, len(data)
    if data[:12] == _JP2_SIGNATURE:
        out = bytearray(data)
        start, stop = _blank_boxes(data, out)
    position = start + 2
    if data[start : start + 4] != b"\xff\x4f\xff\x51":
        raise _unreadable()
    tile_start = tile_length = 0
    while position + 2 <= stop:
        if data[position] != 0xFF:
            raise _unreadable()
        marker = data[position + 1]
        if marker == 0xD9:
            return (
                _without_rest(data, out, position + 2) if stop == len(data) else bytes(out or data)
            )
        if marker == 0x93:
            coded, position = position + 2, tile_start + tile_length
            if not tile_length or position > stop:
                position = data.rfind(b"\xff\xd9", 0, stop)
            if position < coded:  # a tile that ends before its data would be read without end
                raise _unreadable()
            continue
        (length,) = _U16.unpack_from(data, position + 2)
        begin, end = position + 4, position + 2 + length
        if length < 2 or end > stop:
            raise _unreadable()
        if marker == 0x90:
            tile_start, (tile_length,) = position, _U32.unpack_from(data, begin + 2)
            if tile_length and tile_length < 14:
                raise _unreadable()
        elif marker == 0x64:
            out = out if out is not None else bytearray(data)
            out[begin + 2 : end] = b" " * (end - begin - 2)
        elif marker not in _J2K_SEGMENTS:
            raise _unreadable()
        elif marker == 0x51:
            width, height, left, top = Struct(">IIII").unpack_from(data, begin + 2)
            _check_size(height - top, width - left, found)
        position = end
    if out is None and stop != len(data):
        raise _unreadable()
    return bytes(out) if out is not None else data


def _blank_boxes(data: bytes, out: bytearray) -> tuple[int, int]:
    """Blank what boxes other than the structural ones hold; return the codestream's range."""
    position, stream = 0, (0, 0)
    while position + 8 <= len(data):
        (length,) = _U32.unpack_from(data, position)
        kind, head = data[position + 4 : position + 8], 8
        if length == 1:
            length, head = int.from_bytes(data[position + 8 : position + 16], "big"), 16
        end = len(data) if length == 0 else position + length
        if end < position + head or end > len(data):
            raise _unreadable()
        if kind == b"jp2c":
            stream = (position + head, end)
        elif kind not in _JP2_STRUCTURE:
            out[position + 4 : position + 8] = b"free"
            out[position + head : end] = bytes(end - position - head)
        position = end
    return stream


def check_rle(data: bytes, _found: Survey) -> bytes:
    """Check the segment table of an RLE frame (PS3.5 Annex G)."""
    if len(data) < 64:
        raise _unreadable()
    count, *offsets = Struct("<16I").unpack_from(data)
    used = offsets[:count]
    if not 1 <= count <= 15 or used[0] != 64 or used != sorted(used) or used[-1] > len(data):
        raise _unreadable()
    if any(offsets[count:]):
        data = data[: 4 + 4 * count] + bytes(64 - 4 - 4 * count) + data[64:]
    return data


def check_jpeg_xl(data: bytes, _found: Survey) -> bytes:
    """Let a bare JPEG XL codestream pass; a container may hold Exif and XML."""
    if data[:2] != b"\xff\x0a":
        raise _unreadable()
    return data
