"""An event as a DICOM audit message, PS3.15 A.5.1: XML built by the standard library."""

import base64
from xml.etree.ElementTree import Element, SubElement, tostring

from audit import conf
from audit.canonical import canonical_json, canonical_time
from audit.fhir import action_code
from audit.models import Event

_OUTCOME = {"success": "0", "refused": "4", "failed": "8"}
_LIFE_CYCLE = {
    "originate": "1",
    "receive": "2",
    "amend": "3",
    "verify": "4",
    "access": "6",
    "deidentify": "7",
    "pseudonymize": "7",
    "report": "9",
    "extract": "10",
    "transmit": "10",
    "disclose": "11",
    "reidentify": "11",
    "archive": "13",
    "destroy": "15",
}
_APPLICATION = ("110150", "DCM", "Application")
_OWN_SCHEME = "99AUDIT"


def audit_message(event: Event) -> bytes:
    """Return one AuditMessage, UTF-8 without declaration, in the order the schema demands."""
    message = Element("AuditMessage")
    _identification(message, event)
    _participant(message, event)
    source = SubElement(
        message, "AuditSourceIdentification", AuditSourceID=_token(conf.option("SOURCE_ID"))
    )
    SubElement(source, "AuditSourceTypeCode", {"csd-code": "4"})
    if event.subject:
        _object(message, event, event.subject, event.subject_kind or "subject", has_detail=True)
    if event.context:
        _object(message, event, event.context, "context", has_detail=not event.subject)
    written: bytes = tostring(message, encoding="utf-8", xml_declaration=False)
    return written


def _identification(message: Element, event: Event) -> None:
    word = event.word
    identification = SubElement(
        message,
        "EventIdentification",
        EventActionCode=action_code(event),
        EventDateTime=canonical_time(event.at),
        EventOutcomeIndicator=_OUTCOME[event.outcome],
    )
    _coded(identification, "EventID", word.dicom_event[0], "DCM", word.dicom_event[1])
    if word.dicom_type:
        _coded(identification, "EventTypeCode", word.dicom_type[0], "DCM", word.dicom_type[1])
    _coded(identification, "EventTypeCode", event.action, _OWN_SCHEME, event.action)
    if event.outcome != "success":
        SubElement(identification, "EventOutcomeDescription").text = event.outcome


def _participant(message: Element, event: Event) -> None:
    participant = SubElement(
        message,
        "ActiveParticipant",
        UserID=_text(event.actor_id),
        UserName=_text(event.actor_label),
        UserIsRequestor="true",
    )
    if event.actor_address:
        participant.set("NetworkAccessPointID", _token(event.actor_address))
        participant.set("NetworkAccessPointTypeCode", "2")
    if event.actor_kind in {"job", "system"}:
        _coded(participant, "RoleIDCode", *_APPLICATION)
    role = event.actor_role or event.actor_kind
    _coded(participant, "RoleIDCode", _token(role), _OWN_SCHEME, _token(role))


def _object(message: Element, event: Event, name: str, kind: str, *, has_detail: bool) -> None:
    thing = SubElement(
        message,
        "ParticipantObjectIdentification",
        ParticipantObjectID=_token(name),
        ParticipantObjectTypeCode="2",
    )
    life_cycle = _LIFE_CYCLE.get(event.word.fhir_subtype)
    if life_cycle:
        thing.set("ParticipantObjectDataLifeCycle", life_cycle)
    _coded(thing, "ParticipantObjectIDTypeCode", _token(kind), _OWN_SCHEME, _token(kind))
    SubElement(thing, "ParticipantObjectName").text = _token(name)
    for key, value in event.detail.items() if has_detail else ():
        raw = value if isinstance(value, str) else canonical_json(value)
        SubElement(
            thing,
            "ParticipantObjectDetail",
            type=_token(key),
            value=base64.b64encode(raw.encode()).decode("ascii"),
        )


def _coded(parent: Element, name: str, code: str, scheme: str, meaning: str) -> None:
    SubElement(parent, name, {"csd-code": code, "codeSystemName": scheme, "originalText": meaning})


def _text(value: str) -> str:
    """Drop what XML 1.0 can't carry at all."""
    return "".join(one for one in value if one >= " " and one not in "\ufffe\uffff")


def _token(value: str) -> str:
    return " ".join(_text(value).split())
