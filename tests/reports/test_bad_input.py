"""What comes broken, hostile or foreign has a clear outcome with a place, and never runs."""

import base64
import io
import json
from typing import Any

import pypdf
import pytest
from pydicom.dataset import Dataset
from pypdf.generic import DictionaryObject, NameObject, TextStringObject

from studies.reports import ReportError, read_report, reidentify_document
from studies.reports.fhir_tree import plain_html
from tests import datasets
from tests.reports import reading_room
from tests.reports.sending import STRIP, Hospital, Sent

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def hospital() -> Hospital:
    return Hospital()


@pytest.fixture(scope="module")
def reported(hospital: Hospital) -> Sent:
    return hospital.send(datasets.Markers())


def code_of(body: bytes, hint: str = "") -> tuple[str, str]:
    with pytest.raises(ReportError) as stopped:
        read_report(body, hint=hint, prefix="NORTH")
    return stopped.value.code, stopped.value.where


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        (b"MSH|^~\\&", b"MSH|^^^^", "hl7-malformed"),
        (b"\rOBR|", b"\robr|", "hl7-malformed"),
        (b"\rOBX|1", b"\rZBX|1", "hl7-not-a-report"),
        (b"ORU^R01", b"ORM^O01", "hl7-not-a-report"),
        (b"|2.5.1|", b"|1.0|", "hl7-version"),
        (b"|CT|F\r", b"|CT|X\r", "report-withdrawn"),
        (b"No acute", b"\xff\xfe acute", "wrong-charset"),
    ],
)
def test_a_damaged_hl7_message(reported, before: bytes, after: bytes, code: str) -> None:
    said = reading_room.hl7(reported.dataset)
    assert before in said
    assert code_of(said.replace(before, after))[0] == code


def test_hl7_in_another_character_set_than_it_states(reported) -> None:
    said = reading_room.hl7(reported.dataset, charset="UNICODE UTF-8")
    assert code_of(said.replace(b"No acute", "größe".encode("latin-1"))) == (
        "wrong-charset", "MSH-18",
    )  # fmt: skip
    strange = reading_room.hl7(reported.dataset, charset="KLINGON")
    assert code_of(strange) == ("hl7-charset", "MSH-18")


@pytest.mark.parametrize(
    ("name", "codec"),
    [("8859/1", "latin-1"), ("8859/5", "iso8859-5"), ("UNICODE UTF-8", "utf-8"),
     ("GB 18030-2000", "gb18030"), ("ASCII~ISO IR87", "iso2022_jp_2")],
)  # fmt: skip
def test_the_character_set_that_a_message_states_is_read_and_can_carry_the_name(
    hospital, name: str, codec: str
) -> None:
    person = datasets.Markers(name="Яковлева^Анна", character_set=("ISO_IR 192",))
    mine = hospital.send(person)
    said = reading_room.hl7(mine.dataset, charset=name).decode().encode(codec)
    restored = reidentify_document(read_report(said), hospital.identity(mine), STRIP)
    header = restored.body.split(b"\r")[0].split(b"|")
    stated = header[17].decode()
    assert stated == (name if name not in ("8859/1",) else "UNICODE UTF-8")
    assert "Яковлева^Анна" in restored.body.decode("utf-8" if stated.startswith("UNI") else codec)


@pytest.mark.parametrize("version", ["2.3", "2.3.1", "2.4", "2.5", "2.6", "2.7", "2.8", "2.8.2"])
def test_every_hl7_version_is_read(reported, hospital, version: str) -> None:
    report = read_report(reading_room.hl7(reported.dataset, version=version))
    assert (report.status, report.format) == ("final", "hl7")
    assert reported.markers.accession in str(
        reidentify_document(report, hospital.identity(reported), STRIP).body
    )


def test_escape_sequences_survive_and_several_obr_are_all_put_back(reported, hospital) -> None:
    cloud_id = reported.outcome.cloud_study_id
    extra = (
        f"OBR|2|{cloud_id}|R-2|CT^CT abdomen|||||||||||||||{cloud_id}|||||||F\r"
        f"OBX|1|FT|IMP^Impression||a \\T\\ b\\.br\\{cloud_id} \\X41\\ \\H\\bold\\N\\||||||C"
    )
    report = read_report(reading_room.hl7(reported.dataset, extra=extra))
    assert f"a & b\n{cloud_id} A bold" in report.plain_text()
    body = reidentify_document(report, hospital.identity(reported), STRIP).body.decode()
    accession = reported.markers.accession
    assert f"a \\T\\ b\\.br\\{accession} \\X41\\ \\H\\bold\\N\\" in body
    assert f"OBR|2|{accession}|R-2|" in body
    assert cloud_id not in body


def fhir(reported: Sent, **changes: Any) -> bytes:
    tree = reading_room.diagnostic_report(reported.dataset, "R4")
    return json.dumps(tree | changes).encode()


def test_fhir_that_is_damaged_foreign_or_withdrawn(reported) -> None:
    assert code_of(b'{"resourceType": "Patient"}')[0] == "fhir-not-a-report"
    assert code_of(b'{"resourceType": "DiagnosticReport", ')[0] == "fhir-malformed"
    assert code_of(b'{"a": 1, "a": 2}')[0] == "fhir-malformed"
    assert code_of(b"{" + b'"a":[' * 5000)[0] == "fhir-malformed"
    assert code_of(b'<DiagnosticReport xmlns="http://hl7.org/fhir"/>')[0] == "fhir-not-json"
    assert code_of(fhir(reported, secretName="x")) == ("fhir-invalid", "DiagnosticReport")
    assert code_of(fhir(reported, status="nonsense")) == (
        "fhir-invalid", "DiagnosticReport.status",
    )  # fmt: skip
    assert code_of(fhir(reported, status="entered-in-error"))[0] == "report-withdrawn"
    elsewhere = {"reference": "https://elsewhere.example/Patient/1"}
    assert code_of(fhir(reported, subject=elsewhere)) == (
        "fhir-foreign-reference", "DiagnosticReport.subject",
    )  # fmt: skip


def test_r4_and_r5_differ_where_the_standard_does(reported) -> None:
    r5 = reading_room.diagnostic_report(reported.dataset, "R5")
    assert read_report(json.dumps(r5).encode()).format == "fhir"
    both = r5 | {"imagingStudy": r5["study"]}
    assert code_of(json.dumps(both).encode())[0] == "fhir-invalid"


def test_numbers_of_a_resource_stay_as_they_were_written(reported, hospital) -> None:
    tree = reading_room.diagnostic_report(reported.dataset, "R4")
    observation = {
        "resourceType": "Observation", "id": "size", "status": "final", "code": {"text": "Size"},
        "valueQuantity": {"value": 1.50, "unit": "mm"},
    }  # fmt: skip
    tree["contained"] = [*tree["contained"], observation]  # type: ignore[misc]
    body = json.dumps(tree).replace('"value": 1.5,', '"value": 1.50,').encode()
    restored = reidentify_document(read_report(body), hospital.identity(reported), STRIP)
    assert b'"value":1.50,' in restored.body


def test_a_status_is_read_in_every_format(reported) -> None:
    for stated, meant in (("partial", "preliminary"), ("amended", "corrected"),
                          ("appended", "addendum"), ("final", "final")):  # fmt: skip
        assert read_report(fhir(reported, status=stated)).status == meant
    said = reading_room.hl7(reported.dataset)
    assert read_report(said.replace(b"|CT|F\r", b"|CT|P\r")).status == "preliminary"
    assert read_report(said.replace(b"|CT|F\r", b"|CT|C\r")).status == "corrected"
    ds = reading_room.structured(reported.dataset)
    assert read_report(reading_room.encoded(ds)).status == "final"
    ds.CompletionFlag = "PARTIAL"
    assert read_report(reading_room.encoded(ds)).status == "preliminary"
    ds.CompletionFlag = "COMPLETE"
    ds.PredecessorDocumentsSequence = [reading_room.evidence(reported.dataset)]
    corrected = read_report(reading_room.encoded(ds))
    assert corrected.status == "corrected"
    assert corrected.follows == (str(reported.dataset.SOPInstanceUID),)


def test_scripts_in_text_are_text_and_those_in_markup_are_dropped(reported, hospital) -> None:
    body = reading_room.text(reported.dataset) + SCRIPT.encode()
    restored = reidentify_document(read_report(body), hospital.identity(reported), STRIP)
    assert SCRIPT in restored.display[0].text
    assert plain_html(f"<div>a{SCRIPT}<style>p{{}}</style><b>b</b></div>") == "ab"
    evil = datasets.Markers(name="<img src=x onerror=alert(1)>^X")
    other = hospital.send(evil)
    answer = reidentify_document(
        read_report(reading_room.fhir_r4(other.dataset)), hospital.identity(other), STRIP
    )
    narrative = json.loads(answer.body)["text"]["div"]
    assert "<img" not in narrative
    assert "&lt;img src=x" in narrative


def test_a_pdf_that_is_encrypted_damaged_too_large_or_without_words(reported, monkeypatch) -> None:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(reading_room.pdf(reported.dataset)))
    writer.encrypt("secret", algorithm="AES-256")
    locked = io.BytesIO()
    writer.write(locked)
    assert code_of(locked.getvalue())[0] == "pdf-encrypted"
    packed = base64.b64encode(locked.getvalue()).decode()
    ed = f"OBX|2|ED|PDF||READER^Application^PDF^Base64^{packed}||||||F"
    assert code_of(reading_room.hl7(reported.dataset, extra=ed))[0] == "pdf-encrypted"
    assert code_of(b"%PDF-1.7 nothing more")[0] == "pdf-malformed"
    assert code_of(b"%PDF-1.7\n" + b"\0" * (100 << 20))[0] == "pdf-too-large"
    blank = pypdf.PdfWriter()
    blank.add_blank_page(100, 100)
    out = io.BytesIO()
    blank.write(out)
    assert read_report(out.getvalue()).found == ()


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
def test_the_strip_is_above_each_page_as_it_is_shown_and_nothing_active_stays(
    reported, hospital, turned: int
) -> None:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(reading_room.pdf(reported.dataset, pages=2)))
    script = {"/S": NameObject("/JavaScript"), "/JS": TextStringObject("app.alert(1)")}
    writer.root_object[NameObject("/OpenAction")] = DictionaryObject(
        {NameObject(name): value for name, value in script.items()}
    )
    writer.add_attachment("run.exe", b"MZ")
    for page in writer.pages:
        page.rotate(turned)
    out = io.BytesIO()
    writer.write(out)
    report = read_report(out.getvalue())
    assert [mark.code for mark in report.marks] == ["active-content-removed"]
    body = reidentify_document(report, hospital.identity(reported), STRIP).body
    assert b"/JavaScript" not in body
    assert b"run.exe" not in body
    before = pypdf.PdfReader(out).pages[0].cropbox
    for page in pypdf.PdfReader(io.BytesIO(body)).pages:
        grown = (page.cropbox.width - before.width, page.cropbox.height - before.height)
        assert (grown[0] > 20, grown[1] > 20) == (turned in (90, 270), turned in (0, 180))
        words = page.extract_text()
        assert reported.markers.patient_id in words
        assert reading_room.FINDING in words
        assert b"1 0 0 1 72 700 Tm" in page.get_contents().get_data()


def test_a_dicom_object_that_is_no_report_or_not_as_its_class_has_it(reported) -> None:
    image = datasets.part10(datasets.ct(datasets.Markers()))
    assert code_of(image)[0] == "dicom-not-a-report"
    assert code_of(b"\0" * 128 + b"DICM" + b"\xff" * 50)[0] == "dicom-malformed"
    ds = reading_room.structured(reported.dataset)
    ds.ContentSequence[0].ValueType = "SCOORD3D"
    assert code_of(reading_room.encoded(ds))[0] == "sr-structure"
    dose = reading_room.structured(reported.dataset, "1.2.840.10008.5.1.4.1.1.88.67")
    assert code_of(reading_room.encoded(dose)) == ("sr-template", "(0040,A043)")
    deep: Dataset = reading_room.structured(reported.dataset)
    item = deep
    for _ in range(80):
        inner = reading_room.content("CONTAINER", Dataset())
        item.ContentSequence = [inner]
        item = inner
    assert code_of(reading_room.encoded(deep))[0] in ("sr-structure", "dicom-malformed")


def test_text_that_is_empty_binary_or_in_no_known_encoding() -> None:
    assert code_of(b"   \n")[0] == "report-empty"
    assert code_of("naïve".encode("latin-1"))[0] == "wrong-charset"
    assert code_of(b"abc\0def")[0] == "format-unknown"
    assert code_of(b"{\\rtf1 hello}")[0] == "format-unknown"
    assert read_report("Befund über \N{GREEK SMALL LETTER ALPHA}".encode("utf-16")).format == "text"


def test_two_patients_in_one_document_are_never_made_one(reported) -> None:
    said = reading_room.hl7(reported.dataset)
    second = said.split(b"\r")[1].replace(b"^^^CLOUD", b"9^^^CLOUD")
    assert code_of(said + second + b"\r") == ("two-patients-in-report", "PID-3")
    tree = reading_room.diagnostic_report(reported.dataset, "R4")
    stranger = {"resourceType": "Patient", "id": "p2", "identifier": [{"value": "MRN-OF-ANOTHER"}]}
    both = [*tree["contained"], stranger]  # type: ignore[misc]
    assert code_of(json.dumps(tree | {"contained": both}).encode()) == (
        "two-patients-in-report", "Patient.identifier",
    )  # fmt: skip


def test_a_number_of_nobody_is_not_left_beside_the_hospitals_own(reported, hospital) -> None:
    identity = hospital.identity(reported)
    own = reported.markers.patient_id
    said = reading_room.hl7(reported.dataset).replace(b"^^^CLOUD^MR", b"^^^CLOUD^MR~M9~R1^^^READER")
    restored = reidentify_document(read_report(said), identity, STRIP)
    assert f"|{own}^^^{reported.markers.issuer}^MR~R1^^^READER|" in restored.body.decode()
    assert "foreign-id-removed" in [mark.code for mark in restored.marks]
    ds = reading_room.structured(reported.dataset)
    ds.OtherPatientIDs = "M9"
    answer = reidentify_document(read_report(reading_room.encoded(ds)), identity, STRIP)
    assert b"M9" not in answer.body


@pytest.mark.parametrize(
    ("number", "concept", "template"),
    [("22", "18748-4", ""), ("34", "18748-4", ""), ("65", "112002", ""), ("67", "113701", "10001")],
)
def test_enhanced_spatial_cad_and_dose_reports_come_back(
    reported, hospital, number: str, concept: str, template: str
) -> None:
    ds = reading_room.structured(reported.dataset, f"1.2.840.10008.5.1.4.1.1.88.{number}")
    ds.ConceptNameCodeSequence[0].CodeValue = concept
    if template:
        item = Dataset()
        item.MappingResource, item.TemplateIdentifier = "DCMR", template
        ds.ContentTemplateSequence = [item]
    restored = reidentify_document(
        read_report(reading_room.encoded(ds)), hospital.identity(reported), STRIP
    )
    assert reported.markers.study_uid.encode() in restored.body
    if template:
        ds.ContentTemplateSequence[0].TemplateIdentifier = "9999"
        assert code_of(reading_room.encoded(ds)) == ("sr-template", "(0040,A504)")
