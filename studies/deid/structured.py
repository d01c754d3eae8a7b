"""Clean Structured Content: SR trees by value type and concept (PS3.15 E.3.4, Table E.3.4-1).

Which table an item is rewritten by depends on its Value Type and Concept Name, which stand at its
beginning; the structure of the tree stays.
"""

from typing import TYPE_CHECKING, TypeVar

from . import unchanged
from .dataset import (
    ELEMENT,
    ITEM,
    LENGTH,
    LONG_VRS,
    SHORT_VRS,
    SQ,
    TAG_LENGTH,
    UNDEFINED,
    skip_undefined,
    swapped,
)

if TYPE_CHECKING:
    from .plan import Table
    from .rewrite import Rewriter

_T = TypeVar("_T")
_VALUE_TYPE = swapped(0x0040A040)
_CONCEPT = swapped(0x0040A043)
_MAX_CONCEPT = 512
_MAX_ITEM = 1024
_MAX_REMEMBERED = 4096
_CODE_VALUE = swapped(0x00080100)
_SCHEME = swapped(0x00080102)


def is_known(run: "Rewriter", position: int, end: int) -> bool:
    """Tell whether an item with these very bytes came out as it went in before."""
    if end - position > _MAX_ITEM:
        return False
    known = run.iod.items.get(run.buf[position:end])
    if known is None:
        return False
    letter, texts = known
    if letter:
        run.log.append((run.path, _CONCEPT, letter, "clean-structured-content"))
    run.texts += texts
    return True


def stays(
    run: "Rewriter", position: int, after: int, end: int, table: "Table", letter: str
) -> bool:
    """Tell whether a content item of defined length comes out as it is, and remember it if so.

    Items begin alike, up to their Concept Name, which ends at `after` (0: not known): what is known
    of such a beginning is remembered with the texts in it, and only what follows is looked at.
    """
    first = len(run.texts)
    if after:
        key = run.buf[position:after]
        known = run.iod.beginnings.get(key)
        if known is None:
            if not unchanged.stays(run, position, after, table, in_item=True):
                return False
            _remember(run.iod.beginnings, key, tuple(run.texts[first:]))
        else:
            run.texts += known
    if not unchanged.stays(run, after or position, end, table, in_item=True):
        return False
    if end - position <= _MAX_ITEM and letter != "D":  # D may stand for X here, elsewhere not
        _remember(run.iod.items, run.buf[position:end], (letter, tuple(run.texts[first:])))
    return True


def _remember(memory: dict[bytes, _T], key: bytes, value: _T) -> None:
    if len(memory) >= _MAX_REMEMBERED:
        memory.clear()
    memory[key] = value


def letter_for_item(
    run: "Rewriter", position: int, end: int, length: int, explicit: bool
) -> tuple[str, int]:
    """Return what Table E.3.4-1 says of this content item, and where its Concept Name ends.

    X is for an item to leave out, "" for one that the table does not name; the place is 0 where it
    is not known.
    """
    key, after = _key(run.buf, position, end) if explicit else (None, 0)
    if key is None or (letter := run.plan.letters.get(key, "?")) == "?":
        found = _peek(run.buf, position, end, length, explicit)
        letter = run.plan.concepts.get((found[1], found[2], found[0]), "")
        if key is not None:
            if len(run.plan.letters) >= _MAX_REMEMBERED:
                run.plan.letters.clear()
            run.plan.letters[key] = letter
    if letter == "X" and run.keeps_positions:
        letter = "D"  # items are referred to by their place in the tree (0040,DB73)
    if letter:
        run.log.append((run.path, _CONCEPT, letter, "clean-structured-content"))
    return letter, after


def _key(buf: bytes, position: int, end: int) -> tuple[tuple[bytes, bytes] | None, int]:
    """Return Value Type and Concept Name as they stand there, and where they end.

    Equal bytes are equal concepts: the tree is full of them. None and 0 where they stand elsewhere
    than they mostly do.
    """
    value_type = b""
    is_short = True
    while position < end:
        tag, vr, length = ELEMENT.unpack_from(buf, position)
        if tag == _CONCEPT and vr == SQ:
            (length,) = LENGTH.unpack_from(buf, position + 8)
            if length > _MAX_CONCEPT:
                return None, 0
            after = position + 12 + length
            is_known = is_short and after <= end
            return (value_type, buf[position + 12 : after]), after if is_known else 0
        if vr not in SHORT_VRS:
            if vr not in LONG_VRS:
                return None, 0
            (length,) = LENGTH.unpack_from(buf, position + 8)
            if length > _MAX_CONCEPT:
                return None, 0
            position += 12 + length
            is_short = False  # a reference that differs from item to item
            continue
        position += 8 + length
        if tag == _VALUE_TYPE:
            value_type = buf[position - length : position]
    return None, 0


def _peek(buf: bytes, position: int, end: int, length: int, explicit: bool) -> tuple[str, str, str]:
    """Return value type, code value and coding scheme of the item that starts here."""
    value_type = code = scheme = ""
    limit = len(buf) if length == UNDEFINED else end
    while position < limit:
        tag, value, size = element_at(buf, position, explicit)
        if tag & 0xFFFF > 0x40 or (tag & 0xFFFF == 0x40 and tag > _CONCEPT):
            break
        if tag == _VALUE_TYPE:
            value_type = buf[value : value + size].strip(b" \0").decode("latin-1")
        elif tag == _CONCEPT:
            code, scheme = _code_of(buf, value, explicit)
            break
        if size == UNDEFINED:
            position = skip_undefined(buf, value, limit, explicit)
        else:
            position = value + size
    return value_type, code, scheme


def _code_of(buf: bytes, position: int, explicit: bool) -> tuple[str, str]:
    """Return code value and scheme of the first item of a code sequence."""
    tag, _length = TAG_LENGTH.unpack_from(buf, position)
    code = scheme = ""
    if tag != ITEM:
        return code, scheme
    position += 8
    for _ in range(3):  # code value, [coding scheme designator,] stand first
        tag, value, size = element_at(buf, position, explicit)
        if size == UNDEFINED or tag & 0xFFFF != 8:
            break
        if tag == _CODE_VALUE:
            code = buf[value : value + size].strip(b" \0").decode("latin-1")
        elif tag == _SCHEME:
            scheme = buf[value : value + size].strip(b" \0").decode("latin-1")
        position = value + size
    return code, scheme


def element_at(buf: bytes, position: int, explicit: bool) -> tuple[int, int, int]:
    """Return tag, value offset and value length of the element that starts here."""
    if not explicit:
        tag, length = TAG_LENGTH.unpack_from(buf, position)
        return tag, position + 8, length
    tag, vr, length = ELEMENT.unpack_from(buf, position)
    if vr in LONG_VRS:
        return tag, position + 12, LENGTH.unpack_from(buf, position + 8)[0]
    return tag, position + 8, length


def skip_item(buf: bytes, position: int, end: int, explicit: bool) -> int:
    """Return the offset behind an item of undefined length whose content starts here."""
    while True:
        tag, value, size = element_at(buf, position, explicit)
        if tag == 0xE00DFFFE:
            return position + 8
        inner = explicit and buf[position + 4 : position + 6] != b"UN"
        position = skip_undefined(buf, value, end, inner) if size == UNDEFINED else value + size
