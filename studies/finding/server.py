"""The text finder's own process: it loads the models once and looks at one picture at a time.

What is urgent goes first, whatever waits. A greeting is answered at once. A picture that the finder
can't look at is answered as such, and its client holds the instance.
"""

import contextlib
import itertools
import logging
import os
import queue
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from anonportal.logs import Word
from studies.deid.pixels import FoundText, TextFinder
from studies.finding.wire import (
    FAILED,
    FIND,
    PING,
    PONG,
    Address,
    BadFrame,
    Request,
    Stream,
    found_frame,
    read_request,
)

log = logging.getLogger(__name__)

BACKLOG = 128


@dataclass(order=True)
class _Work:
    """A picture in the queue: the urgent first, then in the order of arrival."""

    priority: int
    number: int
    request: Request = field(compare=False)
    answer: "Future[list[FoundText]]" = field(compare=False, default_factory=Future)


class FinderServer:
    """Listens at one address until it is stopped."""

    def __init__(self, address: Address, load: Callable[[], TextFinder], key: bytes = b"") -> None:
        if address.path is None and not key:
            raise ValueError("a text finder that listens on a network needs a shared secret")
        self.address = address
        self._load = load
        self._key = b"" if address.path is not None else key
        self._waiting: queue.PriorityQueue[_Work] = queue.PriorityQueue()
        self._numbers = itertools.count()
        self._is_stopping = threading.Event()
        self._fault: Exception | None = None
        self._socket = self._bind()

    def _bind(self) -> socket.socket:
        if self.address.path is None:
            return socket.create_server((self.address.host, self.address.port), backlog=BACKLOG)
        path = self.address.path
        path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)  # the socket is its owner's alone from its first moment
        try:
            listening.bind(str(path))
        finally:
            os.umask(before)
        listening.listen(BACKLOG)
        return listening

    @property
    def port(self) -> int:
        """Return the port it listens on, where that is a network's."""
        return int(self._socket.getsockname()[1])

    def serve(self) -> None:
        """Answer until `stop`; raise what kept the finder from loading."""
        threading.Thread(target=self._look, name="finder", daemon=True).start()
        self._socket.settimeout(0.5)
        while not self._is_stopping.is_set():
            try:
                raw, _peer = self._socket.accept()
            except TimeoutError:
                continue
            except OSError:
                break  # `stop` closed it
            raw.settimeout(None)
            threading.Thread(target=self._talk, args=(raw,), daemon=True).start()
        self._socket.close()
        if self.address.path is not None:
            self.address.path.unlink(missing_ok=True)
        if self._fault is not None:
            raise self._fault

    def stop(self) -> None:
        """End `serve`; who waits for an answer loses its connection."""
        self._is_stopping.set()

    def _talk(self, raw: socket.socket) -> None:
        """Answer one client until it hangs up."""
        with raw, contextlib.suppress(EOFError, OSError, BadFrame):
            stream = Stream(raw, self._key, is_client=False)
            while not self._is_stopping.is_set():
                frame = stream.receive()
                if frame == PING:
                    stream.send(PONG)
                elif frame[:1] == FIND:
                    stream.send(self._found(read_request(frame)))
                else:
                    raise BadFrame("an unknown question")

    def _found(self, request: Request) -> bytes:
        work = _Work(request.priority, next(self._numbers), request)
        self._waiting.put(work)
        try:
            return found_frame(work.answer.result())
        except Exception as error:  # noqa: BLE001 - whatever a picture does to the finder, it is held
            log.warning("a picture could not be looked at: %s", Word(type(error).__name__))
            return FAILED

    def _look(self) -> None:
        """Look at one picture after the other; the one thread that holds the models."""
        try:
            finder = self._load()
        except Exception as error:  # noqa: BLE001 - `serve` raises it, the supervisor starts anew
            self._fault = error
            self.stop()
            return
        log.info("the text finder is ready")
        while True:
            work = self._waiting.get()
            try:
                found = finder.find(work.request.image, enlarged=work.request.enlarged)
            except Exception as error:  # noqa: BLE001 - answered to who asked, without its text
                work.answer.set_exception(error)
            else:
                work.answer.set_result(found)
