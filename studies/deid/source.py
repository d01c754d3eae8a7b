"""Bytes in and bytes out: a growing header buffer, and pixels that pass without being looked at.

Between plain files the kernel copies; where a side is a stream the bytes pass in large blocks and
are hashed on the way. Nothing here knows DICOM.
"""

import io
import os
import stat
import zlib
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from .dataset import MAX_HEADER
from .errors import Held

if TYPE_CHECKING:
    import hashlib

_FIRST = 32 * 1024
_WHOLE = 192 * 1024  # up to here one read and one write beat every other way
_BLOCK = 1024 * 1024
_MAX_PARTS = 512


class Readable(Protocol):
    """What is asked of an input."""

    def read(self, count: int, /) -> bytes | None:
        """Return up to `count` bytes; nothing at the end."""


class PlainFile:
    """A plain file by its descriptor, for who opens thousands: no more calls than it takes.

    `size` is what an input holds; an output has none yet.
    """

    __slots__ = ("descriptor", "size")

    def __init__(self, descriptor: int, size: int = 0) -> None:
        self.descriptor, self.size = descriptor, size

    def read(self, count: int, /) -> bytes:
        """Return up to `count` bytes from where the file stands."""
        return os.read(self.descriptor, count)

    def write(self, data: bytes, /) -> int:
        """Write some of `data`; return how much."""
        return os.write(self.descriptor, data)


def plain_file(stream: object) -> tuple[int, int] | None:
    """Return descriptor and size if the stream is a plain file, else None."""
    if isinstance(stream, PlainFile):
        return stream.descriptor, stream.size
    try:
        descriptor = stream.fileno()  # type: ignore[attr-defined]
    except (AttributeError, OSError, io.UnsupportedOperation):
        return None
    status = os.fstat(descriptor)
    return (descriptor, status.st_size) if stat.S_ISREG(status.st_mode) else None


class Source:
    """The input: `buf` holds what has been read from its beginning."""

    def __init__(self, reader: Readable) -> None:
        self._reader = reader
        plain = plain_file(reader)
        self.descriptor: int | None = None
        self.size: int | None = None
        self.is_complete = False
        self._consumed = 0
        self._base = 0
        self._is_seekable = False
        if plain is not None:
            self.descriptor, self.size = plain
            if not isinstance(reader, PlainFile):
                self._base = reader.tell()  # type: ignore[attr-defined]
            self.size -= self._base
            first = self.size if self.size <= _WHOLE else _FIRST
            self.buf = os.pread(self.descriptor, first, self._base)
            self.is_complete = len(self.buf) >= self.size
        else:
            self.buf = self._read(_FIRST)
            self.is_complete = len(self.buf) < _FIRST

    def _read(self, count: int) -> bytes:
        """Read `count` bytes unless the stream ends: a raw stream may give less at a time."""
        parts: list[bytes] = []
        while count > 0:
            part = self._reader.read(count)
            if not part:
                break
            parts.append(part)
            count -= len(part)
            self._consumed += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def read_more(self) -> None:
        """Let the buffer grow; the header is bounded, so that memory is."""
        if self.is_complete or len(self.buf) >= MAX_HEADER:
            raise Held(
                "header-too-large",
                "More than 64 MiB stand before the pixels; the file can't be checked in memory.",
                f"byte {len(self.buf)}",
            )
        goal = min(len(self.buf) * 16, MAX_HEADER)
        self.grow_to(goal)

    def grow_to(self, goal: int) -> None:
        """Read on until the buffer has `goal` bytes or the input ends."""
        count = goal - len(self.buf)
        if count <= 0 or self.is_complete:
            return
        if self.descriptor is not None:
            more = os.pread(self.descriptor, count, self._base + len(self.buf))
        else:
            more = self._read(count)
        self.buf += more
        self.is_complete = len(more) < count or (
            self.size is not None and len(self.buf) >= self.size
        )

    def read_at(self, offset: int, count: int) -> bytes:
        """Return up to `count` bytes from `offset`; behind the buffer a stream goes one way."""
        if self.descriptor is not None:
            if offset + count <= len(self.buf):
                return self.buf[offset : offset + count]
            return os.pread(self.descriptor, count, self._base + offset)
        head = self.buf[offset : offset + count]
        if len(head) == count or self.is_complete:
            return head
        if self._is_seekable:
            self._reader.seek(self._base + offset)  # type: ignore[attr-defined]
            return self._read(count)
        if offset + len(head) < self._consumed:
            raise ValueError("a stream can only be read onwards")
        while self._consumed < offset:
            if not self._read(min(_BLOCK, offset - self._consumed)):
                return b""
        return head + self._read(count - len(head))

    def allow_rereading(self, most: int) -> bool:
        """Let `read_at` go back: frames are looked at before they are written.

        A stream that can't seek is kept in memory, up to `most` bytes; False if it has more.
        """
        if self.descriptor is not None or self.is_complete or self._is_seekable:
            return True
        reader: Any = self._reader
        if getattr(reader, "seekable", lambda: False)():
            self._base = reader.tell() - self._consumed
            self._is_seekable = True
            return True
        self.grow_to(most)
        return self.is_complete

    @property
    def base(self) -> int:
        """Offset in the file at which the input begins."""
        return self._base


def _new_hash() -> "hashlib._Hash":
    """Return SHA-256, whose module a run between plain files never loads."""
    import hashlib

    return hashlib.sha256()


class Sink:
    """The output: counts, hashes where bytes pass through, or lets the kernel copy."""

    def __init__(self, writer: BinaryIO) -> None:
        self._writer = writer
        plain = plain_file(writer)
        self.descriptor = plain[0] if plain is not None else None
        if self.descriptor is not None and not isinstance(writer, (PlainFile, io.RawIOBase)):
            writer.flush()
        self.size = 0
        # What a plain file is still to be given, in one call for many pieces.
        self._waiting: list[bytes | bytearray | memoryview] = []
        self._waiting_size = 0
        self._deflate: zlib._Compress | None = None
        self._hash = None if self.descriptor is not None else _new_hash()

    @property
    def sha256(self) -> str:
        """The digest of the output, if its bytes passed through this process."""
        return self._hash.hexdigest() if self._hash is not None else ""

    def deflate(self) -> None:
        """Deflate what is written from now on, until `finish`."""
        self._deflate = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)

    def finish(self) -> None:
        """Write what is held back, deflated data padded to even length (PS3.5 A.5)."""
        if self._deflate is not None:
            rest, self._deflate = self._deflate.flush(), None
            self.write(rest + b"\0" if (self.size + len(rest)) & 1 else rest)
        self._flush()

    def _flush(self) -> None:
        """Give a plain file what waits for it."""
        if not self._waiting or self.descriptor is None:
            return
        parts, self._waiting = self._waiting, []
        done = os.writev(self.descriptor, parts)
        if done < self._waiting_size:
            view = memoryview(b"".join(parts))[done:]
            while len(view):
                view = view[os.write(self.descriptor, view) :]
        self._waiting_size = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write all of `data`, at the latest when `finish` is called."""
        if self._deflate is not None:
            data = self._deflate.compress(data)
        self.size += len(data)
        if self.descriptor is not None:
            self._waiting.append(data)
            self._waiting_size += len(data)
            if self._waiting_size >= _BLOCK or len(self._waiting) >= _MAX_PARTS:
                self._flush()
            return
        if self._hash is not None:
            self._hash.update(data)
        view = memoryview(data)
        while len(view):
            written = self._writer.write(view)
            view = view[written if written is not None else len(view) :]

    def copy(self, source: Source, offset: int, count: int) -> int:
        """Copy a range of the input bit for bit; return how many bytes there were."""
        done = 0
        if source.descriptor is not None and self.descriptor is not None:
            self._flush()
            done = _kernel_copy(source.descriptor, self.descriptor, source.base + offset, count)
            self.size += done
        while done < count:
            block = source.read_at(offset + done, min(_BLOCK, count - done))
            if not block:
                break
            self.write(block)
            done += len(block)
        return done


def _kernel_copy(source: int, target: int, offset: int, count: int) -> int:
    """Copy between descriptors without the bytes passing through; 0 if the kernel can't."""
    done = 0
    try:
        while done < count:
            step = os.copy_file_range(source, target, count - done, offset + done)
            if step == 0:
                return done
            done += step
    except OSError:
        done = _sendfile(source, target, offset, count, done)  # another file system, or an old one
    return done


def _sendfile(source: int, target: int, offset: int, count: int, done: int) -> int:
    try:
        while done < count:
            step = os.sendfile(target, source, offset + done, count - done)
            if step == 0:
                return done
            done += step
    except OSError:
        return done  # the caller reads and writes what is left, and meets the error if it is real
    return done
