"""What client and server say to each other: frames of a length and a payload, over a stream.

Over a socket of this machine frames go as they are: only its owner may open it. Over a network each
connection has a key of its own, made from a shared secret and two random numbers, so that a picture
can be read, changed or replayed by nobody, and neither side talks to a stranger.
"""

from __future__ import annotations

import json
import secrets
import socket
import struct
from collections.abc import Iterable
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from studies.deid.pixels import FoundText
from studies.sealing import SealError, open_value, seal_value, subkey

if TYPE_CHECKING:
    import numpy as np

LONGEST = 1 << 30
NONCE = 16
SHORTEST_SECRET = 32
_LENGTH = struct.Struct(">I")
_IMAGE = struct.Struct(">BBII")
FIND, PING = b"F", b"P"
FOUND, PONG, FAILED = b"T", b"O", b"E"


class Priority(IntEnum):
    """Whose picture is looked at first."""

    STAT = 0
    HIGH = 1
    ROUTINE = 2


class Address(NamedTuple):
    """Where a finder listens: a socket file, or a host and port."""

    path: Path | None = None
    host: str = ""
    port: int = 0


class BadFrame(Exception):
    """The other side said something that this protocol doesn't know, or has another secret."""


class Request(NamedTuple):
    """A picture to look at."""

    image: np.ndarray
    enlarged: bool
    priority: int


def parse_address(text: str) -> Address:
    """Read "host:port"; raise ValueError where it is none."""
    host, _colon, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError("a text finder's address is host:port")
    return Address(host=host.strip("[]"), port=int(port))


class Stream:
    """One connection: whole frames in, whole frames out, sealed where it leaves the machine."""

    def __init__(self, raw: socket.socket, key: bytes = b"", *, is_client: bool = True) -> None:
        self.raw = raw
        self._key = self._agree(key, is_client) if key else b""
        self._mine, self._theirs = (b"c", b"s") if is_client else (b"s", b"c")
        self._sent = self._received = 0

    def _agree(self, key: bytes, is_client: bool) -> bytes:
        mine = secrets.token_bytes(NONCE)
        self.raw.sendall(mine)
        theirs = self._exactly(NONCE)
        first, second = (mine, theirs) if is_client else (theirs, mine)
        return subkey(key, "text finder", first + second)

    def send(self, *parts: bytes | memoryview) -> None:
        """Send one frame."""
        payload = b"".join(parts)
        if self._key:
            payload = seal_value(self._key, payload, self._aad(self._mine, self._sent))
            self._sent += 1
        self.raw.sendall(_LENGTH.pack(len(payload)))
        self.raw.sendall(payload)

    def receive(self) -> bytes:
        """Return the next frame; raise EOFError where the other side has gone."""
        (length,) = _LENGTH.unpack(self._exactly(_LENGTH.size))
        if length > LONGEST:
            raise BadFrame("a frame is longer than any picture")
        payload = self._exactly(length)
        if not self._key:
            return payload
        try:
            payload = open_value(self._key, payload, self._aad(self._theirs, self._received))
        except SealError:
            raise BadFrame("a frame was sealed under another secret") from None
        self._received += 1
        return payload

    @staticmethod
    def _aad(side: bytes, number: int) -> bytes:
        return side + number.to_bytes(8, "big")

    def _exactly(self, count: int) -> bytes:
        data = bytearray(count)
        view, done = memoryview(data), 0
        while done < count:
            got = self.raw.recv_into(view[done:])
            if not got:
                raise EOFError
            done += got
        return bytes(data)

    def close(self) -> None:
        """Hang up."""
        self.raw.close()


def picture_frame(image: np.ndarray, *, enlarged: bool, priority: int) -> tuple[bytes, bytes]:
    """Return the parts of a frame that asks to look at a grey picture."""
    import numpy as np  # only who sends pictures needs it

    rows, columns = image.shape
    head = FIND + _IMAGE.pack(enlarged, priority, rows, columns)
    return head, np.ascontiguousarray(image, dtype=np.uint8).tobytes()


def read_request(frame: bytes) -> Request:
    """Read what `picture_frame` wrote; raise BadFrame where it doesn't hold together."""
    import numpy as np

    start = 1 + _IMAGE.size
    if len(frame) < start:
        raise BadFrame("a request is cut short")
    enlarged, priority, rows, columns = _IMAGE.unpack_from(frame, 1)
    if rows * columns != len(frame) - start:
        raise BadFrame("a picture isn't as large as it says")
    image = np.frombuffer(frame, np.uint8, offset=start).reshape(rows, columns)
    return Request(image, bool(enlarged), priority)


def found_frame(found: Iterable[FoundText]) -> bytes:
    """Return the frame that answers a request."""
    return FOUND + json.dumps([list(one) for one in found]).encode()


def read_found(frame: bytes) -> list[FoundText]:
    """Read an answer; raise BadFrame where the finder failed or said something else."""
    if frame[:1] != FOUND:
        raise BadFrame("the finder could not look at a picture")
    try:
        return [
            FoundText(int(x), int(y), int(width), int(height), str(text), float(score))
            for x, y, width, height, text, score in json.loads(frame[1:])
        ]
    except (ValueError, TypeError):
        raise BadFrame("an answer of the finder can't be read") from None
