"""Reading an object for sending: in memory while it is small, else in parts, always counted."""

import base64
import hashlib
from collections.abc import Iterator
from typing import BinaryIO

from studies.delivery.faults import staged_changed

PART = 8 << 20
# What S3 takes of one object; Azure takes more.
MOST_PARTS = 10_000


def part_size(size: int) -> int:
    """Return how large the parts of an object are, so that there aren't too many."""
    needed = -(-size // MOST_PARTS)
    return max(PART, -(-needed // (1 << 20)) << 20)


def read_whole(stream: BinaryIO, size: int, sha256: str) -> bytes:
    """Return a small object's bytes, or raise where they aren't what was de-identified."""
    data = stream.read(size + 1)
    while block := stream.read(size + 1 - len(data)) if len(data) <= size else b"":
        data += block
    if len(data) != size or hashlib.sha256(data).hexdigest() != sha256:
        raise staged_changed()
    return data


def read_parts(stream: BinaryIO, size: int, sha256: str) -> Iterator[bytes]:
    """Yield a large object's parts; raises after the last one where the whole isn't right."""
    digest = hashlib.sha256()
    length = part_size(size)
    read = 0
    while read < size:
        part = _exactly(stream, min(length, size - read))
        if not part:
            break
        digest.update(part)
        read += len(part)
        yield part
    if read != size or stream.read(1) or digest.hexdigest() != sha256:
        raise staged_changed()


def _exactly(stream: BinaryIO, length: int) -> bytes:
    first = stream.read(length)
    if len(first) in (0, length):
        return first
    part = bytearray(first)
    while len(part) < length and (block := stream.read(length - len(part))):
        part += block
    return bytes(part)


def md5_of(data: bytes) -> bytes:
    """Return the MD5 that stores check a transfer with; it protects from accidents only."""
    return hashlib.md5(data, usedforsecurity=False).digest()


def base64_of(digest: bytes) -> str:
    """Return a digest as headers carry it."""
    return base64.b64encode(digest).decode("ascii")
