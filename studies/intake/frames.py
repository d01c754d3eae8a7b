"""The body of an upload request: frames of a length, a JSON description and the bytes themselves.

    frame = u32 big-endian length of the JSON · JSON {file, path, size, offset, length, …} · bytes

Read in blocks from the request's own stream; nothing is kept here but one block.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from django.utils.translation import gettext as _

from studies.faults import PermanentError

# Few large reads: a server hands out its buffer by copying what is left of it each time.
BLOCK = 1 << 20
MAX_DESCRIPTION = 1 << 14
MAX_FILE_NUMBER = 2**31 - 1
MAX_SIZE = 2**53 - 1


class Stream(Protocol):
    """Something that gives bytes."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, none at the end."""


@dataclass(frozen=True)
class Frame:
    """What a frame says about the bytes that follow it."""

    file: int
    path: str
    size: int
    offset: int
    length: int
    modified: int = 0
    sha256: str = ""


class BadFrame(PermanentError):
    """A body that isn't made of frames as the protocol wants them."""

    def __init__(self) -> None:
        super().__init__(
            "bad-frame",
            _("A part of the upload wasn't readable. Reload the page and drop the files again."),
        )


class CutShort(PermanentError):
    """A body that ended before its announced length: a cut connection."""

    def __init__(self) -> None:
        super().__init__(
            "upload-cut",
            _("The connection was cut within a part. It is sent again from its beginning."),
        )


class FrameReader:
    """Takes the frames of a body one after the other; each one's bytes must be read before."""

    def __init__(self, stream: Stream, content_length: int) -> None:
        self._stream = stream
        self._to_come = content_length
        self._buffer = b""
        self._at = 0
        self._unread = 0

    def __iter__(self) -> Iterator[Frame]:
        while self._left:
            frame = self._description()
            self._unread = frame.length
            yield frame
            if self._unread:
                raise ValueError("the bytes of a frame were not read")

    def blocks(self) -> Iterator[bytes]:
        """Give the bytes of the present frame."""
        while self._unread:
            block = self._some(self._unread)
            self._unread -= len(block)
            yield block

    @property
    def _left(self) -> int:
        """Return how much of the body is still to be taken."""
        return self._to_come + len(self._buffer) - self._at

    def _some(self, most: int) -> bytes:
        """Return at least one byte and at most `most`, from the buffer or the next read."""
        if self._at == len(self._buffer):
            self._buffer = self._stream.read(min(self._to_come, BLOCK))
            self._at = 0
            if not self._buffer:
                raise CutShort
            self._to_come -= len(self._buffer)
        block = self._buffer[self._at : self._at + most]
        self._at += len(block)
        return block

    def _description(self) -> Frame:
        length = int.from_bytes(self._exactly(4), "big")
        if not 2 <= length <= MAX_DESCRIPTION:
            raise BadFrame
        try:
            data = json.loads(self._exactly(length))
        except ValueError:
            raise BadFrame from None
        frame = parse_description(data)
        if frame.length > self._left:
            raise BadFrame
        return frame

    def _exactly(self, size: int) -> bytes:
        if size > self._left:
            raise BadFrame
        data = self._some(size)
        while len(data) < size:
            data += self._some(size - len(data))
        return data


def parse_description(data: Any) -> Frame:
    """Return the frame that a description tells of, or raise BadFrame."""
    if not isinstance(data, dict):
        raise BadFrame
    frame = Frame(
        file=whole_number(data.get("file"), MAX_FILE_NUMBER),
        path=text(data.get("path")),
        size=whole_number(data.get("size"), MAX_SIZE),
        offset=whole_number(data.get("offset"), MAX_SIZE),
        length=whole_number(data.get("length"), MAX_SIZE),
        modified=whole_number(data.get("modified", 0), MAX_SIZE),
        sha256=text(data.get("sha256", ""), 64),
    )
    if not frame.path or frame.offset + frame.length > frame.size:
        raise BadFrame
    if not frame.length and frame.size:
        raise BadFrame
    return frame


def whole_number(value: Any, top: int) -> int:
    """Return a whole number from 0 to `top`, or raise BadFrame."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= top:
        raise BadFrame
    return value


def text(value: Any, longest: int = 4096) -> str:
    """Return a text that can be stored, or raise BadFrame."""
    if not isinstance(value, str) or len(value) > longest:
        raise BadFrame
    return value
