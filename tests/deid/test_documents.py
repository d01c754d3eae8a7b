"""Documents inside instances: kept only if they can be shown to name nobody.

Real PDFs, CDA, STL, OBJ and MTL through the engine, with the real text finder.
"""

import io
import struct
from collections.abc import Callable

import pydicom
import pypdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from studies.deid import Outcome, builtin_profile, compile_plan, deidentify
from studies.deid.documents.mesh import clean_obj, clean_stl
from studies.deid.documents.reading import Reading
from studies.deid.errors import EngineError
from studies.deid.pixels import PixelPolicy, TextFinder
from studies.deid.pixels.rapid import RapidTextFinder
from tests.deid.builders import FAMILY, GIVEN, IDENTITIES, PATIENT_ID, base

ROOT = "1.2.840.10008.5.1.4.1.1.104."
TYPES = {
    "1": "application/pdf",
    "2": "text/XML",
    "3": "model/stl",
    "4": "model/obj",
    "5": "model/mtl",
}
FREE = ("Instructions for the examination", "Slice thickness 5 mm, no contrast agent")


@pytest.fixture(scope="module")
def finder() -> TextFinder:
    return RapidTextFinder()


def letter(
    *lines: str, decorate: Callable[[Canvas], None] | None = None, encrypt: str | None = None
) -> bytes:
    """Return a PDF of one page that shows the lines."""
    raw = io.BytesIO()
    canvas = Canvas(raw, encrypt=encrypt)
    for number, line in enumerate(lines):
        canvas.drawString(72, 720 - 20 * number, line)
    if decorate:
        decorate(canvas)
    canvas.showPage()
    canvas.save()
    return raw.getvalue()


def instance(document: bytes, kind: str = "1") -> Dataset:
    ds = base(ROOT + kind, "DOC")
    ds.EncapsulatedDocument = document + b"\0" * (len(document) % 2)
    ds.EncapsulatedDocumentLength = len(document)
    ds.MIMETypeOfEncapsulatedDocument = TYPES[kind]
    ds.DocumentTitle = f"Letter for {FAMILY}"
    return ds


def sent(
    ds: Dataset, finder: TextFinder | None, profile: str = "teleradiology", documents: str = "hold"
) -> tuple[Outcome, Dataset]:
    source, target = io.BytesIO(), io.BytesIO()
    ds.save_as(source, enforce_file_format=True)
    source.seek(0)
    policy = PixelPolicy(finder=finder, documents=documents)  # type: ignore[arg-type]
    plan = compile_plan(builtin_profile(profile))
    outcome = deidentify(source, target, plan, IDENTITIES, pixels=policy)
    if outcome.state != "deidentified":
        return outcome, Dataset()
    target.seek(0)
    return outcome, pydicom.dcmread(target)


def test_a_pdf_that_names_nobody_leaves_without_what_no_reader_needs(finder: TextFinder) -> None:
    def decorate(canvas: Canvas) -> None:
        canvas.setTitle(f"{FAMILY} {GIVEN}")
        canvas.setAuthor(PATIENT_ID)
        canvas.bookmarkPage(FAMILY)
        canvas.addOutlineEntry(FAMILY, FAMILY)
        canvas.textAnnotation(f"call {GIVEN} {FAMILY}", Rect=[10, 10, 50, 50])

    outcome, ds = sent(instance(letter(*FREE, decorate=decorate)), finder)
    assert outcome.state == "deidentified", outcome.message
    document = ds.EncapsulatedDocument[: ds.EncapsulatedDocumentLength]
    pages = pypdf.PdfReader(io.BytesIO(document)).pages
    assert pages[0].extract_text().split("\n")[:2] == [*FREE]
    assert "/Annots" not in pages[0]
    assert FAMILY.encode() not in document and PATIENT_ID.encode() not in document
    assert FAMILY not in str(ds.DocumentTitle)
    assert len(ds.EncapsulatedDocument) - len(document) in (0, 1)


def scanned(text: str) -> Callable[[Canvas], None]:
    """Put a picture of a text on the page."""

    def decorate(canvas: Canvas) -> None:
        picture = Image.new("L", (700, 80), 255)
        font = ImageFont.load_default(40)
        ImageDraw.Draw(picture).text((10, 15), text, fill=0, font=font)
        canvas.drawImage(ImageReader(picture), 72, 400, 350, 40)

    return decorate


def hidden(text: str) -> Callable[[Canvas], None]:
    """Put a text on the page that no eye sees."""

    def decorate(canvas: Canvas) -> None:
        written = canvas.beginText(72, 300)
        written.setTextRenderMode(3)
        written.textLine(text)
        canvas.drawText(written)

    return decorate


@pytest.mark.parametrize(
    ("document", "code"),
    [
        pytest.param(letter(*FREE, f"for {GIVEN} {FAMILY}"), "document-identifies", id="name"),
        pytest.param(letter(*FREE, f"number {PATIENT_ID}"), "document-identifies", id="id"),
        pytest.param(letter("Quill", "feather"), "document-identifies", id="name over two lines"),
        pytest.param(letter("born 23 August 1961"), "document-identifies", id="birth date"),
        pytest.param(letter(*FREE, "on 14.03.2024"), "document-identifies", id="date"),
        pytest.param(
            letter(*FREE, decorate=hidden(FAMILY)), "document-identifies", id="invisible name"
        ),
        pytest.param(
            letter(*FREE, decorate=scanned(f"{GIVEN} {FAMILY}")),
            "document-identifies",
            id="name in a picture",
        ),
        pytest.param(
            letter(*FREE, decorate=scanned("Ward seven, bed by the window")),
            "document-text-unread",
            id="text in a picture",
        ),
        pytest.param(letter(*FREE, encrypt="secret"), "document-unreadable", id="encrypted"),
        pytest.param(letter(*FREE)[:400], "document-unreadable", id="cut off"),
        pytest.param(b"%PDF-1.4\n" + bytes(200), "document-unreadable", id="no PDF"),
        pytest.param(b"\0\0", "document-unreadable", id="empty"),
    ],
)
def test_a_pdf_that_may_name_somebody_is_held(
    document: bytes, code: str, finder: TextFinder
) -> None:
    outcome, _ds = sent(instance(document), finder)
    assert (outcome.state, outcome.code, outcome.where) == ("held", code, "(0042,0011)")
    assert FAMILY not in outcome.message


def test_a_pdf_is_not_judged_without_a_text_finder() -> None:
    outcome, _ds = sent(instance(letter(*FREE)), None)
    assert (outcome.state, outcome.code) == ("held", "document-unchecked")


def test_a_policy_may_drop_the_document_and_send_the_rest(finder: TextFinder) -> None:
    outcome, ds = sent(instance(letter(f"for {FAMILY}")), finder, documents="drop")
    assert outcome.state == "deidentified"
    shown = pypdf.PdfReader(io.BytesIO(ds.EncapsulatedDocument)).pages[0].extract_text()
    assert shown == "Document removed by de-identification"
    assert ds.EncapsulatedDocumentLength == len(ds.EncapsulatedDocument.rstrip(b"\0"))


@pytest.mark.parametrize("kind", TYPES)
def test_the_basic_profile_drops_every_document(kind: str) -> None:
    ds = instance(FAMILY.encode() * 4, kind)
    if kind == "1":
        ds = instance(letter(f"for {FAMILY}"))
    outcome, out = sent(ds, None, "basic")
    assert outcome.state == "deidentified", outcome.message
    assert FAMILY.encode() not in out.EncapsulatedDocument


def test_a_class_for_documents_without_one_is_held() -> None:
    ds = base(ROOT + "1", "DOC")
    assert sent(ds, None)[0].code == "document-missing"


def test_a_document_of_another_class_of_object_is_held() -> None:
    ds = instance(letter(*FREE))
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    assert sent(ds, None)[0].state == "held"


def test_a_type_that_does_not_suit_the_class_is_held(finder: TextFinder) -> None:
    ds = instance(letter(*FREE))
    ds.MIMETypeOfEncapsulatedDocument = "text/html"
    assert sent(ds, finder)[0].code == "document-unreadable"


# CDA ------------------------------------------------------------------------------------------


def cda(body: str, head: str = "") -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}<ClinicalDocument xmlns="urn:hl7-org:v3">'
        f"{body}</ClinicalDocument>"
    ).encode()


def test_a_cda_that_names_nobody_leaves_as_it_is() -> None:
    document = cda("<title>Fasting before the examination</title><text>Drink water only.</text>")
    outcome, ds = sent(instance(document, "2"), None)
    assert outcome.state == "deidentified", outcome.message
    assert ds.EncapsulatedDocument[: ds.EncapsulatedDocumentLength] == document


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (cda(f"<name><given>{GIVEN}</given><family>{FAMILY}</family></name>"), "identifies"),
        (cda("<text>Quill<b>feat</b>her</text>"), "identifies"),
        (cda(f'<id extension="{PATIENT_ID}"/>'), "identifies"),
        (cda(f"<!-- {FAMILY} --><text>x</text>"), "identifies"),
        (cda('<birthTime value="19610823"/>'), "identifies"),
        (cda("&n;", '<!DOCTYPE a [<!ENTITY n "name">]>'), "unreadable"),
        (cda("<open>"), "unreadable"),
        (b"<html/>", "unreadable"),
    ],
)
def test_a_cda_that_may_name_somebody_is_held(document: bytes, code: str) -> None:
    assert sent(instance(document, "2"), None)[0].code == f"document-{code}"


# Meshes ---------------------------------------------------------------------------------------


def binary_stl(head: bytes, attribute: bytes) -> bytes:
    facet = struct.pack("<12f", *range(12)) + attribute
    return head.ljust(80) + struct.pack("<I", 2) + facet * 2


def test_a_binary_stl_keeps_its_facets_only() -> None:
    document = binary_stl(f"{FAMILY} {GIVEN}".encode(), b"Qu")
    outcome, ds = sent(instance(document, "3"), None)
    assert outcome.state == "deidentified"
    assert ds.EncapsulatedDocument == binary_stl(bytes(80), b"\0\0")


def test_an_ascii_stl_loses_its_name() -> None:
    facet = "facet normal 0 0 1\nouter loop\n" + "vertex 0 1 2.5e-3\n" * 3 + "endloop\nendfacet\n"
    document = f"solid {FAMILY}\n{facet}endsolid {FAMILY}\n".encode()
    _outcome, ds = sent(instance(document, "3"), None)
    written = ds.EncapsulatedDocument[: ds.EncapsulatedDocumentLength].decode()
    assert written == f"solid mesh\n{facet}endsolid mesh\n"


def test_an_obj_and_its_materials_keep_numbers_and_harmless_names() -> None:
    shape = "g liver\nusemtl bone\nv 0 1 2\nf 1/1 2 3//4\n"
    obj = f"# {FAMILY}\nmtllib {FAMILY}.mtl\no {FAMILY}\n{shape}"
    _outcome, ds = sent(instance(obj.encode(), "4"), None)
    written = ds.EncapsulatedDocument[: ds.EncapsulatedDocumentLength].decode()
    assert written == f"o object1\n{shape}"
    mtl = f"newmtl bone\nKd 0.1 0.2 0.3\nmap_Kd {FAMILY}.png\nnewmtl {FAMILY}\nd 1.0\n"
    _outcome, ds = sent(instance(mtl.encode(), "5"), None)
    written = ds.EncapsulatedDocument[: ds.EncapsulatedDocumentLength].decode()
    assert written == "newmtl bone\nKd 0.1 0.2 0.3\nnewmtl material2\nd 1.0\n"


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        ("3", b"solid x\nremark Quillfeather\nendsolid x\n"),
        ("3", binary_stl(b"", b"\0\0") + b"Quillfeather"),
        ("4", b"v 0 0 Quillfeather\n"),
        ("4", b"f 1 2 Quillfeather\n"),
        ("4", b"curv2 Quillfeather\n"),
        ("5", b"Kd Quillfeather\n"),
    ],
)
def test_a_mesh_with_text_in_it_is_held(kind: str, document: bytes) -> None:
    assert sent(instance(document, kind), None)[0].code == "document-unreadable"


@given(st.binary(max_size=300), st.sampled_from([clean_stl, clean_obj]))
def test_a_mesh_is_cleaned_or_held_whatever_it_holds(
    raw: bytes, clean: Callable[[bytes, Reading], bytes]
) -> None:
    reading = Reading(lambda text: False, lambda raw: False, None)
    try:
        cleaned = clean(raw, reading)
    except EngineError as error:
        assert error.code == "document-unreadable"
    else:
        assert clean(cleaned, reading) == cleaned


def test_a_nested_document_is_a_dummy() -> None:
    ds = base()
    item = Dataset()
    item.EncapsulatedDocument = f"%PDF {FAMILY} ".encode()
    ds.PertinentOtherEvidenceSequence = [item]
    ds.SourceImageSequence = [item]
    outcome, out = sent(ds, None)
    assert outcome.state == "deidentified"
    assert FAMILY.encode() not in b"".join(
        element.value for element in out.iterall() if isinstance(element.value, bytes)
    )
