"""Verify a chain: recompute every digest and name the first thing that is not as it was written.

Reads with plain SQL, past the models, and recomputes from the columns themselves.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, transaction
from django.utils.translation import gettext as _

from audit.canonical import (
    ARCHIVE_MARK,
    CHECKPOINT_MARK,
    GENESIS,
    canonical_event,
    canonical_time,
    event_digest,
    link_digest,
)
from audit.chains import archived_head, head
from audit.checkpoints import BadCheckpoint, Signed, second_place, trusted_keys
from audit.models import EVENT_FIELDS, Archive, Checkpoint, Event, Link
from audit.recording import record
from audit.sealer import seal_chain
from audit.terms import Actor, Outcome

Kind = Literal["changed", "removed", "inserted", "reordered", "truncated", "replaced"]

# A longer chain is verified from a signed checkpoint on when somebody waits for the answer.
VERIFY_AT_ONCE = 200_000
_BATCH = 5000
# How far a removed run may be for its followers' old places to be recognised.
_SHIFT = 1000


@dataclass(frozen=True, slots=True)
class Finding:
    """The first thing that is not as it was written."""

    kind: Kind
    sequence: int
    event_id: int | None
    message: str


@dataclass(slots=True)
class Report:
    """What a verification saw, and its finding, if any."""

    chain: str
    first: int = 0
    last: int = 0
    head: bytes = GENESIS
    events: int = 0
    checkpoints: int = 0
    second_place: int = 0
    finding: Finding | None = None
    unguarded: list[str] = field(default_factory=list)

    @property
    def is_intact(self) -> bool:
        """Tell whether nothing was found."""
        return self.finding is None

    def as_detail(self) -> dict[str, Any]:
        """Return the report as an event's detail."""
        found = self.finding
        return {
            "first": self.first,
            "last": self.last,
            "head": self.head.hex(),
            "events": self.events,
            "checkpoints": self.checkpoints,
            "second_place": self.second_place,
            "unguarded": list(self.unguarded),
            "finding": (
                {"kind": found.kind, "sequence": found.sequence, "event_id": found.event_id}
                if found
                else None
            ),
        }


class _Broken(Exception):
    def __init__(self, kind: Kind, sequence: int, event_id: int | None, message: str) -> None:
        super().__init__(message)
        self.finding = Finding(kind, sequence, event_id, message)


def verify_chain(
    chain: str, *, extra_checkpoints: list[bytes] | None = None, most: int = 0
) -> Report:
    """Seal what waits, then verify a chain from its first kept link to its head.

    Checkpoints come from the database, the second place and, if given, from the caller's hands.
    With `most`, a longer chain is verified from the newest signed checkpoint that leaves about so
    many events to read: what stands before it is left to the full verification.
    """
    seal_chain(chain)
    report = Report(chain, unguarded=missing_triggers())
    try:
        signed = _checkpoints(report, extra_checkpoints or [])
        _start(report)
        if most:
            _skip_to_checkpoint(report, signed, head(chain).sequence - most)
        _walk(report, signed)
        _look_for_strays(report)
    except _Broken as broken:
        report.finding = broken.finding
    return report


def verify_and_record(chain: str, actor: Actor, *, most: int = 0) -> Report:
    """Verify a chain and leave the result in the chain itself."""
    report = verify_chain(chain, most=most)
    with transaction.atomic(using=DEFAULT_DB_ALIAS):
        record(
            "audit.verified",
            Outcome.SUCCESS if report.is_intact else Outcome.FAILED,
            actor=actor,
            chain=chain,
            detail=report.as_detail(),
        )
    return report


def missing_triggers() -> list[str]:
    """Return the append-only triggers that this database lacks."""
    source = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        if connection.vendor == "sqlite"
        else "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'"
    )
    with connection.cursor() as cursor:
        cursor.execute(source)
        present = {name for (name,) in cursor.fetchall()}
    kinds = ("update", "delete", "replace" if connection.vendor == "sqlite" else "truncate")
    tables = ("event", "link", "checkpoint", "archive", "leaves")
    wanted = {f"audit_{table}_no_{kind}" for table in tables for kind in kinds}
    return sorted((wanted | {"audit_event_pending"}) - present)


# --- checkpoints ------------------------------------------------------------------------------


def _checkpoints(report: Report, extra: list[bytes]) -> dict[int, str]:
    """Return sequence -> signed head of every checkpoint that can be had; refuse a forged one."""
    trusted = trusted_keys()
    heads: dict[int, str] = {}
    for row in Checkpoint.objects.filter(chain=report.chain).order_by("sequence"):
        signed = Signed(row.document, bytes(row.signature), bytes(row.public_key))
        document = _opened(signed, report.chain, trusted, row.sequence)
        if document["sequence"] != row.sequence or document["at"] != canonical_time(row.at):
            raise _Broken("changed", row.sequence, None, _("a checkpoint's row was changed"))
        _add(heads, document)
        report.checkpoints += 1
    elsewhere = second_place(report.chain)
    report.second_place = len(elsewhere)
    for content in [*elsewhere, *extra]:
        try:
            signed = Signed.from_bytes(content)
        except BadCheckpoint as error:
            raise _Broken("changed", 0, None, str(error)) from error
        _add(heads, _opened(signed, report.chain, trusted, 0))
    return heads


def _opened(signed: Signed, chain: str, trusted: set[bytes], sequence: int) -> dict[str, Any]:
    try:
        document = signed.opened(CHECKPOINT_MARK, trusted)
    except BadCheckpoint as error:
        message = _("the checkpoint at %(sequence)s can't be trusted: %(why)s")
        raise _Broken(
            "changed", sequence, None, message % {"sequence": sequence, "why": error}
        ) from error
    if document.get("kind") != "checkpoint" or document.get("chain") != chain:
        raise _Broken("changed", sequence, None, _("a checkpoint is of another chain"))
    return document


def _add(heads: dict[int, str], document: dict[str, Any]) -> None:
    sequence, digest = document["sequence"], document["head"]
    if heads.setdefault(sequence, digest) != digest:
        message = _("two signed checkpoints disagree about link %(sequence)s")
        raise _Broken("replaced", sequence, None, message % {"sequence": sequence})


# --- the walk ---------------------------------------------------------------------------------


def _start(report: Report) -> None:
    """Begin behind the archived segments, each signed and following the one before."""
    trusted = trusted_keys()
    for row in Archive.objects.filter(chain=report.chain).order_by("first"):
        try:
            signed = Signed(row.document, bytes(row.signature), bytes(row.public_key))
            document = signed.opened(ARCHIVE_MARK, trusted)
        except BadCheckpoint as error:
            raise _Broken("changed", row.first, None, str(error)) from error
        follows = (
            document["chain"] == report.chain
            and document["first"] == row.first == report.last + 1
            and document["last"] == row.last
            and document["previous"] == report.head.hex()
            and not row.is_open
        )
        if not follows:
            message = _("the archived segment from %(sequence)s does not follow the one before")
            raise _Broken("changed", row.first, None, message % {"sequence": row.first})
        report.last, report.head = row.last, bytes.fromhex(document["head"])


def _skip_to_checkpoint(report: Report, signed: dict[int, str], upto: int) -> None:
    """Begin behind the last signed checkpoint at or before a place, if there is one."""
    place = max((sequence for sequence in signed if sequence <= upto), default=0)
    if place > report.last:
        report.last, report.head = place, bytes.fromhex(signed[place])


def _walk(report: Report, signed: dict[int, str]) -> None:
    report.first = report.last + 1
    for row in _rows(report.chain, report.last):
        _check(report, row)
        sequence, digest = row[0], _raw(row[4])
        expected = signed.get(sequence)
        if expected is not None and expected != digest.hex():
            message = _(
                "the chain agrees with itself but not with the signed checkpoint at "
                "%(sequence)s: it was replaced"
            )
            raise _Broken("replaced", sequence, row[1], message % {"sequence": sequence})
        report.last, report.head = sequence, digest
        report.events += 1
    last_signed = max(signed, default=0)
    if last_signed > report.last:
        message = _("the chain ends at %(last)s, a signed checkpoint saw it reach %(signed)s")
        raise _Broken(
            "truncated",
            report.last + 1,
            None,
            message % {"last": report.last, "signed": last_signed},
        )


def _select() -> str:
    """Return the walk's query; time and uid come as text, spelled alike on both databases."""
    if connection.vendor == "sqlite":
        spelled = {"at": "CAST(e.at AS TEXT)"}
    else:
        spelled = {
            "at": "to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')",
            "uid": "replace(e.uid::text, '-', '')",
        }
    columns = ", ".join(spelled.get(name, f"e.{name}") for name in EVENT_FIELDS)
    return f"""
        SELECT l.sequence, l.event_id, l.event_digest, l.previous, l.digest, e.id, e.digest,
               {columns}
        FROM audit_link l LEFT JOIN audit_event e ON e.id = l.event_id
        WHERE l.chain = %s AND l.sequence > %s ORDER BY l.sequence LIMIT %s
    """  # noqa: S608 - what is put in is this app's own list of columns


def _rows(chain: str, after: int) -> Iterator[tuple[Any, ...]]:
    """Yield links with their events in order, in batches; a row no driver can read is a change."""
    size, select = _BATCH, _select()
    while True:
        try:
            with transaction.atomic(using=DEFAULT_DB_ALIAS), connection.cursor() as cursor:
                cursor.execute(select, [chain, after, size])
                rows = cursor.fetchall()
        except DatabaseError as error:
            if size == 1:
                message = _("event %(sequence)s holds bytes that are no text")
                raise _Broken(
                    "changed", after + 1, None, message % {"sequence": after + 1}
                ) from error
            size = 1
            continue
        if not rows:
            return
        yield from rows
        after = rows[-1][0]


def recomputed(row: tuple[Any, ...]) -> bytes | None:
    """Return the digest of an event's columns; None where they hold what was never written."""
    (uid, at, *texts) = row
    try:
        return event_digest(
            canonical_event(
                uid=uid,
                at=_time(at),
                chain=texts[0],
                action=texts[1],
                outcome=texts[2],
                actor_kind=texts[3],
                actor_id=texts[4],
                actor_label=texts[5],
                actor_role=texts[6],
                actor_address=texts[7],
                subject_kind=texts[8],
                subject=texts[9],
                context=texts[10],
                detail=texts[11],
            )
        )
    except (TypeError, ValueError, AttributeError):
        return None


def _time(value: str) -> str:
    """Spell a column's time canonically; what Django never wrote raises ValueError."""
    day, separator, clock = value.partition(" ")
    if not separator:
        raise ValueError("no time that was written here")
    return f"{day}T{clock}{'' if '.' in clock else '.000000'}Z"


def _raw(value: Any) -> bytes:
    """Return a binary column's bytes; what is no binary any more equals no digest."""
    return bytes(value) if isinstance(value, bytes | memoryview) else b""


def _check(report: Report, row: tuple[Any, ...]) -> None:
    sequence, event_id, *binary, found, own = row[:7]
    event, previous, digest = (_raw(value) for value in binary)
    names = {"sequence": sequence, "wanted": report.last + 1}
    if sequence == report.last:
        raise _Broken("inserted", sequence, event_id, _("two links stand at %(sequence)s") % names)
    if sequence != report.last + 1:
        message = _("link %(wanted)s is missing, the next one is %(sequence)s")
        raise _Broken("removed", report.last + 1, None, message % names)
    if found is None:
        message = _("the event of link %(sequence)s is missing")
        raise _Broken("removed", sequence, event_id, message % names)
    content = recomputed(row[7:])
    if content is None or content != event or content != _raw(own):
        elsewhere = content is not None and _place_of(report.chain, "event_digest", content)
        if elsewhere and elsewhere != sequence:
            message = _("the event at %(sequence)s belongs to another place")
            raise _Broken("reordered", sequence, event_id, message % names)
        message = _("event %(sequence)s was changed after it was written")
        raise _Broken("changed", sequence, event_id, message % names)
    is_sound = link_digest(report.chain, sequence, event, previous) == digest
    if not is_sound or previous != report.head:
        raise _Broken(*_misplaced(report, row))


def _misplaced(report: Report, row: tuple[Any, ...]) -> tuple[Kind, int, int | None, str]:
    """Name why a link whose event is sound does not fit to the one before it."""
    sequence, event_id = row[:2]
    event, previous, digest = (_raw(value) for value in row[2:5])
    names = {"sequence": sequence, "before": sequence - 1}

    def fits(place: int) -> bool:
        return link_digest(report.chain, place, event, previous) == digest

    before = _place_of(report.chain, "digest", previous)
    if before and before < sequence - 1 and fits(before + 1):
        message = _("link %(sequence)s was put into the chain later")
        return "inserted", before + 1, None, message % {"sequence": before + 1}
    if before and before > sequence:
        return "reordered", sequence, event_id, _("link %(sequence)s stood elsewhere") % names
    for place in range(sequence + 1, sequence + 1 + _SHIFT):
        if fits(place):
            message = _("links before %(sequence)s were taken out and the rest moved up")
            return "removed", sequence, None, message % names
    return "changed", sequence, event_id, _("link %(sequence)s does not fit the one before") % names


def _place_of(chain: str, column: Literal["event_digest", "digest"], value: bytes) -> int | None:
    """Find a digest's place; reads the whole chain, so only once something is wrong."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT sequence FROM audit_link WHERE chain = %s AND {column} = %s"  # noqa: S608
            " ORDER BY sequence LIMIT 1",
            [chain, value],
        )
        found = cursor.fetchone()
    return int(found[0]) if found else None


def _look_for_strays(report: Report) -> None:
    """Find events that no link and no trigger knows, and links the walk did not meet."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.id, l.id FROM audit_event e LEFT JOIN audit_link l ON l.event_id = e.id"
            " LEFT JOIN audit_pending p ON p.event_id = e.id"
            " WHERE e.chain = %s AND e.id > %s AND p.event_id IS NULL"
            " AND (l.id IS NULL OR l.chain <> e.chain)"
            " ORDER BY e.id LIMIT 1",
            [report.chain, _first_event(report)],
        )
        stray = cursor.fetchone()
        cursor.execute(
            "SELECT COUNT(*) FROM audit_link WHERE chain = %s AND sequence BETWEEN %s AND %s",
            [report.chain, report.first, report.last],
        )
        links = cursor.fetchone()[0]
    if stray and stray[1] is not None:
        message = _("the link of an event stands in another chain")
        raise _Broken("removed", report.last + 1, int(stray[0]), message)
    if stray:
        message = _("an event stands in no place of the chain")
        raise _Broken("inserted", 0, int(stray[0]), message)
    if links != report.events:
        raise _Broken("inserted", report.last, None, _("the chain holds a link twice"))


def _first_event(report: Report) -> int:
    """Return the id to look for strays from: all, unless the walk began at a checkpoint."""
    if report.first <= archived_head(report.chain).sequence + 1:
        return -(2**62)
    link = Link.objects.filter(chain=report.chain, sequence=report.first - 1).first()
    return link.event_id if link else -(2**62)


def last_verification(chain: str) -> dict[str, Any] | None:
    """Return the detail of the chain's newest verification, with time and actor."""
    event = (
        Event.objects.filter(chain=chain, action="audit.verified").order_by("-at", "-id").first()
    )
    if event is None:
        return None
    return {**json.loads(event.detail_json), "at": event.at, "actor": event.actor_label}
