"""Bytes on their way through the portal: in memory while they are few, else sealed on disk.

A spool's file has no name and its key stands in this process alone: whatever happens, what is left
on the disk is unreadable, and nothing is left once the process is gone.
"""

import io
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Self, cast

from django.conf import settings

from studies.sealing import SealedReader, SealedWriter, new_key
from studies.storage import clearer

IN_MEMORY = 8 << 20
BLOCK = 1 << 20


class Spool(io.RawIOBase):
    """Takes bytes, then gives them back from the beginning."""

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        super().__init__()
        self._in_memory = in_memory
        self._memory: io.BytesIO | None = io.BytesIO()
        self._file: BinaryIO | None = None
        self._key = b""
        self._sealed: SealedWriter | None = None
        self.size = 0

    def writable(self) -> bool:
        """Say that this stream takes bytes."""
        return True

    def write(self, data: object, /) -> int:
        """Take all of the bytes; what no longer fits into memory goes to the sealed file."""
        view = memoryview(data).cast("B")  # type: ignore[arg-type]
        if self._memory is not None and self.size + len(view) > self._in_memory:
            self._move_to_file()
        if self._memory is not None:
            self._memory.write(view)
        else:
            self._seal(view)
        self.size += len(view)
        return len(view)

    def rewind(self) -> BinaryIO:
        """End the writing and return the bytes as a stream from their beginning."""
        if self._memory is not None:
            self._memory.seek(0)
            return self._memory
        raw = cast(BinaryIO, self._file)
        if self._sealed is not None:
            sealed, self._sealed = self._sealed, None
            try:
                sealed.close()
            except OSError as error:
                raise clearer(error) from error
        raw.seek(0)
        return cast(BinaryIO, SealedReader(raw, self._key, name="a spool"))

    @property
    def is_in_memory(self) -> bool:
        """Say whether nothing of it is on disk."""
        return self._memory is not None

    def blocks(self) -> Iterator[bytes]:
        """Give out the bytes block by block, then let go of them."""
        try:
            reader = self.rewind()
            while block := reader.read(BLOCK):
                yield block
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the bytes."""
        if self._sealed is not None:
            self._sealed.abandon()
            self._sealed = None
        if self._file is not None:
            self._file.close()
        if not self.closed:
            self._memory = None
        super().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _move_to_file(self) -> None:
        memory, self._memory = self._memory, None
        self._key = new_key()
        try:
            self._file = _nameless_file()
            self._sealed = SealedWriter(self._file, self._key)
        except OSError as error:
            raise clearer(error) from error
        self._seal(cast(io.BytesIO, memory).getbuffer())

    def _seal(self, view: memoryview) -> None:
        try:
            cast(SealedWriter, self._sealed).write(view)
        except OSError as error:
            raise clearer(error) from error


def _nameless_file() -> BinaryIO:
    """Open a new file below the data folder and take its name away at once."""
    folder = Path(settings.DATA_DIR) / "spool"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / secrets.token_hex(16)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    path.unlink()
    return os.fdopen(descriptor, "w+b", buffering=0)
