"""Blank boxes in the stored values, frame by frame, and write what comes of it.

Only the boxes change: every frame that is written is decoded again and compared. One frame is in
memory at a time.
"""

from dataclasses import dataclass

import numpy as np

from ..dataset import ITEM, SEQUENCE_END_BYTES, TAG_LENGTH, UNDEFINED
from ..encapsulated import before_pixels, cleaner_for
from ..filemeta import EXPLICIT_LE
from ..source import Sink
from ..survey import Survey
from ..verify_pixels import check_frame
from .codecs import (
    BASELINE,
    LS_LOSSLESS,
    LS_NEAR,
    decode_frame,
    encode_frame,
    has_encoder,
    output_syntax,
)
from .display import palette_tables, signed_values
from .frames import Frames
from .image import Image, undecodable
from .native import to_raw, to_values
from .policy import Box

_PIXELS = b"\xe0\x7f\x10\0"


@dataclass(frozen=True)
class PixelWork:
    """What is to be done to the frames of one instance."""

    frames: Frames
    boxes: tuple[Box, ...]  # those to blank
    masks: bool  # clear the bits above Bits Stored

    @property
    def image(self) -> Image:
        """The description of the frames as they come in."""
        return self.frames.image

    @property
    def is_compressed(self) -> bool:
        """Tell whether the output's frames are compressed."""
        return self.image.is_encapsulated and has_encoder(self.image)

    @property
    def syntax(self) -> str:
        """The transfer syntax of the output."""
        if not self.image.is_encapsulated:
            return self.image.syntax
        return output_syntax(self.image) if self.is_compressed else EXPLICIT_LE

    @property
    def is_lossy(self) -> bool:
        """Tell whether pixels outside the boxes go through lossy compression once more."""
        return bool(self.boxes) and self.is_compressed and self.image.syntax == BASELINE

    def ratio(self) -> float:
        """Return how much smaller the first frame gets by being compressed anew."""
        values = self.frames.values(0)
        return values.nbytes / len(encode_frame(values, self.image, self.frames.raw(0)))

    def write(self, sink: Sink, header: bytes, found: Survey, markers: list[bytes]) -> int:
        """Write header and frames; return the offset in the input behind the pixels."""
        if self.is_compressed:
            self._write_compressed(sink, header, found, markers)
        else:
            self._write_native(sink, header, found)
        return self.frames.end

    def _write_native(self, sink: Sink, header: bytes, found: Survey) -> None:
        image = self.image
        size = image.frame_bytes if not image.is_encapsulated else _native_bytes(image)
        length = size * image.frames
        if length + 1 >= UNDEFINED:
            raise undecodable("uncompressed they are larger than a data element can be")
        padded = length + (length & 1)
        if image.is_encapsulated:
            vr = b"OW" if image.bits_allocated > 8 else b"OB"
            element = _PIXELS + vr + b"\0\0" + padded.to_bytes(4, "little")
        else:
            size_field = padded.to_bytes(4, "big" if image.is_big_endian else "little")
            element = found.pixel_head[:-4] + size_field
        sink.write(header + element)
        for frame in range(image.frames):
            before = self.frames.values(frame)
            boxes, after = self.blanked(before, frame)
            raw = to_raw(after, image)
            read = self._as_written(raw, before.dtype)
            check_frame(before, read, [_edges(box) for box in boxes], self._bits())
            sink.write(raw)
        if length & 1:
            sink.write(b"\0")

    def _as_written(self, raw: bytes, before: np.dtype) -> np.ndarray:
        """Read a native frame back, with a sign if the decoder gave one and the header says so."""
        image = self.image
        if not image.is_encapsulated:
            return to_values(raw, image)
        sign = "i" if image.is_signed and before.kind == "i" else "u"
        words = np.frombuffer(raw, f"<{sign}{max(image.bits_allocated // 8, 1)}")
        return (
            words.reshape(image.rows, image.columns, -1).squeeze(-1)
            if (image.samples == 1)
            else words.reshape(image.rows, image.columns, image.samples)
        )

    def _write_compressed(
        self, sink: Sink, header: bytes, found: Survey, markers: list[bytes]
    ) -> None:
        image, seen = self.image, set()
        clean = cleaner_for(image.syntax)
        sink.write(header + _PIXELS + b"OB\0\0\xff\xff\xff\xff" + TAG_LENGTH.pack(ITEM, 0))
        for frame in range(image.frames):
            raw = self.frames.raw(frame)
            if not any(box.is_in(frame) for box in self.boxes) and self.syntax == image.syntax:
                data = clean(raw, found)
            else:
                data = self._compressed(raw, frame)
            sink.write(TAG_LENGTH.pack(ITEM, len(data)) + data)
            seen.add(before_pixels(data))
        sink.write(SEQUENCE_END_BYTES)
        markers.extend(seen)

    def _compressed(self, raw: bytes, frame: int) -> bytes:
        """Return one frame blanked and compressed again, having looked at what it decodes to."""
        before = decode_frame(raw, self.image)
        boxes, after = self.blanked(before, frame)
        data = encode_frame(after, self.image, raw)
        fill = after[boxes[0].y, boxes[0].x] if boxes and self.is_lossy else None
        edges = [_edges(box) for box in boxes]
        check_frame(before, decode_frame(data, self.image), edges, self._bits(), lossy_fill=fill)
        return data

    def _bits(self) -> int:
        """Return the bits of a value that count: unused ones may be cleared."""
        is_cut = self.masks or self.image.syntax in (LS_LOSSLESS, LS_NEAR)
        return self.image.bits_stored if is_cut else self.image.bits_allocated

    def blanked(self, values: np.ndarray, frame: int) -> tuple[list[Box], np.ndarray]:
        """Return the boxes of a frame as they are drawn, and its values with them filled."""
        image = self.image
        boxes = [
            _aligned(clipped, image)
            for box in self.boxes
            if box.is_in(frame) and (clipped := box.clipped(image.rows, image.columns))
        ]
        after = values.copy()
        if boxes:
            fill = fill_value(values, boxes, image)
            for box in boxes:
                after[_slices(box)] = fill
        return boxes, without_unused_bits(after, image) if self.masks else after


def _native_bytes(image: Image) -> int:
    return image.rows * image.columns * image.samples * max(image.bits_allocated // 8, 1)


def _slices(box: Box) -> tuple[slice, slice]:
    return slice(box.y, box.y + box.height), slice(box.x, box.x + box.width)


def _edges(box: Box) -> tuple[int, int, int, int]:
    return box.x, box.y, box.x + box.width, box.y + box.height


def _aligned(box: Box, image: Image) -> Box:
    """Return a box that does not part two pixels with one chroma."""
    if not image.is_subsampled:
        return box
    left, right = box.x // 2 * 2, -(-(box.x + box.width) // 2) * 2
    return Box(left, box.y, right - left, box.height, box.frames, box.because, box.kept)


def fill_value(values: np.ndarray, boxes: list[Box], image: Image) -> np.ndarray:
    """Return the stored value that shows as black: one the frame has, where it is monochrome."""
    if image.samples == 3:
        if image.photometric.startswith("YBR") and image.photometric not in ("YBR_ICT", "YBR_RCT"):
            low = 16 if "PARTIAL" in image.photometric else 0
            scale = image.bits_stored - 8
            return np.array((low << scale, 128 << scale, 128 << scale), values.dtype)
        return np.zeros(3, values.dtype)
    if image.photometric == "PALETTE COLOR":
        table, first = palette_tables(image)
        return np.array(int(table.astype(int).sum(axis=1).argmin()) + first, values.dtype)
    outside = np.ones(values.shape, bool)
    for box in boxes:
        outside[_slices(box)] = False
    rest = values[outside] if outside.any() else values.ravel()
    shown = signed_values(rest, image)
    is_inverse = image.photometric == "MONOCHROME1"
    return np.array(rest[int(shown.argmax() if is_inverse else shown.argmin())], values.dtype)


def without_unused_bits(values: np.ndarray, image: Image) -> np.ndarray:
    """Return values whose bits above Bits Stored repeat the sign, or are zero."""
    if values.dtype.kind == "i" or image.bits_stored == image.bits_allocated:
        return values
    used = values & values.dtype.type((1 << image.bits_stored) - 1)
    if not image.is_signed:
        return np.asarray(used)
    above = ((1 << image.bits_allocated) - 1) ^ ((1 << image.bits_stored) - 1)
    is_negative = np.right_shift(used, image.bits_stored - 1) & 1
    return np.asarray(used | is_negative * used.dtype.type(above))
