"""Frames of one instance, each read and decoded when it is asked for; never all of them at once.

Knows where each frame lies in the input, whether native or in fragments. Decides nothing.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from ..dataset import ITEM, SEQUENCE_END, TAG_LENGTH, UNDEFINED, vr_code
from ..encapsulated import MAX_FRAGMENTS, MAX_FRAME, starts_frame
from ..source import Source
from ..survey import Survey
from .codecs import BASELINE, decode_frame, decode_luma
from .image import Image, undecodable
from .native import to_values

if TYPE_CHECKING:
    from .previewing import PreviewHints

OW = vr_code("OW")
MOST_IN_MEMORY = 256 * 1024 * 1024  # of a stream that can't go back


class Frames:
    """Random access to the frames of an instance."""

    def __init__(self, source: Source, found: Survey, image: Image) -> None:
        if found.pixel is None:
            raise undecodable("there are none")
        self.image = image
        self._source = source
        _tag, vr, self._start, self._length = found.pixel
        if not source.allow_rereading(MOST_IN_MEMORY):
            raise undecodable("the input can be read only once and is too large for memory")
        if image.is_encapsulated != (self._length == UNDEFINED):
            raise undecodable("their encoding is not the one that the file meta data name")
        if image.is_big_endian and image.bits_allocated == 8 and vr == OW:
            raise undecodable("pairs of bytes may be swapped in them")
        if image.frame_bytes > MAX_FRAME:
            raise undecodable("a frame is larger than 256 MiB")
        self.end = self._start + self._length
        # For each frame the place and the length of its fragments.
        self._fragments: list[list[tuple[int, int]]] = []
        if image.is_encapsulated:
            self._index()
        elif image.bits_allocated == 1 and image.frames > 1 and image.rows * image.columns % 8:
            raise undecodable("frames of single bits do not begin at whole bytes")
        elif self._length < image.frame_bytes * image.frames:
            raise undecodable("there are fewer of them than the attributes say")

    def _index(self) -> None:
        """Note where each frame's fragments are."""
        position, wanted = self._start, self.image.frames
        position += 8 + self._head(position)[1]  # the offset table
        fragments: list[tuple[int, int]] = []
        while True:
            tag, length = self._head(position)
            position += 8
            if tag == SEQUENCE_END:
                break
            if tag != ITEM or length > MAX_FRAME or len(fragments) > MAX_FRAGMENTS:
                raise undecodable("their fragments can't be told apart")
            first = self._source.read_at(position, 3)
            if fragments and starts_frame(first, self.image.syntax):
                self._fragments.append(fragments)
                fragments = []
            fragments.append((position, length))
            position += length
        if fragments:
            self._fragments.append(fragments)
        if len(self._fragments) != wanted:
            raise undecodable("there are more or fewer frames than the attributes say")
        self.end = position

    def _head(self, position: int) -> tuple[int, int]:
        head = self._source.read_at(position, 8)
        if len(head) < 8:
            raise undecodable("they end too early")
        tag, length = TAG_LENGTH.unpack(head)
        return tag, length

    def __len__(self) -> int:
        return self.image.frames

    def raw(self, frame: int) -> bytes:
        """Return the bytes of one frame, as they stand in the input."""
        if self.image.is_encapsulated:
            parts = [self._read(*fragment) for fragment in self._fragments[frame]]
            return parts[0] if len(parts) == 1 else b"".join(parts)
        size = self.image.frame_bytes
        return self._read(self._start + frame * size, size)

    def _read(self, offset: int, length: int) -> bytes:
        data = self._source.read_at(offset, length)
        if len(data) != length:
            raise undecodable("they end too early")
        return data

    def values(self, frame: int) -> np.ndarray:
        """Return the stored values of one frame: rows by columns, or by samples."""
        if self.image.is_encapsulated:
            return decode_frame(self.raw(frame), self.image)
        return to_values(self.raw(frame), self.image)

    def luma(self, frame: int) -> np.ndarray | None:
        """Return the brightness of a frame in colours, if the codec gives it for less."""
        image = self.image
        if image.syntax != BASELINE or image.samples == 1 or image.photometric == "RGB":
            return None
        return decode_luma(self.raw(frame), image)

    def __iter__(self) -> Iterator[np.ndarray]:
        return map(self.values, range(len(self)))

    def hints(self) -> "PreviewHints":
        """Return what a viewer has to know."""
        from .previewing import PreviewHints

        image = self.image
        return PreviewHints(
            image.frames, image.rows, image.columns, image.samples, image.bits_stored,
            image.is_signed, image.photometric, image.windows, image.rescale,
        )  # fmt: skip


def open_frames(reader: BinaryIO) -> Frames:
    """Return the frames of an instance; EngineError where it has none that can be read."""
    from ..opening import look

    meta, found, source = look(Source(reader))
    return Frames(source, found, Image.of(meta, found))
