"""What came in: which studies, which duplicates, which files are no DICOM; then chunks.

Reads headers only. Nothing is de-identified here, but conflicts that a person must decide (two
patients in one study, no patient id, one SOP Instance UID with two contents) already stop here.
"""

import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, cast

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from audit import record
from studies.deid import EngineError, inventory
from studies.deid.clinical import is_clinical
from studies.deid.identities import Scheme, is_placeholder_id, normalise_patient_id
from studies.deid.inventory import Inventory
from studies.models import Batch, BatchState, Chunk, ChunkKind, Instance, InstanceState, Study
from studies.services import batches, keys, receiving
from studies.services.chunks import Claim, pieces
from studies.services.modalities import known_modality
from studies.storage import BatchStore
from studies.vault import service as vault

SUB_BATCH = 100
# Codes of the engine that say "this file is none of ours", not "this file is broken".
SKIPPED_CODES = {"not-dicom", "dicomdir"}
INVENTORY_PURPOSE = "inventory"
PATIENT_PURPOSE = "patient"


@dataclass
class _Seen:
    """What one reading of a file said, until it is written in one transaction."""

    instance: Instance
    found: Inventory | None = None
    state: InstanceState | None = None
    code: str = ""
    where: str = ""
    others: list[int] = field(default_factory=list)


def take_inventory(claim: Claim) -> bool:
    """Read headers for a while; return True when all are read and chunks are cut."""
    batch = claim.chunk.batch
    if batch.state == BatchState.QUEUED:
        with transaction.atomic():
            batches.move(batch, BatchState.PROCESSING, processing_started=timezone.now())
    if batch.state != BatchState.PROCESSING:
        claim.give_up("batch-not-processing")
        return True
    sealer = keys.batch_sealer(batch)
    until = time.monotonic() + settings.JOB_SECONDS
    if not receiving.complete_files(batch, until, claim.renew).is_done:
        claim.pause()
        return False
    with BatchStore(batch.pk, sealer.root) as store:
        while rows := list(_unread(batch)):
            seen = [_read(row, sealer, store) for row in rows]
            with transaction.atomic():
                _write(batch, seen, sealer, store)
            claim.renew()
            if time.monotonic() > until:
                claim.pause()
                return False
    _settle_identities(batch, sealer)
    with transaction.atomic():
        cut_chunks(batch)
        counted = batches.ledger(batch)
        record(
            "batch.inventoried",
            actor=batches.JOB,
            chain=str(batch.organization_id),
            subject=str(batch.pk),
            subject_kind="batch",
            context=str(batch.pk),
            detail={"counts": dict(counted.counts), "studies": batch.studies.count()},
        )
        claim.finish()
    return True


def _unread(batch: Batch) -> Iterable[Instance]:
    return Instance.objects.filter(
        batch=batch, inventoried=False, state=InstanceState.RECEIVED
    ).order_by("number")[:SUB_BATCH]


def _read(row: Instance, sealer: keys.Sealer, store: BatchStore) -> _Seen:
    seen = _Seen(row)
    try:
        with store.open_original(row.original) as reader:
            seen.found = inventory(reader)
    except EngineError as error:
        is_skipped = error.code in SKIPPED_CODES
        seen.state = InstanceState.SKIPPED if is_skipped else InstanceState.REFUSED
        seen.code, seen.where = error.code, error.where
        return seen
    row.sop_index = sealer.index("sop", seen.found.sop_instance_uid.encode())
    twins = Instance.objects.filter(batch=row.batch_id, sop_index=row.sop_index).exclude(pk=row.pk)
    for twin in twins.exclude(state__in=[InstanceState.DUPLICATE, InstanceState.EXCLUDED]):
        if twin.size == row.size and _digest(twin, store) == _digest(row, store):
            seen.state, seen.code = InstanceState.DUPLICATE, "duplicate"
            seen.others = []
            return seen
        seen.others.append(twin.pk)
    if seen.others:
        seen.state, seen.code = InstanceState.HELD, "same-uid-other-bytes"
    return seen


def _digest(row: Instance, store: BatchStore) -> bytes:
    digest = hashlib.sha256()
    with store.open_original(row.original) as reader:
        while block := reader.read(1 << 20):
            digest.update(block)
    return digest.digest()


def _write(batch: Batch, seen: list[_Seen], sealer: keys.Sealer, store: BatchStore) -> None:
    """Store what was read; the twins inside one group are found here, in order of arrival."""
    studies: dict[bytes, Study] = {}
    said: dict[bytes, list[Inventory]] = defaultdict(list)
    first: dict[bytes, Instance] = {}
    for entry in seen:
        row = entry.instance
        values: dict[str, Any] = {"inventoried": True}
        if entry.found is not None:
            index = sealer.index("study", entry.found.study_instance_uid.encode())
            if index not in studies:
                studies[index] = _study(batch, index, entry.found)
            said[index].append(entry.found)
            values |= {
                "study": studies[index],
                "sop_index": row.sop_index,
                "modality": known_modality(entry.found.modality),
                "series_number": _small(entry.found.series_number),
            }
        Instance.objects.filter(pk=row.pk).update(**values)
        twin = first.setdefault(bytes(row.sop_index or b""), row) if row.sop_index else row
        if entry.state is None and twin is not row:
            same = twin.size == row.size and _digest(twin, store) == _digest(row, store)
            entry.state = InstanceState.DUPLICATE if same else InstanceState.HELD
            entry.code = "duplicate" if same else "same-uid-other-bytes"
            entry.others = [] if same else [twin.pk]
        if entry.state is not None:
            rows = Instance.objects.filter(pk__in=[row.pk])
            rows.move(entry.state, code=entry.code, where=entry.where, processed=timezone.now())
        if entry.others:
            Instance.objects.filter(pk__in=entry.others, state=InstanceState.RECEIVED).move(
                InstanceState.HELD, code=entry.code, processed=timezone.now()
            )
    for index, found in said.items():
        _merge_sealed_inventory(batch, studies[index], found, sealer)


def _small(number: int | None) -> int | None:
    return number if number is not None and 0 <= number < 2**31 else None


def known_body_part(value: str) -> str:
    """Return a body part if each of its words is a clinical one, or nothing."""
    words = value.replace("_", " ").split()
    return value[:16] if words and all(is_clinical(word.lower()) for word in words) else ""


def _study(batch: Batch, index: bytes, found: Inventory) -> Study:
    last = Study.objects.filter(batch=batch).aggregate(last=Max("number"))["last"] or 0
    study, _made = Study.objects.get_or_create(
        batch=batch,
        study_index=index,
        defaults={
            "organization_id": batch.organization_id,
            "number": last + 1,
            "modality": known_modality(found.modality),
            "body_part": known_body_part(found.body_part),
        },
    )
    return study


def _merge_sealed_inventory(
    batch: Batch, study: Study, found: list[Inventory], sealer: keys.Sealer
) -> None:
    known = sealed_inventory(study, sealer)
    patients: list[dict[str, str]] = known.get("patients", [])
    for entry in found:
        patient_id, issuer = normalise_patient_id(
            entry.patient_id, entry.issuer or batch.organization.default_issuer
        )
        said = {
            "id": patient_id,
            "issuer": issuer,
            "name": entry.patient_name,
            "birth_date": entry.patient_birth_date,
        }
        if said not in patients and len(patients) < 20:
            patients.append(said)
    known["patients"] = patients
    known.setdefault("study_uid", found[0].study_instance_uid)
    known.setdefault("description", found[0].study_description)
    known.setdefault("accession", found[0].accession_number)
    known.setdefault("date", found[0].study_date)
    study.sealed_inventory = sealer.seal(
        INVENTORY_PURPOSE, json.dumps(known, ensure_ascii=False).encode()
    )
    study.save(update_fields=["sealed_inventory"])


def sealed_inventory(study: Study, sealer: keys.Sealer) -> dict[str, Any]:
    """Open what the files of a study say about it; for the batch's coordinators and jobs only."""
    if not study.sealed_inventory:
        return {}
    opened = sealer.open(INVENTORY_PURPOSE, bytes(study.sealed_inventory))
    known: dict[str, Any] = json.loads(opened)
    return known


def entered_patient(study: Study, sealer: keys.Sealer) -> tuple[str, str] | None:
    """Return the patient id and issuer that a person entered for a study, if any."""
    if not study.sealed_patient:
        return None
    opened = sealer.open(PATIENT_PURPOSE, bytes(study.sealed_patient))
    patient_id, issuer = json.loads(opened)
    return str(patient_id), str(issuer)


def study_conflict(study: Study, sealer: keys.Sealer) -> str:
    """Return the code of what keeps a study from having one patient, or an empty string."""
    if study.sealed_patient:
        return ""
    patients = sealed_inventory(study, sealer).get("patients", [])
    ids = {(patient["id"], patient["issuer"]) for patient in patients}
    if any(is_placeholder_id(patient_id) for patient_id, _issuer in ids):
        return "patient-id-missing"
    return "two-patients" if len(ids) > 1 else ""


def _settle_identities(batch: Batch, sealer: keys.Sealer) -> None:
    """Give each study its cloud ids, or hold it. The vault commits first: orphans harm nobody."""
    identities = identities_of(batch)
    for study in Study.objects.filter(batch=batch, cloud_study_id=""):
        settle_study(batch, study, identities, sealer)


def settle_study(
    batch: Batch, study: Study, identities: "vault.DomainIdentities", sealer: keys.Sealer
) -> None:
    """Give a study its cloud ids; where its patient is in doubt, hold all that is left of it."""
    code = study_conflict(study, sealer)
    if not code:
        known = sealed_inventory(study, sealer)
        entered = entered_patient(study, sealer)
        first = known["patients"][0]
        patient_id, issuer = entered or (first["id"], first["issuer"])
        try:
            patient = identities.patient(patient_id, issuer)
            cloud_id = identities.study(known["study_uid"], patient)
        except EngineError as error:
            code = error.code
        else:
            study.cloud_patient_id, study.cloud_study_id = patient, cloud_id
            study.save(update_fields=["cloud_patient_id", "cloud_study_id"])
            return
    with transaction.atomic():
        held = Instance.objects.filter(study=study, state=InstanceState.RECEIVED).move(
            InstanceState.HELD, code=code, processed=timezone.now()
        )
        if held:
            record(
                "study.held",
                actor=batches.JOB,
                chain=str(batch.organization_id),
                subject=study.cloud_study_id or str(study.pk),
                subject_kind="study",
                context=str(batch.pk),
                detail={"code": code, "count": held},
            )


def identities_of(batch: Batch) -> "vault.DomainIdentities":
    """Return the pseudonyms of the domain that the batch's destination belongs to."""
    organization = batch.organization
    return vault.identities(
        batch.destination.domain_id,
        prefix=organization.prefix,
        scheme=cast(Scheme, organization.identifier_scheme),
        default_issuer=organization.default_issuer,
    )


def cut_chunks(batch: Batch) -> list[Chunk]:
    """Cut what is received and in no chunk yet into pieces of seconds, study by study."""
    rows = (
        Instance.objects.filter(batch=batch, state=InstanceState.RECEIVED, chunk__isnull=True)
        .order_by("study__number", "number")
        .values_list("pk", "size")
    )
    return [_chunk(batch, members) for members in list(pieces(rows))]


def _chunk(batch: Batch, members: list[int]) -> Chunk:
    chunk = batches.new_chunk(batch, ChunkKind.DEIDENTIFY)
    Instance.objects.filter(pk__in=members).update(chunk=chunk)
    return chunk
