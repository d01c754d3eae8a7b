"""Reports that come back: one module per format, pure over their bytes.

`read_report` says what a report names; `reidentify_document` puts one patient into it. What the
names stand for comes from the caller. Nothing here reads a database, a file or an address.
"""

from dataclasses import replace
from importlib import import_module
from typing import Any

from studies.reports.identity import PatientIdentity, Strip, StudyIdentity
from studies.reports.report import (
    Found,
    Mark,
    Piece,
    ReidentifiedReport,
    ReportError,
    ReturnedReport,
    Section,
)

__all__ = [
    "FORMATS",
    "Found",
    "Mark",
    "PatientIdentity",
    "Piece",
    "ReidentifiedReport",
    "ReportError",
    "ReturnedReport",
    "Section",
    "Strip",
    "StudyIdentity",
    "detect_format",
    "read_report",
    "reidentify_document",
]

# Loaded when a report of the format comes: their libraries are large.
FORMATS = {
    "text": "studies.reports.text",
    "hl7": "studies.reports.hl7v2",
    "fhir": "studies.reports.fhir",
    "dicom": "studies.reports.dicom",
    "pdf": "studies.reports.pdf",
}
_PDF_HEAD = 1024
_XML = (b"<DiagnosticReport", b"<Bundle", b"http://hl7.org/fhir")


def detect_format(body: bytes, hint: str = "") -> str:
    """Return the format that the bytes are in; `hint` (a media type) decides where they can't."""
    if body[128:132] == b"DICM":
        return "dicom"
    if b"%PDF-" in body[:_PDF_HEAD]:
        return "pdf"
    head = body[:4096].lstrip(b"\xef\xbb\xbf\x0b \t\r\n")
    if head[:3] in (b"MSH", b"FHS", b"BHS") and len(head) > 3 and not head[3:4].isalnum():
        return "hl7"
    if head.startswith(b"{\\rtf"):
        raise ReportError("format-unknown")
    if head.startswith(b"{"):
        return "fhir"
    if head.startswith(b"<") and any(mark in head for mark in _XML):
        raise ReportError("fhir-not-json")
    media = hint.partition(";")[0].strip().lower()
    for name, media_types in _MEDIA.items():
        if media in media_types:
            return name
    return "text"


_MEDIA: dict[str, tuple[str, ...]] = {
    "dicom": ("application/dicom",),
    "pdf": ("application/pdf",),
    "hl7": ("application/hl7-v2", "application/edi-hl7v2", "x-application/hl7-v2+er7"),
    "fhir": ("application/fhir+json",),
}


def read_report(body: bytes, *, hint: str = "", prefix: str = "") -> ReturnedReport:
    """Read a report of any format; `prefix` is that of the organization's pseudonyms.

    Raises ReportError, with a code and a place, for anything that isn't a whole, usable report.
    """
    module = _module(detect_format(body, hint))
    report: ReturnedReport = module.read(body, prefix)
    return report


def reidentify_document(
    report: ReturnedReport, identity: PatientIdentity, strip: Strip
) -> ReidentifiedReport:
    """Return the same document in the same format with the hospital's own identifiers."""
    restored: ReidentifiedReport = _module(report.format).restore(report, identity, strip)
    return replace(restored, own_id=report.own_id)


def _module(name: str) -> Any:
    return import_module(FORMATS[name])
