"""One frame for the eyes of a person: stored values as decoded, and how they may be shown.

For the review desk, from the original or from the output. Reads and decodes one frame, whatever
the number of frames; changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class PreviewHints:
    """What a viewer has to know of the frames: their number, size, kind of values, windows."""

    frames: int
    rows: int
    columns: int
    samples: int
    bits_stored: int
    is_signed: bool
    photometric: str
    windows: tuple[tuple[float, float], ...]  # (centre, width)
    rescale: tuple[float, float]  # slope, intercept


def preview(reader: BinaryIO, frame: int) -> np.ndarray:
    """Return the values of one frame: rows by columns, or by three in RGB where it has colours.

    Monochrome values are as stored (signed where they are), colours are uint8 RGB. Raises
    EngineError where the frame can't be decoded.
    """
    from .display import for_eyes
    from .frames import open_frames

    frames = open_frames(reader)
    return for_eyes(frames.values(frame), frames.image)


def preview_hints(reader: BinaryIO) -> PreviewHints:
    """Return how the frames of an image may be shown; no pixel is read."""
    from .frames import open_frames

    return open_frames(reader).hints()
