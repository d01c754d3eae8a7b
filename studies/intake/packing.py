"""Packs what comes in, small and large, into sealed objects of a bounded size.

An object per small file would cost a file system entry and a sync each; one object for many costs
one. What a packer gave out counts only after `finish`.
"""

from collections.abc import Iterable
from types import TracebackType
from typing import Self

from studies.storage import BatchStore, ObjectWriter

OBJECT_BYTES = 64 << 20


class Packer:
    """Writes entries one after the other into sealed original objects of a batch."""

    def __init__(self, store: BatchStore, object_bytes: int = OBJECT_BYTES) -> None:
        self._store = store
        self._object_bytes = object_bytes
        self._name = ""
        self._writer: ObjectWriter | None = None
        self._names: list[str] = []

    def begin(self) -> "Entry":
        """Begin an entry; it must be ended before the next one begins."""
        if self._writer is not None and self._writer.written >= self._object_bytes:
            self.flush()
        if self._writer is None:
            self._name, self._writer = self._store.create("original")
        return Entry(self._writer, self._name)

    def put(self, blocks: Iterable[bytes]) -> list[list[str | int]]:
        """Write an entry and return its parts."""
        entry = self.begin()
        for block in blocks:
            entry.write(block)
        return entry.parts

    def flush(self) -> None:
        """Finish the present object, so that what is in it can be read back."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.close()
            self._names.append(self._name)

    def finish(self) -> list[str]:
        """Finish the last object and return the names of all."""
        self.flush()
        return self._names

    def abandon(self) -> None:
        """Remove every object this packer has made."""
        if self._writer is not None:
            self._writer.abandon()
            self._writer = None
        while self._names:
            self._store.discard(self._names.pop())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.finish()
        else:
            self.abandon()


class Entry:
    """One entry on its way into a sealed object."""

    def __init__(self, writer: ObjectWriter, name: str) -> None:
        self._writer = writer
        self.name = name
        self.offset = writer.written
        self.length = 0

    def write(self, block: bytes) -> None:
        """Seal a block of the entry."""
        self._writer.write(block)
        self.length += len(block)

    @property
    def parts(self) -> list[list[str | int]]:
        """Return where the entry lies, as Instance.original keeps it."""
        return [[self.name, self.offset, self.length]]
