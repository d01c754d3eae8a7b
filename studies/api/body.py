"""The body of a request as a bounded stream: never parsed by Django, never on disk in clear."""

from email.message import Message
from typing import Protocol

from django.conf import settings
from django.http import HttpRequest

from studies.api.problems import Problem

BLOCK = 256 << 10


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes."""


class Body:
    """Reads a request's body once; knows when it is cut short, and stops at a limit.

    A body of unknown length (chunked) is read to its end where the server ends it for us.
    """

    def __init__(self, request: HttpRequest, limit: int | None = None) -> None:
        self._limit = settings.GATEWAY_MAX_BYTES if limit is None else limit
        self.length = _declared(request)
        self.read_bytes = 0
        self._stream: _Readable = request
        if self.length is None:
            self._stream = request.environ["wsgi.input"]  # type: ignore[attr-defined]
        elif self.length > self._limit:
            raise too_large()

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, none at the end; raise where the body was cut short."""
        if self.length is not None:
            size = min(size, self.length - self.read_bytes)
            if size <= 0:
                return b""
        try:
            block = self._stream.read(size)
        except Exception as error:
            # Each web server has faults of its own for a chunk that is none, or a sender gone.
            raise cut() from error
        self.read_bytes += len(block)
        if not block and self.length is not None:
            raise cut()
        if self.read_bytes > self._limit:
            raise too_large()
        return block


def _declared(request: HttpRequest) -> int | None:
    """Return how long the body says it is; None where it is chunked and the server ends it."""
    text = request.META.get("CONTENT_LENGTH") or ""
    if "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
        if request.environ.get("wsgi.input_terminated"):  # type: ignore[attr-defined]
            return None
        raise Problem(411, "length-required", "Send the body with a Content-Length.")
    if not text:
        return 0
    if not text.isdigit():
        raise Problem(400, "bad-request", "The Content-Length isn't a number.")
    return int(text)


def media_type(value: str) -> str:
    """Return the media type of a Content-Type header, in lower case and without parameters."""
    return value.partition(";")[0].strip().lower()


def parameter(value: str, name: str) -> str:
    """Return a parameter of a header's value, without its quotes; empty where it has none."""
    message = Message()
    message["Content-Type"] = value.replace("\r", "").replace("\n", "")
    found = message.get_param(name, "")
    return found if isinstance(found, str) else found[2]


def too_large() -> Problem:
    """Return the answer to a body over the limit."""
    return Problem(413, "body-too-large", "The body is larger than this portal takes at once.")


def cut() -> Problem:
    """Return the answer to a body that ended early."""
    return Problem(400, "body-cut", "The body ended before its Content-Length. Send it again.")
