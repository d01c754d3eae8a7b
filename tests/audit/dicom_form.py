"""The form of a DICOM audit message (PS3.15 A.5.1), told in our own words, and its checker.

Written from the standard, not from the code that writes messages, and shares nothing with it: which
elements stand in which order and how often, which attributes they must and may carry, and how a
value is spelled. Codes of scheme DCM are looked up in pydicom's copy of PS3.16.
"""

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from xml.etree.ElementTree import Element

from pydicom.sr._concepts_dict import concepts


def is_token(value: str) -> bool:
    """Tell whether a text is an XML token: no line breaks, no blanks at the ends or doubled."""
    return value == " ".join(value.split())


def is_filled_token(value: str) -> bool:
    return bool(value) and is_token(value)


def is_moment(value: str) -> bool:
    """Tell whether a text is an xsd:dateTime with its zone: without one it names no moment."""
    form = re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", value)
    try:
        return form is not None and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def is_base64(value: str) -> bool:
    try:
        return base64.b64encode(base64.b64decode(value, validate=True)).decode() == value
    except ValueError:
        return False


def is_any(value: str) -> bool:
    return True


def among(*values: str) -> Callable[[str], bool]:
    return lambda value: value in values


def numbers(last: int) -> Callable[[str], bool]:
    return among(*(str(number) for number in range(1, last + 1)))


Check = Callable[[str], bool]
MANY = 10**6


@dataclass(frozen=True)
class Form:
    """What an element holds; `text` is None where it holds no text of its own."""

    must: dict[str, Check] = field(default_factory=dict)
    may: dict[str, Check] = field(default_factory=dict)
    children: tuple[tuple[str, int, int], ...] = ()
    text: Check | None = None
    scheme: tuple[int, ...] = ()  # the context groups that its DCM codes are of


def coded(*groups: int) -> Form:
    """Return the form of a coded value: code, scheme and meaning; a display name may follow."""
    return Form(
        {"csd-code": is_filled_token, "codeSystemName": is_filled_token, "originalText": is_token},
        {"displayName": is_token},
        scheme=groups,
    )


FORMS: dict[str, Form] = {
    "AuditMessage": Form(
        children=(
            ("EventIdentification", 1, 1),
            ("ActiveParticipant", 1, MANY),
            ("AuditSourceIdentification", 1, 1),
            ("ParticipantObjectIdentification", 0, MANY),
        )
    ),
    "EventIdentification": Form(
        {"EventDateTime": is_moment, "EventOutcomeIndicator": among("0", "4", "8", "12")},
        {"EventActionCode": among(*"CRUDE")},
        (("EventID", 1, 1), ("EventTypeCode", 0, MANY), ("EventOutcomeDescription", 0, 1)),
    ),
    "EventID": coded(400),
    "EventTypeCode": coded(401, 403),
    "EventOutcomeDescription": Form(text=is_any),
    "ActiveParticipant": Form(
        {"UserID": bool, "UserIsRequestor": among("true", "false", "0", "1")},
        {
            "AlternativeUserID": is_any,
            "UserName": is_any,
            "NetworkAccessPointID": is_token,
            "NetworkAccessPointTypeCode": numbers(5),
        },
        (("RoleIDCode", 0, MANY), ("MediaIdentifier", 0, 1)),
    ),
    "RoleIDCode": coded(402),
    "MediaIdentifier": Form(children=(("MediaType", 1, 1),)),
    "MediaType": coded(405),
    "AuditSourceIdentification": Form(
        {"AuditSourceID": is_filled_token},
        {"AuditEnterpriseSiteID": is_token},
        (("AuditSourceTypeCode", 0, MANY),),
    ),
    # The one code that may stand without a scheme: then it is one of RFC 3881's nine kinds.
    "AuditSourceTypeCode": Form(
        {"csd-code": numbers(9)},
        {"codeSystemName": is_token, "displayName": is_token, "originalText": is_token},
    ),
    "ParticipantObjectIdentification": Form(
        {"ParticipantObjectID": is_filled_token},
        {
            "ParticipantObjectTypeCode": numbers(4),
            "ParticipantObjectTypeCodeRole": numbers(26),
            "ParticipantObjectDataLifeCycle": numbers(15),
            "ParticipantObjectSensitivity": is_token,
        },
        (
            ("ParticipantObjectIDTypeCode", 1, 1),
            ("ParticipantObjectName", 0, 1),
            ("ParticipantObjectQuery", 0, 1),
            ("ParticipantObjectDetail", 0, MANY),
            ("ParticipantObjectDescription", 0, MANY),
        ),
    ),
    "ParticipantObjectIDTypeCode": coded(404),
    "ParticipantObjectName": Form(text=is_token),
    "ParticipantObjectQuery": Form(text=is_base64),
    "ParticipantObjectDetail": Form({"type": is_filled_token, "value": is_base64}),
    "ParticipantObjectDescription": Form(text=is_any),
}

# PS3.15 A.5.3: the action codes that each kind of event may have.
ACTION_CODES = {
    "110100": "E",
    "110101": "R",
    "110102": "E",
    "110103": "CRUD",
    "110104": "CRUD",
    "110105": "D",
    "110106": "R",
    "110107": "C",
    "110108": "E",
    "110109": "CRUDE",
    "110110": "CRUD",
    "110111": "CRUD",
    "110112": "E",
    "110113": "E",
    "110114": "E",
}
DCM = {
    code: (meaning, groups)
    for entries in concepts["DCM"].values()
    for code, (meaning, groups) in entries.items()
}


def faults(message: Element) -> list[str]:
    """Return what in a message is not as the standard has it, each with its place."""
    if message.tag != "AuditMessage":
        return [f"{message.tag} is no message"]
    return [*_faults(message, message.tag), *_faults_across(message)]


def _faults(element: Element, where: str) -> Iterator[str]:
    form = FORMS.get(element.tag)
    if form is None:
        yield f"{where}: not of the standard"
        return
    known = form.must | form.may
    yield from (f"{where}: without {name}" for name in form.must if name not in element.attrib)
    for name, value in element.attrib.items():
        if name not in known:
            yield f"{where}: {name} is not of the standard"
        elif not known[name](value):
            yield f"{where}: {name} can not be {value!r}"
    yield from _faults_of_text(element, form, where)
    yield from _faults_of_code(element, form, where)
    yield from _faults_of_children(element, form, where)
    for child in element:
        yield from _faults(child, f"{where}/{child.tag}")


def _faults_of_text(element: Element, form: Form, where: str) -> Iterator[str]:
    text = element.text or ""
    if form.text is None:
        if text.strip() or any((child.tail or "").strip() for child in element):
            yield f"{where}: holds text"
    elif not form.text(text):
        yield f"{where}: holds {text!r}"


def _faults_of_code(element: Element, form: Form, where: str) -> Iterator[str]:
    if not form.scheme or element.get("codeSystemName") != "DCM":
        return
    meaning, groups = DCM.get(element.get("csd-code", ""), ("", []))
    if element.get("originalText") != meaning:
        yield f"{where}: {element.get('csd-code')} does not mean {element.get('originalText')!r}"
    if not set(form.scheme) & set(groups):
        yield f"{where}: {element.get('csd-code')} is of another context group"


def _faults_of_children(element: Element, form: Form, where: str) -> Iterator[str]:
    tags = [child.tag for child in element]
    for name, least, most in form.children:
        if not least <= tags.count(name) <= most:
            yield f"{where}: {tags.count(name)} of {name}"
    order = [name for name, _least, _most in form.children]
    places = [order.index(tag) for tag in tags if tag in order]
    if places != sorted(places) or len(places) != len(tags):
        yield f"{where}: children in another order, or others"


def _faults_across(message: Element) -> Iterator[str]:
    """Return what no element can tell alone."""
    event = message.find("EventIdentification")
    code = event.find("EventID") if event is not None else None
    if event is not None and code is not None and code.get("codeSystemName") == "DCM":
        allowed = ACTION_CODES.get(code.get("csd-code", ""), "")
        if event.get("EventActionCode", "E") not in allowed:
            yield f"EventActionCode {event.get('EventActionCode')} on {code.get('csd-code')}"
    for one in message.iter("ParticipantObjectIdentification"):
        if len(one.findall("ParticipantObjectName") + one.findall("ParticipantObjectQuery")) != 1:
            yield "an object has a name or a query, and one of them"
    for one in message.iter("ActiveParticipant"):
        if ("NetworkAccessPointID" in one.attrib) != ("NetworkAccessPointTypeCode" in one.attrib):
            yield "a network access point has an id and a kind, or neither"
