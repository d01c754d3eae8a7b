"""What a coordinator decides about entries of a batch: exclude, undo, try again, name a patient."""

import json
from collections.abc import Sequence

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from audit import Actor, record
from studies.deid.identities import is_placeholder_id, normalise_patient_id
from studies.faults import PermanentError
from studies.models import Batch, BatchState, Instance, InstanceState, Study
from studies.services import batches, inventory, keys, retrieving

# Where a person's decisions are taken; a delivered batch may still get a supplement.
DECIDING_STATES = (BatchState.REVIEW, BatchState.ATTENTION, BatchState.DELIVERED)
EXCLUDABLE = (InstanceState.HELD, InstanceState.DEIDENTIFIED, InstanceState.REFUSED)


def exclude(batch: Batch, numbers: Sequence[int], reason: str, actor: Actor) -> int:
    """Leave entries out, with a reason; return how many. Can be undone until the batch closes."""
    if not reason.strip():
        raise PermanentError("reason-missing", _("Say why these images are left out."))
    with transaction.atomic():
        _lock(batch)
        moved = leave_out(batch, numbers, reason.strip()[:200], actor)
        _back_from_attention(batch, actor)
    return moved


def leave_out(batch: Batch, numbers: Sequence[int], reason: str, actor: Actor) -> int:
    """Exclude entries, in the transaction of a caller that holds the batch."""
    rows = Instance.objects.filter(
        batch=batch, number__in=numbers, state__in=EXCLUDABLE, delivery_chunk__isnull=True
    )
    found = list(rows.values_list("number", flat=True))
    rows.update(state_before=F("state"))
    moved = Instance.objects.filter(batch=batch, number__in=found).move(
        InstanceState.EXCLUDED, excluded_by=actor.label[:150], excluded_reason=reason
    )
    _record(batch, "instance.excluded", actor, found, {"reason": reason})
    return moved


def restore(batch: Batch, numbers: Sequence[int], actor: Actor) -> int:
    """Undo exclusions: what was held is held again, what was clean is processed again."""
    with transaction.atomic():
        _lock(batch)
        restored: list[int] = []
        for before, to in (
            (InstanceState.HELD, InstanceState.HELD),
            (InstanceState.REFUSED, InstanceState.REFUSED),
            (InstanceState.DEIDENTIFIED, InstanceState.RECEIVED),
        ):
            rows = Instance.objects.filter(
                batch=batch, number__in=numbers, state=InstanceState.EXCLUDED, state_before=before
            )
            found = list(rows.values_list("number", flat=True))
            rows.move(to, excluded_by="", excluded_reason="", chunk=None)
            restored += found
        _record(batch, "instance.restored", actor, restored, {})
        process_again(batch, actor)
    return len(restored)


def retry(batch: Batch, numbers: Sequence[int], actor: Actor) -> int:
    """Process held entries again, for instance after their patient was entered."""
    with transaction.atomic():
        _lock(batch)
        return _retry(batch, numbers, actor)


def _retry(batch: Batch, numbers: Sequence[int], actor: Actor) -> int:
    rows = Instance.objects.filter(
        batch=batch, number__in=numbers, state=InstanceState.HELD
    ).exclude(code=retrieving.GAP)  # nothing of them is here; they are fetched again instead
    found = list(rows.values_list("number", flat=True))
    rows.move(InstanceState.RECEIVED, code="", where="", chunk=None)
    _record(batch, "instance.retried", actor, found, {})
    process_again(batch, actor)
    return len(found)


def enter_patient(batch: Batch, study: Study, patient_id: str, issuer: str, actor: Actor) -> int:
    """Say whose a study is, where its files don't or disagree; its held images are tried again."""
    normal, normal_issuer = normalise_patient_id(
        patient_id, issuer or batch.organization.default_issuer
    )
    if is_placeholder_id(normal) or len(normal) > 64 or "\\" in normal:
        raise PermanentError(
            "patient-id-invalid",
            _("A patient id has 1 to 64 characters without backslash, and is no placeholder."),
        )
    sealer = keys.batch_sealer(batch)
    with transaction.atomic():
        _lock(batch)
        study.sealed_patient = sealer.seal(
            inventory.PATIENT_PURPOSE, json.dumps([normal, normal_issuer]).encode()
        )
        study.save(update_fields=["sealed_patient"])
        record(
            "study.patient_entered",
            actor=actor,
            chain=str(batch.organization_id),
            subject=study.cloud_study_id or str(study.pk),
            subject_kind="study",
            context=str(batch.pk),
        )
    inventory.settle_study(batch, study, inventory.identities_of(batch), sealer)
    numbers = Instance.objects.filter(study=study, state=InstanceState.HELD).values_list(
        "number", flat=True
    )
    return retry(batch, list(numbers), actor)


def keep_first(batch: Batch, numbers: Sequence[int], actor: Actor) -> int:
    """Of entries with one SOP Instance UID and two contents, keep the one that came first."""
    with transaction.atomic():
        _lock(batch)
        rows = Instance.objects.filter(
            batch=batch,
            number__in=numbers,
            state=InstanceState.HELD,
            code="same-uid-other-bytes",
        ).order_by("number")
        first: dict[bytes, int] = {}
        later = []
        for row in rows:
            if first.setdefault(bytes(row.sop_index or b""), row.number) != row.number:
                later.append(row.number)
        leave_out(batch, later, _("another image with the same UID came first"), actor)
        return _retry(batch, list(first.values()), actor)


def _lock(batch: Batch) -> None:
    """Take the batch for this transaction, and refuse where no decision is awaited."""
    locked = Batch.objects.select_for_update().get(pk=batch.pk)
    batch.refresh_from_db()
    if locked.state not in DECIDING_STATES:
        raise PermanentError(
            "not-deciding", _("This can be decided while the batch waits for you, not now.")
        )


def process_again(batch: Batch, actor: Actor) -> None:
    """Cut what is received again into chunks; a batch under review goes back to processing."""
    if not Instance.objects.filter(batch=batch, state=InstanceState.RECEIVED).exists():
        return
    inventory.cut_chunks(batch)
    if batch.state in (BatchState.REVIEW, BatchState.ATTENTION):
        batches.move(
            batch,
            BatchState.PROCESSING,
            actor=actor,
            processing_started=timezone.now(),
            attention_code="",
            attention_reference="",
        )


def _back_from_attention(batch: Batch, actor: Actor) -> None:
    """Send a batch that stopped on a conflict through its conclusion again, now it is decided."""
    if batch.state == BatchState.ATTENTION and batch.attention_code == "conflict":
        batches.move(
            batch,
            BatchState.PROCESSING,
            actor=actor,
            why="decided",
            attention_code="",
            attention_reference="",
        )


def _record(
    batch: Batch, action: str, actor: Actor, numbers: list[int], detail: dict[str, str]
) -> None:
    if not numbers:
        return
    record(
        action,
        actor=actor,
        chain=str(batch.organization_id),
        subject=str(batch.pk),
        subject_kind="batch",
        context=str(batch.pk),
        detail={**detail, "files": sorted(numbers)[:200], "count": len(numbers)},
    )
