"""Sealed objects of a batch on disk: originals as they came in, and what waits to be delivered.

Only sealed bytes are written here, under random names; a name never tells of a patient. Whoever
has no batch key can do nothing with what lies here but destroy it.
"""

import contextlib
import errno
import io
import os
import re
import secrets
import shutil
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, Self, cast
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext as _

from studies.faults import TransientError
from studies.sealing import SealedReader, SealedWriter

Kind = Literal["original", "staging"]

# [object name, offset, length] in the order of the bytes they hold.
Part = Sequence[str | int]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}\Z")
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class StorageFull(TransientError):
    """The disk below the sealed store has no room; nothing was written."""

    def __init__(self) -> None:
        super().__init__(
            "storage-full",
            _("The portal's disk is full. Free some space, then try again; nothing was lost."),
        )


class ObjectWriter(io.RawIOBase):
    """A sealed object being written. It has its name only once `close` has succeeded.

    Left by an exception, or abandoned, it leaves nothing behind.
    """

    def __init__(self, folder: Path, name: str, key: bytes) -> None:
        super().__init__()
        self._target = folder / name
        self._temporary = folder / f".{name}.{secrets.token_hex(4)}.part"
        self._done = False
        self.written = 0
        _make_folder(folder)
        descriptor = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._descriptor = descriptor
        try:
            self._sealed = SealedWriter(_Raw(descriptor), key)
        except BaseException as error:
            self.abandon()
            raise clearer(error) from error

    def writable(self) -> bool:
        """Say that this stream takes bytes."""
        return True

    def write(self, data: object, /) -> int:
        """Seal the bytes."""
        try:
            size = self._sealed.write(data)
        except OSError as error:
            self.abandon()
            raise clearer(error) from error
        self.written += size
        return size

    def close(self) -> None:
        """Finish the object: last chunk, on disk, under its name."""
        if self._done:
            return
        try:
            self._sealed.close()
            os.fsync(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1
            self._temporary.replace(self._target)
            _sync_folder(self._target.parent)
        except BaseException as error:
            self.abandon()
            raise clearer(error) from error
        self._done = True
        super().close()

    def abandon(self) -> None:
        """Forget the object: nothing of it stays on disk."""
        if self._done:
            return
        self._done = True
        if hasattr(self, "_sealed"):
            self._sealed.abandon()
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._temporary.unlink(missing_ok=True)
        super().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()

    def __del__(self) -> None:
        if hasattr(self, "_descriptor"):
            self.abandon()


class BatchStore:
    """The sealed objects of one batch, opened with the batch's own key.

    Streams of one store share its open objects, so that many small originals in one object are
    read without opening it again; a store belongs to one thread.
    """

    def __init__(self, batch_id: UUID, key: bytes) -> None:
        self.root = Path(settings.SEALED_DIR) / str(batch_id)
        self._key = key
        self._open: dict[str, SealedReader] = {}

    def create(self, kind: Kind, name: str | None = None) -> tuple[str, ObjectWriter]:
        """Begin a sealed object and return its name with the stream to write to."""
        name = name or secrets.token_hex(16)
        try:
            return name, ObjectWriter(self._folder(kind), _checked(name), self._key)
        except OSError as error:
            raise clearer(error) from error

    def open_original(self, parts: Iterable[Part]) -> BinaryIO:
        """Return one readable, seekable stream over ranges of original objects."""
        ranges = [(str(name), int(offset), int(length)) for name, offset, length in parts]
        return cast(BinaryIO, io.BufferedReader(_Ranges(self, ranges), buffer_size=1 << 18))

    def open_staged(self, name: str) -> BinaryIO:
        """Return the stream of a staged object."""
        raw = (self._folder("staging") / _checked(name)).open("rb")
        return cast(BinaryIO, _Owned(raw, self._key))

    def original_size(self, name: str) -> int:
        """Return how many bytes an original object holds."""
        return self._object(name).seek(0, io.SEEK_END)

    def discard(self, name: str) -> None:
        """Remove an object of either kind; removing it twice is the same as once."""
        reader = self._open.pop(name, None)
        if reader is not None:
            reader.close()
        kinds: tuple[Kind, ...] = ("original", "staging")
        for kind in kinds:
            (self._folder(kind) / _checked(name)).unlink(missing_ok=True)

    def clear_staging(self) -> None:
        """Remove everything that waited for delivery."""
        _remove(self._folder("staging"))

    def has_staging(self) -> bool:
        """Say whether anything waits for delivery, or was left by a run that died."""
        return self._folder("staging").exists()

    def destroy(self) -> None:
        """Remove everything of the batch."""
        self.close()
        _remove(self.root)

    def close(self) -> None:
        """Close what the store holds open."""
        while self._open:
            self._open.popitem()[1].close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_open"):
            self.close()

    def _folder(self, kind: Kind) -> Path:
        return self.root / kind

    def _object(self, name: str) -> SealedReader:
        reader = self._open.get(name)
        if reader is None:
            while len(self._open) >= 2:
                self._open.pop(next(iter(self._open))).close()
            raw = (self._folder("original") / _checked(name)).open("rb")
            reader = self._open[name] = _Owned(raw, self._key)
        return reader


class _Owned(SealedReader):
    """A sealed reader that closes the file below it."""

    def __init__(self, raw: BinaryIO, key: bytes) -> None:
        self._file = raw
        try:
            super().__init__(raw, key, name=f"object {Path(raw.name).name}")
        except BaseException:
            raw.close()
            raise

    def close(self) -> None:
        super().close()
        self._file.close()


class _Ranges(io.RawIOBase):
    """Ranges of sealed objects, one after the other, as one stream."""

    def __init__(self, store: BatchStore, ranges: list[tuple[str, int, int]]) -> None:
        super().__init__()
        self._store = store
        self._ranges = [entry for entry in ranges if entry[2]]
        self._starts = list(accumulate((entry[2] for entry in self._ranges), initial=0))
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._starts[-1]}[whence]
        if base + offset < 0:
            # As a file of the system does; zipfile counts on it.
            raise OSError(errno.EINVAL, "a position before the start")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast(bytearray, buffer)).cast("B")
        if self._position >= self._starts[-1] or not len(view):
            return 0
        index = bisect_right(self._starts, self._position) - 1
        name, offset, length = self._ranges[index]
        inside = self._position - self._starts[index]
        reader = self._store._object(name)
        if reader.tell() != offset + inside:
            reader.seek(offset + inside)
        data = reader.read(min(len(view), length - inside))
        if not data:
            raise EOFError("a sealed object is shorter than its row says")
        view[: len(data)] = data
        self._position += len(data)
        return len(data)


class _Raw:
    """The file below a sealed writer: every write is whole."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, data: bytes | bytearray | memoryview) -> int:
        view = memoryview(data)
        done = 0
        while done < len(view):
            done += os.write(self._descriptor, view[done:])
        return done


def _remove(folder: Path) -> None:
    """Remove a folder; another run may be removing it at the same moment."""
    while folder.exists():
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(folder)


def _checked(name: str) -> str:
    if not _NAME.match(name):
        raise ValueError("an object's name is letters, digits, '.', '_' and '-' only")
    return name


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    for path in (folder.parent.parent, folder.parent, folder):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def clearer(error: BaseException) -> BaseException:
    """Say "the disk is full" where that is what the system's error number means."""
    if isinstance(error, OSError) and error.errno in _FULL:
        return StorageFull()
    return error
