"""How much work a header may ask for: its elements are counted before any of them is looked at.

Headers of ordinary size can't hold too many; only large ones are counted. Decides nothing else.
"""

from .dataset import (
    ELEMENT,
    ITEM,
    ITEM_END,
    LENGTH,
    LONG_VRS,
    SEQUENCE_END,
    SQ,
    TAG_LENGTH,
    UN,
    UNDEFINED,
    StructError,
    public_vrs,
)
from .errors import Held

MAX_ELEMENTS = 1_500_000
_SMALL = MAX_ELEMENTS * 8  # an element takes 8 bytes at least
_STRUCTURE = frozenset((ITEM, ITEM_END))


def require_few_elements(buf: bytes, start: int, end: int, *, explicit: bool) -> None:
    """Hold a header of more elements than any known object has, nested ones counted."""
    if end - start <= _SMALL:
        return
    try:
        count = _count(buf, start, end, explicit)
    except StructError:
        return  # it ends inside an element: the rewriting says where
    if count > MAX_ELEMENTS:
        raise Held(
            "header-too-complex",
            f"The header holds more than {MAX_ELEMENTS:,} elements; no known object needs that.",
        )


def _count(buf: bytes, position: int, end: int, explicit: bool) -> int:
    """Count elements, at most one more than allowed; sequences are gone into, not over."""
    count, known = 0, public_vrs()
    # Where a sequence ends (0: at its delimiter), and the encoding of what stands around it.
    inside: list[tuple[int, bool]] = []
    while position < end and count <= MAX_ELEMENTS:
        while inside and 0 < inside[-1][0] <= position:
            explicit = inside.pop()[1]
        count += 1
        tag, length = TAG_LENGTH.unpack_from(buf, position)
        if tag in _STRUCTURE:
            position += 8
            continue
        if tag == SEQUENCE_END:
            position += 8
            if inside and not inside[-1][0]:
                explicit = inside.pop()[1]
            continue
        value, vr = position + 8, known.get(tag, UN)
        if explicit:
            _tag, vr, length = ELEMENT.unpack_from(buf, position)
            if vr in LONG_VRS:
                (length,) = LENGTH.unpack_from(buf, value)
                value += 4
        is_open = length == UNDEFINED
        if is_open or vr == SQ:
            inside.append((0 if is_open else value + length, explicit))
            explicit = explicit and vr == SQ  # PS3.5 6.2.2: UN holds implicit VR
            position = value
        else:
            position = value + length
    return count
