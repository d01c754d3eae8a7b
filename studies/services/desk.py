"""The review desk: what needs eyes, a person's word on an image, and what follows from it.

Originals are opened here for a coordinator who looks, after that look is in the trail. What a
person draws is boxes; no text of an image passes through here.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from audit import Actor, record
from studies.faults import PermanentError
from studies.models import (
    Batch,
    BatchState,
    Instance,
    InstanceState,
    Organization,
    PixelCheck,
    Priority,
)
from studies.services import batches, keys, pixels, review
from studies.storage import BatchStore

# What the desk can settle: a person looks, draws and approves.
DESK_CODES = (
    "pixel-text-review",
    "pixel-text-found",
    "pixel-text-unchecked",
    pixels.AWAITS_APPROVAL,
)
# While other images of the batch are made again, the next one can be decided.
OPEN_STATES = (*review.DECIDING_STATES, BatchState.PROCESSING)


def queue(organization: Organization) -> QuerySet[PixelCheck]:
    """Return what waits for a look in an organization, batch after batch."""
    return (
        PixelCheck.objects.filter(
            batch__organization=organization,
            batch__state__in=OPEN_STATES,
            instance__state=InstanceState.HELD,
            instance__code__in=DESK_CODES,
        )
        .select_related("batch", "instance", "instance__study")
        .order_by("batch__created", "instance__number")
    )


def queue_of(batch: Batch) -> list[UUID]:
    """Return the ids of what waits for a look in one batch, in the order of the files."""
    rows = queue(batch.organization).filter(batch=batch).order_by("instance__number")
    return list(rows.values_list("pk", flat=True))


def waiting(organization: Organization) -> QuerySet[PixelCheck]:
    """Return the queue as the desk's page shows it: STAT before HIGH before ROUTINE."""
    return queue(organization).order_by(
        Priority.rank("batch__priority"), "batch__created", "instance__number"
    )


# --- looking -------------------------------------------------------------------------------------


def require_open(batch: Batch) -> None:
    """Refuse where identifiers of a batch may not be shown any more, even to its coordinators."""
    if not batch.is_open:
        raise PermanentError(
            "batch-closed", _("This batch is closed: its originals were destroyed here.")
        )


def note_look(check: PixelCheck, actor: Actor) -> None:
    """Write to the trail that a person is about to see an original; before anything is opened."""
    require_open(check.batch)
    study = check.instance.study
    with transaction.atomic():
        record(
            "identifiers.viewed",
            actor=actor,
            chain=str(check.batch.organization_id),
            subject=(study.cloud_study_id or str(study.pk)) if study else str(check.batch_id),
            subject_kind="study" if study else "batch",
            context=str(check.batch_id),
            detail={"file": check.instance.number, "where": "review"},
        )


@contextmanager
def original(check: PixelCheck) -> Iterator[BinaryIO]:
    """Open the sealed original of an image, of an open batch only."""
    require_open(check.batch)
    with (
        BatchStore(check.batch_id, keys.batch_key(check.batch)) as store,
        store.open_original(check.instance.original) as reader,
    ):
        yield reader


@contextmanager
def output(check: PixelCheck) -> Iterator[BinaryIO]:
    """Open what the portal made of an image and has not sent yet."""
    require_open(check.batch)
    if not has_output(check):
        raise PermanentError("no-output", _("Nothing was made of this image yet."))
    with (
        BatchStore(check.batch_id, keys.batch_key(check.batch)) as store,
        store.open_staged(check.instance.staged) as reader,
    ):
        yield reader


def has_output(check: PixelCheck) -> bool:
    """Say whether there is something made of the image that waits here."""
    return bool(check.instance.staged) and check.instance.state in (
        InstanceState.HELD,
        InstanceState.DEIDENTIFIED,
    )


# --- deciding ------------------------------------------------------------------------------------


def is_open(check: PixelCheck) -> bool:
    """Say whether a person may decide about an image now."""
    return (
        check.batch.state in OPEN_STATES
        and check.instance.state in (InstanceState.HELD, InstanceState.DEIDENTIFIED)
        and check.instance.delivery_chunk_id is None
    )


def draw(check: PixelCheck, rows: Sequence[pixels.Row], actor: Actor) -> None:
    """Have an image made again with these boxes; it stays here until it is approved."""
    _decide(check, rows, actor, is_approved=False)


def add(check: PixelCheck, rows: Sequence[pixels.Row], actor: Actor) -> None:
    """Have an image made again with these boxes beside those it has; then a person looks."""
    had = check.boxes if check.person_boxes is None else check.person_boxes
    draw(check, [*had, *rows], actor)


def approve(check: PixelCheck, rows: Sequence[pixels.Row], actor: Actor) -> None:
    """Let an image go with these boxes blanked and nothing else, on a person's word."""
    _decide(check, rows, actor, is_approved=True)


def _decide(
    check: PixelCheck, rows: Sequence[pixels.Row], actor: Actor, *, is_approved: bool
) -> None:
    drawn = pixels.checked_boxes(
        rows, columns=check.columns, height=check.rows, frames=check.frames
    )
    with transaction.atomic():
        _lock(check)
        PixelCheck.objects.filter(pk=check.pk).update(
            person_boxes=drawn,
            approved=is_approved,
            decided_by=actor.label[:150],
            decided=timezone.now(),
        )
        kept = sum(1 for row in drawn if row[-1])
        _record(
            check,
            "image.approved" if is_approved else "image.drawn",
            actor,
            {"blanked": len(drawn) - kept, "kept": kept},
        )
        _again(check, actor)


def exclude(check: PixelCheck, reason: str, actor: Actor) -> None:
    """Leave an image out, with a reason; can be undone until the batch closes."""
    if not reason.strip():
        raise PermanentError("reason-missing", _("Say why this image is left out."))
    with transaction.atomic():
        _lock(check)
        review.leave_out(check.batch, [check.instance.number], reason.strip()[:200], actor)


def _lock(check: PixelCheck) -> None:
    """Take the batch for this transaction; refuse where the image isn't this person's any more."""
    check.batch = (
        Batch.objects.select_for_update().select_related("organization").get(pk=check.batch_id)
    )
    check.instance.refresh_from_db()
    if not is_open(check):
        raise PermanentError(
            "not-deciding", _("This image can't be decided now: it is in work, or it has left.")
        )


def _again(check: PixelCheck, actor: Actor) -> None:
    moved = Instance.objects.filter(pk=check.instance_id, delivery_chunk__isnull=True).move(
        InstanceState.RECEIVED, code="", where="", chunk=None
    )
    if moved != 1:
        raise PermanentError(
            "not-deciding", _("This image can't be decided now: it is in work, or it has left.")
        )
    review.process_again(check.batch, actor)


def _record(check: PixelCheck, action: str, actor: Actor, detail: dict[str, int]) -> None:
    study = check.instance.study
    record(
        action,
        actor=actor,
        chain=str(check.batch.organization_id),
        subject=(study.cloud_study_id or str(study.pk)) if study else str(check.batch_id),
        subject_kind="study" if study else "batch",
        context=str(check.batch_id),
        detail={"file": check.instance.number, **detail},
    )


def is_in_work(check: PixelCheck) -> bool:
    """Say whether an image is just being made again."""
    return (
        check.instance.state == InstanceState.RECEIVED
        and batches.ledger(check.batch).in_work > 0
        and check.batch.state in OPEN_STATES
    )
