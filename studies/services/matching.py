"""Whose a returned report is: its cloud ids and UIDs, resolved within one organization.

All of them have to lead to one patient, and to one study. Nothing sealed is opened here; what a
report names is answered with cloud ids only.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from studies.models import Instance, LinkageDomain, Organization
from studies.reports import Found, ReturnedReport
from studies.services.known import KnownStudy, known_studies
from studies.vault import service as vault

_AT_ONCE = 500


@dataclass
class Match:
    """Where a report leads: a study, or the code of what is in the way and its place."""

    study: KnownStudy | None = None
    code: str = ""
    where: str = ""


@dataclass
class _Names:
    """What the names of a report stand for in one organization."""

    studies: dict[str, KnownStudy] = field(default_factory=dict)
    patients: dict[str, None] = field(default_factory=dict)
    named: dict[str, str] = field(default_factory=dict)
    referred: dict[str, str] = field(default_factory=dict)
    unknown: str = ""


def match(organization: Organization, report: ReturnedReport) -> Match:
    """Return the one study that all names of a report lead to."""
    names = _resolve(organization, report.found)
    if report.mistyped:
        return Match(None, "mistyped-cloud-id", report.mistyped[0])
    if names.unknown:
        return Match(None, "unknown-cloud-id", names.unknown)
    if not names.patients:
        return Match(None, "no-cloud-id")
    if len(names.patients) > 1:
        return Match(None, "two-patients-in-report")
    wanted = names.named or names.referred
    if len(wanted) > 1:
        return Match(None, "several-studies-in-report", list(wanted.values())[-1])
    if not wanted:
        return Match(None, "no-study-id")
    return Match(names.studies[next(iter(wanted))])


def patients_of(organization: Organization, report: ReturnedReport) -> tuple[str, ...]:
    """Return the cloud patients that a report's names lead to, whatever else is wrong with it."""
    return tuple(_resolve(organization, report.found).patients)


def uids_of_others(
    organization: Organization, report: ReturnedReport, cloud_patient_id: str
) -> frozenset[str]:
    """Return the UIDs of a report that were made here, but for another patient only."""
    uids = [one.value for one in report.found if one.kind in ("uid", "reference")]
    return frozenset(
        uid
        for uid, known in _owners(organization, uids).items()
        if cloud_patient_id not in known.values()
    )


def _resolve(organization: Organization, found: Iterable[Found]) -> _Names:
    names = _Names()
    everything = list(found)
    cloud_ids = [one.value for one in everything if one.kind in ("study", "patient", "any")]
    uids = [one.value for one in everything if one.kind in ("uid", "reference")]
    owners = _owners(organization, uids)
    wanted = {*cloud_ids, *(study for known in owners.values() for study in known)}
    by_study = known_studies(organization, "cloud_study_id", wanted)
    by_patient = known_studies(organization, "cloud_patient_id", cloud_ids)
    for one in everything:
        if one.kind in ("uid", "reference"):
            for study, patient in owners.get(one.value, {}).items():
                names.patients[patient] = None
                if study in by_study:
                    names.studies[study] = by_study[study]
                    (names.named if one.kind == "uid" else names.referred)[study] = one.place
        elif one.value in by_study:
            study_row = by_study[one.value]
            names.studies[one.value] = study_row
            names.named.setdefault(one.value, one.place)
            names.patients[study_row.cloud_patient_id] = None
        elif one.value in by_patient:
            names.patients[one.value] = None
        elif one.is_certain:
            names.unknown = names.unknown or one.place
    return names


def _owners(organization: Organization, uids: list[str]) -> dict[str, dict[str, str]]:
    """Return for each UID that was sent out: cloud study id → cloud patient id."""
    owners: dict[str, dict[str, str]] = {}
    domains = list(
        LinkageDomain.objects.filter(organization=organization).values_list("pk", flat=True)
    )
    for uid, known in vault.owners_of_uids(domains, uids).items():
        owners[uid] = {one.cloud_study_id: one.cloud_patient_id for one in known}
    for start in range(0, len(uids), _AT_ONCE):
        rows = Instance.objects.filter(
            study__organization=organization,
            sop_instance_uid__in=uids[start : start + _AT_ONCE],
        ).values_list("sop_instance_uid", "study__cloud_study_id", "study__cloud_patient_id")
        for uid, study, patient in rows:
            if patient:
                owners.setdefault(uid, {})[study] = patient
    return owners
