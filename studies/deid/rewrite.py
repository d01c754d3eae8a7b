"""The data set rewritten: runs of kept elements are copied, all others go through their action.

`explicit` and `implicit` are the hot loops: one unpack, one dict look-up and one comparison per
kept element. What is not plainly kept leaves the loop for `_element`. Nothing is decoded here.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from . import private, structured
from .actions import Action, remove
from .dataset import (
    ELEMENT,
    ITEM,
    ITEM_END,
    ITEM_END_BYTES,
    LENGTH,
    LONG_VRS,
    MAX_DEPTH,
    SEQUENCE_END,
    SEQUENCE_END_BYTES,
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
    encode_item,
    malformed,
    skip_undefined,
    swapped,
    too_deep,
    truncated,
    vr_code,
    vr_name,
)
from .dummies import dummy_item
from .outcome import LogEntry
from .plan import Entry, IodPlan, Plan, Table
from .resolve import CONTENT_SEQUENCE, Path

if TYPE_CHECKING:
    from .charset import Charset
    from .text import TextCleaner

_CONTENT = swapped(CONTENT_SEQUENCE)
_AFTER_ALL = 1 << 32
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
_SHORT_SEQUENCE = 512
_CODE_VALUE = b"\x08\0\0\1"
_MAX_REMEMBERED = 8192


class Rewriter:
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
        self.buf = buf
        self.out = bytearray()
        self.plan = plan
        self.iod = iod
        self.is_explicit = self.explicit_now = explicit
        self.charset = charset
        self.log: list[LogEntry] = []
        # Kept and written texts, for the second net.
        self.texts: list[bytes] = []
        # Private groups that the survey stepped over: start, to end and tags.
        self.groups: dict[int, tuple[int, list[int]]] = {}
        self.keeps_private = plan.keeps_safe_private or bool(plan.private_rules)
        self.dates: list[tuple[str, bytes, bytes]] = []
        self.found: list[tuple[str, bytes]] = []
        self.uids: dict[str, str] = {}
        self.uid_bytes: dict[bytes, bytes] = {}
        self.path: Path = ()
        self.fixed: dict[int, bytes] = {}
        self.shift_days = 0
        self.cleaner: TextCleaner | None = None
        self.pending: list[tuple[int, bytes]] = []
        self.next_key = _AFTER_ALL
        self.offsets: dict[int, int] = {}
        self.kept_private: dict[tuple[int, str], set[int]] = {}
        self.equipment_item = b""
        self.is_key_object = False
        self.keeps_positions = b"\x40\x00\x73\xdb" in buf
        self.templates: dict[str, str] = {}
        self._new_uid = uid
        self._depth = 0

    # What actions ask for -------------------------------------------------------------------

    def map_uid(self, raw: bytes) -> bytes:
        """Return the new UID for one value; class and well-known UIDs and no value stay."""
        text = raw.decode("latin-1").strip(" \0\t\r\n")
        if not text or is_standard_uid(text):
            return text.encode("latin-1")
        new = self.uids.get(text)
        if new is None:
            new = self.uids[text] = self._new_uid(text)
        return new.encode("ascii")

    def blank_uid(self) -> bytes:
        """Return a UID for a place that must have one and has none: equal everywhere."""
        return self._new_uid("").encode("ascii")

    def map_text(self, uid: str) -> str:
        """Return the new UID for one UID that is no class UID."""
        return self.map_uid(uid.encode("latin-1")).decode("ascii")

    def clean(self, raw: bytes, vr: int) -> bytes:
        """Return a text value without what identifies."""
        if self.cleaner is not None:
            raw = self.cleaner.clean_bytes(raw, vr.to_bytes(2, "little"), self.charset)[0]
        self.texts.append(raw)
        return raw

    def path_of(self, tag: int) -> str:
        """Return where the attribute in work stands, as people read it."""
        from .naming import path_text

        return path_text(tuple(swapped(step) for step in self.path), tag)

    def template(self, text: bytes) -> bytes:
        """Fill a rule's value with cloud ids and prefix, in the data set's character set."""
        value = text.decode()
        for name, content in self.templates.items():
            value = value.replace("{" + name + "}", content)
        return self.charset.encode(value, b"LO")

    def pseudonym(self, raw: bytes, vr: int) -> bytes:
        """Return a keyed pseudonym of a value, short enough for any VR that holds text."""
        number = int(self._new_uid("value:" + raw.decode("latin-1"))[5:])
        letters = vr.to_bytes(2, "little")
        return (
            (b"%d" % (number % 10**8))
            if letters in (b"IS", b"DS")
            else b"H%014X" % (number & (1 << 56) - 1)
        )

    def substitute(self, find: str, replacement: str | bytes, raw: bytes, vr: int) -> bytes:
        """Apply a rule's regular expression to a text value."""
        from .rules import compiled_pattern

        letters = vr.to_bytes(2, "little")
        text = self.charset.decode(raw, letters)
        value = replacement.decode() if isinstance(replacement, bytes) else replacement
        return self.charset.encode(compiled_pattern(find).sub(value, text), letters)

    def for_tail(self, buf: bytes) -> "Rewriter":
        """Return a rewriter of what follows the pixels, with the same identities."""
        tail = Rewriter(
            buf, self.plan, self.iod, self.map_text, charset=self.charset, explicit=self.is_explicit
        )
        tail.shift_days, tail.cleaner, tail.fixed = self.shift_days, self.cleaner, self.fixed
        tail.templates = self.templates
        return tail

    # The walk -------------------------------------------------------------------------------

    def run(self, start: int, end: int) -> bytearray:
        """Rewrite the top level between two offsets and return the output so far."""
        self.pending.sort()
        self.next_key = self.pending[0][0] if self.pending else _AFTER_ALL
        try:
            if self.is_explicit:
                self.explicit(start, end, self.iod.top, top=True)
            else:
                self.implicit(start, end, self.iod.top, top=True)
        except StructError:
            raise truncated(end) from None
        self._write_pending(_AFTER_ALL)
        return self.out

    def explicit(
        self, position: int, end: int, table: Table, *, delimited: bool = False, top: bool = False
    ) -> int:
        """Rewrite explicit VR elements up to `end`, or up to a delimiter; return the offset."""
        buf, out, get, unpack = self.buf, self.out, table.get, ELEMENT.unpack_from
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
                    after = self._known_to_stay(tag, value, length)
                    if after:
                        position = after
                        continue
                    if length != UNDEFINED and tag not in self.iod.special:
                        after = value + length
                        if after <= end and self.stays(
                            value, after, self.iod.nested_default, in_item=False
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
        out += buf[run:position]
        return position

    def _known_to_stay(self, tag: int, value: int, length: int) -> int:
        """Return the offset behind a code sequence that comes out as it is, or 0.

        Code sequences repeat thousands of times, so what is known of one is remembered.
        """
        buf = self.buf
        if length == UNDEFINED:
            after = buf.find(SEQUENCE_END_BYTES, value, value + _SHORT_SEQUENCE) + 8
        else:
            after = value + length
        raw = buf[value:after]
        if raw[8:12] != _CODE_VALUE or tag in self.iod.special or len(raw) > _SHORT_SEQUENCE:
            return 0
        known = self.plan.unchanged
        texts = known.get(raw)
        if texts is None:
            if length == UNDEFINED or after > len(buf):
                return 0
            first = len(self.texts)
            if not self.stays(value, after, self.iod.nested_default, in_item=False):
                return 0
            if len(known) >= _MAX_REMEMBERED:
                known.clear()
            known[raw] = tuple(self.texts[first:])
        else:
            self.texts += texts
        return after

    def stays(self, position: int, end: int, table: Table, *, in_item: bool) -> bool:
        """Tell whether items of defined length, or the content of one, come out as they are.

        Walks without recursion and without writing, and gives up at the first element that is
        not plainly kept. Lengths must fit into each other exactly.
        """
        buf, unpack = self.buf, ELEMENT.unpack_from
        get: Callable[[int], Entry | None] = table.get
        default, special = self.iod.nested_default.get, self.iod.special
        texts: list[bytes] = []
        note = texts.append
        stack: list[tuple[int, Callable[[int], Entry | None]]] = []
        limit = end
        while True:
            if position == limit:
                if not stack:
                    self.texts += texts
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
                known = self._known_to_stay(tag, position, length)
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

    def implicit(
        self, position: int, end: int, table: Table, *, delimited: bool = False, top: bool = False
    ) -> int:
        """Rewrite implicit VR elements up to `end`, or up to a delimiter; return the offset."""
        buf, out, get, unpack = self.buf, self.out, table.get, TAG_LENGTH.unpack_from
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
            return self.rewrite_sequence(tag, vr, act, start, value, length, end)
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

    # Sequences ------------------------------------------------------------------------------

    def rewrite_sequence(
        self, tag: int, vr: int, act: Action, start: int, value: int, length: int, end: int
    ) -> int:
        """Remove, empty, replace or rewrite a sequence; return the offset behind it."""
        how = act.sequence
        if act.letter != "K":
            self.log.append((self.path, tag, act.letter, act.because))
        if vr not in (SQ, UN):
            raise malformed(start, "An element other than a sequence has no length")
        if how in ("recurse", "content", "equipment"):
            return self._items(tag, vr, how, start, value, length, end)
        after = self._after(vr, value, length, end)
        private.harvest(self, value, after, vr, length)
        if how == "empty":
            self._write_sequence(start, value, b"")
        elif how == "dummy":
            items = dummy_item(act.tag, self.explicit_now, is_key_object=self.is_key_object)
            self._write_sequence(start, value, encode_item(items))
        return after

    def _after(self, vr: int, value: int, length: int, end: int) -> int:
        """Return the offset behind a sequence without looking at what is in it."""
        if length != UNDEFINED:
            return value + length
        return skip_undefined(self.buf, value, end, self._inner_explicit(vr))

    def _inner_explicit(self, vr: int) -> bool:
        return self.explicit_now and vr == SQ

    def _write_sequence(self, start: int, value: int, items: bytes) -> None:
        self.out += self.buf[start : value - 4]
        self.out += LENGTH.pack(len(items))
        self.out += items

    def _items(
        self, tag: int, vr: int, how: str, start: int, value: int, length: int, end: int
    ) -> int:
        """Rewrite the items of a sequence, keeping its form; lengths are patched afterwards."""
        outer = self.path
        if len(outer) >= MAX_DEPTH * 2:
            raise too_deep(start)
        is_repeat = bool(outer) and outer[-1] == tag == _CONTENT
        path = self.path = outer if is_repeat else (*outer, tag)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise too_deep(start)
        table = self.iod.nested(path)
        outer_explicit = self.explicit_now
        self.explicit_now = outer_explicit and vr == SQ  # PS3.5 6.2.2: UN holds implicit VR
        out = self.out
        out += self.buf[start:value]
        content = len(out)
        stop = end if length == UNDEFINED else value + length
        before = len(self.log), len(self.found), len(self.texts)
        position = self._item_loop(value, stop, table, how, delimited=length == UNDEFINED)
        if how == "equipment":
            out += self.equipment_item
            self.equipment_item = b""
        if length == UNDEFINED:
            out += SEQUENCE_END_BYTES
        else:
            LENGTH.pack_into(out, content - 4, len(out) - content)
        if (
            position - value <= _SHORT_SEQUENCE
            and self.buf[value + 8 : value + 12] == _CODE_VALUE
            and outer_explicit
            and how == "recurse"
            and before[:2] == (len(self.log), len(self.found))
            and table is self.iod.nested_default
            and tag not in self.iod.special
        ):
            self._remember(self.buf[value:position], content, before[2])
        self.explicit_now = outer_explicit
        self._depth -= 1
        self.path = outer
        return position

    def _remember(self, raw: bytes, content: int, first_text: int) -> None:
        """Remember a code sequence that came out as it went in."""
        known = self.plan.unchanged
        if self.explicit_now and self.out[content:] == raw:
            if len(known) >= _MAX_REMEMBERED:
                known.clear()
            known[raw] = tuple(self.texts[first_text:])

    def _item_loop(
        self, position: int, stop: int, table: Table, how: str, *, delimited: bool
    ) -> int:
        buf, out = self.buf, self.out
        explicit = self.explicit_now
        walk = self.explicit if explicit else self.implicit
        while position < stop:
            tag, length = TAG_LENGTH.unpack_from(buf, position)
            if tag != ITEM:
                if tag == SEQUENCE_END and delimited:
                    return position + 8
                raise malformed(position, "A sequence holds something other than items")
            begin = len(out)
            out += buf[position : position + 8]
            position += 8
            last = stop if length == UNDEFINED else position + length
            if last > stop:
                raise truncated(position)
            inner = table
            if how == "content":
                inner, after = structured.table_for_item(
                    self, position, last, length, table, explicit
                )
                if inner is structured.DROP:
                    del out[begin:]
                    if length == UNDEFINED:
                        position = structured.skip_item(buf, position, stop, explicit)
                    else:
                        position = last
                    continue
                if (
                    explicit
                    and length != UNDEFINED
                    and structured.stays(self, position, after, last, inner)
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

    # Elements that no table knows -----------------------------------------------------------

    def _unlisted(self, tag: int, vr: int, start: int, value: int, length: int, end: int) -> int:
        """Remove what neither dictionary nor profile knows; private groups have their own room."""
        if tag & 1:
            if self.keeps_private:
                return private.group(self, tag, start, end)
            known = self.groups.get(start) if not self.path else None
            if known is None:
                return private.skip_group(self, tag, start, end)
            self.log.append((self.path, known[1], "X", "private"))
            return known[0]
        if tag in (ITEM, ITEM_END, SEQUENCE_END):
            raise malformed(start, "An item delimiter stands where an element should")
        self.log.append((self.path, tag, "X", "unknown"))
        return self._after(vr, value, length, end)

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
            if self.is_explicit:
                tag, vr, length = ELEMENT.unpack_from(self.buf, position)
                head = 8
                if vr in LONG_VRS:
                    (length,) = LENGTH.unpack_from(self.buf, position + 8)
                    head = 12
            else:
                (tag, length), head = TAG_LENGTH.unpack_from(self.buf, position), 8
            if swapped(tag) > self.pending[0][0]:
                self.out += self.buf[run:position]
                run = position
                self._write_pending(swapped(tag))
            position += head + length
        self.out += self.buf[run:stop]
        self._write_pending(key)
        return stop


def _is_misread(vr: int, known: int) -> bool:
    """Tell whether a value stands under a VR that would make readers misread what replaces it."""
    if known == UI:
        return vr != UN
    return vr in _NO_TEXT and known not in _NO_TEXT and known != UN


def is_standard_uid(text: str) -> bool:
    """Tell whether a UID is one of the standard's own: classes, syntaxes, well-known instances."""
    return (
        text.startswith("1.2.840.10008.")
        and len(text) <= 40
        and text.replace(".", "").isdigit()
        and max(map(len, text.split("."))) <= 5
    )
