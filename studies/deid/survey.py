"""First look at a data set: where its top level ends, and what it says of itself.

One pass over the top level, sequences stepped over. It decides nothing and changes nothing; the
values it notes are those that later steps need before the first attribute is written.
"""

from functools import lru_cache

from . import graphics
from .dataset import (
    CS,
    ELEMENT,
    ITEM_END,
    LENGTH,
    LONG_VRS,
    PIXEL_DATA,
    SEQUENCE_END,
    SHORT_VRS,
    SQ,
    TAG_LENGTH,
    UN,
    UNDEFINED,
    NeedMore,
    StructError,
    malformed,
    public_vrs,
    skip_undefined,
    swapped,
    truncated,
)
from .plan import CONTRIBUTING_EQUIPMENT, IDENTIFYING, MARKS

SPECTRA = 0x56000020  # what stands for pixels in an object of MR spectroscopy
NOTED = (
    *(0x00080005, 0x00080008, 0x00080016, 0x00080018, 0x00080020, 0x00080021, 0x00080022),
    *(0x00080023, 0x0008002A, 0x00080030, 0x00080051, 0x00080060, 0x00080064, 0x00080070),
    *(0x00080090, 0x00081030, 0x0008103E, 0x00081048, 0x00081050, 0x00081060, 0x00081070),
    *(0x00081090, 0x00100010, 0x00100021, 0x00100040, 0x00101001, 0x00101005, 0x00101060),
    *(0x00180015, 0x00181016, 0x0020000D, 0x0020000E, 0x00200011, 0x00200013, 0x00200052),
    *(0x00280002, 0x00280004, 0x00280008, 0x00280010, 0x00280011, 0x00280100, 0x00280101),
    *(0x00280301, 0x00321032, 0x00321033, 0x00420011, 0x00420012, 0x00401010, 0x00102297),
    *(
        CONTRIBUTING_EQUIPMENT,
        0x00280103,
        0x00280102,
        0x00080080,
        0x7FE00001,
        0x00402008,
        0x00402009,
        SPECTRA,
    ),
    # What the frame path needs: planes, palette, windows, device, what was lossy before.
    *(0x00280006, 0x00281101, 0x00281201, 0x00281202, 0x00281203, 0x00281050, 0x00281051),
    *(0x00281052, 0x00281053, 0x00282110, 0x00282112, 0x00282114, 0x00186011, 0x00181030),
    *graphics.NOTED,
    graphics.ANNOTATIONS,
    *IDENTIFYING,
    *MARKS,
)
# Found more than once, these would make two readers see two different objects.
_UNIQUE = frozenset((0x00080005, 0x00080016, 0x00080018, 0x0020000D, 0x0020000E, 0x00100020))


@lru_cache(maxsize=1)
def _table() -> dict[int, int]:
    """Return the VR of what can be stepped over at once, and 0 for what is noted."""
    table = {tag: vr for tag, vr in public_vrs().items() if vr in SHORT_VRS}
    table.update((swapped(tag), 0) for tag in NOTED)
    return table


_CHARACTER_SET = swapped(0x00080005)
_NOTED_SWAPPED = frozenset(swapped(tag) for tag in NOTED)


class Survey:
    """What the top level says: raw values by tag, and where the header ends."""

    __slots__ = (
        "buf",
        "end",
        "explicit",
        "groups",
        "offsets",
        "pixel",
        "pixel_head",
        "raw",
        "start",
    )

    def __init__(self, buf: bytes, start: int, explicit: bool) -> None:
        self.buf = buf
        self.start = start
        self.explicit = explicit
        self.raw: dict[int, bytes] = {}
        # Private groups at the top: offset where one starts, to where it ends and its tags.
        self.groups: dict[int, tuple[int, list[int]]] = {}
        # Where the elements of the top level begin, a private group being one.
        self.offsets: list[int] = []
        self.end = start
        # The header of the pixel element that ends the data set's header, as it came.
        self.pixel_head = b""
        # Its swapped tag and VR, offset of its value in the input, length.
        self.pixel: tuple[int, int, int, int] | None = None

    def text(self, tag: int) -> str:
        """Return a value in the default repertoire, without padding."""
        return self.raw.get(tag, b"").decode("latin-1").strip(" \0")

    def number(self, tag: int) -> int | None:
        """Return an unsigned 16-bit value, or the integer of an IS."""
        raw = self.raw.get(tag)
        return int.from_bytes(raw[:2], "little") if raw and len(raw) == 2 else None

    def integer(self, tag: int) -> int | None:
        """Return the first integer of an IS value, or None."""
        text = self.text(tag).split("\\")[0].strip()
        try:
            return int(text) if text and len(text) < 13 else None
        except ValueError:
            return None


def survey(buf: bytes, start: int, *, explicit: bool, complete: bool) -> Survey:
    """Look over the top level from `start`; NeedMore if the buffer ends before the header does."""
    found = Survey(buf, start, explicit)
    try:
        position = (_explicit if explicit else _implicit)(buf, start, found)
    except StructError:
        if not complete:
            raise NeedMore from None
        raise truncated(len(buf)) from None
    if position > len(buf):
        if not complete:
            raise NeedMore
        raise truncated(len(buf))
    if found.pixel is None and not complete:
        raise NeedMore
    found.end = position
    if found.pixel is not None:
        found.pixel_head = buf[position : found.pixel[2]]
    return found


def _note(found: Survey, tag: int, raw: bytes, position: int) -> None:
    plain = swapped(tag)
    known = found.raw.get(plain)
    if known is None:
        found.raw[plain] = raw
    elif plain in _UNIQUE and known != raw:
        raise malformed(position, "An attribute that identifies the object stands there twice")


def _explicit(buf: bytes, position: int, found: Survey) -> int:
    get, unpack, end = _table().get, ELEMENT.unpack_from, len(buf)
    begins = found.offsets.append
    while position < end:
        tag, vr, length = unpack(buf, position)
        begins(position)
        known = get(tag)
        if known == vr:
            position += 8 + length
            continue
        if known is None and tag & 1:
            start = position
            position, tags = _private_group(buf, position, end)
            found.groups[start] = (position, tags)
            continue
        value = position + 8
        if vr in SHORT_VRS:
            if known == 0 and value + length <= end:
                if tag == _CHARACTER_SET and vr != CS:
                    raise malformed(position, "Specific Character Set has the VR of other values")
                _note(found, tag, buf[value : value + length], position)
            position = value + length
            continue
        if vr in LONG_VRS:
            if tag == _CHARACTER_SET and vr != UN:
                raise malformed(position, "Specific Character Set has the VR of other values")
            (length,) = LENGTH.unpack_from(buf, value)
            value += 4
        elif tag in (ITEM_END, SEQUENCE_END) or not tag:
            found.offsets.pop()
            return _padding(buf, position)
        else:
            raise malformed(position, "An element has no valid VR")
        if tag in PIXEL_DATA:
            found.offsets.pop()
            found.pixel = (tag, vr, value, length)
            return position
        if length == UNDEFINED:
            if vr not in (SQ, UN):
                raise malformed(position, "An element other than a sequence has no length")
            position = skip_undefined(buf, value, end, vr == SQ)
            if tag in _NOTED_SWAPPED:
                _note(found, tag, buf[value : position - 8], position)
            continue
        if tag in _NOTED_SWAPPED and value + length <= end:
            _note(found, tag, buf[value : value + length], position)
        position = value + length
    return position


def _private_group(buf: bytes, position: int, end: int) -> tuple[int, list[int]]:
    """Step over a private group; return where it ends, and its tags."""
    unpack = ELEMENT.unpack_from
    tags: list[int] = []
    tag, vr, length = unpack(buf, position)
    number = tag & 0xFFFF
    while tag & 0xFFFF == number:
        tags.append(tag)
        if vr in SHORT_VRS:
            position += 8 + length
        elif vr in LONG_VRS:
            (length,) = LENGTH.unpack_from(buf, position + 8)
            position += 12
            if length != UNDEFINED:
                position += length
            elif vr in (SQ, UN):
                position = skip_undefined(buf, position, end, vr == SQ)
            else:
                raise malformed(position, "An element other than a sequence has no length")
        else:
            raise malformed(position, "An element has no valid VR")
        if position >= end:
            break
        tag, vr, length = unpack(buf, position)
    return position, tags


def unit_end(buf: bytes, position: int, explicit: bool) -> int:
    """Return where the element of the top level that starts here ends, or its private group."""
    end = len(buf)
    if not explicit:
        return _implicit_end(buf, position, end)
    tag, vr, length = ELEMENT.unpack_from(buf, position)
    if tag & 1:
        return _private_group(buf, position, end)[0]
    if vr in SHORT_VRS:
        return position + 8 + int(length)
    if vr not in LONG_VRS:
        raise malformed(position, "An element has no valid VR")
    (length,) = LENGTH.unpack_from(buf, position + 8)
    if length != UNDEFINED:
        return position + 12 + int(length)
    return skip_undefined(buf, position + 12, end, vr == SQ)


def _implicit_end(buf: bytes, position: int, end: int) -> int:
    tag: int
    length: int
    tag, length = TAG_LENGTH.unpack_from(buf, position)
    group = tag & 0xFFFF
    while True:
        if length == UNDEFINED:
            position = skip_undefined(buf, position + 8, end, False)
        else:
            position += 8 + length
        if not group & 1 or position >= end:
            return position
        tag, length = TAG_LENGTH.unpack_from(buf, position)
        if tag & 0xFFFF != group:
            return position


def _implicit(buf: bytes, position: int, found: Survey) -> int:
    get, unpack, end = _table().get, TAG_LENGTH.unpack_from, len(buf)
    begins, group = found.offsets.append, 0
    while position < end:
        tag, length = unpack(buf, position)
        value = position + 8
        if not tag & 1 or tag & 0xFFFF != group:
            begins(position)
            group = tag & 0xFFFF
        if get(tag) and length != UNDEFINED:
            position = value + length
            continue
        if tag in PIXEL_DATA:
            found.offsets.pop()
            found.pixel = (tag, 0, value, length)
            return position
        if not tag or tag in (ITEM_END, SEQUENCE_END):
            found.offsets.pop()
            return _padding(buf, position)
        if length == UNDEFINED:
            position = skip_undefined(buf, value, end, False)
            if tag in _NOTED_SWAPPED:
                _note(found, tag, buf[value : position - 8], position)
            continue
        if tag in _NOTED_SWAPPED and value + length <= end:
            _note(found, tag, buf[value : value + length], position)
        position = value + length
    return position


def _padding(buf: bytes, position: int) -> int:
    """Accept zero bytes up to the end, as some writers pad their files; nothing else."""
    if buf[position:].strip(b"\0"):
        raise malformed(position, "Bytes that are no element follow the data set")
    return position
