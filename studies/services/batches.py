"""A batch's life as a whole: moving between states, cancelling, and the sum that always holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from audit import Actor, record
from studies.faults import PermanentError
from studies.models import (
    Batch,
    BatchState,
    Chunk,
    ChunkKind,
    ChunkState,
    IllegalTransition,
    Instance,
    InstanceState,
    UploadPart,
)

JOB = Actor(kind="job", id="worker", label="worker")
RATE_WINDOW = timedelta(seconds=30)


def move(batch: Batch, to: BatchState, *, actor: Actor = JOB, why: str = "", **values: Any) -> None:
    """Move a batch to another state, with its event, in the caller's transaction.

    Raises IllegalTransition where the state that the database holds doesn't lead there.
    """
    before = batch.state
    batch.move(to, **values)
    record(
        "batch.moved",
        actor=actor,
        chain=str(batch.organization_id),
        subject=str(batch.pk),
        subject_kind="batch",
        context=str(batch.pk),
        detail={"from": str(before), "to": str(to), **({"why": why} if why else {})},
    )


@dataclass(frozen=True)
class Ledger:
    """How many entries of a batch are in each state; `total` is always their sum."""

    counts: dict[str, int]
    total: int
    bytes_total: int

    def __getitem__(self, state: str) -> int:
        return self.counts.get(state, 0)

    @property
    def in_work(self) -> int:
        """Return the entries that jobs still have to look at."""
        return self[InstanceState.RECEIVED]

    @property
    def images(self) -> int:
        """Return the entries that are instances to send: not skipped, not duplicates."""
        return self.total - self[InstanceState.SKIPPED] - self[InstanceState.DUPLICATE]

    @property
    def finished(self) -> int:
        """Return the instances that wait for no job any more."""
        return self.images - self.in_work


def ledger(batch: Batch) -> Ledger:
    """Count the entries of a batch by state, from the rows themselves."""
    rows = (
        Instance.objects.filter(batch=batch)
        .values("state")
        .annotate(entries=Count("id"), volume=Sum("size"))
        .order_by()
    )
    counts = {row["state"]: row["entries"] for row in rows}
    return Ledger(counts, sum(counts.values()), sum(row["volume"] or 0 for row in rows))


def sizes(rows: Sequence[Batch]) -> dict[UUID, tuple[int, int]]:
    """Return how many entries each of some batches has, and how many of them are held.

    Counted for these alone: a join over all of an organization's batches costs seconds in a year.
    """
    counted = (
        Instance.objects.filter(batch__in=rows)
        .values_list("batch")
        .annotate(every=Count("id"), held=Count("id", filter=Q(state=InstanceState.HELD)))
        .order_by()
    )
    found = {batch_id: (every, held) for batch_id, every, held in counted}
    return {batch.pk: found.get(batch.pk, (0, 0)) for batch in rows}


def not_begun() -> Q:
    """Return the condition of a batch that waits for its first file."""
    parts = UploadPart.objects.filter(batch=OuterRef("pk"))
    entries = Instance.objects.filter(batch=OuterRef("pk"))
    return Q(state=BatchState.RECEIVING) & ~Exists(parts) & ~Exists(entries)


@dataclass(frozen=True)
class Progress:
    """How fast a batch moves; estimate in seconds, None while there is too little to tell."""

    done: int
    total: int
    images_per_second: float
    bytes_per_second: float
    seconds_left: int | None

    @property
    def percent(self) -> int:
        """Return how much is done, in whole percent."""
        return 100 * self.done // self.total if self.total else 0


def progress(batch: Batch, counted: Ledger | None = None) -> Progress:
    """Measure a batch over the last 30 seconds of work."""
    counted = counted or ledger(batch)
    is_releasing = batch.state == BatchState.RELEASING
    column = "delivered" if is_releasing else "processed"
    done = counted[InstanceState.DELIVERED] if is_releasing else counted.finished
    left = counted[InstanceState.DEIDENTIFIED] if is_releasing else counted.in_work
    now = timezone.now()
    recent = Instance.objects.filter(
        batch=batch, **{f"{column}__gte": now - RATE_WINDOW}
    ).aggregate(entries=Count("id"), volume=Sum("size"))
    seconds = _window(batch.released if is_releasing else batch.processing_started, now)
    rate = recent["entries"] / seconds
    enough = seconds >= 5 and rate > 0
    return Progress(
        done=done,
        total=counted.images,
        images_per_second=rate,
        bytes_per_second=(recent["volume"] or 0) / seconds,
        seconds_left=int(left / rate) if enough and left else None,
    )


def _window(started: datetime | None, now: datetime) -> float:
    if started is None:
        return RATE_WINDOW.total_seconds()
    return min(max((now - started).total_seconds(), 1.0), RATE_WINDOW.total_seconds())


def cancel(batch: Batch, actor: Actor) -> None:
    """End a batch: nothing more leaves. Its originals are destroyed by the purge that follows."""
    with transaction.atomic():
        try:
            move(batch, BatchState.CANCELLED, actor=actor)
        except IllegalTransition:
            raise PermanentError(
                "cannot-cancel",
                _("This batch can't be cancelled now: what was delivered can't be called back."),
            ) from None
        Chunk.objects.filter(batch=batch, state=ChunkState.PENDING).update(
            state=ChunkState.FAILED, code="cancelled", finished=timezone.now()
        )
        record(
            "batch.cancelled",
            actor=actor,
            chain=str(batch.organization_id),
            subject=str(batch.pk),
            subject_kind="batch",
            context=str(batch.pk),
            detail={"counts": dict(ledger(batch).counts)},
        )


def needs_attention(batch: Batch, code: str, reference: str = "", actor: Actor = JOB) -> None:
    """Stop a batch for a person, with a code of what happened, in the caller's transaction."""
    move(
        batch,
        BatchState.ATTENTION,
        actor=actor,
        why=code,
        attention_code=code,
        attention_reference=reference,
    )


def new_chunk(batch: Batch, kind: ChunkKind, **values: Any) -> Chunk:
    """Add a chunk of work to a batch, in the caller's transaction."""
    last = (
        Chunk.objects.filter(batch=batch, kind=kind)
        .order_by("-number")
        .values_list("number")
        .first()
    )
    return Chunk.objects.create(
        batch=batch, kind=kind, number=(last[0] + 1) if last else 1, **values
    )
