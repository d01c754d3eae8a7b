"""Reads multipart bodies (RFC 2046) part by part, in blocks, from any stream.

What WADO-RS answers and STOW-RS sends. Nothing is kept but one block: a part may have any size.
"""

import re
from collections.abc import Iterator
from email.message import Message

from django.utils.translation import gettext as _

from studies.faults import PermanentError
from studies.intake.frames import Stream

BLOCK = 1 << 20
MAX_HEADERS = 1 << 14
MAX_PREAMBLE = 1 << 16
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]\Z")


class BadMultipart(PermanentError):
    """A body that isn't multipart as its Content-Type says."""

    def __init__(self) -> None:
        super().__init__(
            "multipart-unreadable",
            _("A multipart message wasn't readable: its parts don't stand where it says."),
        )


class MultipartCut(PermanentError):
    """A body that ended before its last boundary."""

    def __init__(self) -> None:
        super().__init__(
            "multipart-cut", _("A multipart message was cut short on its way. Send it again.")
        )


def boundary_of(content_type: str) -> bytes:
    """Return the boundary that a Content-Type names, or raise BadMultipart."""
    message = Message()
    message["Content-Type"] = content_type
    value = message.get_param("boundary")
    if message.get_content_maintype() != "multipart" or not isinstance(value, str):
        raise BadMultipart
    if not _BOUNDARY.match(value):
        raise BadMultipart
    return value.encode("ascii")


class Part:
    """One part: its headers, in lower case, and its bytes, which are read once."""

    def __init__(self, reader: "MultipartReader", headers: dict[str, str]) -> None:
        self._reader = reader
        self.headers = headers

    @property
    def content_type(self) -> str:
        """Return the part's media type, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def blocks(self) -> Iterator[bytes]:
        """Give the part's bytes."""
        return self._reader.blocks()

    def read(self, most: int) -> bytes:
        """Return the whole of a small part, or raise BadMultipart if it has more bytes."""
        data = bytearray()
        for block in self.blocks():
            data += block
            if len(data) > most:
                raise BadMultipart
        return bytes(data)


class MultipartReader:
    """Takes the parts of a body one after the other; what of one is unread is passed over."""

    def __init__(self, stream: Stream, boundary: bytes) -> None:
        self._stream = stream
        self._delimiter = b"\r\n--" + boundary
        # The first boundary may stand at the very beginning.
        self._buffer = b"\r\n"
        self._is_inside = False
        self._is_over = False

    def __iter__(self) -> Iterator[Part]:
        self._skip_preamble()
        while not self._is_over:
            headers = self._headers()
            self._is_inside = True
            yield Part(self, headers)
            for _block in self.blocks():
                pass

    def blocks(self) -> Iterator[bytes]:
        """Give the bytes of the present part, up to its boundary."""
        keep = len(self._delimiter) - 1
        while self._is_inside:
            at = self._buffer.find(self._delimiter)
            if at >= 0:
                block, self._buffer = self._buffer[:at], self._buffer[at + keep + 1 :]
                self._end_of_delimiter()
                if block:
                    yield block
                return
            if len(self._buffer) > keep:
                block, self._buffer = self._buffer[:-keep], self._buffer[-keep:]
                yield block
            self._fill()

    def _skip_preamble(self) -> None:
        while (at := self._buffer.find(self._delimiter)) < 0:
            if len(self._buffer) > MAX_PREAMBLE:
                raise BadMultipart
            self._fill()
        self._buffer = self._buffer[at + len(self._delimiter) :]
        self._end_of_delimiter()

    def _end_of_delimiter(self) -> None:
        """Take what follows a boundary: the end of its line, or the mark of the last one."""
        self._is_inside = False
        while len(self._buffer) < 2:
            self._fill()
        if self._buffer.startswith(b"--"):
            self._is_over = True
            return
        while b"\r\n" not in self._buffer:
            if len(self._buffer) > MAX_HEADERS:
                raise BadMultipart
            self._fill()
        padding, _end, rest = self._buffer.partition(b"\r\n")
        if padding.strip(b" \t"):
            raise BadMultipart
        # Kept for the case of no header at all: the blank line then follows at once.
        self._buffer = b"\r\n" + rest

    def _headers(self) -> dict[str, str]:
        while b"\r\n\r\n" not in self._buffer:
            if len(self._buffer) > MAX_HEADERS:
                raise BadMultipart
            self._fill()
        head, _end, self._buffer = self._buffer.partition(b"\r\n\r\n")
        if len(head) > MAX_HEADERS:
            raise BadMultipart
        headers = {}
        for line in head.split(b"\r\n"):
            if line:
                name, colon, value = line.partition(b":")
                if not colon:
                    raise BadMultipart
                headers[name.strip().lower().decode("latin-1")] = value.strip().decode("latin-1")
        return headers

    def _fill(self) -> None:
        block = self._stream.read(BLOCK)
        if not block:
            raise MultipartCut
        self._buffer += block
