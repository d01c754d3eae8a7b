"""HL7 v2 result messages (ORU^R01): which pseudonyms stand in which fields, and putting back.

Identifiers go into the fields that are meant for them; in every other field, and in text, they go
where the cloud id stood. The sender's own numbers and the dates of the reading stay.
"""

import base64
import binascii
import re
from dataclasses import replace

from studies.deid.cloudid import parse_cloud_id
from studies.reports import pdf
from studies.reports.hl7_syntax import Field, Message, parse
from studies.reports.identity import PatientIdentity, Strip, person_parts
from studies.reports.report import (
    Found,
    Piece,
    ReidentifiedReport,
    ReportError,
    ReturnedReport,
    Section,
    Status,
    unique,
)
from studies.reports.text import Restorer, find_in_text, sections_of, whole_id

_TEXT_TYPES = {"TX", "FT", "ST", "CE", "CWE", "CNE", "CF", "", "IS", "ID"}
_DATE_TYPES = {"DT", "TS", "DTM"}
_TEXTS = {("OBX", 5), ("NTE", 3)}
# When the examination was ordered, made and looked at; OBR-22 and MSH-7 are of the reading.
_DATES = {
    ("ORC", 7), ("ORC", 9), ("ORC", 15), ("OBR", 6), ("OBR", 7), ("OBR", 8), ("OBR", 14),
    ("OBR", 22), ("OBR", 27), ("OBR", 36), ("OBX", 14), ("OBX", 19), ("PV1", 44), ("PV1", 45),
    ("TXA", 4), ("TXA", 6), ("TXA", 7),
}  # fmt: skip
# What stands in a field of its own goes back as this attribute, else as the study's number.
_ORDERS = {
    ("ORC", 2): "PlacerOrderNumber", ("OBR", 2): "PlacerOrderNumber",
    ("ORC", 3): "FillerOrderNumber", ("OBR", 3): "FillerOrderNumber",
    ("ORC", 4): "", ("OBR", 18): "", ("OBR", 19): "RequestedProcedureID", ("OBR", 20): "",
    ("OBR", 21): "", ("IPC", 1): "", ("IPC", 2): "RequestedProcedureID",
}  # fmt: skip
_PATIENT_IDS = {("PID", 2), ("PID", 3), ("PID", 4), ("PID", 18)}
_STATES: dict[str, Status] = {
    "P": "preliminary", "R": "preliminary", "A": "preliminary", "S": "preliminary",
    "I": "preliminary", "O": "preliminary", "F": "final", "C": "corrected", "U": "final",
}  # fmt: skip
_WITHDRAWN = {"X", "D", "W"}
_ADDENDUM = re.compile(r"&ADT|addend", re.IGNORECASE)
_MAX_SHOWN = 200_000


def read(body: bytes, prefix: str = "") -> ReturnedReport:
    """Read one message and what it names."""
    message = parse(body)
    _require_one_patient(message)
    found: dict[tuple[str, str], Found] = {}
    mistyped: list[str] = []
    for field in message.fields():
        if field.segment == "MSH":
            continue
        is_text = (field.segment, field.number) in _TEXTS
        texts = [text for _name, text in _attached(message, field)] or [message.unescape(field.raw)]
        for text in texts:
            names, wrong = find_in_text(text, prefix)
            place = "text" if is_text else field.place
            mistyped += [place for _ in wrong]
            for one in names:
                _keep(found, replace(one, place=place))
    return ReturnedReport(
        format="hl7",
        body=body,
        content_type="application/hl7-v2",
        extension="hl7",
        status=_status(message),
        found=tuple(found.values()),
        mistyped=unique(mistyped),
        own_id=_own_id(message),
        control_id="|".join(message.first("MSH", number) for number in (3, 4, 10)),
        sections=sections_of(_sections(message)),
        document=body,
    )


def _require_one_patient(message: Message) -> None:
    """Refuse a message whose patient groups name different patients."""
    stated = {(message.get(row, 3), message.get(row, 5)) for row, _name in message.rows("PID")}
    if len(stated) > 1:
        raise ReportError("two-patients-in-report", "PID-3")


def _keep(found: dict[tuple[str, str], Found], one: Found) -> None:
    """Keep each name once: the Study UID that has a field of its own, and fields before text."""
    if one.kind == "reference" and one.place in ("ZDS-1", "IPC-3"):
        one = replace(one, kind="uid", is_certain=False)
    known = found.get((one.value, one.kind))
    if known is None or (one.is_in_field and not known.is_in_field):
        found[one.value, one.kind] = one


def _status(message: Message) -> Status:
    stated = [message.get(row, 25).strip().upper() for row, _name in message.rows("OBR")]
    observed = [message.get(row, 11).strip().upper() for row, _name in message.rows("OBX")]
    if stated and all(one in _WITHDRAWN for one in stated):
        raise ReportError("report-withdrawn", "OBR-25")
    if observed and all(one in _WITHDRAWN for one in observed):
        raise ReportError("report-withdrawn", "OBX-11")
    states = [_STATES[one] for one in stated if one in _STATES]
    states = states or [_STATES[one] for one in observed if one in _STATES]
    titles = [message.get(row, 3) for row, _name in message.rows("OBX")]
    if any(_ADDENDUM.search(title) for title in titles):
        return "addendum"
    for status in ("preliminary", "corrected", "final"):
        if status in states:
            return status
    return ""


def _own_id(message: Message) -> str:
    """Return the reader's own filler number; a cloud id is none."""
    for name, number in (("OBR", 3), ("ORC", 3)):
        own = message.unescape(message.first(name, number).split(message.comp)[0]).strip()
        if own and parse_cloud_id(own.rpartition("-")[2]) is None and not parse_cloud_id(own):
            return own
    return ""


# --- what a page shows -------------------------------------------------------------------------


def _sections(message: Message) -> list[tuple[str, str]]:
    """Return headings and texts: observations of one name that follow each other are one."""
    shown: list[tuple[str, str]] = []
    for row, name in message.rows():
        field = Field(name, row, 5 if name == "OBX" else 3, "")
        if (name, field.number) not in _TEXTS:
            continue
        field = replace(field, raw=message.get(row, field.number))
        title = _title(message, row) if name == "OBX" else ""
        for attached, text in _attached(message, field) or [("", _words(message, field))]:
            heading = attached or title
            if shown and shown[-1][0] == heading and not attached:
                shown[-1] = (heading, f"{shown[-1][1]}\n{text}"[:_MAX_SHOWN])
            else:
                shown.append((heading, text[:_MAX_SHOWN]))
    return shown


def _title(message: Message, row: int) -> str:
    code = [message.unescape(part) for part in message.get(row, 3).split(message.comp)]
    return (code[1] if len(code) > 1 and code[1] else code[0]).strip()


def _words(message: Message, field: Field) -> str:
    kind = message.get(field.row, 2) if field.segment == "OBX" else "TX"
    lines = field.raw.split(message.rep)
    if kind not in _TEXT_TYPES:
        return message.unescape(field.raw.replace(message.comp, " "))
    return "\n".join(message.unescape(line) for line in lines)


# --- attached documents ------------------------------------------------------------------------


def _attached(message: Message, field: Field) -> list[tuple[str, str]]:
    """Return the words of a document inside a field: [(name, text)], or nothing."""
    data = _document(message, field)
    if data is None:
        return []
    if pdf.is_pdf(data):
        inner = pdf.read(data)
        return [("PDF", inner.plain_text())]
    return [("", _as_text(data))]


def _document(message: Message, field: Field) -> bytes | None:
    if (field.segment, field.number) != ("OBX", 5) or message.get(field.row, 2) != "ED":
        return None
    parts = field.raw.split(message.comp)
    if len(parts) < 5:
        raise ReportError("hl7-malformed", "OBX-5")
    encoding, data = parts[3].strip().lower(), parts[4]
    if encoding == "a":
        return message.unescape(data).encode()
    try:
        if encoding == "hex":
            return binascii.unhexlify(data.strip())
        packed = re.sub(r"\\\.br\\|\s", "", data)
        return base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError):
        raise ReportError("hl7-malformed", "OBX-5") from None


def _as_text(data: bytes) -> str:
    """Return an attached text; of any other document, nothing."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return ""
    return "" if "\0" in text else text


# --- putting back ------------------------------------------------------------------------------


def restore(report: ReturnedReport, identity: PatientIdentity, strip: Strip) -> ReidentifiedReport:
    """Return the message with the hospital's own identifiers, in a character set that has them."""
    message = parse(report.document)
    restorer = Restorer(identity, escape=message.escape)
    for field in list(message.fields()):
        if field.segment != "MSH":
            message.put(field.row, field.number, _restored(message, field, restorer, strip))
    for row, _name in message.rows("PID"):
        _restore_patient(message, row, restorer)
    shown = Restorer(identity)
    display = tuple(
        Section(section.heading, shown.pieces(section.text)) for section in report.sections
    )
    return ReidentifiedReport(
        format=report.format,
        body=message.to_bytes(),
        content_type=report.content_type,
        file_name="report.hl7",
        display=display or (Section("", (Piece(""),)),),
        marks=tuple(dict.fromkeys([*restorer.marks, *shown.marks])),
    )


def _restored(message: Message, field: Field, restorer: Restorer, strip: Strip) -> str:
    key = (field.segment, field.number)
    kind = message.get(field.row, 2) if field.segment == "OBX" else ""
    if key == ("OBX", 5) and kind == "ED":
        return _restored_document(message, field, restorer, strip)
    if key in _DATES or (key == ("OBX", 5) and kind in _DATE_TYPES):
        return _restored_dates(message, field, restorer)
    if key in _ORDERS or key in _PATIENT_IDS:
        return _restored_numbers(message, field, restorer)
    if field.segment == "PID" and field.number in (5, 7, 8):
        return field.raw
    is_text = key in _TEXTS
    return restorer.text(field.raw, "text" if is_text else field.place, has_dates=is_text)


def _restored_numbers(message: Message, field: Field, restorer: Restorer) -> str:
    key = (field.segment, field.number)
    repetitions = message.components(field.raw)
    for parts in repetitions:
        ours = whole_id(message.unescape(parts[0]))
        value = restorer.id_value(ours) if ours else None
        # A Study UID may stand in another component of the same field.
        parts[1:] = [restorer.text(part, field.place, has_dates=False) for part in parts[1:]]
        if ours is None or value is None:
            continue
        if key in _PATIENT_IDS:
            _put_patient_id(message, parts, restorer.identity)
            continue
        own = _ORDERS[key] and restorer.identity.study.first(_ORDERS[key])
        if ours.cloud_id == restorer.identity.cloud_patient_id:
            own = restorer.identity.patient_id
        parts[0] = message.escape(own or value)
    return message.joined(repetitions)


def _put_patient_id(message: Message, parts: list[str], identity: PatientIdentity) -> None:
    """Write Patient ID and its issuer (CX-1, CX-4); a check digit of the pseudonym goes."""
    parts[0] = message.escape(identity.patient_id)
    issuer = identity.first("IssuerOfPatientID")
    parts[1:3] = ["" for _ in parts[1:3]]
    if issuer:
        parts += [""] * (4 - len(parts))
        parts[3] = message.escape(issuer)


def _restored_dates(message: Message, field: Field, restorer: Restorer) -> str:
    # Only the first component of a timing (OBR-27, ORC-7) quantity isn't a date: none has 8 digits.
    return message.rep.join(
        message.comp.join(restorer.date(part, field.place) for part in one)
        for one in message.components(field.raw)
    )


def _restored_document(message: Message, field: Field, restorer: Restorer, strip: Strip) -> str:
    data = _document(message, field)
    parts = field.raw.split(message.comp)
    if data is None:
        return field.raw
    if pdf.is_pdf(data):
        inner = pdf.restore(pdf.read(data), restorer.identity, strip)
        for mark in inner.marks:
            restorer.marks[mark] = None
        parts[3], parts[4] = "Base64", base64.b64encode(inner.body).decode()
        return message.comp.join(parts)
    text = _as_text(data)
    if not text:
        restorer.mark("attachment-kept", field.place)
        return field.raw
    plain = Restorer(restorer.identity)
    restored = plain.text(text)
    for mark in plain.marks:
        restorer.marks[mark] = None
    if parts[3].strip().lower() == "a":
        parts[4] = message.escape(restored)
    else:
        parts[3], parts[4] = "Base64", base64.b64encode(restored.encode()).decode()
    return message.comp.join(parts)


def _restore_patient(message: Message, row: int, restorer: Restorer) -> None:
    """Write who the patient is: id, name, birth date and sex, in the fields that are theirs."""
    identity = restorer.identity
    repetitions = message.components(message.get(row, 3))
    own = message.escape(identity.patient_id)
    if own not in [parts[0] for parts in repetitions]:
        entry = [own, "", "", message.escape(identity.first("IssuerOfPatientID"))]
        while entry and not entry[-1]:
            entry.pop()
        repetitions = [entry, *repetitions]
    # A number that nobody is named as the issuer of would be read as one of the hospital's.
    named = [one for one in repetitions if one[0] == own or (one[0] and len(one) > 3 and one[3])]
    if len(named) < len([one for one in repetitions if one[0]]):
        restorer.mark("foreign-id-removed", "PID-3")
    message.put(row, 3, message.joined(named))
    if identity.first("PatientName"):
        message.put(row, 5, _written_name(message, identity))
    if identity.first("PatientBirthDate"):
        message.put(row, 7, message.escape(identity.first("PatientBirthDate")))
    if identity.first("PatientSex"):
        message.put(row, 8, message.escape(identity.first("PatientSex")))


def _written_name(message: Message, identity: PatientIdentity) -> str:
    """Return the name as XPN: family^given^middle^suffix^prefix, one repetition per script."""
    groups = identity.name_groups
    several = sum(1 for group in groups if group) > 1
    written = []
    for group, code in zip(groups, "AIP", strict=True):
        if not group:
            continue
        family, given, middle, prefix, suffix = person_parts(group)
        parts = [family, given, middle, suffix, prefix, "", "L", code if several else ""]
        if not several:
            parts = parts[:5]
        while parts and not parts[-1]:
            parts.pop()
        written.append(message.comp.join(message.escape(part) for part in parts))
    return message.rep.join(written)
