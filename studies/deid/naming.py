"""Tag paths and attribute names as people read them. Not for the hot path."""

from functools import lru_cache

from .tables import confidentiality


def path_text(path: tuple[int, ...], tag: int) -> str:
    """Write a path of tags as "(0040,A730).(0040,A160)"; negative members are item numbers."""
    parts: list[str] = []
    for member in (*path, tag):
        if member < 0:
            parts[-1] += f"[{-member}]"
        else:
            parts.append(tag_text(member))
    return ".".join(parts)


def tag_text(tag: int) -> str:
    """Write one tag as "(0010,0010)"."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


@lru_cache(maxsize=1)
def _names() -> dict[int, str]:
    return {int(row[0], 16): row[1] for row in confidentiality.ROWS if _is_plain(row[0])}


def _is_plain(tag: str) -> bool:
    return "x" not in tag and "-" not in tag


def attribute_name(tag: int) -> str:
    """Return the attribute's name in the standard, or what can be said about the tag."""
    name = _names().get(tag)
    if name:
        return name
    if tag >> 16 & 1:
        return "Private attribute"
    from pydicom.datadict import dictionary_description

    try:
        return str(dictionary_description(tag))
    except KeyError:
        return "Unknown attribute"
