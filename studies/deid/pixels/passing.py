"""The pixel element and what stands behind it.

Native pixel values pass bit for bit; encapsulated ones fragment by fragment through
`encapsulated.py`. What follows the pixels is rewritten like the header, and junk is dropped.
"""

from functools import lru_cache

from ..bigendian import ByteOrder, to_big_endian
from ..dataset import (
    MAX_HEADER,
    TAG_LENGTH,
    UNDEFINED,
    StructError,
    malformed,
    swapped,
    truncated,
)
from ..encapsulated import pass_fragments
from ..errors import EngineError, Held
from ..filemeta import FileMeta
from ..rewrite import Rewriter
from ..source import Sink, Source
from ..survey import Survey, survey

_TRAILING = 0xFFFCFFFC
_UN = 0x4E55
_PATIENT_NAME, _PATIENT_ID = 0x00100010, 0x00100020
_INTEGER_PIXELS = 0x00107FE0
_FLOAT_BITS = {0x00087FE0: 32, 0x00097FE0: 64}
_OB_OW = frozenset((0x424F, 0x574F, 0x464F, 0x444F, 0x4E55, 0))  # OB OW OF OD UN, implicit
# Samples, Photometric Interpretation, Number of Frames, Rows, Columns, Bits Allocated.
_DESCRIBED = (0x00280002, 0x00280004, 0x00280008, 0x00280010, 0x00280011, 0x00280100)
_HALVES = {"YBR_FULL_422": 2 / 3, "YBR_PARTIAL_422": 2 / 3, "YBR_PARTIAL_420": 1 / 2}


class Misplaced(Held):
    """Attributes stand where nobody looks for them before the pixels are written."""


def write_with_pixels(
    source: Source, sink: Sink, head: bytes, meta: FileMeta, found: Survey, run: Rewriter
) -> tuple[bytes, list[bytes]]:
    """Write the header, the pixels if there are any, and what may stay of what follows.

    Return what verification has to see of it: the part behind the pixels, and the bytes of
    compressed frames that are no pixels.
    """
    markers: list[bytes] = []
    if found.pixel is None:
        sink.write(head)
        return b"", markers
    tag, vr, value, length = found.pixel
    # Under UN, fragments would be read as items of a sequence (PS3.5 6.2.2 note 4).
    if vr not in _OB_OW or (vr == _UN and length == UNDEFINED):
        raise malformed(found.end, "The pixels have a VR that pixels can't have")
    element = found.pixel_head
    if length == UNDEFINED:
        if not meta.is_encapsulated or tag != _INTEGER_PIXELS:
            raise _mismatch("Native pixels have no length")
        sink.write(head)
        sink.write(element)
        after = pass_fragments(source, sink, value, meta.transfer_syntax, found, markers)
    else:
        if meta.is_encapsulated:
            raise _mismatch("Compressed pixels are not in fragments")
        wanted = _wanted_length(tag, length, found)
        after = value + length
        if wanted != length:
            run.log.append(((), _TRAILING, "X", "bytes behind the last pixel"))
            element = element[:-4] + wanted.to_bytes(4, "big" if meta.is_big_endian else "little")
        if source.size is not None and source.size < after:
            raise truncated(source.size)
        if after <= len(source.buf):
            sink.write(head)
            sink.write(element)
            sink.write(memoryview(source.buf)[value : value + wanted])
        else:
            sink.write(head)
            sink.write(element)
            if sink.copy(source, value, wanted) != wanted:
                raise truncated(value)
            if wanted != length and not source.read_at(after - 1, 1):
                raise truncated(value)  # of a stream nobody knew the size before
    tail = rewritten_tail(source, after, run, meta, found)
    if tail:
        sink.write(tail)
    return tail, markers


def _wanted_length(tag: int, length: int, found: Survey) -> int:
    """Return how many bytes of the value are pixels; stop where the image says otherwise."""
    get = found.raw.get
    return _wanted(tag, length, tuple(get(described, b"") for described in _DESCRIBED))


@lru_cache(maxsize=256)
def _wanted(tag: int, length: int, described: tuple[bytes, ...]) -> int:
    """Return what an image's description makes of a length; a series says the same each time.

    Less than a frame of padding is cut off, as readers ignore it: nobody checks what it holds.
    """
    found = Survey(b"", 0, True)
    found.raw = dict(zip(_DESCRIBED, described, strict=True))
    number = found.number
    rows, columns = number(0x00280010), number(0x00280011)
    bits = _FLOAT_BITS.get(tag) or number(0x00280100)
    samples = number(0x00280002) or 1
    frames = found.integer(0x00280008) or 1
    if not rows or not columns or not bits:
        raise Held(
            "pixel-description-missing",
            "Rows, Columns or Bits Allocated is missing; nobody can tell what the pixels hold.",
            "(0028,0010)",
        )
    bits_in_all = rows * columns * samples * bits * frames
    expected = (bits_in_all + 7) // 8
    factor = _HALVES.get(found.text(0x00280004))
    allowed = {expected, expected + 1, *((int(expected * factor + 0.5),) if factor else ())}
    if bits == 1:  # some writers pad each frame to whole bytes
        allowed.add((rows * columns * samples + 7) // 8 * frames)
    allowed |= {size + (size & 1) for size in allowed}
    if length in allowed:
        return length
    if not expected < length < expected + expected // frames:
        raise Held(
            "pixel-length",
            "Pixel Data are longer or shorter than Rows, Columns and Number of Frames say.",
            "(7FE0,0010)",
        )
    return expected + (expected & 1)


def _mismatch(what: str) -> Held:
    return Held(
        "pixel-encoding-mismatch",
        f"{what}, against the transfer syntax; the file can't be read with certainty.",
        "(7FE0,0010)",
    )


def _require_tail(rest: bytes, meta: FileMeta, after: int) -> None:
    """Raise if the bytes are no elements that may follow pixels, but another object's."""
    tag, _length = TAG_LENGTH.unpack_from(rest, 0)
    found = survey(rest, 0, explicit=meta.explicit, complete=True)
    if found.raw:
        raise _misplaced(after)
    if swapped(tag) <= swapped(_INTEGER_PIXELS) or found.pixel is not None:
        raise malformed(0, "Another data set follows the pixels")


def _require_name(header: Survey, after: int) -> None:
    """Hold an object that does not name its patient before its pixels, and goes on behind them."""
    if _PATIENT_NAME not in header.raw or _PATIENT_ID not in header.raw:
        raise _misplaced(after)


def _misplaced(after: int) -> Misplaced:
    """Return the error for attributes out of order, which can't be looked for in time."""
    return Misplaced(
        "attributes-behind-pixels",
        "Attributes of the patient or the study stand behind the pixels, or are missing before"
        " them. Have the source write the object anew.",
        f"byte {after}",
    )


def rewritten_tail(
    source: Source, after: int, run: Rewriter, meta: FileMeta, header: Survey
) -> bytes:
    """Return what may stay of the bytes behind the pixels; what is no data set is dropped."""
    if source.size is not None and source.size <= after:
        return b""
    rest = source.read_at(after, MAX_HEADER + 1)
    if not rest.strip(b"\0"):
        return b""
    _require_name(header, after)
    if len(rest) > MAX_HEADER:
        raise Held(
            "trailer-too-large",
            "More than 64 MiB follow the pixels; they can't be checked in memory.",
            f"byte {after}",
        )
    try:
        if meta.is_big_endian:
            order = ByteOrder(rest, from_big=True)
            order.convert(0, len(rest))
            rest = bytes(order.out)
        _require_tail(rest, meta, after)
        kept = run.again(rest, run.map_text)
        tail = bytes(kept.run(0, len(rest)))
        if meta.is_big_endian:
            tail = to_big_endian(tail)
    except Misplaced:
        raise
    except (EngineError, StructError):
        run.log.append(((), _TRAILING, "X", "trailing bytes"))
        return b""
    run.log += kept.log
    return tail
