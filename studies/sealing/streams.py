"""Seals a stream of any length in chunks, so that it is written and read without being held whole.

Layout: magic, format byte, length and text of the key's id, 16 bytes of salt, 16 bytes of key
check; then chunks of 1 MiB under AES-256-GCM, the last one shorter. A chunk's nonce is its number
and a flag for the last one, and the header is its associated data: chunks can't be reordered,
dropped or moved to another object, and a stream without its last chunk is an error.
"""

import io
import secrets
from types import TracebackType
from typing import Protocol, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from studies.sealing.errors import KeyWrong, SealedCorrupt, SealedTruncated
from studies.sealing.keys import KEY_BYTES, subkey

CHUNK = 1 << 20
MAGIC = b"APSEAL"
FORMAT = 1
_SALT = 16
_CHECK = 16
_TAG = 16
_SEALED_CHUNK = CHUNK + _TAG


class Writable(Protocol):
    """Where sealed bytes go."""

    def write(self, data: bytes, /) -> object:
        """Take all of the bytes."""


class Readable(Protocol):
    """Where sealed bytes come from."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, none at the end."""


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


def _derive(key: bytes, salt: bytes) -> tuple[AESGCM, bytes]:
    """Return the stream's cipher, and the check that tells a wrong key from a changed stream."""
    derived = subkey(key, "stream", salt, length=KEY_BYTES + _CHECK)
    return AESGCM(derived[:KEY_BYTES]), derived[KEY_BYTES:]


class SealedWriter(io.RawIOBase):
    """Seals what is written to it into `raw`, which stays open; `close` writes the last chunk.

    Left by an exception, dropped or abandoned, it writes no last chunk, and what stands in `raw`
    can't be taken for a whole stream.
    """

    def __init__(self, raw: Writable, key: bytes, key_id: str = "") -> None:
        super().__init__()
        name = key_id.encode()
        if len(name) > 255:
            raise ValueError("a key id has at most 255 bytes")
        salt = secrets.token_bytes(_SALT)
        self._raw = raw
        self._cipher, check = _derive(key, salt)
        self._header = b"".join(
            (MAGIC, bytes((FORMAT, len(name))), name, salt, check),
        )
        # Laid out once: growing it for each chunk would cost more than the sealing.
        self._buffer = memoryview(bytearray(CHUNK))
        self._filled = 0
        self._number = 0
        self._written = 0
        raw.write(self._header)
        self.sealed_size = len(self._header)

    def writable(self) -> bool:
        """Say that this stream is for writing."""
        return True

    def tell(self) -> int:
        """Return how many bytes were written, before sealing."""
        return self._written

    def write(self, data: object, /) -> int:
        """Take all of `data`; a chunk is sealed once it is certain that it isn't the last."""
        if self.closed:
            raise ValueError("the sealed stream is closed")
        view = memoryview(data).cast("B")  # type: ignore[arg-type]
        size = len(view)
        self._written += size
        if self._filled:
            view = view[self._keep(view) :]
            if not view:
                return size
            self._seal(self._buffer, last=False)
            self._filled = 0
        while len(view) > CHUNK:
            self._seal(view[:CHUNK], last=False)
            view = view[CHUNK:]
        self._keep(view)
        return size

    def close(self) -> None:
        """Seal the last chunk; a second call does nothing."""
        if self.closed:
            return
        try:
            self._seal(self._buffer[: self._filled], last=True)
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close without the last chunk, so that what was written never opens as a whole."""
        self._buffer.release()
        super().close()

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
        """Do nothing: the base class would close, and make a forgotten stream look whole."""

    def _keep(self, view: memoryview) -> int:
        """Keep what fits into the buffer; return how much that was."""
        size = min(len(view), CHUNK - self._filled)
        self._buffer[self._filled : self._filled + size] = view[:size]
        self._filled += size
        return size

    def _seal(self, chunk: memoryview, *, last: bool) -> None:
        nonce = _nonce(self._number, last=last)
        sealed = self._cipher.encrypt(nonce, chunk, self._header)
        self._number += 1
        self._raw.write(sealed)
        self.sealed_size += len(sealed)


class SealedReader(io.BufferedIOBase):
    """Reads what SealedWriter wrote; seeks where `raw` does. `name` is used in errors only.

    No byte is given out before its chunk was verified.
    """

    def __init__(self, raw: Readable, key: bytes, *, name: str = "the sealed object") -> None:
        super().__init__()
        self._raw = raw
        self._name = name
        self._header, self.key_id = self._read_header()
        self._cipher, check = _derive(key, self._header[-_SALT - _CHECK : -_CHECK])
        if not secrets.compare_digest(check, self._header[-_CHECK:]):
            raise KeyWrong(f"{name} was sealed with another key ({self._key_name()})")
        self._chunk: bytes = b""
        self._number = -1
        self._next_in_raw = 0
        self._last: int | None = None
        self._size: int | None = None
        self._position = 0

    def readable(self) -> bool:
        """Say that this stream is for reading."""
        return True

    def seekable(self) -> bool:
        """Say whether the stream below can seek."""
        return bool(getattr(self._raw, "seekable", lambda: False)())

    def tell(self) -> int:
        """Return the position in the opened stream."""
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        """Return `size` bytes, fewer only at the end."""
        if size is None or size < 0:
            return self._read_all()
        parts: list[bytes] = []
        while size > 0:
            part = self._available(size)
            if not part:
                break
            parts.append(part)
            size -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def read1(self, size: int = -1, /) -> bytes:
        """Return what is at hand of at most `size` bytes, none at the end."""
        return self._available(CHUNK if size < 0 else size) if size else b""

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to a position; a position before or at the end only is verified when read."""
        if not self.seekable():
            raise io.UnsupportedOperation("the stream below can't seek")
        base = {
            io.SEEK_SET: lambda: 0,
            io.SEEK_CUR: lambda: self._position,
            io.SEEK_END: self._find_size,
        }[whence]()
        if base + offset < 0:
            raise ValueError("negative position")
        self._position = base + offset
        return self._position

    def _read_all(self) -> bytes:
        parts = []
        while part := self._available(CHUNK):
            parts.append(part)
        return b"".join(parts)

    def _available(self, size: int) -> bytes:
        """Return up to `size` bytes of the chunk at the position, and step over them."""
        if self.closed:
            raise ValueError("the sealed stream is closed")
        number, start = divmod(self._position, CHUNK)
        if number != self._number and not self._load(number):
            return b""
        part = self._chunk[start : start + size]
        self._position += len(part)
        return part

    def _load(self, number: int) -> bool:
        """Open chunk `number`; False where the stream ended, whole, before it."""
        if self._last is not None and number > self._last:
            return False
        if number != self._next_in_raw:
            # A jump may leave the stream, so its true end must be known first.
            self._find_size()
            if self._last is not None and number > self._last:
                return False
            self._seek_raw(number)
        self._open_next()
        return True

    def _seek_raw(self, number: int) -> None:
        self._raw.seek(len(self._header) + number * _SEALED_CHUNK)  # type: ignore[attr-defined]
        self._next_in_raw = number

    def _open_next(self) -> None:
        """Read, verify and keep the next chunk of the stream below."""
        number = self._next_in_raw
        sealed = self._fill(_SEALED_CHUNK)
        if len(sealed) < _TAG:
            raise SealedTruncated(
                f"{self._name} is cut short in chunk {number} ({self._key_name()})"
            )
        chunk = None
        if len(sealed) == _SEALED_CHUNK:
            chunk = self._try(number, sealed, last=False)
        if chunk is None:
            chunk = self._try(number, sealed, last=True)
            if chunk is not None:
                self._end(number, chunk)
        if chunk is None:
            raise self._bad(number, sealed)
        self._chunk, self._number = chunk, number
        self._next_in_raw = number + 1

    def _end(self, number: int, chunk: bytes) -> None:
        if self._raw.read(1):
            raise SealedCorrupt(f"{self._name} goes on after its end ({self._key_name()})")
        self._last = number
        self._size = number * CHUNK + len(chunk)

    def _try(self, number: int, sealed: bytes, *, last: bool) -> bytes | None:
        try:
            return self._cipher.decrypt(_nonce(number, last=last), sealed, self._header)
        except InvalidTag:
            return None

    def _bad(self, number: int, sealed: bytes) -> SealedCorrupt | SealedTruncated:
        if len(sealed) < _SEALED_CHUNK:
            return SealedTruncated(
                f"{self._name} was cut or changed in chunk {number}, where it ends"
                f" ({self._key_name()})"
            )
        return SealedCorrupt(f"{self._name} was changed in chunk {number} ({self._key_name()})")

    def _find_size(self) -> int:
        """Return the size of the opened stream, known only from its verified last chunk."""
        if self._size is None:
            if not self.seekable():
                raise io.UnsupportedOperation("the stream below can't seek")
            end = self._raw.seek(0, io.SEEK_END)  # type: ignore[attr-defined]
            body = max(end - len(self._header), 0)
            number = max(-(-body // _SEALED_CHUNK) - 1, 0)
            self._seek_raw(number)
            self._open_next()
            if self._size is None:
                raise SealedTruncated(
                    f"{self._name} is cut short after chunk {number} ({self._key_name()})"
                )
        return self._size

    def _read_header(self) -> tuple[bytes, str]:
        start = self._fill(len(MAGIC) + 2)
        if len(start) < len(MAGIC) + 2:
            raise SealedTruncated(f"{self._name} is cut short in its header")
        if start[: len(MAGIC)] != MAGIC or start[len(MAGIC)] != FORMAT:
            raise SealedCorrupt(f"{self._name} isn't a sealed stream of a known format")
        rest = self._fill(start[-1] + _SALT + _CHECK)
        if len(rest) < start[-1] + _SALT + _CHECK:
            raise SealedTruncated(f"{self._name} is cut short in its header")
        key_id = rest[: start[-1]].decode("utf-8", "replace")
        return start + rest, key_id

    def _fill(self, size: int) -> bytes:
        """Read `size` bytes of the stream below, which may give them in pieces."""
        data = self._raw.read(size)
        if len(data) == size or not data:
            return data
        parts, have = [data], len(data)
        while have < size and (data := self._raw.read(size - have)):
            parts.append(data)
            have += len(data)
        return b"".join(parts)

    def _key_name(self) -> str:
        return f"key {self.key_id}" if self.key_id else "unnamed key"

    def __enter__(self) -> Self:
        return self
