"""An event as a FHIR R5 AuditEvent. The subject is a cloud id, so there is no Patient in it."""

import uuid
from typing import Any

from audit import conf
from audit.canonical import canonical_time
from audit.models import Event

DCM = "http://dicom.nema.org/resources/ontology/DCM"
LIFECYCLE = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
SEVERITY = "http://hl7.org/fhir/issue-severity"
OWN = "urn:audit:action"

_OUTCOME = {"success": "success", "refused": "warning", "failed": "error"}
_ACTION = {
    "110101": "R",
    "110103": "R",
    "110106": "R",
    "110107": "C",
    "110105": "D",
    "110110": "U",
}


def action_code(event: Event) -> str:
    """Return create, read, update, delete or execute, as the act's DICOM event has it."""
    return _ACTION.get(event.word.dicom_event[0], "E")


def audit_event(event: Event) -> dict[str, Any]:
    """Return an event as an AuditEvent resource."""
    word = event.word
    code, meaning = word.dicom_event
    codings = [{"system": OWN, "code": event.action}]
    if word.dicom_type:
        codings.insert(
            0, {"system": DCM, "code": word.dicom_type[0], "display": word.dicom_type[1]}
        )
    if word.fhir_subtype:
        codings.insert(0, {"system": LIFECYCLE, "code": word.fhir_subtype})
    at = canonical_time(event.at)
    resource: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "id": str(event.uid),
        "category": [{"coding": [{"system": DCM, "code": code, "display": meaning}]}],
        "code": {"coding": codings},
        "action": action_code(event),
        "occurredDateTime": at,
        "recorded": at,
        "outcome": {
            "code": {"system": SEVERITY, "code": _OUTCOME[event.outcome]},
            "detail": [{"text": event.outcome}],
        },
        "agent": [_agent(event)],
        "source": {"observer": {"display": conf.option("SOURCE_ID")}},
    }
    entities = _entities(event)
    if entities:
        resource["entity"] = entities
    return resource


def _agent(event: Event) -> dict[str, Any]:
    agent: dict[str, Any] = {
        "type": {"text": event.actor_kind},
        "who": {"identifier": {"value": event.actor_id}, "display": event.actor_label},
        "requestor": True,
    }
    if event.actor_role:
        agent["role"] = [{"text": event.actor_role}]
    if event.actor_address:
        agent["networkString"] = event.actor_address
    return agent


def _entities(event: Event) -> list[dict[str, Any]]:
    entities = []
    if event.subject:
        entities.append(_entity(event.subject, event.subject_kind or "subject"))
    if event.context:
        entities.append(_entity(event.context, "context"))
    details = [
        {"type": {"text": name}, "valueString": value if isinstance(value, str) else repr(value)}
        for name, value in event.detail.items()
        if isinstance(value, str | int) and value != ""
    ]
    if details:
        entities.append({"role": {"text": "detail"}, "detail": details})
    return entities


def _entity(value: str, role: str) -> dict[str, Any]:
    return {"what": {"identifier": {"value": value}}, "role": {"text": role}}


def bundle_entry(event: Event) -> dict[str, Any]:
    """Return an event as an entry of a Bundle."""
    return {"fullUrl": uuid.UUID(str(event.uid)).urn, "resource": audit_event(event)}
