"""The way back: from a cloud id or a new UID to the patient. Callers audit before they ask.

Nothing here may be cached, logged or put into a queue.
"""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import models

from studies.deid.cloudid import parse_cloud_id
from studies.deid.identities import normalise_patient_id
from studies.vault.keys import DomainKeys, open_keys
from studies.vault.models import InstanceRow, Patient, SentUid, Study
from studies.vault.rows import (
    SealedInstances,
    SealedRow,
    SentDate,
    Values,
    open_instances,
    open_patient,
    open_study,
)
from studies.vault.statements import as_uuid, places, select, uuid_value


@dataclass(frozen=True, repr=False)
class PatientMapping:
    """A patient of one domain, with the original values that were seen."""

    domain_id: uuid.UUID
    cloud_patient_id: str
    patient: Values
    cloud_study_ids: tuple[str, ...]


@dataclass(frozen=True, repr=False)
class StudyMapping:
    """A study and its patient; `uids` leads from the UIDs that were sent out to the originals."""

    domain_id: uuid.UUID
    cloud_study_id: str
    cloud_patient_id: str
    prefix: str
    scheme: str
    date_shift: int
    patient: Values
    study: Values
    dates: tuple[SentDate, ...] = ()
    uids: dict[str, str] = field(default_factory=dict)

    @property
    def study_instance_uid(self) -> str:
        """The original Study Instance UID."""
        return self.study["StudyInstanceUID"][0]


@dataclass(frozen=True, repr=False)
class WholePatient:
    """A patient with every study that was sent out; `uids` leads to the originals of all."""

    domain_id: uuid.UUID
    cloud_patient_id: str
    patient: Values
    studies: tuple[StudyMapping, ...]

    @property
    def uids(self) -> dict[str, str]:
        """The UIDs that were sent out, with their originals, over all studies."""
        return {new: old for study in self.studies for new, old in study.uids.items()}


@dataclass(frozen=True)
class UidOwner:
    """Whose a UID is that was sent out: cloud ids only."""

    cloud_study_id: str
    cloud_patient_id: str


@dataclass(frozen=True, repr=False)
class FileMapping:
    """One instance that a batch sent out."""

    original_path: str
    original_patient_id: str
    new_patient_id: str
    original_study_uid: str
    original_series_uid: str
    original_sop_uid: str
    cloud_patient_id: str
    cloud_study_id: str
    new_study_uid: str
    new_series_uid: str
    new_sop_uid: str


_UIDS_AT_ONCE = 500
# Written out: a person waits for these, and the ORM would take most of the time.
_STUDY = (
    "SELECT s.id, s.domain_id, s.cloud_id, s.prefix, s.scheme, s.key_version, s.sealed,"
    " p.cloud_id, p.key_version, p.sealed, i.batch_id, i.chunk, i.key_version, i.sealed"
    " FROM vault_study s JOIN vault_patient p ON p.id = s.patient_id"
    " LEFT JOIN vault_instancerow i ON i.study_id = s.id "
)
_BY_CLOUD_ID = _STUDY + "WHERE s.cloud_id = %s AND s.domain_id IN "
_BY_UID = _STUDY + "JOIN vault_sentuid u ON u.study_id = s.id WHERE u.uid = %s AND u.domain_id IN "
_PATIENT = (
    "SELECT p.domain_id, p.key_version, p.sealed, s.cloud_id"
    " FROM vault_patient p LEFT JOIN vault_study s ON s.patient_id = p.id"
    " WHERE p.cloud_id = %s AND p.domain_id IN "
)
_STUDIES_OF = (
    "SELECT s.cloud_id FROM vault_study s JOIN vault_patient p ON p.id = s.patient_id"
    ' WHERE p.domain_id = %s AND p."index" IN '
)


def find_study(domain_ids: Sequence[uuid.UUID], cloud_study_id: str) -> StudyMapping | None:
    """Return the study of a cloud study id, as typed by a person, in any of the domains."""
    cloud_id = parse_cloud_id(cloud_study_id)
    return _find(_BY_CLOUD_ID, cloud_id, domain_ids)


def find_uid(domain_ids: Sequence[uuid.UUID], new_uid: str) -> StudyMapping | None:
    """Return the study whose study or series UID was sent out as `new_uid`."""
    return _find(_BY_UID, new_uid.strip(" \0"), domain_ids)


def find_patient(domain_ids: Sequence[uuid.UUID], cloud_patient_id: str) -> PatientMapping | None:
    """Return the patient of a cloud patient id, as typed by a person."""
    cloud_id = parse_cloud_id(cloud_patient_id)
    if cloud_id is None or not domain_ids:
        return None
    within = [uuid_value(domain_id) for domain_id in domain_ids]
    rows = select(f"{_PATIENT}{places(within)} ORDER BY s.id", [cloud_id, *within])
    if not rows:
        return None
    domain_id, version, sealed, _ = rows[0]
    keys = open_keys(as_uuid(domain_id))
    content = open_patient(keys, SealedRow(cloud_id, version, sealed))
    studies = tuple(row[3] for row in rows if row[3] is not None)
    return PatientMapping(keys.domain_id, cloud_id, content.values, studies)


def find_whole_patient(
    domain_ids: Sequence[uuid.UUID], cloud_patient_id: str
) -> WholePatient | None:
    """Return a patient with all studies, dates and UIDs that were sent out in the domain."""
    owner = find_patient(domain_ids, cloud_patient_id)
    if owner is None:
        return None
    found = [find_study([owner.domain_id], cloud_id) for cloud_id in owner.cloud_study_ids]
    studies = tuple(study for study in found if study is not None)
    return WholePatient(owner.domain_id, owner.cloud_patient_id, owner.patient, studies)


def owners_of_uids(
    domain_ids: Sequence[uuid.UUID], new_uids: Sequence[str]
) -> dict[str, list[UidOwner]]:
    """Return whose study, series and frame of reference UIDs were sent out, opening nothing."""
    owners: dict[str, list[UidOwner]] = {}
    for start in range(0, len(new_uids), _UIDS_AT_ONCE):
        rows = SentUid.objects.filter(
            domain_id__in=domain_ids, uid__in=new_uids[start : start + _UIDS_AT_ONCE]
        ).values_list("uid", "study__cloud_id", "study__patient__cloud_id")
        for uid, study, patient in rows:
            owners.setdefault(uid, []).append(UidOwner(study, patient))
    return owners


def owners_of_cloud_ids(
    domain_ids: Sequence[uuid.UUID], cloud_ids: Sequence[str]
) -> list[UidOwner]:
    """Return every study that has one of the ids, or whose patient has it, opening nothing."""
    owners: list[UidOwner] = []
    for start in range(0, len(cloud_ids), _UIDS_AT_ONCE):
        some = list(cloud_ids[start : start + _UIDS_AT_ONCE])
        rows = Study.objects.filter(
            models.Q(cloud_id__in=some) | models.Q(patient__cloud_id__in=some),
            domain_id__in=domain_ids,
        ).values_list("cloud_id", "patient__cloud_id")
        owners += [UidOwner(study, patient) for study, patient in rows.order_by("pk")]
    return owners


def search_patient(
    domain_ids: Sequence[uuid.UUID], patient_id: str, issuer: str = "", *, default_issuer: str = ""
) -> list[str]:
    """Return the cloud study ids of an original patient id; give the organization's default issuer
    as `identities` was given it."""
    indexed = normalise_patient_id(patient_id, issuer.strip(" \0") or default_issuer)
    found: list[str] = []
    for domain_id in domain_ids:
        keys = open_keys(domain_id)
        indexes = [keys.patient_index(version, *indexed) for version in keys.versions]
        statement = f"{_STUDIES_OF}{places(indexes)} ORDER BY s.id"
        found += [row[0] for row in select(statement, [uuid_value(domain_id), *indexes])]
    return found


def batch_mapping(domain_id: uuid.UUID, batch_id: uuid.UUID) -> Iterator[FileMapping]:
    """Give every instance that a batch sent out, study by study; one twice sent stands once."""
    keys = open_keys(domain_id)
    rows = InstanceRow.objects.filter(domain_id=domain_id, batch_id=batch_id)
    study_ids = rows.order_by("study").values_list("study", flat=True).distinct()
    for study_id in study_ids:
        study = Study.objects.select_related("patient").get(pk=study_id)
        values = open_study(keys, study).values
        patient = open_patient(keys, study.patient)
        patient_id = patient.values.get("PatientID", ("",))[0]
        study_uid = values["StudyInstanceUID"][0]
        shown = study.cloud_id if study.scheme == "study" else study.patient.cloud_id
        new_patient_id = f"{study.prefix}-{shown}"
        seen: dict[tuple[str, str, str], dict[str, str]] = {}
        for row in rows.filter(study=study).order_by("pk"):
            content = open_instances(keys, row, study.cloud_id)
            seen.update((file, content.kept) for file in content.files if file not in seen)
        for (path, sop, series), kept in seen.items():
            yield FileMapping(
                path,
                patient_id,
                new_patient_id,
                study_uid,
                series,
                sop,
                study.patient.cloud_id,
                study.cloud_id,
                *(kept.get(uid) or keys.uid(uid) for uid in (study_uid, series, sop)),
            )


def domain_of_patient(domain_ids: Sequence[uuid.UUID], cloud_patient_id: str) -> uuid.UUID | None:
    """Return which of the domains has a cloud patient, without opening anything."""
    rows = Patient.objects.filter(domain_id__in=domain_ids, cloud_id=cloud_patient_id)
    return rows.values_list("domain_id", flat=True).first()


def missing_studies(cloud_study_ids: Sequence[str]) -> list[str]:
    """Return which of the cloud study ids the vault doesn't know."""
    known = set(
        Study.objects.filter(cloud_id__in=cloud_study_ids).values_list("cloud_id", flat=True)
    )
    return [cloud_id for cloud_id in cloud_study_ids if cloud_id not in known]


def _find(statement: str, name: str | None, domain_ids: Sequence[uuid.UUID]) -> StudyMapping | None:
    """Return the study that a statement finds by a name, in any of the domains."""
    if not name or not domain_ids:
        return None
    within = [uuid_value(domain_id) for domain_id in domain_ids]
    rows = select(f"{statement}{places(within)} ORDER BY s.id, i.id", [name, *within])
    return _study_mapping([row for row in rows if row[0] == rows[0][0]]) if rows else None


def _study_mapping(rows: list[tuple[Any, ...]]) -> StudyMapping:
    """Return the study of rows that differ in their instances only; without any there is one."""
    _pk, domain_id, cloud_id, prefix, scheme, version, sealed, *rest = rows[0]
    patient = SealedRow(*rest[:3])
    keys = open_keys(as_uuid(domain_id))
    study = open_study(keys, SealedRow(cloud_id, version, sealed))
    dates, uids = _sent_out(keys, cloud_id, [row[-4:] for row in rows if row[-4] is not None])
    return StudyMapping(
        domain_id=keys.domain_id,
        cloud_study_id=cloud_id,
        cloud_patient_id=patient.cloud_id,
        prefix=prefix,
        scheme=scheme,
        date_shift=keys.date_shift(patient.cloud_id),
        patient=open_patient(keys, patient).values,
        study=study.values,
        dates=tuple(dates),
        uids=uids,
    )


def _sent_out(
    keys: DomainKeys, cloud_id: str, instances: Iterable[tuple[Any, ...]]
) -> tuple[dict[SentDate, None], dict[str, str]]:
    """Return the dates that were sent out, and the originals of all UIDs that were."""
    dates: dict[SentDate, None] = {}
    uids: dict[str, str] = {}
    for batch_id, *rest in instances:
        row = SealedInstances(as_uuid(batch_id), *rest)
        content = open_instances(keys, row, cloud_id)
        dates.update(content.dates)
        uids.update((content.kept.get(old) or keys.uid(old), old) for old in content.uids)
    return dates, uids
