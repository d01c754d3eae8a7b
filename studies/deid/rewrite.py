"""The data set rewritten: runs of kept elements are copied, all others go through their action.

`explicit` and `implicit` are the hot loops: one unpack, one dict look-up and one comparison per
kept element. What is not plainly kept leaves the loop for `_element`. Nothing is decoded here.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from . import private, sequences, unchanged
from .actions import Action, remove
from .dataset import (
    ELEMENT,
    ITEM,
    ITEM_END,
    LENGTH,
    LONG_VRS,
    SEQUENCE_END,
    SHORT_VRS,
    SQ,
    TAG_LENGTH,
    TEXT,
    TEXT_VRS,
    UI,
    UN,
    UNDEFINED,
    StructError,
    encode_element,
    malformed,
    swapped,
    truncated,
    vr_code,
    vr_name,
)
from .outcome import LogEntry
from .plan import Entry, IodPlan, Plan, Table
from .survey import unit_end
from .values import Values

if TYPE_CHECKING:
    from .charset import Charset

_BEFORE_ALL, _AFTER_ALL = -1, 1 << 32
# A name, a date or a UID where the dictionary knows another kind of value is not kept for it.
_PN = vr_code("PN")
_TELLING = frozenset(vr_code(vr) for vr in ("PN", "DA", "DT", "UI"))
_NOT_AS_THEY_ARE = _TELLING | {SQ}
# Numbers and bytes: no text that the engine writes can stand under these.
_NO_TEXT = frozenset(
    vr_code(vr)
    for vr in (
        "AT",
        "FD",
        "FL",
        "OB",
        "OD",
        "OF",
        "OL",
        "OV",
        "OW",
        "SL",
        "SS",
        "SV",
        "UL",
        "US",
        "UV",
    )
)


class Rewriter(Values):
    """The state of one instance on its way through the plan."""

    def __init__(
        self,
        buf: bytes,
        plan: Plan,
        iod: IodPlan,
        uid: Callable[[str], str],
        *,
        charset: "Charset",
        explicit: bool,
    ) -> None:
        super().__init__(uid, charset)
        self.buf = buf
        self.out = bytearray()
        self.plan = plan
        self.iod = iod
        self.is_explicit = self.explicit_now = explicit
        self.log: list[LogEntry] = []
        # Private groups that the survey stepped over: start, to end and tags.
        self.groups: dict[int, tuple[int, list[int]]] = {}
        self.keeps_private = plan.keeps_safe_private or bool(plan.private_rules)
        self.found: list[tuple[str, bytes]] = []
        self.pending: list[tuple[int, bytes]] = []
        self.next_key = _AFTER_ALL
        self.offsets: dict[int, int] = {}
        self.kept_private: dict[tuple[int, str], set[int]] = {}
        self.equipment_item = b""
        self.is_key_object = False
        # Whether items are referred to by their place in the tree.
        self.keeps_positions = False
        self.depth = 0

    def again(self, buf: bytes, uid: Callable[[str], str]) -> "Rewriter":
        """Return a rewriter of other bytes of the same people, with the same values.

        Made for every instance of a series, so what is the same is taken over in one go.
        """
        other = Rewriter.__new__(Rewriter)
        other.__dict__ = {**self.__dict__}
        other.buf, other._new_uid = buf, uid
        other.out, other.log, other.texts, other.found = bytearray(), [], [], []
        other.dates, other.uids, other.uid_bytes = [], {}, {}
        other.groups, other.offsets, other.kept_private = {}, {}, {}
        other.pending, other.next_key, other.equipment_item = [], _AFTER_ALL, b""
        other.path, other.depth, other.explicit_now = (), 0, self.is_explicit
        # What somebody looked at in the first object was not seen in this one.
        other.document, other.free_overlays, other.has_free_annotations = None, frozenset(), False
        return other

    # The walk -------------------------------------------------------------------------------

    def run(self, start: int, end: int) -> bytearray:
        """Rewrite the top level between two offsets and return the output so far."""
        self.begin()
        try:
            self.piece(start, end)
        except StructError:
            raise truncated(end) from None
        self.write_required(None)
        return self.out

    def begin(self) -> None:
        """Put the elements that have to be there in the order in which they are written."""
        self.pending.sort()
        self.next_key = self.pending[0][0] if self.pending else _AFTER_ALL

    def piece(self, start: int, end: int) -> None:
        """Rewrite some elements of the top level."""
        (self.explicit if self.is_explicit else self.implicit)(start, end, self.iod.top, top=True)

    def write_required(self, before: int | None) -> None:
        """Write what has to stand before the element at an offset, or all that is left of it."""
        if before is None:
            self._write_pending(_AFTER_ALL)
        else:
            (tag,) = LENGTH.unpack_from(self.buf, before)
            self._write_pending(swapped(tag))

    def explicit(
        self, position: int, end: int, table: Table, *, delimited: bool = False, top: bool = False
    ) -> int:
        """Rewrite explicit VR elements up to `end`, or up to a delimiter; return the offset."""
        buf, out, get, unpack = self.buf, self.out, table.__getitem__, ELEMENT.unpack_from
        note, log, run = self.texts.append, self.log.append, position
        while position < end:
            tag, vr, length = unpack(buf, position)
            act = get(tag)
            if act == vr:
                position += 8 + length
                continue
            value = position + 8
            if act == vr + TEXT:
                position = value + length
                note(buf[value:position])
                continue
            if vr in LONG_VRS:
                (length,) = LENGTH.unpack_from(buf, value)
                value += 4
                if vr == SQ and act.__class__ is Action and act.repeats:
                    after = unchanged.known_to_stay(self, tag, value, length)
                    if after:
                        position = after
                        continue
                    if length != UNDEFINED and tag not in self.iod.special:
                        after = value + length
                        if after <= end and unchanged.stays(
                            self, value, after, self.iod.nested_default, in_item=False
                        ):
                            position = after
                            continue
            elif vr not in SHORT_VRS:
                if tag == ITEM_END and delimited:
                    out += buf[run:position]
                    return position + 8
                raise malformed(position, "An element has no valid VR")
            if act.__class__ is int and vr not in _NOT_AS_THEY_ARE and length != UNDEFINED:
                position = value + length
                if vr in TEXT_VRS or vr == UN:
                    note(buf[value:position])
                continue
            if top:
                key = act.tag if isinstance(act, Action) else swapped(tag)
                if key >= self.next_key:
                    run = self._write_pending_in_run(run, position, key)
            out += buf[run:position]
            if act.__class__ is Action and act.handler is remove and vr in SHORT_VRS:
                position = run = value + length
                log((self.path, tag, "X", act.because))
                if act.kind and length:
                    self.found.append((act.kind, buf[value:position]))
                continue
            position = run = self._element(tag, vr, act, position, value, length, end)
        if position != end or delimited:
            raise truncated(end)
        if top and self.pending:
            run = self._write_pending_in_run(run, position, _BEFORE_ALL)
        out += buf[run:position]
        return position

    def implicit(
        self, position: int, end: int, table: Table, *, delimited: bool = False, top: bool = False
    ) -> int:
        """Rewrite implicit VR elements up to `end`, or up to a delimiter; return the offset."""
        buf, out, get, unpack = self.buf, self.out, table.__getitem__, TAG_LENGTH.unpack_from
        run = position
        while position < end:
            tag, length = unpack(buf, position)
            act = get(tag)
            if act.__class__ is int and length != UNDEFINED:
                position += 8 + length
                if act > TEXT or act < -TEXT:
                    self.texts.append(buf[position - length : position])
                continue
            if tag == ITEM_END and delimited:
                out += buf[run:position]
                return position + 8
            if top and (key := swapped(tag)) >= self.next_key:
                run = self._write_pending_in_run(run, position, key)
            out += buf[run:position]
            vr = act.vr if isinstance(act, Action) else UN
            position = run = self._element(tag, vr, act, position, position + 8, length, end)
        if position != end or delimited:
            raise truncated(end)
        if top and self.pending:
            run = self._write_pending_in_run(run, position, _BEFORE_ALL)
        out += buf[run:position]
        return position

    def _element(
        self, tag: int, vr: int, act: Entry | None, start: int, value: int, length: int, end: int
    ) -> int:
        """Carry out what the plan says about one element; return the offset behind it."""
        if length != UNDEFINED and value + length > end:
            raise truncated(start)
        if not isinstance(act, Action):
            if act is not None and vr in _TELLING and length != UNDEFINED:
                if vr == _PN:
                    self.found.append(("name", self.buf[value : value + length]))
                self.log.append((self.path, tag, "X", "wrong-vr"))
                return value + length
            if act is not None:
                raise malformed(start, "A sequence stands where the dictionary knows a value")
            return self._unlisted(tag, vr, start, value, length, end)
        if vr == SQ or length == UNDEFINED or (vr == UN and act.vr == SQ):
            return sequences.rewrite_sequence(self, tag, vr, act, start, value, length, end)
        if act.vr == SQ and act.letter != "X":
            raise malformed(start, "A value stands where the dictionary knows a sequence")
        is_misread = vr != act.vr and self.explicit_now and _is_misread(vr, act.vr)
        if vr == UN or is_misread:
            vr = act.vr
        raw = self.buf[value : value + length]
        if act.kind and raw:
            self.found.append((act.kind, raw))
        new = act.handler(self, act, vr, raw)
        if act.letter != "K":
            self.log.append((self.path, tag, act.letter, act.because))
        if is_misread and new is not None:
            self.out += encode_element(swapped(tag), vr_name(vr), new, True)
        elif new is not None:
            self.write(start, value, new, vr)
        return value + length

    def write(self, start: int, value: int, new: bytes, vr: int) -> None:
        """Write an element with a new value and the header it came with."""
        length = len(new)
        if length & 1:
            new += b"\0" if vr in (0x4955, 0x424F, 0x4E55) else b" "  # UI, OB, UN
            length += 1
        out = self.out
        if value - start == 12 or not self.explicit_now:
            out += self.buf[start : value - 4]
            out += LENGTH.pack(length)
        elif length > 0xFFFF:
            raise malformed(start, "A cleaned value does not fit its VR")
        else:
            out += self.buf[start : start + 6]
            out += length.to_bytes(2, "little")
        out += new

    # Elements that no table knows -----------------------------------------------------------

    def _unlisted(self, tag: int, vr: int, start: int, value: int, length: int, end: int) -> int:
        """Remove what neither dictionary nor profile knows; private groups have their own room."""
        if tag & 1:
            if self.keeps_private:
                return private.group(self, tag, start, end)
            known = self.groups.get(start) if not self.path else None
            if known is None:
                after = private.skip_group(self, tag, start, end)
            else:
                after = known[0]
                self.log.append((self.path, known[1], "X", "private"))
            if self.explicit_now and self.buf.find(b"PN", start, after) >= 0:
                private.harvest(self, start, after, SQ, after - start)
            return after
        if tag in (ITEM, ITEM_END, SEQUENCE_END):
            raise malformed(start, "An item delimiter stands where an element should")
        self.log.append((self.path, tag, "X", "unknown"))
        if vr == _PN and length:
            self.found.append(("name", self.buf[value : value + length]))
        return sequences.after_sequence(self, vr, value, length, end)

    # Elements that have to be there -----------------------------------------------------------

    def _write_pending(self, before: int) -> None:
        """Write the new elements whose tags come before or at `before`."""
        while self.pending and self.pending[0][0] <= before:
            key, data = self.pending.pop(0)
            self.offsets[key] = len(self.out)
            self.out += data
        self.next_key = self.pending[0][0] if self.pending else _AFTER_ALL

    def _write_pending_in_run(self, run: int, stop: int, key: int) -> int:
        """Write new elements at their places among the kept ones of `run`; return what is left."""
        position = run
        while position < stop and self.pending:
            (tag,) = LENGTH.unpack_from(self.buf, position)
            if swapped(tag) > self.pending[0][0]:
                self.out += self.buf[run:position]
                run = position
                self._write_pending(swapped(tag))
            position = unit_end(self.buf, position, self.is_explicit)
        self.out += self.buf[run:stop]
        self._write_pending(key)
        return stop


def refers_by_position(buf: bytes, start: int, end: int) -> bool:
    """Tell whether items may be referred to by their place in the tree (0040,DB73)."""
    return buf.find(b"\x40\0\x73\xdb", start, end) >= 0


def _is_misread(vr: int, known: int) -> bool:
    """Tell whether a value stands under a VR that would make readers misread what replaces it."""
    if known == UI:
        return vr != UN
    return vr in _NO_TEXT and known not in _NO_TEXT and known != UN
