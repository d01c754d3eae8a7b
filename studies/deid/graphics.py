"""What is drawn over images: overlay planes and the annotations of presentation states.

Both can spell a name in dots or lines. They are drawn and shown to the text finder; what was seen
free of text stays, all else is removed. Under Clean Graphics only (PS3.15 E.3.3).
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from .pixels.policy import TextFinder
    from .survey import Survey

ANNOTATIONS, OVERLAY_DATA = 0x00700001, 0x60003000
_GROUPS = range(0x6000, 0x6020, 2)
# What is kept of a free overlay: numbers that place it, and its bits; no label, no description.
_ROWS, _COLUMNS, _FRAMES, _ORIGIN, _BITS, _POSITION, _DATA = (
    *(0x0010, 0x0011, 0x0015, 0x0050, 0x0100, 0x0102, 0x3000),
)
_KEPT = frozenset(
    (_ROWS, _COLUMNS, _FRAMES, 0x0040, _ORIGIN, 0x0051, 0x0045, _BITS, _POSITION, _DATA)
)
NOTED = tuple(
    group << 16 | element
    for group in _GROUPS
    for element in (_ROWS, _COLUMNS, _FRAMES, _BITS, _POSITION, _DATA)
)
_MAX_FRAMES, _MAX_SIDE, _MARGIN = 16, 4096, 24
_CANVAS = 900
_MAX_POINTS = 20_000


def is_kept(tag: int, free_groups: frozenset[int]) -> bool:
    """Tell whether an overlay's element may stay."""
    return tag >> 16 in free_groups and tag & 0xFFFF in _KEPT


def free_overlays(found: Survey, finder: TextFinder | None) -> frozenset[int]:
    """Return the groups of the overlays in which nobody can see any text.

    An overlay whose bits lie in the pixels (position not 0), or that can't be understood, is not
    among them.
    """
    raw = found.raw
    groups = [group for group in _GROUPS if raw.get(group << 16 | _DATA)]
    return frozenset(group for group in groups if _is_free_overlay(found, group, finder))


def _is_free_overlay(found: Survey, group: int, finder: TextFinder | None) -> bool:
    rows, columns = (found.number(group << 16 | element) or 0 for element in (_ROWS, _COLUMNS))
    frames = found.integer(group << 16 | _FRAMES) or 1
    data = found.raw[group << 16 | _DATA]
    is_plain = found.number(group << 16 | _BITS) == 1 and found.number(group << 16 | _POSITION) == 0
    size = rows * columns * frames
    if not is_plain or not 0 < frames <= _MAX_FRAMES or max(rows, columns) > _MAX_SIDE or not size:
        return False
    if len(data) < (size + 7) // 8 or len(data) > (size + 7) // 8 + 1:
        return False
    if not data.strip(b"\0"):
        return True
    if finder is None:
        return False
    import numpy as np

    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    if bits[size:].any():
        return False
    planes = bits[:size].reshape(frames, rows, columns)
    return not any(_shows_text(plane, finder) for plane in planes)


def _shows_text(plane: np.ndarray, finder: TextFinder) -> bool:
    """Look at a plane in black on white and in white on black, with a margin around it."""
    import numpy as np

    dark = np.pad(plane * np.uint8(255), _MARGIN)
    return any(_sees_text(image, finder) for image in (dark, 255 - dark))


def _sees_text(image: np.ndarray, finder: TextFinder) -> bool:
    """Tell whether more is seen than single signs: a ring is read as O, a line as I.

    Text that was found and could not be read counts.
    """
    signs = (sum(map(str.isalnum, found.text)) for found in finder.find(image, enlarged=True))
    return any(number != 1 for number in signs)


def annotations_are_free(raw: bytes, explicit: bool, finder: TextFinder | None) -> bool:
    """Tell whether the lines of a Graphic Annotation Sequence spell no text.

    `raw` is the sequence's value in little endian. Its text values are cleaned by the plan; this
    is about Graphic Data (0070,0022), which can draw letters.
    """
    lines = _lines(raw, explicit)
    if lines is None:
        return False
    if not any(len(points) > 2 for points in lines):
        return len(lines) < _MARGIN  # a few points, circles and straight lines spell nothing
    return finder is not None and not _sees_text(_drawn(lines), finder)


def _lines(raw: bytes, explicit: bool) -> list[list[tuple[float, float]]] | None:
    """Return the points of each graphic object, or None if they can't be read or are too many."""
    from pydicom.filereader import read_sequence

    try:
        items = read_sequence(io.BytesIO(raw), not explicit, True, len(raw), encoding="latin-1")
        lines = [
            _points(part)
            for item in items
            for keyword in ("GraphicObjectSequence", "CompoundGraphicSequence")
            for part in item.get(keyword) or ()
        ]
    except (ValueError, TypeError, KeyError, AttributeError, EOFError, OSError):
        return None
    return lines if sum(map(len, lines)) <= _MAX_POINTS else None


def _points(part: Any) -> list[tuple[float, float]]:
    numbers = [float(number) for number in part.get("GraphicData") or ()]
    if any(number != number or abs(number) > 1e6 for number in numbers):
        raise ValueError
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _drawn(lines: list[list[tuple[float, float]]]) -> np.ndarray:
    """Draw the lines as large as the canvas allows, black on white."""
    import numpy as np
    from PIL import Image, ImageDraw

    xs = [x for points in lines for x, _y in points]
    ys = [y for points in lines for _x, y in points]
    scale = _CANVAS / max(max(xs) - min(xs), max(ys) - min(ys), 1e-6)
    picture = Image.new("L", (_CANVAS + 2 * _MARGIN,) * 2, 255)
    pen = ImageDraw.Draw(picture)
    for points in lines:
        placed = [
            ((x - min(xs)) * scale + _MARGIN, (y - min(ys)) * scale + _MARGIN) for x, y in points
        ]
        if len(placed) > 1:
            pen.line(placed, fill=0, width=4)
    return np.asarray(picture)
