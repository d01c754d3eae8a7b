"""What the instances of a series have in common, remembered; what differs is rewritten as ever.

Two instances that went the whole way are compared element by element. What was equal in both is
looked for, byte for byte, in the next one, and its rewritten form is taken from memory; every other
element goes through the plan. All that a rewritten form depends on must be equal, and identities
are asked again each time: an answer that differs sends the instance the whole way.
"""

import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from .actions import Action, empty, new_uid, remove
from .dataset import LENGTH, SHORT_VRS, UI, StructError, swapped
from .documents import DOCUMENT
from .errors import EngineError
from .filemeta import FileMeta
from .graphics import ANNOTATIONS
from .identities import Identities
from .outcome import LogEntry, Outcome
from .private import CHARACTERISTICS, characteristics
from .required import require
from .rewrite import Rewriter, refers_by_position
from .searched import Searched
from .source import Source
from .survey import NOTED, Survey, unit_end

if TYPE_CHECKING:
    from .plan import Plan

_MAX_BUFFER = 256 * 1024
_MAX_SAMPLES = 8
_MAX_VARYING = 48
_MAX_LESSONS = 16
_LONGEST = 0xFFFF  # value under a VR whose length has two bytes
_ROOM = 4096  # for elements that are longer in another instance, and the pixels' own head
_STUDY_AND_SERIES = (0x0020000D, 0x0020000E)
_SOP_INSTANCE_UID, _INSTANCE_NUMBER, _ACQUISITION = 0x00080018, 0x00200013, 0x0008002A
# What the first look notes and may still differ, as it decides about no other element: grey scales
# and windows are for the frame path; of Acquisition DateTime only the date counts.
_SCALES = (0x00281050, 0x00281051, 0x00281052, 0x00281053)
FREE = frozenset((_SOP_INSTANCE_UID, _INSTANCE_NUMBER, _ACQUISITION, *_SCALES))
_FREE_SWAPPED = {swapped(tag): tag for tag in FREE}
# Documents, overlays and annotations are judged by what they show, and by who looks.
_JUDGED = frozenset(
    (DOCUMENT, ANNOTATIONS, *(group << 16 | 0x3000 for group in range(0x6000, 0x6020, 2)))
)
# What becomes of an element that differs: its value decides; it is kept, being short and no text;
# the same is written whatever it held, and the next step writes it; or it gets another UID.
_REWRITTEN, _COPIED, _REPLACED, _RENAMED = range(4)
_NOTED = frozenset(swapped(tag) for tag in NOTED) - _FREE_SWAPPED.keys()


class Given(NamedTuple):
    """What the caller of the engine gave with an instance."""

    plan: "Plan"
    identities: Identities
    patient: tuple[str, str] | None
    stamp: datetime.date | None


class Header(NamedTuple):
    """A rewritten header, and what later steps need to know about how it came to be."""

    meta: FileMeta
    found: Survey
    run: Rewriter
    searched: Searched
    data: bytearray


class Step(NamedTuple):
    """Bytes that must stand next, what is written for them, and how the element behind begins."""

    given: bytes
    written: bytes
    log: list[LogEntry]
    head: bytes  # tag and VR of an element that differs; nothing behind the last step
    fate: int
    noted: int  # that element's tag if the first look notes it, else 0


class Sample:
    """One instance that went the whole way, and what may be taken from it for its like."""

    def __init__(self, context: object, given: Given, header: Header, outcome: Outcome) -> None:
        self.context = context
        self.patient, self.stamp = given.patient, given.stamp
        self.header = header
        self.outcome = outcome
        self.identity = (given.identities.prefix, given.identities.scheme)
        self.varying: frozenset[int] = frozenset()
        self.lessons = 0
        self.steps: tuple[Step, ...] = ()
        # What identities said about elements that come from memory, by what they were asked.
        self.asked: dict[str, str] = {}
        self.uids: dict[str, str] = {}
        self.dates: list[tuple[str, bytes, bytes]] = []
        # What the elements that differ gave to the search, and kept of private data.
        self.found: list[tuple[str, bytes]] = []
        self.kept_private: dict[tuple[int, str], set[int]] = {}

    # Looking for the like ---------------------------------------------------------------------

    def recall(self, source: Source, meta: FileMeta, given: Given) -> Header | None:
        """Return the header of an instance like this one, or None where anything is in doubt."""
        known = self.header
        if meta[1:] != known.meta[1:]:
            return None
        if not source.buf.startswith(self.steps[0].given, meta.start):
            return None
        if (self.patient, self.stamp) != (given.patient, given.stamp):
            return None
        if not self._is_answered_alike(given):
            return None
        source.grow_to(meta.start + known.found.end - known.found.start + _ROOM)
        run = known.run.again(source.buf, given.identities.uid)
        run.uids = dict(self.uids)
        run.dates = list(self.dates)
        raw = dict(known.found.raw)
        try:
            position = self._follow(run, raw, meta.start)
            if not position or not raw[_SOP_INSTANCE_UID].strip(b" \0"):
                return None
            if run.keeps_positions != refers_by_position(run.buf, meta.start, position):
                return None
            found = self._survey(source, meta, raw, position)
        except (EngineError, StructError):
            return None  # the whole way says what is wrong, and where
        if found is None or run.found != self.found or run.kept_private != self.kept_private:
            return None
        if known.searched.is_suspicious(run.texts):
            return None
        return Header(meta, found, run, known.searched, run.out)

    def _is_answered_alike(self, given: Given) -> bool:
        """Ask identities again for all they were asked about what comes from memory."""
        ask, outcome = given.identities, self.outcome
        if self.identity != (ask.prefix, ask.scheme):
            return False
        patient = ask.patient(*self.header.run.patient)
        if patient != outcome.cloud_patient_id:
            return False
        if ask.study(outcome.originals.study_instance_uid, patient) != outcome.cloud_study_id:
            return False
        if given.plan.needs_shift and ask.date_shift(patient) != self.header.run.shift_days:
            return False
        return list(map(ask.uid, self.asked)) == list(self.asked.values())

    def _follow(self, run: Rewriter, raw: dict[int, bytes], position: int) -> int:
        """Rewrite by the steps; return where the header ends, or 0 where a byte is another."""
        buf, out, log, size = run.buf, run.out, run.log, len(run.buf)
        for given, written, entries, head, fate, noted in self.steps:
            if not buf.startswith(given, position):
                return 0
            position += len(given)
            out += written
            log += entries
            if not head:
                break
            if not buf.startswith(head, position):
                return 0
            if fate:
                after = position + 8 + int.from_bytes(buf[position + 6 : position + 8], "little")
            else:
                after = unit_end(buf, position, run.is_explicit)
            if after > size:
                return 0
            if noted:
                value = buf[position + 8 : after]
                if noted == _ACQUISITION and value[:8] != raw[noted][:8]:
                    return 0
                raw[noted] = value
            if fate == _COPIED:
                out += buf[position:after]
            elif fate == _RENAMED:
                new = run.map_uids(buf[position + 8 : after])
                if len(new) > _LONGEST:
                    return 0
                out += head
                out += len(new).to_bytes(2, "little")
                out += new
            elif not fate:
                run.piece(position, after)
            position = after
        return position

    def _survey(
        self, source: Source, meta: FileMeta, raw: dict[int, bytes], end: int
    ) -> Survey | None:
        """Return the first look as it would be; None if the header does not end here."""
        buf = source.buf
        found = Survey(buf, meta.start, meta.explicit)
        found.raw, found.end = raw, end
        before = self.header.found.pixel
        if before is None:
            return found if end == len(buf) and source.is_complete else None
        value = end + len(self.header.found.pixel_head)
        found.pixel_head = head = buf[end:value]
        if head[:-4] != self.header.found.pixel_head[:-4]:
            return None
        found.pixel = (before[0], before[1], value, LENGTH.unpack_from(head, len(head) - 4)[0])
        return found

    # Learning ---------------------------------------------------------------------------------

    def taught(self, given: Given, header: Header) -> "Sample":
        """Return a sample that knows what is equal in this instance and another of its kind."""
        if self.lessons >= _MAX_LESSONS:
            return self
        sample = Sample(self.context, given, header, self.outcome)
        sample.lessons = self.lessons + 1
        pairs = zip(_units(self.header), _units(header), strict=True)
        differing = {number for number, (one, other) in enumerate(pairs) if one != other}
        sample.varying = self.varying | differing
        if len(sample.varying) <= _MAX_VARYING and _may_vary(header, sample.varying):
            sample._take(given)
        return sample

    def _take(self, given: Given) -> None:
        """Rewrite this instance once more in pieces, and keep the form of those that are fixed."""
        _meta, found, whole, _searched, data = self.header
        asked = _Asked(given.identities)
        fixed = whole.again(whole.buf, asked.uid)
        free = whole.again(whole.buf, given.identities.uid)
        fixed.groups = free.groups = whole.groups
        if not given.plan.keeps_uids:
            for tag in _STUDY_AND_SERIES:
                fixed.map_uid(found.raw[tag])
        require(fixed, given.plan, found, given.stamp)
        fixed.begin()
        pieces: list[_Piece] = []
        start = found.start
        for number in sorted(self.varying):
            stop, after = found.offsets[number], _end_of(found, number)
            pieces.append(_piece(fixed, start, stop, 6 if whole.is_explicit else 4))
            free.piece(stop, after)
            start = after
        pieces.append(_piece(fixed, start, found.end, 0))
        self.asked, self.uids, self.dates = asked.answers, fixed.uids, fixed.dates
        self.found, self.kept_private = free.found, free.kept_private
        steps = _steps(fixed, free, pieces)
        # A form that does not give back what the whole way gave is not taken.
        check, self.steps = whole.again(whole.buf, given.identities.uid), steps
        end = self._follow(check, dict(found.raw), found.start)
        if end != found.end or check.out != data or check.log != whole.log:
            self.steps = ()


class _Asked:
    """Identities, and what they were asked."""

    def __init__(self, identities: Identities) -> None:
        self._identities = identities
        self.answers: dict[str, str] = {}

    def uid(self, uid: str) -> str:
        """Return the new UID and take note of it."""
        answer = self.answers[uid] = self._identities.uid(uid)
        return answer


class _Piece(NamedTuple):
    given: bytes
    begin: int
    log: list[LogEntry]
    head: bytes
    has_characteristics: bool


def _piece(fixed: Rewriter, start: int, stop: int, head: int) -> _Piece:
    """Rewrite a piece in which nothing differs, up to the element behind it."""
    begin, entries, had = len(fixed.out), len(fixed.log), CHARACTERISTICS in fixed.offsets
    fixed.piece(start, stop)
    fixed.write_required(stop if head else None)
    buf = fixed.buf
    has = not had and CHARACTERISTICS in fixed.offsets
    return _Piece(buf[start:stop], begin, fixed.log[entries:], buf[stop : stop + head], has)


def _steps(fixed: Rewriter, free: Rewriter, pieces: list[_Piece]) -> tuple[Step, ...]:
    kept = dict(free.kept_private)
    for key, lows in fixed.kept_private.items():
        kept[key] = lows | kept.get(key, set())
    ends = [*(piece.begin for piece in pieces[1:]), len(fixed.out)]
    steps: list[Step] = []
    instead: tuple[bytes, list[LogEntry]] = (b"", [])
    for piece, end in zip(pieces, ends, strict=True):
        written = bytes(fixed.out[piece.begin : end])
        if piece.has_characteristics and kept:
            at = fixed.offsets[CHARACTERISTICS] - piece.begin
            written = written[:at] + characteristics(kept, fixed.is_explicit) + written[at:]
        written, log = instead[0] + written, instead[1] + piece.log
        fate, instead = _fate(fixed, piece.head)
        tag = int.from_bytes(piece.head[:4], "little")
        steps.append(Step(piece.given, written, log, piece.head, fate, _FREE_SWAPPED.get(tag, 0)))
    return tuple(steps)


def _fate(run: Rewriter, head: bytes) -> tuple[int, tuple[bytes, list[LogEntry]]]:
    """Tell what becomes of an element of this tag and VR, and what always stands for it."""
    tag, vr = int.from_bytes(head[:4], "little"), int.from_bytes(head[4:], "little")
    entry = run.iod.top[tag]
    if not run.is_explicit or vr not in SHORT_VRS or tag & 1:
        return _REWRITTEN, (b"", [])
    if entry == vr:
        return _COPIED, (b"", [])
    if not isinstance(entry, Action) or entry.kind or entry.vr != vr:
        return _REWRITTEN, (b"", [])
    log: list[LogEntry] = [((), tag, entry.letter, entry.because)]
    if entry.handler is new_uid and vr == UI:
        return _RENAMED, (b"", log)
    if entry.handler is remove:
        return _REPLACED, (b"", log)
    if entry.handler is empty:
        return _REPLACED, (head + b"\0\0", log)
    return _REWRITTEN, (b"", [])


def _end_of(found: Survey, number: int) -> int:
    return found.offsets[number + 1] if number + 1 < len(found.offsets) else found.end


def _units(header: Header) -> list[bytes]:
    """Return the elements of the top level, a private group being one."""
    found = header.found
    bounds = [*found.offsets, found.end]
    return [found.buf[start:end] for start, end in pairwise(bounds)]


def _may_vary(header: Header, varying: frozenset[int]) -> bool:
    """Tell whether nothing but what may differ does, and no element that was noted repeats."""
    buf, offsets = header.found.buf, header.found.offsets
    tags = [int.from_bytes(buf[at : at + 4], "little") for at in offsets]
    noted = [tag for tag in tags if tag in _NOTED or tag in _FREE_SWAPPED]
    if len(noted) != len(set(noted)):
        return False
    for number in varying:
        if tags[number] in _NOTED:
            return False
        vr = int.from_bytes(buf[offsets[number] + 4 : offsets[number] + 6], "little")
        if tags[number] in _FREE_SWAPPED and header.meta.explicit and vr not in SHORT_VRS:
            return False
    return True


def recall(source: Source, meta: FileMeta, given: Given) -> tuple[Header, Outcome] | None:
    """Return a header rewritten from memory, and the outcome of the instance it is like."""
    for sample in tuple(given.plan.series):
        if sample.steps:
            header = sample.recall(source, meta, given)
            if header is not None:
                return header, sample.outcome
    return None


def learn(given: Given, header: Header, outcome: Outcome) -> None:
    """Take note of an instance that went the whole way and was found in order."""
    found = header.found
    if len(found.buf) > _MAX_BUFFER or header.data is not header.run.out:
        return  # too large to keep, or the second net changed what the plan gave
    if header.meta.is_deflated or header.meta.is_big_endian or found.raw.keys() & _JUDGED:
        return
    context = _context(given, header)
    others = [sample for sample in given.plan.series if sample.context != context]
    known = [sample for sample in given.plan.series if sample.context == context]
    sample = known[0].taught(given, header) if known else Sample(context, given, header, outcome)
    given.plan.series = [sample, *others][:_MAX_SAMPLES]


def _context(given: Given, header: Header) -> object:
    """Return all that has to be equal in two instances to compare them at all."""
    found, buf = header.found, header.found.buf
    noted = [(tag, raw) for tag, raw in found.raw.items() if tag not in FREE]
    return (
        *(header.meta[1:], given.patient, given.stamp),
        *(given.identities.prefix, given.identities.scheme, header.run.shift_days),
        *(header.run.fixed, header.searched.known, found.raw.get(_ACQUISITION, b"")[:8]),
        *(found.pixel is None, header.run.keeps_positions, noted),
        [buf[at : at + 6] for at in found.offsets],
    )
