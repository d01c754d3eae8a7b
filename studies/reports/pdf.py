"""PDF reports: their words, and a cover strip on each page that says whose report it is.

The pages stay as they came, as vectors: the strip is added above them. Nothing in a PDF is ever
run; scripts, actions and embedded files aren't passed on.
"""

import logging
import zlib
from dataclasses import replace
from io import BytesIO
from typing import Any

from pypdf import PdfReader, PdfWriter, Transformation
from pypdf.errors import PyPdfError
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, RectangleObject

from studies.reports.cover_strip import draw
from studies.reports.identity import PatientIdentity, Strip
from studies.reports.report import (
    Mark,
    ReidentifiedReport,
    ReportError,
    ReturnedReport,
    unique,
)
from studies.reports.text import Restorer, find_in_text, sections_of

MAX_BYTES = 64 * 1024 * 1024
MAX_PAGES = 2000
_TEXT_PAGES = 300
_MAX_TEXT = 1_000_000
_MAX_CONTENT = 4_000_000
_HEAD = 1024
# What a damaged or hostile file makes the library raise.
_DAMAGED = (
    PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError,
    OverflowError, MemoryError, NotImplementedError, AssertionError, zlib.error, OSError,
)  # fmt: skip
_ACTIVE_ACTIONS = {"/JavaScript", "/Launch", "/SubmitForm", "/ImportData", "/Rendition", "/GoToE"}
_ACTIVE_NAMES = ("/JavaScript", "/EmbeddedFiles", "/AlternatePresentations")
_ACTIVE_ANNOTATIONS = {"/RichMedia", "/Movie", "/Screen", "/3D", "/FileAttachment", "/Sound"}

# It quotes what it stumbles over, and a report's content has no place in a log.
logging.getLogger("pypdf").setLevel(logging.CRITICAL)


def is_pdf(data: bytes) -> bool:
    """Say whether bytes begin as a PDF does."""
    return b"%PDF-" in data[:_HEAD]


def read(body: bytes, prefix: str = "") -> ReturnedReport:
    """Read the words of a PDF; one without any (a scan) names nobody, and waits for a person."""
    reader = _opened(body)
    try:
        pages, active = _words(reader), _has_active_content(reader)
    except _DAMAGED:
        raise ReportError("pdf-malformed") from None
    text = "\n\n".join(pages)
    found, mistyped = find_in_text(text, prefix)
    return ReturnedReport(
        format="pdf",
        body=body,
        content_type="application/pdf",
        extension="pdf",
        found=tuple(found),
        mistyped=unique(mistyped),
        sections=sections_of([("", page) for page in pages]),
        marks=(Mark("active-content-removed", "PDF"),) if active else (),
    )


def restore(report: ReturnedReport, identity: PatientIdentity, strip: Strip) -> ReidentifiedReport:
    """Return the PDF with a strip on each page that names the patient and who saw it."""
    restorer = Restorer(identity)
    try:
        body = _with_strips(_opened(report.body), identity, strip, restorer)
    except _DAMAGED:
        raise ReportError("pdf-malformed") from None
    display = tuple(
        replace(section, pieces=restorer.pieces(section.text)) for section in report.sections
    )
    return ReidentifiedReport(
        format=report.format,
        body=body,
        content_type=report.content_type,
        file_name="report.pdf",
        display=display,
        marks=(*restorer.marks, *report.marks),
    )


def _opened(body: bytes) -> PdfReader:
    if len(body) > MAX_BYTES:
        raise ReportError("pdf-too-large")
    try:
        reader = PdfReader(BytesIO(body), strict=False)
        if reader.is_encrypted:
            raise ReportError("pdf-encrypted")
        count = len(reader.pages)
    except _DAMAGED:
        raise ReportError("pdf-malformed") from None
    if count > MAX_PAGES:
        raise ReportError("pdf-too-large")
    if count == 0:
        raise ReportError("pdf-malformed")
    return reader


def _words(reader: PdfReader) -> list[str]:
    pages: list[str] = []
    left = _MAX_TEXT
    for page in reader.pages[:_TEXT_PAGES]:
        contents = page.get_contents()
        if contents is None or len(contents.get_data()) > _MAX_CONTENT:
            continue
        words = page.extract_text()[:left].replace("\0", "")
        left -= len(words)
        pages.append(words)
        if left <= 0:
            break
    information: Any = reader.metadata or {}
    said = [str(information.get(name) or "") for name in ("/Title", "/Subject", "/Keywords")]
    return [*pages, " ".join(filter(None, said))]


# --- the strip ---------------------------------------------------------------------------------


def _with_strips(
    reader: PdfReader, identity: PatientIdentity, strip: Strip, restorer: Restorer
) -> bytes:
    writer = PdfWriter(clone_from=reader)
    _remove_active_content(writer)
    total = len(writer.pages)
    for number, page in enumerate(writer.pages, 1):
        box = page.cropbox
        x0, y0, x1, y1 = (float(edge) for edge in (box.left, box.bottom, box.right, box.top))
        turned = int(page.rotation or 0) % 360
        width = x1 - x0 if turned in (0, 180) else y1 - y0
        drawn = draw(identity, strip, width, f"{number}/{total}")
        if not drawn.is_whole:
            restorer.mark("name-not-drawn", "PDF")
        height = drawn.height
        matrix, edges = {
            0: ((1, 0, 0, 1, x0, y1), (x0, y0, x1, y1 + height)),
            90: ((0, 1, -1, 0, x0, y0), (x0 - height, y0, x1, y1)),
            180: ((-1, 0, 0, -1, x1, y0), (x0, y0 - height, x1, y1)),
            270: ((0, -1, 1, 0, x1, y1), (x0, y0, x1 + height, y1)),
        }.get(turned, ((1, 0, 0, 1, x0, y1), (x0, y0, x1, y1 + height)))
        _extend(page, edges)
        above = PdfReader(BytesIO(drawn.page)).pages[0]
        page.merge_transformed_page(above, Transformation(matrix), expand=False)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def _extend(page: Any, edges: tuple[float, float, float, float]) -> None:
    """Make room on the side that is on top when the page is shown."""
    media = page.mediabox
    page.mediabox = RectangleObject(
        (
            min(float(media.left), edges[0]),
            min(float(media.bottom), edges[1]),
            max(float(media.right), edges[2]),
            max(float(media.top), edges[3]),
        )
    )
    page.cropbox = RectangleObject(edges)
    for name in ("/TrimBox", "/BleedBox", "/ArtBox"):
        if name in page:
            del page[name]


# --- active content ----------------------------------------------------------------------------


def _has_active_content(reader: PdfReader) -> bool:
    root: Any = reader.trailer["/Root"].get_object()
    if any(name in root for name in ("/OpenAction", "/AA")) or _form_script(root):
        return True
    names = root.get("/Names")
    if names is not None and any(name in names.get_object() for name in _ACTIVE_NAMES):
        return True
    return any(
        "/AA" in page or any(_is_active(one) for one in _annotations(page)) for page in reader.pages
    )


def _remove_active_content(writer: PdfWriter) -> None:
    root: Any = writer.root_object
    _drop(root, "/OpenAction", "/AA")
    if "/Names" in root:
        _drop(root["/Names"].get_object(), *_ACTIVE_NAMES)
    if "/AcroForm" in root:
        _drop(root["/AcroForm"].get_object(), "/XFA", "/CO")
    for page in writer.pages:
        _drop(page, "/AA")
        kept = [one for one in _annotations(page) if not _is_active(one)]
        for one in kept:
            _drop(one.get_object(), "/AA")
        if "/Annots" in page:
            page[NameObject("/Annots")] = ArrayObject(kept)


def _annotations(page: Any) -> list[Any]:
    found = page.get("/Annots")
    return list(found.get_object()) if found is not None else []


def _is_active(annotation: Any) -> bool:
    one = annotation.get_object()
    if one.get("/Subtype") in _ACTIVE_ANNOTATIONS or "/AA" in one:
        return True
    action = one.get("/A")
    if action is None:
        return False
    action = action.get_object()
    is_plain = isinstance(action, DictionaryObject) and "/Next" not in action
    return not is_plain or action.get("/S") in _ACTIVE_ACTIONS


def _form_script(root: Any) -> bool:
    form = root.get("/AcroForm")
    return form is not None and any(name in form.get_object() for name in ("/XFA", "/CO"))


def _drop(holder: Any, *names: str) -> None:
    for name in names:
        if name in holder:
            del holder[name]
