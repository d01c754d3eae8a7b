"""Letting a batch go: release, delivery chunk by chunk, the manifest last, and closing.

Delivery is idempotent: an object that is there with the same SHA-256 is not sent again, and an
instance is marked delivered by a conditional UPDATE that needs the lease.
"""

import uuid
from collections import Counter
from datetime import timedelta

from django.db import transaction
from django.db.models import F, Max
from django.utils import timezone
from django.utils.translation import gettext as _

from audit import Actor, Outcome, record
from studies import delivery
from studies.delivery.manifest import ManifestInput, build_manifest
from studies.faults import Fault, PermanentError
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
from studies.services import batches, keys, places, processing, signing
from studies.services.chunks import Claim, pieces
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


def object_key(row: Instance) -> str:
    """Return where an instance lies at the destination: nothing of the original name."""
    study = row.study.cloud_study_id if row.study else ""
    if not (study and row.sop_instance_uid):
        raise PermanentError("not-deidentified", _("An instance has no cloud ids yet."))
    return f"{row.batch_id}/{study}/{row.series_number or 0}/{row.sop_instance_uid}.dcm"


def metadata(batch: Batch) -> dict[str, str]:
    """Return what is said about every object that is delivered."""
    return {
        "batch_id": str(batch.pk),
        "priority": batch.priority,
        "uploaded_at": timezone.now().isoformat(timespec="seconds"),
    }


def deliver_chunk(claim: Claim) -> None:
    """Send the clean instances of a chunk, then mark them delivered in one transaction.

    Raises TransientError and PermanentError of the destination; nothing is marked then, and what
    has arrived is recognised by its SHA-256 on the next run.
    """
    batch = claim.chunk.batch
    if batch.state not in (BatchState.RELEASING, BatchState.PROCESSING):
        claim.give_up("batch-not-releasing")
        return
    place = delivery.open_destination(batch.destination, places.credentials(batch.destination))
    store = BatchStore(batch.pk, keys.batch_key(batch))
    rows = list(
        Instance.objects.filter(delivery_chunk=claim.chunk, state=InstanceState.DEIDENTIFIED)
        .select_related("study")
        .order_by("number")
    )
    said = metadata(batch)
    for row in rows:
        key = object_key(row)
        if not place.exists(key, row.output_sha256):
            with store.open_staged(row.staged) as stream:
                place.put(key, stream, row.output_size, row.output_sha256, said)
        claim.renew()
    with transaction.atomic():
        now = timezone.now()
        for row in rows:
            Instance.objects.filter(pk=row.pk, state=InstanceState.DEIDENTIFIED).move(
                InstanceState.DELIVERED, object_key=object_key(row), delivered=now
            )
        sent = sum(row.output_size for row in rows)
        Delivery.objects.filter(batch=batch, revision=claim.chunk.revision).update(
            objects_sent=F("objects_sent") + len(rows), bytes_sent=F("bytes_sent") + sent
        )
        _record_delivered(batch, rows)
        claim.finish()


def _record_delivered(batch: Batch, rows: list[Instance]) -> None:
    counts: Counter[Study] = Counter(row.study for row in rows if row.study)
    for study, count in counts.items():
        Study.objects.filter(pk=study.pk).update(delivered=timezone.now())
        record(
            "study.delivered",
            actor=batches.JOB,
            chain=str(batch.organization_id),
            subject=study.cloud_study_id,
            subject_kind="study",
            context=str(batch.pk),
            detail={"count": count, "destination": batch.destination.name},
        )


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


def publish_manifest(claim: Claim) -> None:
    """Write signature and manifest to the destination, the manifest last: then it is delivered."""
    batch = claim.chunk.batch
    if batch.state != BatchState.RELEASING:
        claim.give_up("batch-not-releasing")
        return
    body, signature, key_id = _signed_manifest(batch)
    place = delivery.open_destination(batch.destination, places.credentials(batch.destination))
    said = metadata(batch)
    place.put_bytes(f"{batch.pk}/manifest.json.sig", signature, said)
    place.put_bytes(f"{batch.pk}/manifest.json", body, said)
    with transaction.atomic():
        now = timezone.now()
        Manifest.objects.create(
            batch=batch, revision=batch.revision, body=body, signature=signature, key_id=key_id
        )
        Delivery.objects.filter(batch=batch, revision=batch.revision).update(
            completed=now, outcome="delivered", uri=place.uri(batch.pk)
        )
        Destination.objects.filter(pk=batch.destination_id).exclude(
            state=DestinationState.PAUSED
        ).update(state=DestinationState.READY, last_error="")
        batches.move(
            batch,
            BatchState.DELIVERED,
            delivered=now,
            closes=now + timedelta(days=batch.organization.retention_days),
        )
        record(
            "batch.delivered",
            actor=batches.JOB,
            chain=str(batch.organization_id),
            subject=str(batch.pk),
            subject_kind="batch",
            context=str(batch.pk),
            detail={"counts": dict(batches.ledger(batch).counts), "revision": batch.revision},
        )
        claim.finish()
    BatchStore(batch.pk, keys.batch_key(batch)).clear_staging()


def _signed_manifest(batch: Batch) -> tuple[bytes, bytes, str]:
    rows = (
        Instance.objects.filter(batch=batch, state=InstanceState.DELIVERED)
        .select_related("study")
        .order_by("study__number", "number")
    )
    counted = batches.ledger(batch)
    body = build_manifest(
        ManifestInput(
            batch_id=str(batch.pk),
            priority=batch.priority,
            submitted=batch.submitted or batch.created,
            profile=f"{batch.profile_version}",
            profile_digest=batch.profile_version.digest,
            revision=batch.revision,
            held=counted[InstanceState.HELD],
            refused=counted[InstanceState.REFUSED],
            excluded=counted[InstanceState.EXCLUDED],
            files=[
                (
                    row.study.cloud_study_id if row.study else "",
                    row.object_key,
                    row.output_size,
                    row.output_sha256,
                )
                for row in rows
            ],
        )
    )
    key = signing.signer()
    return body, key.sign(body), key.key_id


def delivery_stopped(claim: Claim, fault: Fault) -> None:
    """Put a batch whose delivery can't go on before a person, with the destination's own reason."""
    batch = Batch.objects.select_related("destination").get(pk=claim.chunk.batch_id)
    with transaction.atomic():
        claim.give_up(fault.code)
        Delivery.objects.filter(batch=batch, completed__isnull=True).update(
            outcome="failed", code=fault.code[:60], message=str(fault.message)[:300]
        )
        Destination.objects.filter(pk=batch.destination_id).exclude(
            state=DestinationState.PAUSED
        ).update(state=DestinationState.FAILING, last_error=str(fault.message)[:300])
        if batch.state == BatchState.RELEASING:
            batches.needs_attention(batch, fault.code)
        record(
            "batch.delivery_failed",
            Outcome.FAILED,
            actor=batches.JOB,
            chain=str(batch.organization_id),
            subject=str(batch.pk),
            subject_kind="batch",
            context=str(batch.pk),
            detail={"code": fault.code},
        )


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
