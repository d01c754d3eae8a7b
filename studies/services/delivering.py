"""Carrying a released batch to its destination: object by object, the manifest last.

A retry sends only what is missing: a store is asked by SHA-256, and for an archive, which can't be
asked, a receipt is kept of each object that it confirmed. An instance is marked delivered by a
conditional UPDATE that needs the lease.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import timedelta
from functools import partial

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from audit import Outcome, record
from studies import delivery
from studies.delivery import kinds
from studies.delivery.limits import Limits
from studies.delivery.manifest import (
    MANIFEST_NAME,
    SIGNATURE_NAME,
    ManifestInput,
    build_manifest,
)
from studies.delivery.sending import send
from studies.faults import Fault, PermanentError
from studies.models import (
    Batch,
    BatchState,
    Delivery,
    Destination,
    DestinationState,
    Instance,
    InstanceState,
    Manifest,
    ObjectReceipt,
    Study,
)
from studies.services import batches, keys, places, signing
from studies.services.chunks import Claim
from studies.services.durably import durably
from studies.storage import BatchStore


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
    has arrived is recognised on the next run.
    """
    batch = claim.chunk.batch
    if batch.state not in (BatchState.RELEASING, BatchState.PROCESSING):
        claim.give_up("batch-not-releasing")
        return
    rows = list(
        Instance.objects.filter(delivery_chunk=claim.chunk, state=InstanceState.DEIDENTIFIED)
        .select_related("study")
        .order_by("number")
    )
    _send(claim, batch, rows)
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


def _send(claim: Claim, batch: Batch, rows: Sequence[Instance]) -> None:
    row = batch.destination
    store = BatchStore(batch.pk, keys.batch_key(batch))
    objects = [_outgoing(instance, store) for instance in rows]
    config = row.config
    limits = Limits(row.pk, kinds.parallel(row.kind, config), kinds.megabits(config))
    with closing(delivery.open_destination(row, places.credentials(row))) as place:
        arrived: Callable[[list[delivery.Outgoing]], None] = _nothing
        if kinds.is_archive(place):
            objects = _without_receipt(batch, objects)
            arrived = partial(_confirm, batch)
        send(place, objects, metadata(batch), limits, beat=claim.renew, arrived=arrived)


def _outgoing(row: Instance, store: BatchStore) -> delivery.Outgoing:
    return delivery.Outgoing(
        object_key(row), row.output_size, row.output_sha256, partial(store.open_staged, row.staged)
    )


def _nothing(_arrived: list[delivery.Outgoing]) -> None:
    """Keep no receipt: a store is asked itself."""


def _without_receipt(batch: Batch, objects: Sequence[delivery.Outgoing]) -> list[delivery.Outgoing]:
    """Return what an archive hasn't confirmed, and note that it is begun to be sent."""
    rows = ObjectReceipt.objects.filter(batch=batch, destination=batch.destination)
    known = {
        key: (sha256, confirmed)
        for key, sha256, confirmed in rows.values_list("object_key", "sha256", "confirmed")
    }
    missing = []
    for one in objects:
        sha256, confirmed = known.get(one.key, ("", None))
        if sha256 != one.sha256:
            rows.filter(object_key=one.key).delete()
            missing.append(one)
        elif confirmed is None:
            missing.append(
                delivery.Outgoing(one.key, one.size, one.sha256, one.open, was_begun=True)
            )
    ObjectReceipt.objects.bulk_create(
        [
            ObjectReceipt(
                batch=batch,
                destination=batch.destination,
                object_key=one.key,
                sha256=one.sha256,
            )
            for one in missing
        ],
        # Another run of the same chunk may note the same.
        ignore_conflicts=True,
    )
    return missing


def _confirm(batch: Batch, arrived: list[delivery.Outgoing]) -> None:
    ObjectReceipt.objects.filter(
        batch=batch,
        destination=batch.destination,
        object_key__in=[one.key for one in arrived],
    ).update(confirmed=timezone.now())


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


def publish_manifest(claim: Claim) -> None:
    """Write signature and manifest to the destination, the manifest last: then it is delivered."""
    batch = claim.chunk.batch
    if batch.state != BatchState.RELEASING:
        claim.give_up("batch-not-releasing")
        return
    body, signature, key_id = _signed_manifest(batch)
    row = batch.destination
    said = metadata(batch)
    with closing(delivery.open_destination(row, places.credentials(row))) as place:
        uri = place.uri(batch.pk)
        # An archive takes no such file: there the manifest stays in the portal, for download.
        if kinds.is_store(place):
            place.put_bytes(f"{batch.pk}/{SIGNATURE_NAME}", signature, said)
            place.put_bytes(f"{batch.pk}/{MANIFEST_NAME}", body, said)
    with durably():
        now = timezone.now()
        Manifest.objects.create(
            batch=batch, revision=batch.revision, body=body, signature=signature, key_id=key_id
        )
        Delivery.objects.filter(batch=batch, revision=batch.revision).update(
            completed=now, outcome="delivered", uri=uri[:300]
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
        ObjectReceipt.objects.filter(batch=batch).delete()
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
        ).update(
            state=DestinationState.FAILING,
            last_error=str(fault.message)[:300],
            last_error_at=timezone.now(),
        )
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
