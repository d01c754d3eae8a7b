"""Verify blanked frames: what was written is decoded again and differs only inside the boxes.

A second pair of eyes with its own arithmetic; it sees values before and after, and edges of boxes.
Any finding holds the instance.
"""

from collections.abc import Sequence

import numpy as np

from .errors import LeakFound

_MOST_OUTSIDE = 6.0  # mean difference that lossy compression may make outside the boxes
_MOST_INSIDE = 24.0  # mean distance from the fill inside a box, by ringing at its edges
_PIXEL_DATA = "(7FE0,0010)"

Edges = tuple[int, int, int, int]  # left, top, right, bottom


def check_frame(
    before: np.ndarray,
    after: np.ndarray,
    boxes: Sequence[Edges],
    bits: int,
    *,
    lossy_fill: np.ndarray | None = None,
) -> None:
    """Raise LeakFound unless one frame is blank in its boxes and unchanged outside them.

    Only the lowest `bits` of a value count outside. `lossy_fill` is the blank value where the
    frame was compressed with loss: then both are checked within what compression may do.
    """
    if before.shape != after.shape:
        raise LeakFound("verify-pixels", "A frame changed its size.", _PIXEL_DATA)
    expected = before.copy()
    for left, top, right, bottom in boxes:
        part = after[top:bottom, left:right]
        expected[top:bottom, left:right] = part
        _check_blank(part, lossy_fill)
    if lossy_fill is not None:
        apart = np.maximum(expected, after) - np.minimum(expected, after)
        is_same = float(apart.mean()) <= _MOST_OUTSIDE
    elif bits < 8 * before.dtype.itemsize:
        mask = (1 << bits) - 1
        is_same = not ((expected.astype(np.int64) ^ after.astype(np.int64)) & mask).any()
    else:
        is_same = np.array_equal(expected, after)
    if not is_same:
        raise LeakFound("verify-pixels", "Pixels outside the boxes changed.", _PIXEL_DATA)


def _check_blank(part: np.ndarray, lossy_fill: np.ndarray | None) -> None:
    """Raise unless a box holds one value, or nearly so after lossy compression."""
    if lossy_fill is None:
        is_blank = bool((part == part[:1, :1]).all())
    else:
        apart = np.abs(part.astype(np.int32) - lossy_fill.astype(np.int32))
        is_blank = float(apart.mean()) <= _MOST_INSIDE
    if not is_blank:
        raise LeakFound("verify-pixels", "A box is not blank in the output.", _PIXEL_DATA)
