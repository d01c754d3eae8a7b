"""For generated studies and every format: exactly the original identifiers come back, and nobody
else's ever. The reader has the de-identified images only."""

import base64
import datetime as dt
import io
import json
from typing import Any

import hl7 as hl7_library
import pydicom
import pypdf
import pytest
from fhir.resources import get_fhir_model_class as r5_model
from fhir.resources.R4B import get_fhir_model_class as r4_model
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from studies.reports import ReportError, read_report, reidentify_document
from tests import datasets
from tests.counts import count
from tests.reports import reading_room
from tests.reports.sending import STRIP, Hospital, Sent

NAMES = st.sampled_from(
    [
        ("", ()),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", ("", "ISO 2022 IR 87")),
        ("Wang^XiaoDong=王^小东", ("GB18030",)),
        ("Люкceмбypг^Анна", ("ISO_IR 144",)),
        ("Buc^Jérôme^^Dr^Jr", ("ISO_IR 100",)),
        ("Hong^Gildong=洪^吉洞=홍^길동", ("", "ISO 2022 IR 149")),
        ("Παπαδόπουλος^Νίκος", ("ISO_IR 192",)),
    ]
)
DAYS = st.dates(dt.date(2015, 1, 1), dt.date(2024, 12, 31))


@st.composite
def people(draw: Any) -> datasets.Markers:
    """A patient with random numbers, a name in any script, and a study on any day."""
    name, charset = draw(NAMES)
    day = draw(DAYS)
    return datasets.Markers(
        name=name, character_set=charset, at=dt.datetime(day.year, day.month, day.day, 10, 11, 12)
    )


def pseudonyms(sent: Sent) -> set[str]:
    """What must be gone from a re-identified document."""
    return {
        sent.outcome.cloud_study_id,
        sent.outcome.cloud_patient_id,
        *(new for new, old in sent.uids().items() if new != old),
    }


def texts_of(body: bytes, format_name: str) -> str:
    """Return all that can be read in a document, however it is encoded."""
    if format_name == "dicom":
        ds = pydicom.dcmread(io.BytesIO(body))
        return "\n".join([str(ds), str(ds.file_meta)])
    if format_name == "pdf":
        return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(body)).pages)
    return body.decode()


def check_dicom(body: bytes, one: Sent) -> None:
    ds = pydicom.dcmread(io.BytesIO(body))
    markers = one.markers
    assert ds.PatientID == markers.patient_id
    assert ds.IssuerOfPatientID == markers.issuer
    assert str(ds.PatientName) == markers.patient_name
    assert ds.PatientBirthDate == f"{markers.birth_date:%Y%m%d}"
    assert ds.AccessionNumber == markers.accession
    assert ds.StudyID == markers.study_id
    assert ds.StudyInstanceUID == markers.study_uid
    assert ds.StudyDate == f"{markers.at:%Y%m%d}"
    assert ds.ContentDate == f"{reading_room.READ:%Y%m%d}"
    assert ds.PatientIdentityRemoved == "NO"


def check_hl7(body: bytes, one: Sent) -> None:
    charset = {"": "ascii", "UNICODE UTF-8": "utf-8"}
    message = hl7_library.parse(body.decode())
    body.decode(charset[str(message["MSH"][0][18]) if len(message["MSH"][0]) > 18 else ""])
    pid, obr = message["PID"][0], message["OBR"][0]
    markers = one.markers
    assert str(pid[3]).split("^")[0] == markers.patient_id
    assert str(pid[3]).split("^")[3] == markers.issuer
    family = markers.patient_name.split("=")[0].split("^")[0]
    assert str(pid[5]).split("^")[0] == family
    assert str(pid[7]) == f"{markers.birth_date:%Y%m%d}"
    assert str(pid[8]) == markers.sex
    assert str(obr[18]) == markers.accession
    assert str(obr[2]) == markers.accession
    assert str(obr[3]) == f"R-{one.outcome.cloud_study_id[:6]}"
    assert str(obr[7]) == f"{markers.at:%Y%m%d}"
    assert str(obr[22]) == f"{reading_room.READ:%Y%m%d%H%M%S}"
    assert str(message["ZDS"][0][1]).split("^")[0] == markers.study_uid


def check_fhir(body: bytes, one: Sent, release: str) -> None:
    tree = json.loads(body)
    (r4_model if release == "fhir-r4" else r5_model)(tree["resourceType"]).model_validate(tree)
    report = tree["entry"][0]["resource"] if tree["resourceType"] == "Bundle" else tree
    patient, study = report["contained"]
    markers = one.markers
    assert patient["identifier"][0]["value"] == markers.patient_id
    assert patient["birthDate"] == markers.birth_date.isoformat()
    assert patient["name"][0]["family"] == markers.patient_name.split("=")[0].split("^")[0]
    assert report["identifier"][0]["value"] == markers.accession
    assert report["effectiveDateTime"] == markers.at.date().isoformat()
    assert study["identifier"][0]["value"] == f"urn:oid:{markers.study_uid}"
    assert report["issued"].startswith(reading_room.READ.date().isoformat())
    check_pdf(base64.b64decode(report["presentedForm"][0]["data"]), one)


def check_pdf(body: bytes, one: Sent) -> None:
    for page in pypdf.PdfReader(io.BytesIO(body)).pages:
        words = page.extract_text()
        assert one.markers.patient_id in words
        assert one.markers.accession in words
        assert STRIP.viewer in words
        assert reading_room.FINDING in words


@given(st.data())
@settings(max_examples=count(20, 600), phases=[Phase.generate])
def test_reidentify_of_a_report_on_deidentify_is_the_original_and_nobody_elses(data) -> None:
    hospital = Hospital(scheme=data.draw(st.sampled_from(["patient", "study"])))
    mine, stranger = data.draw(people()), data.draw(people())
    reported = hospital.send(mine)
    hospital.send(mine.again(mine.at - dt.timedelta(days=400)))
    other = hospital.send(stranger)
    name = data.draw(st.sampled_from(sorted(reading_room.FORMATS)))

    report = read_report(reading_room.FORMATS[name](reported.dataset), prefix="NORTH")
    restored = reidentify_document(report, hospital.identity(reported), STRIP)

    if report.format == "dicom":
        check_dicom(restored.body, reported)
    elif report.format == "hl7":
        check_hl7(restored.body, reported)
    elif report.format == "fhir":
        check_fhir(restored.body, reported, name)
    elif report.format == "pdf":
        check_pdf(restored.body, reported)
    shown = "".join(piece.text for section in restored.display for piece in section.pieces)
    said = f"{texts_of(restored.body, report.format)}\n{shown}\n{restored.file_name}"
    assert not any(token in said for token in other.markers.tokens())
    if name == "text":
        assert all(one in said for one in (mine.patient_id, mine.accession, mine.study_uid))
        assert f"of {mine.at:%Y-%m-%d}" in said
        assert f"Read {reading_room.READ:%Y-%m-%d}" in said
    if report.format != "pdf":
        # A PDF keeps its pages as they came.
        plain = [one for one in pseudonyms(reported) if one in said]
        assert plain == [] or name == "encapsulated-pdf"


@pytest.mark.parametrize("name", reading_room.DICOM)
def test_every_uid_that_was_made_here_goes_back_and_the_objects_own_stay(name: str) -> None:
    hospital = Hospital()
    markers = datasets.Markers()
    reported = hospital.send(markers)
    body = reading_room.FORMATS[name](reported.dataset)
    before = pydicom.dcmread(io.BytesIO(body))
    after = pydicom.dcmread(
        io.BytesIO(reidentify_document(read_report(body), hospital.identity(reported), STRIP).body)
    )
    ways = reported.uids()
    expected = [ways.get(uid, uid) for uid in all_uids(before)]
    assert all_uids(after) == expected
    assert after.SOPInstanceUID == before.SOPInstanceUID
    assert after.SeriesInstanceUID == before.SeriesInstanceUID
    assert set(ways.values()) & set(all_uids(after))


def all_uids(ds: Dataset) -> list[str]:
    found = []
    for element in ds:
        if element.VR == "UI":
            found.append(str(element.value))
        elif element.VR == "SQ":
            for item in element.value:
                found += all_uids(item)
    return found


def test_an_object_that_refers_to_a_prior_study_of_the_patient_goes_back_whole() -> None:
    hospital = Hospital()
    markers = datasets.Markers()
    prior = hospital.send(markers.again(markers.at - dt.timedelta(days=900)))
    reported = hospital.send(markers)
    body = reading_room.encoded(
        reading_room.structured(reported.dataset, reading_room.BASIC_TEXT, prior.dataset)
    )
    restored = reidentify_document(read_report(body), hospital.identity(reported), STRIP)
    ds = pydicom.dcmread(io.BytesIO(restored.body))
    assert ds.PertinentOtherEvidenceSequence[0].StudyInstanceUID == prior.markers.study_uid
    assert ds.StudyInstanceUID == markers.study_uid


def test_an_object_that_refers_to_another_patients_study_is_stopped() -> None:
    hospital = Hospital()
    reported, stranger = hospital.send(datasets.Markers()), hospital.send(datasets.Markers())
    body = reading_room.encoded(
        reading_room.structured(reported.dataset, reading_room.BASIC_TEXT, stranger.dataset)
    )
    with pytest.raises(ReportError) as stopped:
        reidentify_document(read_report(body), hospital.identity(reported), STRIP)
    assert stopped.value.code == "uid-of-another-patient"
    assert "(0040,B020)" in stopped.value.where or stopped.value.where


@pytest.mark.parametrize("profile", ["basic", "cloud"])
@pytest.mark.parametrize("name", sorted(reading_room.FORMATS))
def test_without_dates_the_rest_goes_back_all_the_same(profile: str, name: str) -> None:
    hospital = Hospital(profile=profile)
    reported = hospital.send(datasets.Markers())
    report = read_report(reading_room.FORMATS[name](reported.dataset), prefix="NORTH")
    restored = reidentify_document(report, hospital.identity(reported), STRIP)
    said = texts_of(restored.body, report.format)
    assert reported.markers.patient_id in said
    assert reported.markers.accession in said
    if report.format == "dicom":
        ds = pydicom.dcmread(io.BytesIO(restored.body))
        assert ds.StudyInstanceUID == reported.markers.study_uid
        assert ds.StudyDate == f"{reported.markers.at:%Y%m%d}"
    if "pdf" not in name:
        assert not [one for one in pseudonyms(reported) if one in said]
