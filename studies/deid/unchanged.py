"""Parts of a data set that come out as they went in: found without writing, and remembered.

Code sequences and beginnings of content items repeat thousands of times; what is known of one
is kept beside the plan's tables under its bytes. Whatever is in doubt is left to the rewriting.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from .actions import Action
from .dataset import (
    ELEMENT,
    ITEM,
    LENGTH,
    LONG_VRS,
    MAX_DEPTH,
    SEQUENCE_END_BYTES,
    SQ,
    TAG_LENGTH,
    TEXT,
    TEXT_VRS,
    UN,
    UNDEFINED,
)

if TYPE_CHECKING:
    from .plan import Entry, Table
    from .rewrite import Rewriter

SHORT_SEQUENCE = 512
CODE_VALUE = b"\x08\0\0\1"
_MAX_REMEMBERED = 8192
_MAX_TRIED, _MAX_TRIED_DEPTH = 16 * 1024, 12


def known_to_stay(run: "Rewriter", tag: int, value: int, length: int) -> int:
    """Return the offset behind a code sequence that comes out as it is, or 0.

    Code sequences repeat thousands of times, so what is known of one is remembered.
    """
    buf = run.buf
    if length == UNDEFINED:
        after = buf.find(SEQUENCE_END_BYTES, value, value + SHORT_SEQUENCE) + 8
    else:
        after = value + length
    raw = buf[value:after]
    if raw[8:12] != CODE_VALUE or tag in run.iod.special or len(raw) > SHORT_SEQUENCE:
        return 0
    known = run.iod.unchanged
    texts = known.get(raw)
    if texts is None:
        if length == UNDEFINED or after > len(buf):
            return 0
        first = len(run.texts)
        if not stays(run, value, after, run.iod.nested_default, in_item=False):
            return 0
        if len(known) >= _MAX_REMEMBERED:
            known.clear()
        known[raw] = tuple(run.texts[first:])
    else:
        run.texts += texts
    return after


def stays(run: "Rewriter", position: int, end: int, table: "Table", *, in_item: bool) -> bool:
    """Tell whether items of defined length, or the content of one, come out as they are.

    Walks without recursion and without writing, and gives up at the first element that is
    not plainly kept. Lengths must fit into each other exactly. What is large or deep is not tried:
    each level would look once more at all that lies below it.
    """
    if end - position > _MAX_TRIED or run.depth > _MAX_TRIED_DEPTH:
        return False
    buf, unpack = run.buf, ELEMENT.unpack_from
    get: Callable[[int], Entry | None] = table.__getitem__
    default, special = run.iod.nested_default.__getitem__, run.iod.special
    texts: list[bytes] = []
    note = texts.append
    stack: list[tuple[int, Callable[[int], Entry | None]]] = []
    limit = end
    while True:
        if position == limit:
            if not stack:
                run.texts += texts
                return True
            limit, get = stack.pop()
            in_item = not in_item
            continue
        if not in_item:
            tag, length = TAG_LENGTH.unpack_from(buf, position)
            position += 8
            if tag != ITEM or position + length > limit:
                return False
            stack.append((limit, get))
            limit, in_item = position + length, True
            continue
        while position < limit:
            tag, vr, length = unpack(buf, position)
            act = get(tag)
            if act == vr:
                position += 8 + length
                continue
            if act == vr + TEXT:
                position += 8 + length
                note(buf[position - length : position])
                continue
            if vr not in LONG_VRS or act is None:
                return False
            (length,) = LENGTH.unpack_from(buf, position + 8)
            position += 12
            if position + length > limit:
                return False
            if vr != SQ:
                if act.__class__ is not int:
                    return False
                position += length
                if vr in TEXT_VRS or vr == UN:
                    note(buf[position - length : position])
                continue
            if not isinstance(act, Action) or not act.repeats or tag in special:
                return False
            known = known_to_stay(run, tag, position, length)
            if known:
                position = known
                continue
            if len(stack) > 2 * MAX_DEPTH:
                return False
            stack.append((limit, get))
            limit, get, in_item = position + length, default, False
            break
        if position > limit:
            return False


def remember(run: "Rewriter", raw: bytes, content: int, first_text: int) -> None:
    """Remember a code sequence that came out as it went in."""
    known = run.iod.unchanged
    if run.explicit_now and run.out[content:] == raw:
        if len(known) >= _MAX_REMEMBERED:
            known.clear()
        known[raw] = tuple(run.texts[first_text:])
