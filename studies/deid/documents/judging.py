"""Which document it is, who judges it, and what stands for one that is dropped."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from ..errors import Held
from .reading import WHERE, Reading, unreadable

DOCUMENT, DOCUMENT_LENGTH = 0x00420011, 0x00420015
_ROOT = "1.2.840.10008.5.1.4.1.1.104."
_KINDS = {f"{_ROOT}1": "pdf", f"{_ROOT}2": "cda", f"{_ROOT}3": "stl", f"{_ROOT}4": "obj"}
_KINDS[f"{_ROOT}5"] = "mtl"
# PS3.3 C.24.2, table of MIME types; the type is a claim, so it only has to agree with the class.
_TYPES = {
    "pdf": ("application/pdf",),
    "cda": ("text/xml", "application/xml", "text/xml+cda"),
    "stl": ("model/stl", "application/sla", "model/x.stl-binary"),
    "obj": ("model/obj",),
    "mtl": ("model/mtl",),
}
_EMPTY_MESH = bytes(84)


def judged(value: bytes, sop_class: str, mime_type: str, reading: Reading) -> bytes:
    """Return the document as it may leave.

    Raises Held: "document-unchecked" without a text finder, "document-unreadable" for what can't
    be understood, "document-identifies" for what names somebody.
    """
    kind = _kind(sop_class)
    if mime_type.lower() not in ("", *_TYPES[kind]):
        raise unreadable("The document's MIME type does not suit its SOP class.")
    if not value.strip(b"\0 "):
        raise unreadable("The document is empty.")
    return _judge_of(kind)(value, reading)


def _kind(sop_class: str) -> str:
    kind = _KINDS.get(sop_class)
    if kind is None:
        raise Held(
            "document-unchecked",
            "The instance holds a document of a kind that can't be checked.",
            WHERE,
        )
    return kind


def _judge_of(kind: str) -> Callable[[bytes, Reading], bytes]:
    """Load a judge when its first document comes: other instances don't pay for it."""
    if kind == "pdf":
        from .pdf import judge_pdf

        return judge_pdf
    if kind == "cda":
        from .cda import judge_cda

        return judge_cda
    from . import mesh

    return {"stl": mesh.clean_stl, "obj": mesh.clean_obj, "mtl": mesh.clean_mtl}[kind]


def dropped(sop_class: str) -> bytes:
    """Return what stands for a document that the profile or the policy drops (action D)."""
    kind = _kind(sop_class)
    if kind == "pdf":
        return _blank_pdf()
    if kind == "cda":
        return b'<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"/>\n'
    if kind == "stl":
        return _EMPTY_MESH
    return b"# removed\n"


@lru_cache(maxsize=1)
def _blank_pdf() -> bytes:
    """Return a PDF of one page that says that the document was removed."""
    content = b"BT /F1 14 Tf 72 720 Td (Document removed by de-identification) Tj ET"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        start,
    )
    return bytes(out)
