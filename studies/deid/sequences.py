"""Sequences rewritten: removed, emptied, replaced by a dummy, or walked item by item.

The form of a sequence stays, with its lengths patched; nesting is bounded. What stands in an item
is the rewriter's business.
"""

from typing import TYPE_CHECKING

from . import private, structured, unchanged
from .dataset import (
    ITEM,
    ITEM_END_BYTES,
    LENGTH,
    MAX_DEPTH,
    SEQUENCE_END,
    SEQUENCE_END_BYTES,
    SQ,
    TAG_LENGTH,
    UN,
    UNDEFINED,
    encode_item,
    malformed,
    skip_undefined,
    swapped,
    too_deep,
    truncated,
)
from .dummies import dummy_item
from .resolve import CONTENT_SEQUENCE

if TYPE_CHECKING:
    from .actions import Action
    from .plan import Table
    from .rewrite import Rewriter

_CONTENT = swapped(CONTENT_SEQUENCE)


def rewrite_sequence(
    run: "Rewriter", tag: int, vr: int, act: "Action", start: int, value: int, length: int, end: int
) -> int:
    """Remove, empty, replace or rewrite a sequence; return the offset behind it."""
    how = act.sequence
    if how == "graphics":
        how = "recurse" if run.has_free_annotations and not run.path else "dummy"
    if act.letter != "K":
        run.log.append((run.path, tag, act.letter, act.because))
    if vr not in (SQ, UN):
        raise malformed(start, "An element other than a sequence has no length")
    if how in ("recurse", "content", "equipment"):
        return _items(run, tag, vr, how, start, value, length, end)
    after = after_sequence(run, vr, value, length, end)
    private.harvest(run, value, after, vr, length)
    if how == "empty":
        _write_sequence(run, start, value, b"")
    elif how == "dummy":
        items = dummy_item(act.tag, run.explicit_now, is_key_object=run.is_key_object)
        _write_sequence(run, start, value, encode_item(items))
    return after


def after_sequence(run: "Rewriter", vr: int, value: int, length: int, end: int) -> int:
    """Return the offset behind a sequence without looking at what is in it."""
    if length != UNDEFINED:
        return value + length
    return skip_undefined(run.buf, value, end, run.explicit_now and vr == SQ)


def _write_sequence(run: "Rewriter", start: int, value: int, items: bytes) -> None:
    run.out += run.buf[start : value - 4]
    run.out += LENGTH.pack(len(items))
    run.out += items


def _items(
    run: "Rewriter", tag: int, vr: int, how: str, start: int, value: int, length: int, end: int
) -> int:
    """Rewrite the items of a sequence, keeping its form; lengths are patched afterwards."""
    outer = run.path
    if len(outer) >= MAX_DEPTH * 2:
        raise too_deep(start)
    is_repeat = bool(outer) and outer[-1] == tag == _CONTENT
    path = run.path = outer if is_repeat else (*outer, tag)
    run.depth += 1
    if run.depth > MAX_DEPTH:
        raise too_deep(start)
    table = run.iod.nested(path)
    outer_explicit = run.explicit_now
    run.explicit_now = outer_explicit and vr == SQ  # PS3.5 6.2.2: UN holds implicit VR
    out = run.out
    out += run.buf[start:value]
    content = len(out)
    stop = end if length == UNDEFINED else value + length
    before = len(run.log), len(run.found), len(run.texts)
    position = _item_loop(run, value, stop, table, how, delimited=length == UNDEFINED)
    if how == "equipment":
        out += run.equipment_item
        run.equipment_item = b""
    if length == UNDEFINED:
        out += SEQUENCE_END_BYTES
    else:
        LENGTH.pack_into(out, content - 4, len(out) - content)
    if (
        position - value <= unchanged.SHORT_SEQUENCE
        and run.buf[value + 8 : value + 12] == unchanged.CODE_VALUE
        and outer_explicit
        and how == "recurse"
        and before[:2] == (len(run.log), len(run.found))
        and table is run.iod.nested_default
        and tag not in run.iod.special
    ):
        unchanged.remember(run, run.buf[value:position], content, before[2])
    run.explicit_now = outer_explicit
    run.depth -= 1
    run.path = outer
    return position


def _item_loop(
    run: "Rewriter", position: int, stop: int, table: "Table", how: str, *, delimited: bool
) -> int:
    buf, out = run.buf, run.out
    explicit = run.explicit_now
    walk = run.explicit if explicit else run.implicit
    while position < stop:
        tag, length = TAG_LENGTH.unpack_from(buf, position)
        if tag != ITEM:
            if tag == SEQUENCE_END and delimited:
                return position + 8
            raise malformed(position, "A sequence holds something other than items")
        position += 8
        last = stop if length == UNDEFINED else position + length
        if last > stop:
            raise truncated(position)
        begin = len(out)
        if how == "content" and explicit and structured.is_known(run, position, last):
            out += buf[position - 8 : last]
            position = last
            continue
        out += buf[position - 8 : position]
        inner = table
        if how == "content":
            letter, after = structured.letter_for_item(run, position, last, length, explicit)
            if letter == "X":
                del out[begin:]
                if length == UNDEFINED:
                    position = structured.skip_item(buf, position, stop, explicit)
                else:
                    position = last
                continue
            inner = run.plan.content_tables[letter]
            if (
                explicit
                and length != UNDEFINED
                and structured.stays(run, position, after, last, inner, letter)
            ):
                out += buf[position:last]
                position = last
                continue
        position = walk(position, last, inner, delimited=length == UNDEFINED)
        if length == UNDEFINED:
            out += ITEM_END_BYTES
        else:
            LENGTH.pack_into(out, begin + 4, len(out) - begin - 8)
    if delimited or position != stop:
        raise truncated(position)
    return position
