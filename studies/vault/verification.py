"""Checks that every row of the vault can be opened and is where it belongs."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from django.db.models import F

from studies.deid.cloudid import is_cloud_id
from studies.sealing import SealError
from studies.vault.keys import DomainKeys, open_keys
from studies.vault.models import Domain, InstanceRow, Patient, Study
from studies.vault.rows import open_instances, open_patient, open_study

Progress = Callable[[int, int], None]
T = TypeVar("T")


def verify(on_progress: Progress, domain_ids: Sequence[uuid.UUID] | None = None) -> list[str]:
    """Open every row; return one sentence for each that is bad, naming row and key version."""
    domains = Domain.objects.order_by("pk")
    if domain_ids is not None:
        domains = domains.filter(pk__in=domain_ids)
    ids = list(domains.values_list("pk", flat=True))
    total = sum(
        kind.objects.filter(domain_id__in=ids).count() for kind in (Patient, Study, InstanceRow)
    )
    done, findings = 0, []
    for domain_id in ids:
        for finding in _verify_domain(domain_id):
            done += 1
            if finding:
                findings.append(finding)
            if done % 1000 == 0 or done == total:
                on_progress(done, total)
    return findings


def _verify_domain(domain_id: uuid.UUID) -> Iterator[str]:
    """Give, for each row, what is wrong with it, or nothing."""
    try:
        keys = open_keys(domain_id, anew=True)
    except SealError as error:
        yield f"domain {domain_id}: {error}"
        return
    for patient in Patient.objects.filter(domain_id=domain_id).iterator():
        yield _check(_verify_patient, keys, patient)
    for study in Study.objects.filter(domain_id=domain_id).iterator():
        yield _check(_verify_study, keys, study)
    rows = InstanceRow.objects.filter(domain_id=domain_id)
    for row in rows.annotate(cloud_study_id=F("study__cloud_id")).iterator():
        yield _check(_verify_instances, keys, row)


def _check(verify_row: Callable[[DomainKeys, T], str], keys: DomainKeys, row: T) -> str:
    try:
        return verify_row(keys, row)
    except SealError as error:
        return str(error)


def _verify_patient(keys: DomainKeys, row: Patient) -> str:
    content = open_patient(keys, row)
    right = keys.patient_index(row.key_version, *content.indexed) == bytes(row.index)
    return "" if right and is_cloud_id(row.cloud_id) else _misplaced("patient", row)


def _verify_study(keys: DomainKeys, row: Study) -> str:
    content = open_study(keys, row)
    right = keys.study_index(row.key_version, content.indexed) == bytes(row.index)
    return "" if right and is_cloud_id(row.cloud_id) else _misplaced("study", row)


def _verify_instances(keys: DomainKeys, row: InstanceRow) -> str:
    open_instances(keys, row, row.cloud_study_id)  # type: ignore[attr-defined]
    return ""


def _misplaced(kind: str, row: Patient | Study) -> str:
    return (
        f"vault row {kind}/{row.cloud_id}, key version {row.key_version}, has another index or"
        " cloud id than its content; restore it from a backup"
    )
