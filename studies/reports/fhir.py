"""FHIR DiagnosticReport, R4 and R5, alone or in a Bundle: what it names, and putting back.

References to other servers are never followed. Identifiers go where the pseudonyms stood, by the
type that the resource gives them; the patient's name, birth date and sex into the Patient.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import replace
from typing import Any

from studies.deid.cloudid import parse_cloud_id
from studies.reports import pdf
from studies.reports.dates import dates_in
from studies.reports.fhir_people import put_patient, put_subject
from studies.reports.fhir_tree import Document, Text, Tree, escape_html, parse, plain_html, strings
from studies.reports.identity import PatientIdentity, Strip
from studies.reports.report import (
    Found,
    ReidentifiedReport,
    ReportError,
    ReturnedReport,
    Status,
    unique,
)
from studies.reports.text import Restorer, find_in_text, sections_of, whole_id

_STATES: dict[str, Status] = {
    "registered": "preliminary", "partial": "preliminary", "preliminary": "preliminary",
    "modified": "preliminary", "final": "final", "amended": "corrected", "corrected": "corrected",
    "appended": "addendum",
}  # fmt: skip
_WITHDRAWN = {"cancelled", "entered-in-error"}
# Names whose text is never of a person: keys, codes, addresses, and what is handled apart.
_SILENT = {
    "resourceType", "id", "reference", "url", "fullUrl", "system", "code", "status", "contentType",
    "hash", "data", "language", "use", "type", "versionId", "profile", "unit", "gender",
    "birthDate", "implicitRules", "mode",
}  # fmt: skip
_WORDS = {"conclusion", "div", "text", "valueString", "valueMarkdown", "description", "display",
          "title", "comment", "note", "valueAnnotation"}  # fmt: skip
_STUDIES = ("imagingStudy", "study")
_BY_TYPE = {
    "ACSN": "AccessionNumber", "PLAC": "PlacerOrderNumber", "FILL": "FillerOrderNumber",
    "MR": "PatientID", "PI": "PatientID", "PT": "PatientID",
}  # fmt: skip
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}(?:T[0-9:.+\-Z]*)?\Z")
_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def read(body: bytes, prefix: str = "") -> ReturnedReport:
    """Read one report and what it names."""
    document = parse(body)
    reports = document.of_type("DiagnosticReport")
    status = _status(reports)
    _require_local(document, reports)
    _require_one_patient(document)
    found: list[Found] = []
    mistyped: list[str] = []
    marks: list[Any] = []
    for one_text, text in _texts(document, marks):
        resource, path = one_text.resource, one_text.path
        place = f"{resource}.{path[0]}" if "identifier" in path or "uid" in path else "text"
        names, wrong = find_in_text(text, prefix)
        mistyped += [place for _ in wrong]
        is_study = resource == "ImagingStudy" and path[:1] == ("identifier",)
        for one in names:
            kind = "uid" if one.kind == "reference" and is_study else one.kind
            found.append(replace(one, kind=kind, place=place))
    return ReturnedReport(
        format="fhir",
        body=body,
        content_type="application/fhir+json",
        extension="json",
        status=status,
        found=unique(found),
        mistyped=unique(mistyped),
        own_id=_own_id(reports[0]),
        sections=sections_of(_sections(document)),
        marks=unique(marks),
        document=body,
    )


def _status(reports: list[Tree]) -> Status:
    stated = [str(one.get("status", "")) for one in reports]
    if all(one in _WITHDRAWN for one in stated):
        raise ReportError("report-withdrawn", "DiagnosticReport.status")
    if any(one not in _STATES and one not in _WITHDRAWN and one != "unknown" for one in stated):
        raise ReportError("fhir-invalid", "DiagnosticReport.status")
    return next((_STATES[one] for one in stated if one in _STATES), "")


def _require_local(document: Document, reports: list[Tree]) -> None:
    """Refuse a report whose patient or study is only an address somewhere else."""
    here = document.full_urls()
    for report in reports:
        for name in ("subject", *_STUDIES):
            held = report.get(name)
            for one in held if isinstance(held, list) else [held] if held else []:
                address = str(one.get("reference", "")) if isinstance(one, dict) else ""
                if _ABSOLUTE.match(address) and address not in here:
                    raise ReportError("fhir-foreign-reference", f"DiagnosticReport.{name}")


def _require_one_patient(document: Document) -> None:
    """Refuse a document whose Patient resources aren't all the same patient."""
    stated = {
        tuple(sorted(str(one.get("value", "")) for one in patient.get("identifier") or []))
        for patient in document.of_type("Patient")
    }
    if len(stated) > 1:
        raise ReportError("two-patients-in-report", "Patient.identifier")


def _own_id(report: Tree) -> str:
    for one in report.get("identifier") or []:
        value = str(one.get("value", ""))
        if value and "ACSN" not in _codes(one) and not parse_cloud_id(value.rpartition("-")[2]):
            return f"{one.get('system', '')}|{value}"
    return f"id|{report['id']}" if report.get("id") else ""


def _codes(identifier: Tree) -> set[str]:
    kind = identifier.get("type") or {}
    return {str(one.get("code", "")) for one in kind.get("coding") or []}


def _texts(document: Document, marks: list[Any]) -> list[tuple[Text, str]]:
    """Return what may name somebody, with its words."""
    found = []
    for one in strings(document.root):
        if _is_attachment(one):
            found.append((one, _attached_text(one.holder, marks)))
        elif one.name == "div":
            found.append((one, plain_html(one.value)))
        elif one.name not in _SILENT:
            found.append((one, one.value))
    return found


def _is_attachment(one: Text) -> bool:
    return one.name == "data" and isinstance(one.holder, dict) and "contentType" in one.holder


# --- attached documents ------------------------------------------------------------------------


def _attached(holder: Tree) -> bytes:
    try:
        return base64.b64decode("".join(str(holder["data"]).split()), validate=True)
    except (binascii.Error, ValueError):
        raise ReportError("fhir-malformed", "presentedForm.data") from None


def _attached_text(holder: Tree, marks: list[Any]) -> str:
    data = _attached(holder)
    if pdf.is_pdf(data):
        inner = pdf.read(data)
        marks += inner.marks
        return inner.plain_text()
    text = _decoded(data) if str(holder["contentType"]).startswith("text/") else ""
    return plain_html(text) if "html" in str(holder["contentType"]) else text


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ReportError("wrong-charset", "presentedForm.data") from None


def _restore_attachment(holder: Tree, restorer: Restorer, strip: Strip) -> None:
    data, kind = _attached(holder), str(holder["contentType"])
    if pdf.is_pdf(data):
        inner = pdf.restore(pdf.read(data), restorer.identity, strip)
        for mark in inner.marks:
            restorer.marks[mark] = None
        new = inner.body
    elif kind.startswith("text/"):
        escaped = Restorer(restorer.identity, escape=escape_html) if "html" in kind else restorer
        new = escaped.text(_decoded(data)).encode()
        for mark in escaped.marks:
            restorer.marks[mark] = None
    else:
        restorer.mark("attachment-kept", "presentedForm")
        return
    holder["data"] = base64.b64encode(new).decode()
    if "size" in holder:
        holder["size"] = str(len(new)) if isinstance(holder["size"], str) else len(new)
    if "hash" in holder:
        # FHIR defines Attachment.hash as SHA-1; it guards nothing here.
        digest = hashlib.sha1(new, usedforsecurity=False).digest()
        holder["hash"] = base64.b64encode(digest).decode()


# --- what a page shows -------------------------------------------------------------------------


def _sections(document: Document) -> list[tuple[str, str]]:
    shown: list[tuple[str, str]] = []
    for report in document.of_type("DiagnosticReport"):
        code = report.get("code") or {}
        coded = [str(one.get("display", "")) for one in code.get("coding") or []]
        title = str(code.get("text") or next(filter(None, coded), ""))
        shown.append((title, str(report.get("conclusion") or "")))
        narrative = (report.get("text") or {}).get("div")
        if narrative:
            shown.append((title, plain_html(str(narrative))))
        for one in report.get("presentedForm") or []:
            if "data" in one and "contentType" in one:
                shown.append((str(one.get("title") or "PDF"), _attached_text(one, [])))
    for resource in document.of_type("Observation"):
        name = (resource.get("code") or {}).get("text") or ""
        shown.append((str(name), str(resource.get("valueString") or "")))
    return shown


# --- putting back ------------------------------------------------------------------------------


def restore(report: ReturnedReport, identity: PatientIdentity, strip: Strip) -> ReidentifiedReport:
    """Return the resource with the hospital's own identifiers."""
    document = parse(report.document)
    restorer = Restorer(identity)
    in_markup = Restorer(identity, escape=escape_html)
    for one in list(strings(document.root)):
        if _is_attachment(one):
            _restore_attachment(one.holder, restorer, strip)
        elif one.name == "div":
            one.holder[one.key] = in_markup.text(one.value)
        elif one.name not in _SILENT:
            one.holder[one.key] = _restored(one, restorer)
    for patient in document.of_type("Patient"):
        if put_patient(patient, identity):
            restorer.mark("foreign-id-removed", "Patient.identifier")
    for resource in document.of_type("DiagnosticReport"):
        put_subject(resource, identity, has_patient=bool(document.of_type("Patient")))
    shown = Restorer(identity)
    display = tuple(
        replace(section, pieces=shown.pieces(section.text)) for section in report.sections
    )
    return ReidentifiedReport(
        format=report.format,
        body=document.to_bytes(),
        content_type=report.content_type,
        file_name="report.json",
        display=display,
        marks=unique([*restorer.marks, *in_markup.marks, *shown.marks, *report.marks]),
    )


def _restored(one: Text, restorer: Restorer) -> str:
    where = ".".join((one.resource, *one.path[:2]))
    if _MOMENT.match(one.value):
        return _restored_moment(one.value, where, restorer)
    if one.name == "value" and isinstance(one.holder, dict):
        known = whole_id(one.value)
        original = restorer.id_value(known) if known else None
        if original:
            return _number(one.holder, original, restorer.identity)
    return restorer.text(one.value, where, has_dates=bool(_WORDS.intersection(one.path)))


def _number(identifier: Tree, original: str, identity: PatientIdentity) -> str:
    """Return the hospital's number that an identifier is for, by the type it states."""
    for code in sorted(_codes(identifier)):
        name = _BY_TYPE.get(code)
        stated = identity.patient_id if name == "PatientID" else identity.study.first(name or "")
        if stated:
            return stated
    return original


def _restored_moment(value: str, where: str, restorer: Restorer) -> str:
    for found in dates_in(value[:10]):
        original = restorer.dates.original(found.day)
        if original is not None:
            return f"{original.isoformat()}{value[10:]}"
        if restorer.dates.is_doubtful(found.day):
            restorer.mark("date-unmatched", where)
    return value
