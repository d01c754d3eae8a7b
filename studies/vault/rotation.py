"""Replaces keys while the vault is in use. Every step may die and be run again.

Two rotations: the key-encryption key, which wraps the domains' keys; and one domain's key
version, under which its rows are sealed and indexed. A domain's root is never replaced: UIDs and
dates would change. Its place is taken by a new domain, on purpose.
"""

import uuid
from collections.abc import Callable

from django.db import transaction
from django.db.models import F, Q, QuerySet

from studies.sealing import KeyRing, keyring
from studies.vault.erasure import erase_freed
from studies.vault.faults import UnknownDomain, VaultError
from studies.vault.keys import (
    DomainKeys,
    new_version,
    open_keys,
    root_context,
    version_context,
    wrap,
)
from studies.vault.models import Domain, DomainKey, InstanceRow, Patient, Study
from studies.vault.rows import (
    open_instances,
    open_patient,
    open_study,
    seal_instances,
    seal_patient,
    seal_study,
)
from studies.vault.statements import VAULT

Progress = Callable[[int, int], None]
_AT_ONCE = 200


def rewrap_domains(on_progress: Progress) -> int:
    """Wrap all keys of all domains under the key ring's current version; return how many were."""
    ring = keyring()
    current = ring.current_version
    domains = list(Domain.objects.exclude(kek_version=current).order_by("pk"))
    keys = list(DomainKey.objects.exclude(kek_version=current).order_by("pk"))
    total, done = len(domains) + len(keys), 0
    for domain in domains:
        context = root_context(domain.pk)
        wrapped, kek = _rewrap(ring, bytes(domain.wrapped_root), context)
        Domain.objects.filter(pk=domain.pk).update(wrapped_root=wrapped, kek_version=kek)
        on_progress(done := done + 1, total)
    for key in keys:
        context = version_context(key.domain_id, key.version)
        wrapped, kek = _rewrap(ring, bytes(key.wrapped), context)
        DomainKey.objects.filter(pk=key.pk).update(wrapped=wrapped, kek_version=kek)
        on_progress(done := done + 1, total)
    if total:
        erase_freed()
    return total


def domains_wrapped_before(version: int) -> int:
    """Count the domains' keys that a version of the key-encryption key below `version` wraps."""
    older = Q(kek_version__lt=version)
    return Domain.objects.filter(older).count() + DomainKey.objects.filter(older).count()


def _rewrap(ring: KeyRing, blob: bytes, context: bytes) -> tuple[bytes, int]:
    return wrap(ring, ring.unwrap(blob, context), context)


def rotate_domain(domain_id: uuid.UUID, on_progress: Progress) -> int:
    """Seal and index all rows of a domain under a fresh key version; return that version.

    A rotation that was interrupted is finished, not begun anew. The old version's key is
    destroyed once no row needs it.
    """
    version = _begin(domain_id)
    keys = open_keys(domain_id)
    total, done = _count_old(domain_id, version), 0
    for reseal in (_reseal_patients, _reseal_studies, _reseal_instances):
        while count := reseal(keys, version):
            done += count
            on_progress(done, max(total, done))
    _finish(domain_id, version)
    erase_freed()
    return version


def _begin(domain_id: uuid.UUID) -> int:
    """Make a fresh key version current, unless an older rotation isn't finished."""
    domain = Domain.objects.filter(pk=domain_id).first()
    if domain is None:
        raise UnknownDomain(f"linkage domain {domain_id} isn't in the vault")
    # Made before the transaction: wrapping may be a network call.
    fresh = new_version(domain, domain.key_version + 1)
    with transaction.atomic(using=VAULT, durable=True):
        # Waits for everyone who holds the domain to write a row under the old version.
        domain = Domain.objects.select_for_update().get(pk=domain_id)
        if domain.keys.exclude(version=domain.key_version).exists():
            return domain.key_version
        if fresh.version != domain.key_version + 1:
            raise VaultError("another rotation of this domain has just ended; run it again")
        fresh.save(force_insert=True)
        domain.key_version = fresh.version
        domain.save(update_fields=["key_version"])
    return fresh.version


def _finish(domain_id: uuid.UUID, version: int) -> None:
    """Destroy the older key versions."""
    with transaction.atomic(using=VAULT, durable=True):
        Domain.objects.select_for_update().get(pk=domain_id)
        if _count_old(domain_id, version):
            raise VaultError("rows under the old key version came up; run the rotation again")
        DomainKey.objects.filter(domain_id=domain_id, version__lt=version).delete()


def _count_old(domain_id: uuid.UUID, version: int) -> int:
    return sum(
        kind.objects.filter(domain_id=domain_id, key_version__lt=version).count()
        for kind in (Patient, Study, InstanceRow)
    )


def _next(rows: QuerySet, domain_id: uuid.UUID, version: int) -> QuerySet:  # type: ignore[type-arg]
    """Return the next rows of an older version, locked."""
    old = rows.filter(domain_id=domain_id, key_version__lt=version)
    return old.order_by("pk").select_for_update(no_key=True, of=("self",))[:_AT_ONCE]


def _reseal_patients(keys: DomainKeys, version: int) -> int:
    with transaction.atomic(using=VAULT, durable=True):
        rows: list[Patient] = list(_next(Patient.objects.all(), keys.domain_id, version))
        for row in rows:
            content = open_patient(keys, row)
            row.key_version = version
            seal_patient(keys, row, content)
            row.save(update_fields=["index", "key_version", "sealed"])
    return len(rows)


def _reseal_studies(keys: DomainKeys, version: int) -> int:
    with transaction.atomic(using=VAULT, durable=True):
        rows: list[Study] = list(_next(Study.objects.all(), keys.domain_id, version))
        for row in rows:
            content = open_study(keys, row)
            row.key_version = version
            seal_study(keys, row, content)
            row.save(update_fields=["index", "key_version", "sealed"])
    return len(rows)


def _reseal_instances(keys: DomainKeys, version: int) -> int:
    with transaction.atomic(using=VAULT, durable=True):
        named = InstanceRow.objects.annotate(cloud_study_id=F("study__cloud_id"))
        rows: list[InstanceRow] = list(_next(named, keys.domain_id, version))
        for row in rows:
            cloud_study_id: str = row.cloud_study_id  # type: ignore[attr-defined]
            content = open_instances(keys, row, cloud_study_id)
            row.key_version = version
            seal_instances(keys, row, cloud_study_id, content)
            row.save(update_fields=["key_version", "sealed"])
    return len(rows)
