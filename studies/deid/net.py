"""The second net: the data set's own identifying values, looked for in everything that is kept.

Walks the rewritten data set, not the plan: an attribute that no table names, a code meaning or a
safe private value are all the same to it. Text is cleaned; verification judges the rest.
"""

from typing import TYPE_CHECKING

from .dataset import (
    ELEMENT,
    ITEM,
    ITEM_END,
    LENGTH,
    LONG_VRS,
    SEQUENCE_END,
    SQ,
    TAG_LENGTH,
    TEXT_VRS,
    UN,
    UNDEFINED,
    malformed,
    public_vrs,
    swapped,
)

if TYPE_CHECKING:
    from .charset import Charset
    from .text import TextCleaner

# Written by the engine itself, or names of codes and schemes no person can be read from.
_SKIPPED = frozenset(
    swapped(tag)
    for tag in (0x00080005, 0x00080016, 0x00120062, 0x00120063, 0x00280303, 0x00100010, 0x00100020)
)
_CODE_STRINGS = frozenset((0x5343,))  # CS


class Net:
    """One pass of the second net over one data set."""

    def __init__(
        self, data: bytes, cleaner: "TextCleaner", charset: "Charset", *, explicit: bool
    ) -> None:
        self._data = data
        self._cleaner = cleaner
        self._charset = charset
        self._out = bytearray()
        self._top_explicit = explicit
        self.caught: list[tuple[tuple[int, ...], int]] = []

    def cleaned(self, start: int = 0) -> bytearray:
        """Return the data set without what the net caught."""
        self._walk(start, len(self._data), self._top_explicit, (), delimited=False)
        return self._out

    def _walk(
        self, position: int, end: int, explicit: bool, path: tuple[int, ...], *, delimited: bool
    ) -> int:
        data, out, run = self._data, self._out, position
        known = public_vrs()
        while position < end:
            if explicit:
                tag, vr, length = ELEMENT.unpack_from(data, position)
                value = position + 8
                if vr in LONG_VRS:
                    (length,) = LENGTH.unpack_from(data, value)
                    value += 4
            else:
                tag, length = TAG_LENGTH.unpack_from(data, position)
                value, vr = position + 8, known.get(tag, UN)
            if tag == ITEM_END and delimited:
                out += data[run : position + 8]
                return position + 8
            is_items = vr == SQ or length == UNDEFINED
            if vr == UN:  # PS3.5 6.2.2: read as what the dictionary knows
                vr = known.get(tag, UN)
                is_items = is_items or vr == SQ
            if is_items:
                out += data[run:value]
                inner = explicit and data[position + 4 : position + 6] == b"SQ"
                position = run = self._items(value, length, end, inner, (*path, tag))
                continue
            if vr in TEXT_VRS and length > 1 and tag not in _SKIPPED:
                raw = data[value : value + length]
                new, caught = self._cleaner.clean_bytes(
                    raw, vr.to_bytes(2, "little"), self._charset
                )
                if caught:
                    self.caught.append((path, tag))
                    out += data[run:position]
                    self._write(position, value, new, explicit and value - position == 8)
                    run = value + length
            position = value + length
        out += data[run:position]
        return position

    def _write(self, start: int, value: int, new: bytes, short: bool) -> None:
        if len(new) & 1:
            new += b" "
        if short:
            if len(new) > 0xFFFF:
                raise malformed(start, "A cleaned value does not fit its VR")
            self._out += self._data[start : start + 6] + len(new).to_bytes(2, "little")
        else:
            self._out += self._data[start : value - 4] + LENGTH.pack(len(new))
        self._out += new

    def _items(
        self, position: int, length: int, end: int, explicit: bool, path: tuple[int, ...]
    ) -> int:
        data, out, begin = self._data, self._out, len(self._out)
        delimited = length == UNDEFINED
        stop = end if delimited else position + length
        while position < stop:
            tag, size = TAG_LENGTH.unpack_from(data, position)
            out += data[position : position + 8]
            position += 8
            if tag == SEQUENCE_END and delimited:
                return position
            if tag != ITEM:
                raise malformed(position, "A sequence holds something other than items")
            first = len(out)
            is_open = size == UNDEFINED
            last = stop if is_open else position + size
            position = self._walk(position, last, explicit, path, delimited=is_open)
            if not is_open:
                LENGTH.pack_into(out, first - 4, len(out) - first)
        if not delimited:
            LENGTH.pack_into(out, begin - 4, len(out) - begin)
        return position
