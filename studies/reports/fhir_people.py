"""The patient in FHIR resources: a Patient's id, names, birth date and sex, and who is referred to.

The system of an identifier stays as the sender wrote it; who issued the hospital's id is its
assigner. Logical ids and addresses are the sender's own and stay.
"""

from typing import Any

from studies.reports.fhir_tree import Tree
from studies.reports.identity import PatientIdentity, person_parts, plain_name

_GENDERS = {"M": "male", "F": "female", "O": "other"}
_SCRIPT = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"
_SCRIPTS = ("ABC", "IDE", "SYL")


def put_patient(patient: Tree, identity: PatientIdentity) -> bool:
    """Write who the patient is into a Patient resource; say whether a foreign id was dropped.

    A number without a system would be read as one of the hospital's.
    """
    before = patient.get("identifier") or []
    identifiers = [
        one for one in before if one.get("value") == identity.patient_id or one.get("system")
    ]
    patient["identifier"] = identifiers
    dropped = len(identifiers) < len(before)
    ours = [one for one in identifiers if one.get("value") == identity.patient_id]
    if not ours:
        ours = [{"value": identity.patient_id}]
        identifiers.insert(0, ours[0])
    issuer = identity.first("IssuerOfPatientID")
    for one in ours:
        if issuer:
            one["assigner"] = {"display": issuer}
    if identity.first("PatientName"):
        patient["name"] = _names(identity)
        patient.pop("_name", None)
    born = identity.first("PatientBirthDate")
    if len(born) >= 8:
        patient["birthDate"] = f"{born[:4]}-{born[4:6]}-{born[6:8]}"
        patient.pop("_birthDate", None)
    gender = _GENDERS.get(identity.first("PatientSex"))
    if gender:
        patient["gender"] = gender
    return dropped


def put_subject(report: Tree, identity: PatientIdentity, *, has_patient: bool) -> None:
    """Say who a report is of: by the Patient that is with it, else by the hospital's id."""
    subject = report.setdefault("subject", {})
    if not has_patient:
        subject["identifier"] = {**subject.get("identifier", {}), "value": identity.patient_id}
        issuer = identity.first("IssuerOfPatientID")
        if issuer:
            subject["identifier"]["assigner"] = {"display": issuer}
    if "display" in subject or not has_patient:
        subject["display"] = plain_name(identity.first("PatientName"))


def _names(identity: PatientIdentity) -> list[Tree]:
    """Return the name, once per script it is written in."""
    groups = identity.name_groups
    several = sum(1 for group in groups if group) > 1
    names = []
    for group, script in zip(groups, _SCRIPTS, strict=True):
        if not group:
            continue
        family, given, middle, prefix, suffix = person_parts(group)
        name: dict[str, Any] = {"use": "official", "text": plain_name(group)}
        if several:
            name["extension"] = [{"url": _SCRIPT, "valueCode": script}]
        parts = {
            "given": [one for one in (given, middle) if one],
            "prefix": [prefix] if prefix else [],
            "suffix": [suffix] if suffix else [],
        }
        if family:
            name["family"] = family
        name |= {key: value for key, value in parts.items() if value}
        names.append(name)
    return names
