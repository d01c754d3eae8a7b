"""Asking the text finder from a worker; where none answers, the instance is held, never passed."""

import random
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

from studies.deid.errors import Held
from studies.deid.pixels import FoundText
from studies.finding.wire import (
    PING,
    PONG,
    Address,
    BadFrame,
    Priority,
    Stream,
    picture_frame,
    read_found,
)

CONNECT_SECONDS = 2.0
# How long one look may take, and how often meanwhile the caller says that it lives.
PATIENCE_SECONDS = 120.0
BEAT_SECONDS = 5.0
_FAULTS = (OSError, EOFError, BadFrame)


class FinderAway(Held):
    """No text finder answered: the picture is held until one does."""

    def __init__(self) -> None:
        super().__init__(
            "pixel-text-unchecked",
            "The text finder doesn't answer, so nobody looked for text in this image. "
            "Try again when it runs.",
            "(7FE0,0010)",
        )


class FinderClient:
    """A TextFinder behind a socket; it keeps its connection and finds another when that breaks."""

    def __init__(
        self,
        addresses: Sequence[Address],
        key: bytes = b"",
        *,
        priority: Priority = Priority.ROUTINE,
        beat: Callable[[], None] = lambda: None,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._addresses = list(addresses)
        random.shuffle(self._addresses)  # the workers share the finders out among them
        self._key = key
        self._priority = priority
        self._beat = beat
        self._patience = patience
        self._stream: Stream | None = None

    def find(self, image: Any, *, enlarged: bool = False) -> list[FoundText]:
        """Return the text in a grey picture; raise FinderAway where no finder could look."""
        # A connection that was kept may have died with its finder: then every address once more.
        for _try in range(len(self._addresses) + 1):
            try:
                stream = self._connected()
                stream.send(*picture_frame(image, enlarged=enlarged, priority=self._priority))
                return read_found(self._answer(stream))
            except _FAULTS:
                self.close()
            except BaseException:
                self.close()  # an answer may still be on its way: never to the next question
                raise
        raise FinderAway

    def _connected(self) -> Stream:
        if self._stream is None:
            address = self._addresses[0] if self._addresses else None
            if address is None:
                raise OSError("no address of a text finder is known")
            self._addresses.append(self._addresses.pop(0))
            self._stream = connect(address, self._key)
        return self._stream

    def _answer(self, stream: Stream) -> bytes:
        end = time.monotonic() + self._patience
        raw = stream.raw
        while True:
            raw.settimeout(BEAT_SECONDS)
            try:
                raw.recv(1, socket.MSG_PEEK)
            except TimeoutError:
                self._beat()
                if time.monotonic() > end:
                    raise OSError("a look takes too long") from None
                continue
            return stream.receive()

    def close(self) -> None:
        """Hang up; the next question connects anew."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def connect(address: Address, key: bytes) -> Stream:
    """Open a connection; raise OSError, EOFError or BadFrame where nobody fitting answers."""
    if address.path is not None:
        raw = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        raw.settimeout(CONNECT_SECONDS)
        key = b""
        try:
            raw.connect(str(address.path))
        except BaseException:
            raw.close()
            raise
    else:
        raw = socket.create_connection((address.host, address.port), CONNECT_SECONDS)
    try:
        return Stream(raw, key)
    except BaseException:
        raw.close()
        raise


def is_answering(address: Address, key: bytes = b"") -> bool:
    """Say whether a finder at this address answers a greeting, even while it looks at a picture."""
    try:
        stream = connect(address, key)
    except _FAULTS:
        return False
    try:
        stream.send(PING)
        return stream.receive() == PONG
    except _FAULTS:
        return False
    finally:
        stream.close()
