"""The element walk of verification: its own, so that a mistake of the rewriting can't hide itself.

Reads explicit, implicit and big-endian data sets. Whatever isn't an element is a finding. It
changes nothing and knows nothing of identity.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache
from itertools import zip_longest

from .errors import LeakFound
from .tables import dictionary

LONG_VRS = frozenset(
    (b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"SQ", b"UC", b"UN", b"UR", b"UT", b"SV", b"UV")
)
PIXEL_TAGS = frozenset((0x7FE00008, 0x7FE00009, 0x7FE00010))
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF
_MAX_DEPTH = 128
_HEAD = struct.Struct("<IHH").unpack_from
_PAIR = struct.Struct("<II").unpack_from
_LENGTH = struct.Struct("<I").unpack_from
_LONG_CODES = frozenset(int.from_bytes(vr, "little") for vr in LONG_VRS)
_SQ = int.from_bytes(b"SQ", "little")
_UI = int.from_bytes(b"UI", "little")
Span = tuple[int, int]  # where a value begins, and its length


class Element:
    """One element with a value of its own: tag, VR, where its value lies, and its path."""

    __slots__ = ("end", "path", "start", "tag", "vr")

    def __init__(self, tag: int, vr: bytes, start: int, end: int, path: str) -> None:
        self.tag, self.vr, self.start, self.end, self.path = tag, vr, start, end, path

    @property
    def where(self) -> str:
        """Return the tag path as people read it."""
        return self.path + tag_text(self.tag)


def tag_text(tag: int) -> str:
    """Write a tag as (0010,0010)."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def swapped(tag: int) -> int:
    """Return a tag as the little-endian integer that stands in the bytes."""
    return (tag & 0xFFFF) << 16 | tag >> 16


@lru_cache(maxsize=1)
def _public_vrs() -> dict[int, bytes]:
    return {
        int(tag, 16): vr.encode("ascii")
        for vr, tags in dictionary.BY_VR.items()
        for tag in tags.split()
    }


def _broken(position: int) -> LeakFound:
    return LeakFound(
        "verify-structure", "The output can't be read back element by element.", f"byte {position}"
    )


class Walk:
    """A full walk that notes every element, for the places where something was found."""

    def __init__(self, data: bytes, *, explicit: bool = True, big: bool = False) -> None:
        self._data = data
        self._order = ">" if big else "<"
        self._explicit = explicit
        self.elements: list[Element] = []

    def run(self, start: int, end: int) -> list[Element]:
        """Walk the elements of a top level and return all that were met, nested ones included."""
        self._level(start, end, self._explicit, "", is_open=False, depth=0)
        return self.elements

    def _level(
        self, position: int, end: int, explicit: bool, path: str, *, is_open: bool, depth: int
    ) -> int:
        data, order = self._data, self._order
        if depth > _MAX_DEPTH:
            raise _broken(position)
        while position < end:
            if position + 8 > end:
                raise _broken(position)
            group, element = struct.unpack_from(order + "HH", data, position)
            tag = group << 16 | element
            if tag == _ITEM_END and is_open:
                return position + 8
            vr, length, value = self._head(position, tag, explicit)
            if vr == b"SQ" and not explicit and 0 < length < _UNDEFINED:
                item = struct.unpack_from(order + "HH", data, value) if value + 4 <= end else (0, 0)
                if item != (0xFFFE, 0xE000):
                    vr = b"UN"  # the dictionary says sequence, the bytes don't
            if vr == b"SQ" or length == _UNDEFINED:
                if tag in PIXEL_TAGS:
                    self.elements.append(Element(tag, vr, value, end, path))
                    return end
                inner = explicit and vr == b"SQ"
                position = self._items(value, length, end, inner, path + tag_text(tag), depth)
                continue
            position = value + length
            if position > end and tag not in PIXEL_TAGS:
                raise _broken(value)
            self.elements.append(Element(tag, vr, value, min(position, end), path))
        if is_open:
            raise _broken(position)
        return position

    def _head(self, position: int, tag: int, explicit: bool) -> tuple[bytes, int, int]:
        data, order = self._data, self._order
        if not explicit:
            (length,) = struct.unpack_from(order + "I", data, position + 4)
            return _public_vrs().get(tag, b"UN"), length, position + 8
        vr = data[position + 4 : position + 6]
        if vr in LONG_VRS:
            if position + 12 > len(data):
                raise _broken(position)
            (length,) = struct.unpack_from(order + "I", data, position + 8)
            return vr, length, position + 12
        (length,) = struct.unpack_from(order + "H", data, position + 6)
        return vr, length, position + 8

    def _items(
        self, position: int, length: int, end: int, explicit: bool, path: str, depth: int
    ) -> int:
        is_open = length == _UNDEFINED
        stop = end if is_open else position + length
        if stop > end:
            raise _broken(position)
        number = 0
        while position < stop:
            if position + 8 > stop:
                raise _broken(position)
            group, element, size = struct.unpack_from(self._order + "HHI", self._data, position)
            tag = group << 16 | element
            if tag == _SEQUENCE_END and is_open:
                return position + 8
            if tag != _ITEM:
                raise _broken(position)
            number += 1
            last = stop if size == _UNDEFINED else position + 8 + size
            if last > stop:
                raise _broken(position)
            position = self._level(
                position + 8,
                last,
                explicit,
                f"{path}[{number}].",
                is_open=size == _UNDEFINED,
                depth=depth + 1,
            )
        if is_open:
            raise _broken(position)
        return position

    def skip(self, position: int, end: int, explicit: bool) -> int:
        """Return the position behind a sequence of undefined length."""
        return self._items(position, _UNDEFINED, end, explicit, "", 0)


class TopLevel:
    """A quick walk of a top level: the wanted elements, the UIDs, and whether any is private."""

    __slots__ = ("found", "has_private", "heads", "pixels_at", "uids")

    def __init__(self) -> None:
        self.found: dict[int, Span] = {}  # by swapped tag
        self.uids: list[tuple[int, int, int]] = []
        self.has_private = False
        self.pixels_at = -1
        self.heads: list[int] = []  # where elements begin; of explicit VR, little endian, alone

    @classmethod
    def read(cls, data: bytes, start: int, syntax: str, wanted: frozenset[int]) -> TopLevel:
        """Walk from start to the end of the bytes or to the value of the pixels."""
        top = cls()
        try:
            if syntax == "1.2.840.10008.1.2":
                top._implicit(data, start, wanted)
            elif syntax == "1.2.840.10008.1.2.2":
                top._any(data, start, wanted)
            else:
                top._explicit(data, start, wanted)
        except struct.error as error:
            raise _broken(len(data)) from error
        return top

    def _explicit(self, data: bytes, position: int, wanted: frozenset[int]) -> None:
        head, end, found, uids, begins = _HEAD, len(data), self.found, self.uids, self.heads.append
        long_codes, ui, odd, value, tag = _LONG_CODES, _UI, 0, position, 0
        while position < end:
            begins(position)
            tag, vr, length = head(data, position)
            value = position + 8
            odd |= tag
            if vr in long_codes:
                (length,) = _LENGTH(data, value)
                value += 4
                if length == _UNDEFINED:
                    if swapped(tag) in PIXEL_TAGS:
                        self.pixels_at = position = value
                        break
                    length = Walk(data).skip(value, end, vr == _SQ) - value
            elif vr == ui:
                uids.append((tag, value, length))
            if tag in wanted:
                found[tag] = (value, length)
            position = value + length
        self.has_private = bool(odd & 1)
        if position > end:
            self._last(tag, value, end)

    def read_bytes(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Yield beginning and end of all bytes that the walk looked at."""
        for position, after in zip_longest(self.heads, self.heads[1:], fillvalue=len(data)):
            value = position + 8
            if int.from_bytes(data[position + 4 : position + 6], "little") in _LONG_CODES:
                value += 4
                if data[value - 4 : value] == b"\xff\xff\xff\xff":
                    value = after
            yield position, value

    def _implicit(self, data: bytes, position: int, wanted: frozenset[int]) -> None:
        end, found, vrs = len(data), self.found, _public_vrs()
        while position < end:
            tag, length = _PAIR(data, position)
            value = position + 8
            if length == _UNDEFINED:
                if swapped(tag) in PIXEL_TAGS:
                    self.pixels_at = value
                    return
                position = Walk(data, explicit=False).skip(value, end, explicit=False)
                length = position - value
            else:
                position = value + length
            if tag in wanted:
                found[tag] = (value, length)
                if vrs.get(swapped(tag)) == b"UI":
                    self.uids.append((tag, value, length))
            self.has_private |= bool(tag & 1)
            if position > end:
                self._last(tag, value, end)
                return

    def _any(self, data: bytes, position: int, wanted: frozenset[int]) -> None:
        for element in Walk(data, big=True).run(position, len(data)):
            tag, top_tag = swapped(element.tag), element.tag
            if element.path:
                tag = swapped(int(element.path[1:5] + element.path[6:10], 16))
                top_tag = 0
            if top_tag in PIXEL_TAGS:
                self.pixels_at = element.start
                self.found[tag] = (element.start, 1)  # its value is not among these bytes
            if tag in wanted and tag not in self.found:
                self.found[tag] = (element.start, element.end - element.start)
            if element.vr == b"UI" and not element.path:
                self.uids.append((tag, element.start, element.end - element.start))
            self.has_private |= bool(tag & 1)

    def _last(self, tag: int, value: int, end: int) -> None:
        """Only the pixels may be longer than what is shown of them."""
        if swapped(tag) not in PIXEL_TAGS or value != end:
            raise _broken(value)
        self.pixels_at = value
