"""One frame of an image as a PNG for a coordinator's eyes: made in memory, kept nowhere."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO

from django.utils.translation import gettext as _

from studies.deid import EngineError
from studies.deid.pixels import PreviewHints, preview, preview_hints
from studies.faults import PermanentError
from studies.models import PixelCheck
from studies.services import desk

if TYPE_CHECKING:
    import numpy as np

THOUSAND = 1000
Window = tuple[int, int] | None


def hints(check: PixelCheck) -> PreviewHints | None:
    """Return what the frames of an original are like; None where it has no picture to show."""
    try:
        with desk.original(check) as reader:
            return preview_hints(reader)
    except EngineError:
        return None


def measure(check: PixelCheck) -> PreviewHints | None:
    """Learn size and number of frames of an image that no check had looked at."""
    found = hints(check)
    if found is not None and not check.rows:
        check.rows, check.columns, check.frames = found.rows, found.columns, found.frames
        check.save(update_fields=["rows", "columns", "frames"])
    return found


def before(check: PixelCheck, frame: int, window: Window) -> bytes:
    """Return a frame of the original."""
    with desk.original(check) as reader:
        return _png(reader, frame, window)


def after(check: PixelCheck, frame: int, window: Window) -> bytes:
    """Return a frame of what was made of it and waits here."""
    with desk.output(check) as reader:
        return _png(reader, frame, window)


def _png(reader: BinaryIO, frame: int, window: Window) -> bytes:
    # Loaded with the first picture: most web processes never show one.
    from PIL import Image

    try:
        shown = preview_hints(reader)
        if not 0 <= frame < shown.frames:
            raise PermanentError("no-such-frame", _("The image has no such frame."))
        reader.seek(0)
        values = preview(reader, frame)
    except EngineError:
        raise PermanentError(
            "frame-unreadable", _("This frame can't be decoded, so it can't be shown.")
        ) from None
    grey = _windowed(values, shown, window)
    out = io.BytesIO()
    Image.fromarray(grey).save(out, "PNG", compress_level=1)
    return out.getvalue()


def _windowed(values: np.ndarray, shown: PreviewHints, window: Window) -> np.ndarray:
    """Return what eyes see of values: the recorded window, or a part of the frame's own range."""
    import numpy as np

    is_colour = values.ndim == 3
    if is_colour:
        low, high = 0.0, 255.0
    else:
        low, high = float(values.min()), float(values.max())
    if window is not None:
        span = high - low
        low, high = low + span * window[0] / THOUSAND, low + span * window[1] / THOUSAND
    elif not is_colour and shown.windows:
        low, high = _recorded(shown.windows, shown.rescale)
    if is_colour and (low, high) == (0.0, 255.0):
        return np.ascontiguousarray(values, dtype=np.uint8)
    scaled = (values.astype(np.float32) - low) * (255.0 / max(high - low, 1e-6))
    grey = np.clip(scaled, 0, 255).astype(np.uint8)
    if shown.photometric == "MONOCHROME1":
        grey = np.subtract(255, grey, dtype=np.uint8)
    return np.ascontiguousarray(grey)


def _recorded(
    windows: Sequence[tuple[float, float]], rescale: tuple[float, float]
) -> tuple[float, float]:
    """Return the first recorded window in stored values."""
    (centre, width), (slope, intercept) = windows[0], rescale
    slope = slope or 1.0
    ends = sorted(((centre + side * width / 2) - intercept) / slope for side in (-1, 1))
    return ends[0], ends[1]
