"""Where an ultrasound machine says its image area is (Sequence of Ultrasound Regions).

Evidence only: what stands outside the area is writing for certain; inside it there may be text
all the same, so nothing is left out for being inside.
"""

from io import BytesIO
from struct import error as StructError

from ..survey import Survey
from .policy import Box

_REGIONS = 0x00186011


def image_areas(found: Survey) -> tuple[Box, ...]:
    """Return the regions that the attributes name; none if they can't be read."""
    raw = found.raw.get(_REGIONS, b"")
    if not raw:
        return ()
    from pydicom.filereader import read_sequence

    try:
        items = read_sequence(BytesIO(raw), not found.explicit, True, len(raw), "iso8859")
        edges = [
            tuple(int(item[f"RegionLocation{name}"].value) for name in _EDGES) for item in items
        ]
    except (ValueError, KeyError, TypeError, EOFError, OSError, NotImplementedError, StructError):
        return ()  # less evidence, not less care: all found text counts then
    return tuple(
        Box(left, top, right - left + 1, bottom - top + 1, because="region")
        for left, top, right, bottom in edges
    )


_EDGES = ("MinX0", "MinY0", "MaxX1", "MaxY1")


def is_inside(areas: tuple[Box, ...], x: float, y: float) -> bool:
    """Tell whether a point lies in an image area, or may, as none is named."""
    return not areas or any(
        area.x <= x < area.x + area.width and area.y <= y < area.y + area.height for area in areas
    )
