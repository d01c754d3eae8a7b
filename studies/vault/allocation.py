"""Finds the row of a patient or a study, or makes it: once, whoever else does the same at once.

Unique constraints decide races. A new row is written under a shared hold of its domain, so that
a rotation of keys can't begin between looking and writing.
"""

import secrets
import uuid
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from django.db import IntegrityError, connections, transaction

from studies.deid.cloudid import new_cloud_id
from studies.vault.faults import UnknownDomain, VaultError
from studies.vault.keys import DomainKeys, open_keys
from studies.vault.models import Domain, Patient, Study
from studies.vault.rows import PatientContent, StudyContent, seal_patient, seal_study
from studies.vault.statements import VAULT, places, select, uuid_value

Found = TypeVar("Found")
# Each try loses to another process only once, and to a taken cloud id with odds of 1 to 10^12.
TRIES = 64


def draw_cloud_id() -> str:
    """Return a fresh random cloud id, which no patient and no study has."""
    cloud_id = new_cloud_id(secrets.randbits(60))
    while any(kind.objects.filter(cloud_id=cloud_id).exists() for kind in (Patient, Study)):
        cloud_id = new_cloud_id(secrets.randbits(60))
    return cloud_id


def hold_domain(domain_id: uuid.UUID) -> int:
    """Hold a domain's key version until the transaction ends, beside other holders; return it."""
    connection = connections[VAULT]
    lock = " FOR SHARE" if connection.vendor == "postgresql" else ""
    table = connection.ops.quote_name(Domain._meta.db_table)
    statement = f"SELECT key_version FROM {table} WHERE id = %s{lock}"  # noqa: S608
    rows = select(statement, [uuid_value(domain_id)])
    if not rows:
        raise UnknownDomain(f"linkage domain {domain_id} isn't in the vault")
    return int(rows[0][0])


class StaleKeys(Exception):
    """The keys at hand are older than the domain's current version: open them again."""


def require_current(keys: DomainKeys) -> None:
    """Hold the domain, and make sure that the keys at hand know its current version."""
    current = hold_domain(keys.domain_id)
    if current not in keys.versions:
        raise StaleKeys
    keys.current = current


class FoundStudy(NamedTuple):
    """A study that has a row, and what it was first sent under."""

    cloud_id: str
    patient: str
    prefix: str
    scheme: str


# Written out, as a job asks them for each patient and study: the ORM would take most of the time.
_PATIENT = 'SELECT cloud_id FROM vault_patient p WHERE p.domain_id = %s AND p."index" IN '
_STUDY = (
    "SELECT s.cloud_id, p.cloud_id, s.prefix, s.scheme FROM vault_study s"
    " JOIN vault_patient p ON p.id = s.patient_id"
    ' WHERE s.domain_id = %s AND s."index" IN '
)


def select_by_index(
    statement: str, keys: DomainKeys, indexes: list[bytes]
) -> tuple[str, ...] | None:
    """Return the row of a domain that has one of the blind indexes."""
    found = select(statement + places(indexes), [uuid_value(keys.domain_id), *indexes])
    return found[0] if found else None


class Allocator:
    """Finds or makes rows of one domain; opens the domain's keys again when they were rotated."""

    def __init__(self, domain_id: uuid.UUID) -> None:
        self.keys = open_keys(domain_id)

    def patient(self, content: PatientContent) -> str:
        """Return the patient's cloud id."""
        return self._find_or_make(
            lambda: self.find_patient(*content.indexed), lambda: self._make_patient(content)
        )

    def study(self, content: StudyContent, patient: str, prefix: str, scheme: str) -> FoundStudy:
        """Return the study, which may be another patient's."""
        return self._find_or_make(
            lambda: self.find_study(content.indexed),
            lambda: self._make_study(content, patient, prefix, scheme),
        )

    def find_patient(self, patient_id: str, issuer: str) -> str | None:
        """Return the cloud id of a normalised patient id and issuer, under any key version."""
        keys = self.keys
        found = select_by_index(
            _PATIENT, keys, [keys.patient_index(v, patient_id, issuer) for v in keys.versions]
        )
        return str(found[0]) if found else None

    def find_study(self, study_uid: str) -> FoundStudy | None:
        """Return the study of an original Study Instance UID, under any key version."""
        keys = self.keys
        found = select_by_index(
            _STUDY, keys, [keys.study_index(v, study_uid) for v in keys.versions]
        )
        return FoundStudy(*found) if found else None

    def _find_or_make(self, find: Callable[[], Found | None], make: Callable[[], Found]) -> Found:
        found = find()
        for _ in range(TRIES):
            if found is not None:
                return found
            try:
                with transaction.atomic(using=VAULT, durable=True):
                    require_current(self.keys)
                    found = find() or make()
            except StaleKeys:
                self.keys = open_keys(self.keys.domain_id)
            except IntegrityError:
                # Another process made this row first, or the cloud id drawn is taken: look again.
                found = find()
        if found is None:
            raise VaultError("no free cloud id was found; check the source of random numbers")
        return found

    def _make_patient(self, content: PatientContent) -> str:
        row = Patient(
            domain_id=self.keys.domain_id,
            cloud_id=draw_cloud_id(),
            key_version=self.keys.current,
        )
        seal_patient(self.keys, row, content)
        row.save(force_insert=True)
        return row.cloud_id

    def _make_study(
        self, content: StudyContent, patient: str, prefix: str, scheme: str
    ) -> FoundStudy:
        owner = Patient.objects.filter(domain_id=self.keys.domain_id, cloud_id=patient).first()
        if owner is None:
            raise VaultError(f"cloud patient {patient} isn't in the vault")
        row = Study(
            domain_id=self.keys.domain_id,
            patient=owner,
            cloud_id=draw_cloud_id(),
            prefix=prefix,
            scheme=scheme,
            key_version=self.keys.current,
        )
        seal_study(self.keys, row, content)
        row.save(force_insert=True)
        return FoundStudy(row.cloud_id, patient, prefix, scheme)
