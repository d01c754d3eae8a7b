"""Which bytes of a file are there, told as ranges."""

from collections.abc import Iterable

Range = tuple[int, int]


def merged(parts: Iterable[Range]) -> list[Range]:
    """Return (offset, length) ranges in order, with those that touch made one."""
    found: list[Range] = []
    for offset, length in sorted(parts):
        if found and offset <= sum(found[-1]):
            start, before = found[-1]
            found[-1] = (start, max(before, offset + length - start))
        else:
            found.append((offset, length))
    return found


def is_whole(parts: Iterable[Range], size: int) -> bool:
    """Say whether the ranges hold a file of `size` bytes; of an empty file, that it was sent."""
    return merged(parts) == [(0, size)]


def overlaps(part: Range, others: Iterable[Range]) -> bool:
    """Say whether a range shares a byte with one of the others."""
    start, end = part[0], part[0] + part[1]
    return any(start < offset + length and offset < end for offset, length in others)
