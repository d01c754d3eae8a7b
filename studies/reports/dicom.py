"""DICOM objects that come back: structured reports, key objects, segmentations, presentation
states, structure sets, encapsulated PDF. Every UID that we made goes back to its original, and the
object's own new UIDs stay; the library's data sets don't leave this module.
"""

import logging
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from typing import Any

from pydicom import config, dcmread
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError

from studies.reports import dicom_classes as classes
from studies.reports import dicom_content, pdf
from studies.reports.dicom_restoring import restore_dataset
from studies.reports.identity import PatientIdentity, Strip
from studies.reports.report import (
    Found,
    Mark,
    ReidentifiedReport,
    ReportError,
    ReturnedReport,
    Status,
    unique,
)
from studies.reports.text import Restorer, find_in_text, sections_of

_DAMAGED = (
    InvalidDicomError, BytesLengthException, ValueError, KeyError, TypeError, AttributeError,
    IndexError, EOFError, RecursionError, OverflowError, NotImplementedError, OSError, MemoryError,
    zlib.error, struct.error, LookupError,
)  # fmt: skip
_FIELDS = {
    "AccessionNumber": "(0008,0050)",
    "StudyID": "(0020,0010)",
    "PatientID": "(0010,0020)",
    "PatientName": "(0010,0010)",
}
_STUDY_UID = 0x0020000D
_TEXT_VRS = {"AE", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"}

# It quotes values that it stumbles over, and they have no place in a log.
logging.getLogger("pydicom").setLevel(logging.CRITICAL)


def read(body: bytes, prefix: str = "") -> ReturnedReport:
    """Read one object: what it is, what it names, and what it says."""
    ds = _parsed(body)
    sop_class = str(ds.get("SOPClassUID", ""))
    try:
        _require_class(ds, sop_class)
        found, mistyped = _names(ds, prefix)
        sections = dicom_content.sections(ds)
        marks: tuple[Mark, ...] = ()
        if sop_class == classes.ENCAPSULATED_PDF:
            inner = pdf.read(_encapsulated(ds), prefix)
            found += [replace(one, place="text") for one in inner.found]
            sections += [(section.heading, section.text) for section in inner.sections]
            marks = inner.marks
        return ReturnedReport(
            format="dicom",
            body=body,
            content_type="application/dicom",
            extension="dcm",
            status=_status(ds, sop_class),
            found=tuple(_merged(found)),
            mistyped=unique(mistyped),
            own_id=str(ds.get("SOPInstanceUID", "")),
            follows=tuple(_predecessors(ds)),
            sections=sections_of(sections),
            marks=marks,
        )
    except _DAMAGED:
        raise ReportError("dicom-malformed") from None


def restore(report: ReturnedReport, identity: PatientIdentity, strip: Strip) -> ReidentifiedReport:
    """Return the object with the hospital's own identifiers and UIDs."""
    ds = _parsed(report.body)
    restorer = Restorer(identity)
    marks: list[Mark] = []
    try:
        restore_dataset(ds, restorer)
        if str(ds.SOPClassUID) == classes.ENCAPSULATED_PDF:
            inner = pdf.restore(pdf.read(_encapsulated(ds)), identity, strip)
            _put_encapsulated(ds, inner.body)
            marks += inner.marks
        body = _written(ds)
    except _DAMAGED:
        raise ReportError("dicom-malformed") from None
    shown = Restorer(identity)
    display = tuple(
        replace(section, pieces=shown.pieces(section.text)) for section in report.sections
    )
    return ReidentifiedReport(
        format=report.format,
        body=body,
        content_type=report.content_type,
        file_name="report.dcm",
        display=display,
        marks=unique([*restorer.marks, *shown.marks, *report.marks, *marks]),
    )


def _parsed(body: bytes) -> Dataset:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ds = dcmread(BytesIO(body))
            ds.decode()
            for _item in _items(ds):
                pass
    except _DAMAGED:
        raise ReportError("dicom-malformed") from None
    return ds


def _written(ds: Dataset) -> bytes:
    out = BytesIO()
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        ds.save_as(out, enforce_file_format=True)
    return out.getvalue()


def _items(ds: Dataset) -> Iterator[DataElement]:
    """Give every element of a data set, nested ones too."""
    for element in ds:
        yield element
        if element.VR == "SQ":
            for item in element.value:
                yield from _items(item)


# --- what it is --------------------------------------------------------------------------------


def _require_class(ds: Dataset, sop_class: str) -> None:
    if not ds.get("SOPInstanceUID"):
        raise ReportError("dicom-malformed", "(0008,0018)")
    allowed = classes.STRUCTURED_REPORTS.get(sop_class)
    if allowed is None:
        if sop_class not in classes.OTHERS:
            raise ReportError("dicom-not-a-report", "(0008,0016)")
        return
    if ds.get("ValueType") != "CONTAINER" or "ContentSequence" not in ds:
        raise ReportError("sr-structure", "(0040,A730)")
    dicom_content.require_items(ds, allowed)
    _require_template(ds, sop_class)


def _require_template(ds: Dataset, sop_class: str) -> None:
    wanted = classes.TEMPLATES.get(sop_class)
    for item in ds.get("ContentTemplateSequence", []):
        if wanted and str(item.get("TemplateIdentifier", "")) not in wanted:
            raise ReportError("sr-template", "(0040,A504)")
    concepts = classes.ROOT_CONCEPTS.get(sop_class)
    names = [str(one.get("CodeValue", "")) for one in ds.get("ConceptNameCodeSequence", [])]
    if concepts and not set(names) & set(concepts):
        raise ReportError("sr-template", "(0040,A043)")


def _status(ds: Dataset, sop_class: str) -> Status:
    if sop_class not in classes.STRUCTURED_REPORTS or sop_class == classes.KEY_OBJECTS:
        return ""
    title = " ".join(
        str(one.get("CodeMeaning", "")) for one in ds.get("ConceptNameCodeSequence", [])
    )
    if "addend" in title.lower():
        return "addendum"
    is_partial = ds.get("CompletionFlag") == "PARTIAL" or ds.get("PreliminaryFlag") == "PRELIMINARY"
    if is_partial:
        return "preliminary"
    if "PredecessorDocumentsSequence" in ds and ds.PredecessorDocumentsSequence:
        return "corrected"
    return "final" if ds.get("VerificationFlag") == "VERIFIED" else "preliminary"


def _predecessors(ds: Dataset) -> Iterator[str]:
    for study in ds.get("PredecessorDocumentsSequence", []):
        for series in study.get("ReferencedSeriesSequence", []):
            for one in series.get("ReferencedSOPSequence", []):
                yield str(one.get("ReferencedSOPInstanceUID", ""))


# --- what it names -----------------------------------------------------------------------------


def _names(ds: Dataset, prefix: str) -> tuple[list[Found], list[str]]:
    found: list[Found] = []
    mistyped: list[str] = []
    own = ds.get("SOPInstanceUID")
    for element in ds:
        place = _FIELDS.get(element.keyword, "")
        for nested in _items_of(element):
            for value in _values(nested):
                if nested.VR == "UI":
                    if value and value != own:
                        kind = "uid" if element.tag == _STUDY_UID else "reference"
                        found.append(Found(value, kind, str(nested.tag), False))  # type: ignore[arg-type]
                elif nested.VR in _TEXT_VRS:
                    names, wrong = find_in_text(value, prefix)
                    mistyped += [place or "text" for _ in wrong]
                    found += [replace(one, place=place or "text") for one in names]
    return found, mistyped


def _items_of(element: DataElement) -> Iterator[DataElement]:
    yield element
    if element.VR == "SQ":
        for item in element.value:
            yield from _items(item)


def _values(element: DataElement) -> list[str]:
    value: Any = element.value
    if value is None or element.VR == "SQ" or isinstance(value, bytes):
        return []
    many = value if element.VM > 1 and not isinstance(value, str) else [value]
    return [str(one) for one in many]


def _merged(found: list[Found]) -> Iterator[Found]:
    """Give each name once, as the most telling of its places has it."""
    order = {"uid": 0, "any": 1, "reference": 2}
    best: dict[str, Found] = {}
    for one in found:
        known = best.get(one.value)
        if known is None or (order[one.kind], not one.is_in_field) < (
            order[known.kind],
            not known.is_in_field,
        ):
            best[one.value] = one
    yield from best.values()


# --- encapsulated PDF --------------------------------------------------------------------------


def _encapsulated(ds: Dataset) -> bytes:
    data = ds.get("EncapsulatedDocument")
    if not isinstance(data, bytes):
        raise ReportError("dicom-malformed", "(0042,0011)")
    length = ds.get("EncapsulatedDocumentLength")
    plain = data[: int(length)] if length else data
    if not pdf.is_pdf(plain):
        raise ReportError("pdf-malformed", "(0042,0011)")
    return plain


def _put_encapsulated(ds: Dataset, data: bytes) -> None:
    had_length = "EncapsulatedDocumentLength" in ds
    ds.EncapsulatedDocument = data + b"\0" * (len(data) % 2)
    if had_length:
        ds.EncapsulatedDocumentLength = len(data)
