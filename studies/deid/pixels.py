"""The pixel element and what stands behind it.

Native pixel values pass bit for bit; encapsulated ones fragment by fragment through
`encapsulated.py`. What follows the pixels is rewritten like the header, and junk is dropped.
"""

from .dataset import LENGTH, MAX_HEADER, PIXEL_DATA, UNDEFINED, StructError, malformed, truncated
from .encapsulated import pass_fragments
from .errors import EngineError, Held
from .filemeta import FileMeta
from .rewrite import Rewriter
from .source import Sink, Source
from .survey import Survey

_INTEGER_PIXELS = 0x00107FE0
_FLOAT_BITS = {0x00087FE0: 32, 0x00097FE0: 64}
_OB_OW = frozenset((0x424F, 0x574F, 0x464F, 0x444F, 0x4E55, 0))  # OB OW OF OD UN, implicit
_HALVES = {"YBR_FULL_422": 2 / 3, "YBR_PARTIAL_422": 2 / 3, "YBR_PARTIAL_420": 1 / 2}


def write_with_pixels(
    source: Source, sink: Sink, head: bytes, meta: FileMeta, found: Survey, run: Rewriter
) -> None:
    """Write the header, the pixels if there are any, and what may stay of what follows."""
    if found.pixel is None:
        sink.write(head)
        return
    tag, vr, value, length = found.pixel
    if vr not in _OB_OW:
        raise malformed(found.end, "The pixels have a VR that pixels can't have")
    element = source.buf[found.end : value]
    if length == UNDEFINED:
        if not meta.is_encapsulated or tag != _INTEGER_PIXELS:
            raise _mismatch("Native pixels have no length")
        sink.write(head + element)
        after = pass_fragments(source, sink, value, meta.transfer_syntax, found)
    else:
        if meta.is_encapsulated:
            raise _mismatch("Compressed pixels are not in fragments")
        _check_length(tag, length, found)
        after = value + length
        if source.size is not None and source.size < after:
            raise truncated(source.size)
        if after <= len(source.buf):
            sink.write(b"".join((head, element, source.buf[value:after])))
        else:
            sink.write(head + element)
            if sink.copy(source, value, length) != length:
                raise truncated(value)
    tail = rewritten_tail(source, after, run)
    if tail:
        sink.write(tail)


def _check_length(tag: int, length: int, found: Survey) -> None:
    """Stop at pixels that are longer or shorter than what the image says of itself."""
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
    if length not in allowed:
        raise Held(
            "pixel-length",
            "Pixel Data are longer or shorter than Rows, Columns and Number of Frames say.",
            "(7FE0,0010)",
        )


def _mismatch(what: str) -> Held:
    return Held(
        "pixel-encoding-mismatch",
        f"{what}, against the transfer syntax; the file can't be read with certainty.",
        "(7FE0,0010)",
    )


def rewritten_tail(source: Source, after: int, run: Rewriter) -> bytes:
    """Return what may stay of the bytes behind the pixels; what is no data set is dropped."""
    if source.size is not None and source.size <= after:
        return b""
    rest = source.read_at(after, MAX_HEADER + 1)
    if not rest.strip(b"\0"):
        return b""
    if len(rest) > MAX_HEADER:
        raise Held(
            "trailer-too-large",
            "More than 64 MiB follow the pixels; they can't be checked in memory.",
            f"byte {after}",
        )
    kept = Rewriter(
        rest, run.plan, run.iod, run.map_text, charset=run.charset, explicit=run.is_explicit
    )
    kept.shift_days, kept.cleaner, kept.fixed = run.shift_days, run.cleaner, run.fixed
    try:
        tail = bytes(kept.run(0, len(rest)))
    except (EngineError, StructError):
        run.log.append(((), 0xFFFCFFFC, "X", "trailing bytes"))
        return b""
    run.log += kept.log
    return tail


__all__ = ["LENGTH", "PIXEL_DATA", "rewritten_tail", "write_with_pixels"]
