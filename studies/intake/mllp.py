"""MLLP: framed HL7 messages over TCP, with TLS. What is in a message is the handler's business.

A message is handed over whole and within its limit; its answer goes out before the next is read.
"""

import socket
import socketserver
import ssl
import threading
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import Any

START, END = b"\x0b", b"\x1c\r"
_BLOCK = 65536
_POLL_SECONDS = 1.0
Handler = Callable[[bytes, str], bytes]


class TooLarge(Exception):
    """A frame is larger than the limit; what came of it was dropped."""


class FrameReader:
    """Takes bytes as they come, and gives the messages between the frames' marks."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the messages that are whole now; raise TooLarge for one beyond the limit."""
        searched = max(0, len(self._buffer) - 1)
        self._buffer += data
        messages: list[bytes] = []
        while True:
            start = self._buffer.find(START)
            if start < 0:
                # Between frames only white space is expected; anything else is dropped.
                self._buffer.clear()
                return messages
            end = self._buffer.find(END, max(searched, start))
            if end < 0:
                if len(self._buffer) - start > self._limit:
                    self._buffer.clear()
                    raise TooLarge
                return messages
            message = bytes(self._buffer[start + 1 : end])
            del self._buffer[: end + len(END)]
            searched = 0
            if len(message) > self._limit:
                raise TooLarge
            messages.append(message)


def frame(message: bytes) -> bytes:
    """Return a message as it goes over the wire."""
    return START + message + END


class MllpServer(socketserver.ThreadingTCPServer):
    """Answers each message that comes on each connection, in order."""

    allow_reuse_address = True
    daemon_threads = False
    block_on_close = True
    request_queue_size = 64

    def __init__(
        self,
        address: tuple[str, int],
        handler: Handler,
        *,
        limit: int,
        too_large: Callable[[str], bytes],
        context: ssl.SSLContext | None = None,
        allowed: list[str] | None = None,
        connections: int = 64,
        silent_seconds: float = 300,
    ) -> None:
        self.handle_message = handler
        self.too_large = too_large
        self.limit = limit
        self.context = context
        self.silent_seconds = silent_seconds
        self.stopping = threading.Event()
        self._allowed = [ip_network(one, strict=False) for one in allowed or []]
        self._free = threading.BoundedSemaphore(connections)
        super().__init__(address, _Connection)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Let in whom the settings allow, as long as there is a free place."""
        address = ip_address(client_address[0])
        if self._allowed and not any(address in one for one in self._allowed):
            return False
        return self._free.acquire(blocking=False)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection, and give its place back."""
        try:
            super().finish_request(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a connection that broke: its sender has had no acknowledgement."""

    def stop(self) -> None:
        """Take no more, let messages in work be answered."""
        self.stopping.set()
        self.shutdown()


class _Connection(socketserver.BaseRequestHandler):
    server: MllpServer

    def handle(self) -> None:
        """Read and answer until the peer hangs up, is silent too long, or the server stops."""
        connection: socket.socket = self.request
        connection.settimeout(self.server.silent_seconds)
        if self.server.context is not None:
            connection = self.server.context.wrap_socket(connection, server_side=True)
        peer = str(self.client_address[0])
        reader = FrameReader(self.server.limit)
        silent = 0.0
        connection.settimeout(_POLL_SECONDS)
        while not self.server.stopping.is_set() and silent < self.server.silent_seconds:
            try:
                data = connection.recv(_BLOCK)
            except TimeoutError:
                silent += _POLL_SECONDS
                continue
            if not data:
                break
            silent = 0.0
            if not self._answer(connection, reader, data, peer):
                break
        connection.close()

    def _answer(
        self, connection: socket.socket, reader: FrameReader, data: bytes, peer: str
    ) -> bool:
        try:
            messages = reader.feed(data)
        except TooLarge:
            connection.sendall(frame(self.server.too_large(peer)))
            return False
        for message in messages:
            answer = self.server.handle_message(message, peer)
            connection.settimeout(self.server.silent_seconds)
            connection.sendall(frame(answer))
            connection.settimeout(_POLL_SECONDS)
        return True
