"""Letting a batch go: release, the chunks of its delivery, taking up what stopped, and closing.

Carrying the objects themselves is `delivering`'s.
"""

import uuid

from django.db import transaction
from django.db.models import F, Max
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
    Delivery,
    Destination,
    DestinationState,
    IllegalTransition,
    Instance,
    InstanceState,
    Manifest,
    Priority,
    ReleasePolicy,
    Study,
)
from studies.services import batches, processing, sampling
from studies.services.chunks import pieces
from studies.storage import BatchStore

MAX_DELIVERY_ATTEMPTS = 8


def release(batch: Batch, actor: Actor) -> None:
    """Let the clean instances of a batch go; raises PermanentError with what is in the way."""
    _refuse_release(batch)
    with transaction.atomic():
        waiting = Instance.objects.filter(
            batch=batch, state=InstanceState.DEIDENTIFIED, delivery_chunk__isnull=True
        ).exists()
        if not waiting and not _has_open_delivery(batch):
            raise PermanentError(
                "nothing-to-release",
                _("Nothing is clean and waiting: resolve what is held, or cancel the batch."),
            )
        try:
            batches.move(
                batch,
                BatchState.RELEASING,
                actor=actor,
                released=timezone.now(),
                released_by=actor.label[:150],
                attention_code="",
                attention_reference="",
            )
        except IllegalTransition:
            raise PermanentError(
                "not-releasable", _("This batch can't be released in its present state.")
            ) from None
        _open_delivery(batch)
        cut_delivery_chunks(batch)
        record(
            "batch.released",
            actor=actor,
            chain=str(batch.organization_id),
            subject=str(batch.pk),
            subject_kind="batch",
            context=str(batch.pk),
            detail={
                "counts": dict(batches.ledger(batch).counts),
                "destination": batch.destination.name,
                "region": batch.destination.region,
                "revision": batch.revision,
            },
        )


def release_refusal(batch: Batch) -> str:
    """Return the sentence that says why a batch can't be released now, or an empty string."""
    try:
        _refuse_release(batch)
    except PermanentError as error:
        return str(error.message)
    return ""


def _refuse_release(batch: Batch) -> None:
    destination = Destination.objects.get(pk=batch.destination_id)
    counted = batches.ledger(batch)
    if counted.in_work:
        raise PermanentError("in-work", _("Release opens when nothing is in work any more."))
    if counted[InstanceState.HELD] and processing.waits(batch):
        raise PermanentError(
            "held-remaining",
            _("Release opens when nothing is held: resolve or exclude what is."),
        )
    unsampled = sampling.refusal(batch)
    if unsampled is not None:
        raise unsampled
    if destination.state == DestinationState.PAUSED:
        raise PermanentError("destination-paused", _("The destination is switched off."))
    if destination.region not in batch.organization.allowed_regions:
        raise PermanentError(
            "region-not-allowed",
            _("The destination's region isn't one that this organization allows."),
        )
    if not batch.profile_version.is_conformant and not destination.allows_nonconformant:
        raise PermanentError(
            "profile-not-allowed",
            _("This profile keeps more than the standard allows; the destination refuses that."),
        )


def _has_open_delivery(batch: Batch) -> bool:
    return Delivery.objects.filter(batch=batch, completed__isnull=True).exists()


def _open_delivery(batch: Batch) -> Delivery:
    """Return the delivery in progress, or begin the next revision of one."""
    found = Delivery.objects.filter(batch=batch, completed__isnull=True).first()
    if found is not None:
        return found
    Batch.objects.filter(pk=batch.pk).update(revision=F("revision") + 1)
    batch.refresh_from_db(fields=["revision"])
    return Delivery.objects.create(
        batch=batch,
        destination=batch.destination,
        revision=batch.revision,
        started=timezone.now(),
    )


def send_ready_studies(batch_id: uuid.UUID) -> list[Chunk]:
    """Start delivering the studies of a STAT batch that are through, while others are in work."""
    with transaction.atomic():
        batch = (
            Batch.objects.select_for_update()
            .select_related("organization", "destination", "profile_version")
            .get(pk=batch_id)
        )
        if (
            batch.priority != Priority.STAT
            or batch.release_policy != ReleasePolicy.WHEN_CLEAN
            or batch.state != BatchState.PROCESSING
            or sampling.is_wanted(batch)
            or processing.unfinished(batch, ChunkKind.COLLECT, ChunkKind.INVENTORY)
        ):
            return []
        try:
            _refuse_destination_only(batch)
        except PermanentError:
            return []
        ready = (
            Study.objects.filter(batch=batch, instances__state=InstanceState.DEIDENTIFIED)
            .exclude(instances__state=InstanceState.RECEIVED)
            .distinct()
        )
        studies = [study.pk for study in ready]
        if not studies:
            return []
        _open_delivery(batch)
        return cut_delivery_chunks(batch, studies)


def _refuse_destination_only(batch: Batch) -> None:
    if batch.destination.state == DestinationState.PAUSED:
        raise PermanentError("destination-paused", _("The destination is switched off."))
    if batch.destination.region not in batch.organization.allowed_regions:
        raise PermanentError("region-not-allowed", _("The destination's region isn't allowed."))


def cut_delivery_chunks(batch: Batch, studies: list[uuid.UUID] | None = None) -> list[Chunk]:
    """Cut what is clean and in no delivery yet into pieces of seconds."""
    rows = Instance.objects.filter(
        batch=batch, state=InstanceState.DEIDENTIFIED, delivery_chunk__isnull=True
    )
    if studies is not None:
        rows = rows.filter(study__in=studies)
    ordered = rows.order_by("study__number", "number").values_list("pk", "output_size")
    return [_chunk(batch, members) for members in list(pieces(ordered))]


def _chunk(batch: Batch, members: list[int]) -> Chunk:
    chunk = batches.new_chunk(batch, ChunkKind.DELIVER, revision=batch.revision)
    Instance.objects.filter(pk__in=members).update(delivery_chunk=chunk, revision=batch.revision)
    return chunk


def begin_manifest(batch_id: uuid.UUID) -> Chunk | None:
    """Add the manifest's chunk once every delivery chunk is done; None until then, or if there."""
    with transaction.atomic():
        batch = Batch.objects.select_for_update().get(pk=batch_id)
        if batch.state != BatchState.RELEASING:
            return None
        if processing.unfinished(batch, ChunkKind.DELIVER, ChunkKind.MANIFEST):
            return None
        if Instance.objects.filter(batch=batch, state=InstanceState.DEIDENTIFIED).exists():
            return None
        return batches.new_chunk(batch, ChunkKind.MANIFEST, revision=batch.revision)


def take_up(batch: Batch, actor: Actor) -> None:
    """Let a batch that had stopped go on from where it was: delivering, or processing."""
    if batch.state != BatchState.ATTENTION:
        raise PermanentError("not-stopped", _("This batch isn't stopped: there is nothing to do."))
    with transaction.atomic():
        failed = Chunk.objects.filter(batch=batch, state=ChunkState.FAILED)
        if failed.filter(kind__in=[ChunkKind.DELIVER, ChunkKind.MANIFEST]).exists():
            to = BatchState.RELEASING
        else:
            to = BatchState.PROCESSING
        batches.move(batch, to, actor=actor, attention_code="", attention_reference="")
        if to == BatchState.RELEASING:
            Instance.objects.filter(
                delivery_chunk__in=failed, state=InstanceState.DEIDENTIFIED
            ).update(delivery_chunk=None)
            failed.filter(kind__in=[ChunkKind.DELIVER, ChunkKind.MANIFEST]).update(
                state=ChunkState.DONE
            )
            _open_delivery(batch)
            cut_delivery_chunks(batch)
        else:
            failed.update(state=ChunkState.PENDING, attempts=0, queued=None, finished=None)


def sweep_staging() -> int:
    """Empty staging that a run left when it died after its batch was delivered."""
    swept = 0
    delivered = Batch.objects.filter(state=BatchState.DELIVERED).exclude(
        instances__state__in=[InstanceState.DEIDENTIFIED, InstanceState.RECEIVED]
    )
    for batch in delivered[:1000]:
        store = BatchStore(batch.pk, b"")
        if store.has_staging():
            store.clear_staging()
            swept += 1
    return swept


def due_to_close() -> list[Batch]:
    """Return the batches whose retention of originals has passed and that hold nothing back."""
    return list(
        Batch.objects.filter(state=BatchState.DELIVERED, closes__lte=timezone.now())
        .exclude(instances__state__in=[InstanceState.HELD, InstanceState.DEIDENTIFIED])
        .select_related("organization")[:100]
    )


def close(batch: Batch) -> None:
    """Close a batch: its key and with it every original are destroyed, and cloud ids remain."""
    with transaction.atomic():
        batches.move(batch, BatchState.CLOSED, closed=timezone.now())
        _forget(batch)
        record(
            "batch.closed",
            actor=batches.JOB,
            chain=str(batch.organization_id),
            subject=str(batch.pk),
            subject_kind="batch",
            context=str(batch.pk),
            detail={"counts": dict(batches.ledger(batch).counts)},
        )
    BatchStore(batch.pk, b"").destroy()


def purge_cancelled() -> int:
    """Destroy keys and originals of cancelled batches; return how many."""
    found = list(Batch.objects.filter(state=BatchState.CANCELLED).exclude(wrapped_key=b"")[:100])
    for batch in found:
        with transaction.atomic():
            _forget(batch)
        BatchStore(batch.pk, b"").destroy()
    return len(found)


def _forget(batch: Batch) -> None:
    Batch.objects.filter(pk=batch.pk).update(wrapped_key=b"", sealed_selection=None)
    Study.objects.filter(batch=batch).update(sealed_inventory=None, sealed_patient=None)
    Instance.objects.filter(batch=batch).update(sealed_path=None, original=[], staged="")
    batch.parts.all().delete()


def last_revision(batch: Batch) -> int:
    """Return the newest revision that was published, 0 if none was."""
    return int(Manifest.objects.filter(batch=batch).aggregate(last=Max("revision"))["last"] or 0)
