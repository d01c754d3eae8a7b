"""De-identifying a chunk of a batch, and what a batch does when its last chunk is done."""

import contextlib
import hashlib
import time
import uuid
from collections import defaultdict
from dataclasses import dataclass
from typing import BinaryIO, cast

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from audit import record
from studies.deid import EngineError, Outcome, Profile, compile_plan, deidentify
from studies.deid.pixels import Template
from studies.deid.plan import Plan
from studies.finding import FinderClient
from studies.models import (
    Batch,
    BatchState,
    Chunk,
    ChunkKind,
    ChunkState,
    Instance,
    InstanceState,
    Priority,
    ProfileVersion,
    ReleasePolicy,
    Study,
)
from studies.services import batches, finders, inventory, keys, pixels, sampling, trail
from studies.services.chunks import Claim
from studies.storage import BatchStore, ObjectWriter
from studies.vault import service as vault

# A chunk that kills its worker this often is cut into single files; a single file is held.
DEADLY_ATTEMPTS = 3
# What only a person can decide, because the identity itself is in doubt.
CONFLICT_CODES = {"two-patients", "identity-conflict", "same-uid-other-bytes"}


class Digesting:
    """A writer that passes bytes on, and knows their SHA-256 and their number."""

    def __init__(self, raw: ObjectWriter) -> None:
        self.raw = raw
        self.sha256 = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        """Write a block."""
        self.raw.write(data)
        self.sha256.update(data)
        self.size += len(data)
        return len(data)


@dataclass
class _Result:
    """One instance as this run left it; counts only if the run still holds its lease at the end."""

    instance: Instance
    outcome: Outcome
    staged: str = ""
    size: int = 0
    sha256: str = ""


@dataclass
class _Run:
    """What all instances of one run share."""

    sealer: keys.Sealer
    store: BatchStore
    plan: Plan
    identities: "vault.DomainIdentities"
    token: uuid.UUID
    batch: Batch
    finder: FinderClient
    templates: tuple[Template, ...]


def plan_of(version: ProfileVersion) -> Plan:
    """Return the compiled plan of a profile version; compiled once per process and digest."""
    return compile_plan(Profile.from_dict(version.definition))


def deidentify_chunk(claim: Claim) -> bool:
    """De-identify the received instances of a chunk into sealed staging, and store the outcomes.

    Return False where time was up before all were done, so that what is urgent gets its turn: the
    chunk then waits for its next run. The vault commits first, then the portal's rows and events in
    one transaction whose last write needs the lease; without it LostLease is raised and nothing of
    this run counts.
    """
    batch = claim.chunk.batch
    if batch.state not in (BatchState.PROCESSING, BatchState.DELIVERED):
        claim.give_up("batch-not-processing")
        return True
    rows = list(
        Instance.objects.filter(chunk=claim.chunk, state=InstanceState.RECEIVED)
        .select_related("study", "pixel_check")
        .order_by("number")
    )
    if claim.chunk.attempts > DEADLY_ATTEMPTS:
        _split_or_hold(claim, rows)
        return True
    until = time.monotonic() + settings.JOB_SECONDS
    sealer = keys.batch_sealer(batch)
    finder = finders.client(batch.priority, claim.renew)
    with BatchStore(batch.pk, sealer.root) as store, contextlib.closing(finder):
        run = _Run(
            sealer,
            store,
            plan_of(batch.profile_version),
            inventory.identities_of(batch),
            claim.token,
            batch,
            finder,
            pixels.templates_of(batch.organization),
        )
        results: list[_Result] = []
        for row in rows:
            if not _still_wanted(batch):
                claim.give_up("cancelled")
                return True
            if results and time.monotonic() > until:
                break
            results.append(_deidentify(row, run))
            claim.renew()
        run.identities.flush(batch.pk, f"{claim.chunk.pk}")
    is_done = len(results) == len(rows)
    with transaction.atomic():
        _store(batch, results)
        if is_done:
            claim.finish()
        else:
            claim.give_way()
    return is_done


def _still_wanted(batch: Batch) -> bool:
    return not Batch.objects.filter(pk=batch.pk, state=BatchState.CANCELLED).exists()


def _deidentify(row: Instance, run: _Run) -> _Result:
    patient = inventory.entered_patient(row.study, run.sealer) if row.study else None
    check = getattr(row, "pixel_check", None)
    name, sealed = run.store.create("staging", f"{run.token.hex}-{row.number}")
    with sealed, run.store.open_original(row.original) as reader:
        writer = Digesting(sealed)
        outcome = deidentify(
            reader,
            cast(BinaryIO, writer),
            run.plan,
            run.identities,
            patient=patient,
            pixels=pixels.policy(run.batch.organization, run.finder, run.templates, check),
        )
        if outcome.state != "deidentified":
            sealed.abandon()
            return _Result(row, outcome)
    path = run.sealer.open("path", bytes(row.sealed_path or b"")).decode()
    try:
        run.identities.remember(
            outcome.originals,
            cloud_study_id=outcome.cloud_study_id,
            cloud_patient_id=outcome.cloud_patient_id,
            new_sop_uid=outcome.sop_instance_uid,
            original_path=path,
            same_person=patient is not None,
        )
    except EngineError as error:
        # The id's name and birth date are another person's: a person must say whose it is.
        held = Outcome("held", code=error.code, where=error.where, message=error.message)
        return _Result(row, held)
    return _Result(row, outcome, name, writer.size, writer.sha256.hexdigest())


def _store(batch: Batch, results: list[_Result]) -> None:
    now = timezone.now()
    per_study: dict[Study | None, list[_Result]] = defaultdict(list)
    for result in results:
        outcome = result.outcome
        row = Instance.objects.filter(pk=result.instance.pk, state=InstanceState.RECEIVED)
        check = getattr(result.instance, "pixel_check", None)
        if outcome.state == "deidentified":
            awaits = check is not None and check.person_boxes is not None and not check.approved
            if awaits:
                outcome.state, outcome.code = "held", pixels.AWAITS_APPROVAL
            moved = row.move(
                InstanceState.HELD if awaits else InstanceState.DEIDENTIFIED,
                code=outcome.code,
                where="",
                staged=result.staged,
                output_size=result.size,
                output_sha256=result.sha256,
                sop_instance_uid=outcome.sop_instance_uid,
                series_instance_uid=outcome.series_instance_uid,
                study_instance_uid=outcome.study_instance_uid,
                processed=now,
            )
        else:
            to = InstanceState.HELD if outcome.state == "held" else InstanceState.REFUSED
            moved = row.move(
                to,
                code=outcome.code[:60],
                where=outcome.where[:200],
                staged="",
                processed=now,
            )
        if moved:
            pixels.keep(result.instance, outcome.pixels)
            per_study[result.instance.study].append(result)
    for study, members in per_study.items():
        _record(batch, study, members)


def _record(batch: Batch, study: Study | None, members: list[_Result]) -> None:
    """Write one event for what was de-identified of a study, and one for what was held of it."""
    done = [member for member in members if member.outcome.state == "deidentified"]
    kept: dict[str, int] = defaultdict(int)
    for member in members:
        if member.outcome.state != "deidentified":
            kept[member.outcome.code] += 1
    subject = (study.cloud_study_id or str(study.pk)) if study else str(batch.pk)
    common = {
        "actor": batches.JOB,
        "chain": str(batch.organization_id),
        "subject": subject,
        "subject_kind": "study" if study else "batch",
        "context": str(batch.pk),
    }
    if done:
        if study and study.cloud_study_id != done[0].outcome.cloud_study_id:
            study.cloud_study_id = done[0].outcome.cloud_study_id
            study.cloud_patient_id = done[0].outcome.cloud_patient_id
            study.save(update_fields=["cloud_study_id", "cloud_patient_id"])
        record(
            "study.deidentified",
            detail={
                "count": len(done),
                "profile": batch.profile_version.digest,
                "merkle_root": trail.keep(
                    [(member.outcome.sop_instance_uid, member.sha256) for member in done],
                    batch.profile_version.digest,
                ),
            },
            **common,  # type: ignore[arg-type]
        )
    if kept:
        record("study.held", detail={"codes": dict(kept)}, **common)  # type: ignore[arg-type]


def _split_or_hold(claim: Claim, rows: list[Instance]) -> None:
    """Take apart a chunk that keeps killing its worker; hold the file that does it."""
    batch = claim.chunk.batch
    with transaction.atomic():
        if len(rows) == 1:
            Instance.objects.filter(pk=rows[0].pk).move(
                InstanceState.HELD, code="processing-stopped", processed=timezone.now()
            )
        else:
            for row in rows:
                single = batches.new_chunk(batch, ChunkKind.DEIDENTIFY)
                Instance.objects.filter(pk=row.pk).update(chunk=single)
        claim.finish()


def unfinished(batch: Batch, *kinds: ChunkKind) -> bool:
    """Say whether chunks of these kinds still wait or run."""
    return (
        Chunk.objects.filter(batch=batch, kind__in=kinds)
        .exclude(state__in=[ChunkState.DONE, ChunkState.FAILED])
        .exists()
    )


def conclude(batch_id: uuid.UUID) -> bool:
    """Decide where a batch goes once nothing of it is in work; return True if it is to be released.

    May be called at any time and by several runs at once: only a batch that is processing and has
    no unfinished chunk moves, and only once.
    """
    with transaction.atomic():
        batch = (
            Batch.objects.select_for_update()
            .select_related("organization", "destination")
            .get(pk=batch_id)
        )
        if batch.state != BatchState.PROCESSING or unfinished(
            batch, ChunkKind.COLLECT, ChunkKind.INVENTORY, ChunkKind.DEIDENTIFY
        ):
            return False
        counted = batches.ledger(batch)
        if counted.in_work:
            inventory.cut_chunks(batch)
            return False
        now = timezone.now()
        codes = set(
            Instance.objects.filter(batch=batch, state=InstanceState.HELD).values_list(
                "code", flat=True
            )
        )
        if codes & CONFLICT_CODES:
            batches.move(
                batch,
                BatchState.ATTENTION,
                attention_code="conflict",
                why="conflict",
                processed=now,
            )
            return False
        if may_release_itself(batch, counted):
            Batch.objects.filter(pk=batch.pk).update(processed=now)
            return True
        batches.move(batch, BatchState.REVIEW, processed=now)
        return False


def may_release_itself(batch: Batch, counted: batches.Ledger) -> bool:
    """Say whether a batch may leave without a person: by policy, and only with what is clean."""
    if batch.release_policy != ReleasePolicy.WHEN_CLEAN:
        return False
    if not counted[InstanceState.DEIDENTIFIED] or sampling.refusal(batch) is not None:
        return False
    kept_back = counted[InstanceState.HELD] + counted[InstanceState.REFUSED]
    return not kept_back or not waits(batch)


def is_ready_to_go(batch_id: uuid.UUID) -> bool:
    """Say whether a batch under review may now leave by its policy, its sample being looked at."""
    batch = Batch.objects.select_related("organization").get(pk=batch_id)
    return batch.state == BatchState.REVIEW and may_release_itself(batch, batches.ledger(batch))


def waits(batch: Batch) -> bool:
    """Say whether a batch waits for what is held; a STAT batch never does."""
    return batch.waits_for_held and batch.priority != Priority.STAT
