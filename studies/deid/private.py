"""Private groups: removed, or reduced to what PS3.15 Table E.3.10-1 calls safe.

Safe is decided by private creator, group and low byte, wherever the block was placed. What stays
is cleaned by its VR like public attributes, and recorded for (0008,0300).
"""

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from . import actions, sequences
from .actions import Action
from .dataset import (
    ELEMENT,
    SHORT_VRS,
    SQ,
    UI,
    UN,
    UNDEFINED,
    encode_element,
    encode_item,
    skip_undefined,
    swapped,
    truncated,
    vr_code,
)
from .plan import IDENTIFYING
from .structured import element_at

if TYPE_CHECKING:
    from .rewrite import Rewriter

CHARACTERISTICS = 0x00080300
_PN = vr_code("PN")
_MAX_ELEMENTS = 65_536


class _Found(NamedTuple):
    tag: int
    vr: int
    start: int
    value: int
    length: int
    after: int


@lru_cache(maxsize=1)
def safe_elements() -> dict[tuple[str, int, int], int]:
    """Return the VR code of each safe element by creator in upper case, group and low byte."""
    from .tables import safe_private

    return {
        (creator.upper(), int(group, 16), int(low, 16)): vr_code(vr.split("/")[0] or "UN")
        for creator, group, low, vr, _vm, _meaning in safe_private.ROWS
    }


def group(run: "Rewriter", tag: int, start: int, end: int) -> int:
    """Rewrite all elements of the private group that starts here; return the offset behind it."""
    elements = _collect(run, tag & 0xFFFF, start, end)
    position = elements[-1].after
    kept = _kept(run, elements)
    for found in elements:
        entry = kept.get(found.tag)
        if entry is None:
            run.log.append((run.path, found.tag, "X", "private"))
            if found.vr in (SQ, UN) and found.length == UNDEFINED:
                harvest(run, found.value, found.after, found.vr, found.length)
        elif isinstance(entry, Action):
            _write(run, found, entry, end)
        else:
            run.out += run.buf[found.start : found.after]
    return position


def skip_group(run: "Rewriter", tag: int, position: int, end: int) -> int:
    """Step over all elements of the private group that starts here; return the offset behind."""
    buf, number, tags = run.buf, tag & 0xFFFF, []
    explicit, unpack = run.explicit_now, ELEMENT.unpack_from
    while position + 8 <= end:
        if explicit:
            tag, vr, length = unpack(buf, position)
            if tag & 0xFFFF != number:
                break
            if vr in SHORT_VRS:
                tags.append(tag)
                position += 8 + length
                continue
            inner = vr == SQ
        else:
            inner = False
        tag, value, length = element_at(buf, position, explicit)
        if tag & 0xFFFF != number:
            break
        tags.append(tag)
        is_open = length == UNDEFINED
        position = skip_undefined(buf, value, end, inner) if is_open else value + length
    if position > end:
        raise truncated(end)
    run.log.append((run.path, tags, "X", "private"))
    return position


def _collect(run: "Rewriter", number: int, position: int, end: int) -> list[_Found]:
    explicit, found = run.explicit_now, []
    while position + 8 <= end:
        tag, value, length = element_at(run.buf, position, explicit)
        if tag & 0xFFFF != number:
            break
        vr = int.from_bytes(run.buf[position + 4 : position + 6], "little") if explicit else UN
        if length == UNDEFINED:
            after = skip_undefined(run.buf, value, end, explicit and vr == SQ)
        else:
            after = value + length
        if after > end:
            raise truncated(position)
        found.append(_Found(tag, vr, position, value, length, after))
        position = after
    return found


def _kept(run: "Rewriter", elements: list[_Found]) -> dict[int, Action | int]:
    """Return what to do with the elements that stay, creators of theirs included."""
    if not run.plan.keeps_safe_private and not run.plan.private_rules:
        return {}
    creators: dict[int, tuple[int, str]] = {}
    kept: dict[int, Action | int] = {}
    for found in elements:
        element = found.tag >> 16
        if 0x10 <= element <= 0xFF:
            text = run.buf[found.value : found.after].decode("latin-1").strip(" \0")
            creators.setdefault(element, (found.tag, text))
        elif element > 0xFF and element >> 8 in creators:
            creator_tag, creator = creators[element >> 8]
            entry = _entry(run, creator, found)
            if entry is not None:
                kept[found.tag] = entry
                kept[creator_tag] = 1
                blocks = run.kept_private.setdefault((found.tag & 0xFFFF, creator), set())
                blocks.add(element & 0xFF)
    return kept


def _entry(run: "Rewriter", creator: str, found: _Found) -> Action | None:
    key = (creator.upper(), found.tag & 0xFFFF, found.tag >> 16 & 0xFF)
    for rule_key, entry in run.plan.private_rules:
        if rule_key == key:
            return None if entry.letter == "X" else entry
    if not run.plan.keeps_safe_private:
        return None
    vr = safe_elements().get(key)
    return None if vr is None else _by_vr(run, swapped(found.tag), found.vr, vr)


def _by_vr(run: "Rewriter", tag: int, vr: int, safe_vr: int) -> Action | None:
    """Return how a safe private element is cleaned, by the VR it has."""
    actual = safe_vr if vr == UN else vr
    because = "retain-safe-private"
    if actual == SQ:
        return Action("C", because, tag, SQ, actions.keep, "recurse")
    if actual == UI:
        handler = actions.keep if run.plan.keeps_uids else actions.new_uid
        return Action("C", because, tag, actual, handler)
    if actual == _PN:
        return None
    if actual in (actions.DA, actions.DT):
        if run.plan.keeps_dates:
            return Action("C", because, tag, actual, actions.keep)
        if not run.plan.shifts_dates:
            return None
        return Action("C", because, tag, actual, actions.shift_date)
    if actual in actions.TEXT:
        return Action("C", because, tag, actual, actions.clean_text)
    return Action("C", because, tag, actual, actions.keep)


def _write(run: "Rewriter", found: _Found, act: Action, end: int) -> None:
    is_nested = found.vr == SQ or found.length == UNDEFINED or (found.vr == UN and act.vr == SQ)
    if is_nested and act.vr == SQ:
        sequences.rewrite_sequence(
            run, found.tag, found.vr, act, found.start, found.value, found.length, end
        )
        return
    run.log.append((run.path, found.tag, act.letter, act.because))
    if is_nested or act.vr == SQ:
        return  # not what the table says it is: left out
    raw = run.buf[found.value : found.after]
    new = act.handler(run, act, act.vr if found.vr == UN else found.vr, raw)
    if new is not None:
        run.write(found.start, found.value, new, found.vr)


def characteristics(kept: dict[tuple[int, str], set[int]], explicit: bool) -> bytes:
    """Return the Private Data Element Characteristics Sequence for what was kept."""
    items = b""
    for (number, creator), low_bytes in sorted(kept.items()):
        listed = b"".join(low.to_bytes(2, "little") for low in sorted(low_bytes))
        items += encode_item(
            encode_element(0x00080301, "US", number.to_bytes(2, "little"), explicit)
            + encode_element(0x00080302, "LO", creator.encode("latin-1"), explicit)
            + encode_element(0x00080303, "CS", b"MIXED", explicit)
            + encode_element(0x00080304, "US", listed, explicit)
        )
    return encode_element(CHARACTERISTICS, "SQ", items, explicit)


def harvest(run: "Rewriter", position: int, end: int, vr: int, length: int) -> None:
    """Note the identifying values in a sequence that is removed: they may stand elsewhere, too."""
    explicit = run.explicit_now and vr == SQ
    count = 0
    while position + 8 <= end and count < _MAX_ELEMENTS:
        count += 1
        tag, value, size = element_at(run.buf, position, explicit)
        if tag & 0xFFFF == 0xFFFE:
            position += 8  # into items and past delimiters
            continue
        is_open = size == UNDEFINED or run.buf[position + 4 : position + 6] == b"SQ"
        if is_open and (explicit or size == UNDEFINED):
            position = value
            continue
        kind = IDENTIFYING.get(swapped(tag), "")
        if not kind and explicit and run.buf[position + 4 : position + 6] == b"PN":
            kind = "name"
        if kind and size <= 1024 and value + size <= end:
            run.found.append((kind, run.buf[value : value + size]))
        position = value + size
