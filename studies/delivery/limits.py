"""How much of a destination may be used at once: connections and bytes per second.

All processes of one machine share a destination's limits, through locks on small files that the
kernel lets go of when a process dies. Nothing of a study is in them.
"""

import fcntl
import os
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast
from uuid import UUID

from django.conf import settings

PAUSE_SECONDS = 0.05
# No credit for quiet times beyond this, so that a limit is kept within a moment, not on average.
BURST_SECONDS = 0.25
_MOMENT = struct.Struct("<d")


class Limits:
    """The limits of one destination; none where `megabits` is 0."""

    def __init__(self, destination_id: UUID, parallel: int, megabits: float) -> None:
        self.parallel = max(1, parallel)
        self._rate = megabits * 125_000
        self._folder = Path(settings.DATA_DIR) / "limits"
        self._name = str(destination_id)

    @contextmanager
    def connection(self, is_stopped: Callable[[], bool]) -> Iterator[bool]:
        """Hold one of the connections, waiting for it; yields False where the work was stopped."""
        descriptor = self._wait_for_slot(is_stopped)
        try:
            yield descriptor is not None
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def metered(self, stream: BinaryIO) -> BinaryIO:
        """Return a stream that is read no faster than the limit allows."""
        return cast(BinaryIO, _Metered(stream, self._take)) if self._rate else stream

    def _wait_for_slot(self, is_stopped: Callable[[], bool]) -> int | None:
        while not is_stopped():
            for number in range(self.parallel):
                descriptor = self._open(f"slot-{number}")
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    os.close(descriptor)
                else:
                    return descriptor
            time.sleep(PAUSE_SECONDS)
        return None

    def _take(self, size: int) -> None:
        """Reserve the time that so many bytes need, after all that others reserved; wait for it."""
        descriptor = self._open("rate")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            now = time.monotonic()
            stored = os.pread(descriptor, _MOMENT.size, 0)
            free = _MOMENT.unpack(stored)[0] if len(stored) == _MOMENT.size else now
            if free > now + settings.LEASE_SECONDS * 60:
                free = now  # written before the machine was restarted
            free = max(free, now - BURST_SECONDS) + size / self._rate
            os.pwrite(descriptor, _MOMENT.pack(free), 0)
        finally:
            os.close(descriptor)
        wait = free - now
        if wait > 0:
            time.sleep(wait)

    def _open(self, what: str) -> int:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"{self._name}.{what}"
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


class _Metered:
    """A stream whose reading waits for its share."""

    def __init__(self, stream: BinaryIO, take: Callable[[int], None]) -> None:
        self._stream = stream
        self._take = take

    def read(self, size: int = -1) -> bytes:
        """Read, in steps that are small enough to keep an even pace."""
        wanted = size if size >= 0 else None
        found = bytearray()
        while wanted is None or len(found) < wanted:
            step = 1 << 16 if wanted is None else min(wanted - len(found), 1 << 16)
            block = self._stream.read(step)
            if not block:
                break
            self._take(len(block))
            found += block
        return bytes(found)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to another place, to send from there again."""
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """Return the place."""
        return self._stream.tell()

    def close(self) -> None:
        """Close the stream below."""
        self._stream.close()

    def __enter__(self) -> "_Metered":
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()
