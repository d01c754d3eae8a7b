"""What verification remembers of its own reading: where the elements of a header in order stand.

A walk depends on the bytes that it reads as tags, VRs and lengths, and on nothing else: where those
are equal, it would say the same again. So they are compared all at once, together with file meta
and marks; UIDs are read anew each time, and the search for leaks has no part in this.
"""

from __future__ import annotations

from typing import NamedTuple

from .walk import Span, TopLevel

_MAX_HEADER = 16 * 1024
_MAX_LAYOUTS = 256
_MOST_PATIENCE = 64
Key = tuple[int, str, bool]


class Layout(NamedTuple):
    """One header without its values: its bytes under a mask, and where UIDs stand in it."""

    mask: int
    masked: int
    start: int  # of the data set
    instance: tuple[Span, ...]  # where the instance's own UID stands, in file meta and data set
    uids: tuple[tuple[int, int, int], ...]

    @classmethod
    def of(
        cls, header: bytes, start: int, top: TopLevel, same: list[Span], own: list[Span]
    ) -> Layout:
        """Return the layout of a header; values in `same` must be equal, `own` is its UID."""
        mask = bytearray(len(header))
        for first, end in [(0, start), *top.read_bytes(header), *((at, at + n) for at, n in same)]:
            mask[first:end] = b"\xff" * (end - first)
        for at, length in own:
            mask[at : at + length] = bytes(length)
        number = int.from_bytes(mask, "little")
        masked = int.from_bytes(header, "little") & number
        return cls(number, masked, start, tuple(own), tuple(top.uids))


class Layouts:
    """The layouts of headers that were found in order, one for each length of a header."""

    def __init__(self) -> None:
        self._known: dict[Key, _Place] = {}

    def find(self, header: bytes, key: Key) -> Layout | None:
        """Return the layout that a header has, if it is the one that is known for its length."""
        place = self._known.get(key)
        if place is None:
            return None
        layout = place.layout
        if layout is not None and int.from_bytes(header, "little") & layout.mask == layout.masked:
            place.misses = 0
            return layout
        place.misses += 1
        return None

    def is_worth_learning(self, key: Key) -> bool:
        """Tell whether a header that was read in full should be remembered: not the first one."""
        if key[0] > _MAX_HEADER:
            return False
        place = self._known.get(key)
        if place is None:
            if len(self._known) >= _MAX_LAYOUTS:
                self._known.clear()
            self._known[key] = _Place()
            return False
        return place.misses >= place.patience

    def learn(self, key: Key, layout: Layout) -> None:
        """Remember a layout in place of one that did not come again."""
        place = self._known[key]
        place.layout, place.misses = layout, 0
        place.patience = min(2 * place.patience, _MOST_PATIENCE)


class _Place:
    """A layout, how often another came in its place, and how often one has to for a new one."""

    __slots__ = ("layout", "misses", "patience")

    def __init__(self) -> None:
        self.layout: Layout | None = None
        self.misses, self.patience = 0, 1
