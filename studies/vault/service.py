"""What the portal may ask of the vault. Each write is one transaction on the vault's own database.

The portal writes its own row after the vault's; it audits before it reads.
"""

import uuid
from typing import Literal

from django.db import IntegrityError, transaction

from studies.sealing import keyring, new_key
from studies.vault.faults import MappingGone, NotErased, UnknownDomain, VaultError
from studies.vault.identities import DomainIdentities
from studies.vault.keys import new_version, root_context, wrap
from studies.vault.mapping import (
    FileMapping,
    PatientMapping,
    StudyMapping,
    UidOwner,
    WholePatient,
    batch_mapping,
    find_patient,
    find_study,
    find_uid,
    find_whole_patient,
    owners_of_cloud_ids,
    owners_of_uids,
    search_patient,
)
from studies.vault.models import Domain
from studies.vault.statements import VAULT

__all__ = [
    "DomainIdentities",
    "FileMapping",
    "MappingGone",
    "NotErased",
    "PatientMapping",
    "StudyMapping",
    "UidOwner",
    "UnknownDomain",
    "VaultError",
    "WholePatient",
    "batch_mapping",
    "create_domain",
    "find_patient",
    "find_study",
    "find_uid",
    "find_whole_patient",
    "has_domain",
    "identities",
    "owners_of_cloud_ids",
    "owners_of_uids",
    "search_patient",
]


def create_domain(domain_id: uuid.UUID, organization_id: uuid.UUID, name: str) -> None:
    """Make a linkage domain with fresh random keys; one that is there already stays as it is."""
    if has_domain(domain_id):
        return
    root, kek = wrap(keyring(), new_key(), root_context(domain_id))
    domain = Domain(
        pk=domain_id,
        organization_id=organization_id,
        name=name,
        wrapped_root=root,
        kek_version=kek,
    )
    first = new_version(domain, domain.key_version)
    try:
        with transaction.atomic(using=VAULT, durable=True):
            domain.save(force_insert=True)
            first.save(force_insert=True)
    except IntegrityError:
        # Another process made it at the same moment; its keys are the domain's.
        if not has_domain(domain_id):
            raise


def has_domain(domain_id: uuid.UUID) -> bool:
    """Say whether the vault has a linkage domain."""
    return Domain.objects.filter(pk=domain_id).exists()


def identities(
    domain_id: uuid.UUID,
    *,
    prefix: str,
    scheme: Literal["patient", "study"],
    default_issuer: str = "",
) -> DomainIdentities:
    """Return the identities of a domain for one job."""
    return DomainIdentities(domain_id, prefix=prefix, scheme=scheme, default_issuer=default_issuer)
