"""Explicit VR Big Endian, retired but met: turned into little endian for the work, and back.

Only byte order changes, never a length. Pixels are not touched: they leave as they came.
"""

from struct import Struct

from .dataset import (
    ITEM,
    ITEM_END,
    LONG_VRS,
    MAX_DEPTH,
    PIXEL_DATA,
    SEQUENCE_END,
    SHORT_VRS,
    SQ,
    UN,
    UNDEFINED,
    StructError,
    malformed,
    swapped,
    too_deep,
    vr_code,
)

_TAG_BIG, _TAG_LITTLE = Struct(">HH"), Struct("<HH")
_U16 = {True: Struct(">H"), False: Struct("<H")}
_U32 = {True: Struct(">I"), False: Struct("<I")}
_WIDTHS = {
    vr_code(vr): width
    for vr, width in {
        "AT": 2, "FD": 8, "FL": 4, "OD": 8, "OF": 4, "OL": 4, "OV": 8, "OW": 2, "SL": 4, "SS": 2,
        "SV": 8, "UL": 4, "US": 2, "UV": 8,
    }.items()
}  # fmt: skip


class ByteOrder:
    """One conversion of a data set between byte orders."""

    def __init__(self, buf: bytes, *, from_big: bool) -> None:
        self._buf = buf
        self._from = from_big
        self.out = bytearray()
        # Tag, VR, value offset and length of the pixels where the header ended.
        self.pixel: tuple[int, int, int, int] | None = None

    def convert(self, position: int, end: int) -> int:
        """Convert elements up to `end` or up to the pixels; return where it stopped."""
        return self._elements(position, end, depth=0, delimited=False)

    def _tag(self, position: int) -> int:
        pair = (_TAG_BIG if self._from else _TAG_LITTLE).unpack_from(self._buf, position)
        return swapped(pair[0] << 16 | pair[1])

    def _write_tag(self, tag: int) -> None:
        order = _TAG_LITTLE if self._from else _TAG_BIG
        self.out += order.pack(tag & 0xFFFF, tag >> 16)

    def _write_length(self, length: int, *, long: bool) -> None:
        self.out += (_U32 if long else _U16)[not self._from].pack(length)

    def _elements(self, position: int, end: int, *, depth: int, delimited: bool) -> int:
        buf = self._buf
        while position < end:
            tag = self._tag(position)
            if tag == ITEM_END and delimited:
                self._write_tag(tag)
                self.out += bytes(4)
                return position + 8
            vr = int.from_bytes(buf[position + 4 : position + 6], "little")
            is_long = vr in LONG_VRS
            if not is_long and vr not in SHORT_VRS:
                if not buf[position:end].strip(b"\0"):
                    return position
                raise malformed(position, "An element has no valid VR")
            value = position + (12 if is_long else 8)
            (length,) = (_U32 if is_long else _U16)[self._from].unpack_from(
                buf, value - (4 if is_long else 2)
            )
            if tag in PIXEL_DATA and depth == 0:
                self.pixel = (tag, vr, value, length)
                return position
            self._write_tag(tag)
            self.out += buf[position + 4 : position + (8 if is_long else 6)]
            self._write_length(length, long=is_long)
            if vr == SQ or length == UNDEFINED:
                if vr not in (SQ, UN):
                    raise malformed(position, "An element other than a sequence has no length")
                position = self._items(value, length, end, depth)
                continue
            if value + length > end:
                raise StructError
            self.out += _turned(buf[value : value + length], _WIDTHS.get(vr, 1))
            position = value + length
        if delimited:
            raise StructError
        return position

    def _items(self, position: int, length: int, end: int, depth: int) -> int:
        if depth >= MAX_DEPTH:
            raise too_deep(position)
        delimited = length == UNDEFINED
        stop = end if delimited else position + length
        while position < stop:
            tag = self._tag(position)
            (size,) = _U32[self._from].unpack_from(self._buf, position + 4)
            self._write_tag(tag)
            self._write_length(size, long=True)
            position += 8
            if tag == SEQUENCE_END and delimited:
                return position
            if tag != ITEM:
                raise malformed(position, "A sequence holds something other than items")
            is_open = size == UNDEFINED
            last = stop if is_open else position + size
            if last > stop:
                raise StructError
            position = self._elements(position, last, depth=depth + 1, delimited=is_open)
        if delimited:
            raise StructError
        return position


def _turned(value: bytes, width: int) -> bytes:
    """Return a value with the bytes of each number turned round."""
    if width == 1 or not value:
        return value
    whole = len(value) - len(value) % width
    turned = bytearray(value)
    for offset in range(width):
        turned[offset:whole:width] = value[width - 1 - offset : whole : width]
    return bytes(turned)


def to_big_endian(data: bytes) -> bytes:
    """Return a little-endian data set without pixels in big endian."""
    order = ByteOrder(data, from_big=False)
    order.convert(0, len(data))
    return bytes(order.out)
