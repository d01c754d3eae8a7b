"""Destroys the mapping of a patient or of a domain, so that nothing leads back any more.

Asked for, deleted, erased, done: each step is committed before the next, and what stands between
is finished by `finish_shreddings`. The ledger makes a destruction outlive a restore.
"""

import uuid

from django.db import transaction
from django.utils import timezone

from studies.vault import ledger
from studies.vault.erasure import erase_freed
from studies.vault.faults import UnknownDomain, VaultError
from studies.vault.keys import forget_keys
from studies.vault.models import (
    Domain,
    DomainKey,
    InstanceRow,
    Patient,
    SentUid,
    Shredding,
    Study,
)
from studies.vault.statements import VAULT


def organization_of(domain_id: uuid.UUID) -> uuid.UUID:
    """Return the organization of a domain, also of one whose destruction isn't finished."""
    for rows in (
        Domain.objects.filter(pk=domain_id),
        Shredding.objects.filter(domain_id=domain_id),
    ):
        found = rows.values_list("organization_id", flat=True).first()
        if found is not None:
            return found
    raise UnknownDomain(f"linkage domain {domain_id} isn't in the vault")


def shred_patient(domain_id: uuid.UUID, cloud_patient_id: str) -> None:
    """Destroy a patient's mapping, with all of its studies."""
    rows = Patient.objects.filter(domain_id=domain_id, cloud_id=cloud_patient_id)
    asked = Shredding.objects.filter(
        domain_id=domain_id, kind=Shredding.Kind.PATIENT, subject=cloud_patient_id
    )
    if not rows.exists() and not asked.exists():
        raise VaultError(f"cloud patient {cloud_patient_id} isn't in this domain of the vault")
    _carry_out(_request(Shredding.Kind.PATIENT, domain_id, cloud_patient_id))


def shred_domain(domain_id: uuid.UUID) -> None:
    """Destroy a domain: its keys, and with them every mapping under them."""
    _carry_out(_request(Shredding.Kind.DOMAIN, domain_id, ""))


def finish_shreddings() -> list[Shredding]:
    """Finish the destructions that were asked for and interrupted; return them."""
    pending = list(Shredding.objects.filter(done=None).order_by("pk"))
    for shredding in pending:
        _carry_out(shredding)
    return pending


def reapply_ledger() -> list[Shredding]:
    """After a restore: destroy again what the ledger says was destroyed; return what came back."""
    back = []
    for entry in dict.fromkeys(ledger.entries()):
        rows = Domain.objects.filter(pk=entry.domain_id)
        if entry.kind == Shredding.Kind.PATIENT:
            rows = rows.filter(patients__cloud_id=entry.subject)
        if rows.exists():
            shredding, _ = Shredding.objects.update_or_create(
                domain_id=entry.domain_id,
                kind=entry.kind,
                subject=entry.subject,
                defaults={"organization_id": entry.organization_id, "done": None},
            )
            _carry_out(shredding)
            back.append(shredding)
    return back


def _request(kind: str, domain_id: uuid.UUID, subject: str) -> Shredding:
    """Commit that something is to be destroyed."""
    organization_id = organization_of(domain_id)
    shredding, _ = Shredding.objects.get_or_create(
        domain_id=domain_id,
        kind=kind,
        subject=subject,
        defaults={"organization_id": organization_id},
    )
    return shredding


def _carry_out(shredding: Shredding) -> None:
    entry = ledger.Entry(
        shredding.kind, shredding.domain_id, shredding.organization_id, shredding.subject
    )
    if entry not in set(ledger.entries()):
        ledger.append(entry)
    with transaction.atomic(using=VAULT, durable=True):
        # Whoever writes rows of this domain now is waited for.
        Domain.objects.select_for_update().filter(pk=shredding.domain_id).first()
        _delete(shredding)
    forget_keys(shredding.domain_id)
    erase_freed()
    Shredding.objects.filter(pk=shredding.pk).update(done=timezone.now())


def _delete(shredding: Shredding) -> None:
    """Delete from the leaves up, each table by one statement."""
    domain_id = shredding.domain_id
    if shredding.kind == Shredding.Kind.PATIENT:
        patient = Patient.objects.filter(domain_id=domain_id, cloud_id=shredding.subject)
        studies = Study.objects.filter(patient__in=patient)
        for leaf in (InstanceRow, SentUid):
            leaf.objects.filter(study__in=studies)._raw_delete(using=VAULT)
        studies._raw_delete(using=VAULT)
        patient._raw_delete(using=VAULT)
        return
    for kind in (InstanceRow, SentUid, Study, Patient, DomainKey):
        kind.objects.filter(domain_id=domain_id)._raw_delete(using=VAULT)
    Domain.objects.filter(pk=domain_id)._raw_delete(using=VAULT)
