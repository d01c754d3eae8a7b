"""The words of a DICOM object, as a person reads them: an SR's tree, else what the object is."""

from collections.abc import Iterator
from typing import Any

from pydicom.dataset import Dataset

from studies.reports.report import ReportError

_MAX_ITEMS = 50_000
_MAX_DEPTH = 60
_SHOWN = (
    ("SeriesDescription", "Series"),
    ("ContentLabel", "Label"),
    ("ContentDescription", "Description"),
    ("StructureSetLabel", "Structure set"),
    ("DocumentTitle", "Document"),
)
_VALUES = {
    "TEXT": "TextValue", "DATETIME": "DateTime", "DATE": "Date", "TIME": "Time", "UIDREF": "UID",
    "PNAME": "PersonName",
}  # fmt: skip


def require_items(ds: Dataset, allowed: frozenset[str]) -> None:
    """Raise ReportError for a tree that isn't one of the class: types, depth, number of items."""
    count = 0
    for depth, item in _tree(ds):
        count += 1
        if count > _MAX_ITEMS or depth > _MAX_DEPTH:
            raise ReportError("sr-structure", "(0040,A730)")
        if "ReferencedContentItemIdentifier" in item:
            continue
        if item.get("ValueType") not in allowed:
            raise ReportError("sr-structure", "(0040,A040)")


def sections(ds: Dataset) -> list[tuple[str, str]]:
    """Return headings and texts of an object."""
    if "ContentSequence" not in ds:
        return [("", "\n".join(_described(ds)))]
    found: list[tuple[str, str]] = [(_name(ds), "")]
    for depth, item in _tree(ds):
        line = _line(item)
        if item.get("ValueType") == "CONTAINER":
            found.append((_name(item), ""))
        elif line:
            heading, text = found[-1]
            found[-1] = (heading, f"{text}\n{line}" if text else line)
        elif depth > _MAX_DEPTH:
            break
    return found


def _tree(ds: Dataset, depth: int = 1) -> Iterator[tuple[int, Dataset]]:
    if depth > _MAX_DEPTH + 1:
        return
    for item in ds.get("ContentSequence") or []:
        yield depth, item
        yield from _tree(item, depth + 1)


def _name(item: Dataset) -> str:
    return _meaning(item.get("ConceptNameCodeSequence"))


def _meaning(codes: Any) -> str:
    return str(codes[0].get("CodeMeaning", "")) if codes else ""


def _line(item: Dataset) -> str:
    kind = str(item.get("ValueType", ""))
    name = _name(item)
    value = ""
    if kind in _VALUES:
        value = str(item.get(_VALUES[kind], ""))
    elif kind == "CODE":
        value = _meaning(item.get("ConceptCodeSequence"))
    elif kind == "NUM":
        for measured in item.get("MeasuredValueSequence") or []:
            unit = _meaning(measured.get("MeasurementUnitsCodeSequence"))
            value = f"{measured.get('NumericValue', '')} {unit}".strip()
    elif kind in ("IMAGE", "COMPOSITE", "WAVEFORM"):
        value = ", ".join(
            str(one.get("ReferencedSOPInstanceUID", ""))
            for one in item.get("ReferencedSOPSequence") or []
        )
    if not value:
        return ""
    return f"{name}: {value}" if name else value


def _described(ds: Dataset) -> Iterator[str]:
    for keyword, label in _SHOWN:
        if ds.get(keyword):
            yield f"{label}: {ds.get(keyword)}"
    for segment in ds.get("SegmentSequence") or []:
        yield f"Segment {segment.get('SegmentNumber', '')}: {segment.get('SegmentLabel', '')}"
    for contour in ds.get("StructureSetROISequence") or []:
        yield f"ROI {contour.get('ROINumber', '')}: {contour.get('ROIName', '')}"
