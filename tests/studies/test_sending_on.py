"""Reports on their last stretch: into the hospital's PACS, its HL7 interface and a folder, with the
patient put back, through the door; real peers at the other end."""

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import hl7 as hl7_library
import pydicom
import pytest
import requests
from django.utils import timezone

from audit.models import Event
from studies import jobs
from studies.faults import PermanentError
from studies.intake.mllp import MllpServer
from studies.models import Report, ReportSending, Role, SendingState, Study, TargetKind
from studies.services import restoring, returning, sending_on
from studies.services.reidentification import Request
from tests import datasets
from tests.reports import reading_room
from tests.studies.hospital import Hospital, make_hospital, work_off
from tests.studies.orthanc import AE_TITLE, Orthanc, needs_orthanc, run_orthanc

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "vault"]),
    pytest.mark.usefixtures("redis_server"),
    # pynetdicom leaves the socket of a refused connection to the garbage collector.
    pytest.mark.filterwarnings("ignore:.*socket:pytest.PytestUnraisableExceptionWarning"),
]
KINDS = ("basic-text-sr", "key-objects", "segmentation", "presentation-state", "structure-set",
         "encapsulated-pdf")  # fmt: skip


@pytest.fixture
def hospital(tmp_path: Path, settings: Any) -> Hospital:
    settings.FOLDER_ROOTS = [str(tmp_path)]
    settings.LOOK_UPS_PER_HOUR = 1000
    return make_hospital(tmp_path)


def delivered(hospital: Hospital, *people: datasets.Markers) -> dict[str, pydicom.Dataset]:
    """Deliver one image of each study, as the reader has it, by original accession number."""
    for number, markers in enumerate(people):
        datasets.write_series(hospital.inbox / str(number), [datasets.ct(markers, number=1)])
    batch = hospital.submit(release="when-clean")
    work_off()
    radiologist = hospital.viewer(Role.RADIOLOGIST)
    found = {}
    for study in Study.objects.filter(batch=batch):
        path = next(hospital.outbox.rglob(f"{study.cloud_study_id}/*/*.dcm"))
        whole = restoring.reidentification.reidentify(
            radiologist, Request(study.cloud_study_id, "report"), is_fresh=True
        )
        found[whole.study["AccessionNumber"][0]] = pydicom.dcmread(path)
    return found


def target(hospital: Hospital, kind: TargetKind, **config: Any) -> Any:
    actor = hospital.viewer(Role.ADMINISTRATOR).actor
    values = {"name": f"Hospital's {kind}", "kind": kind, "config": config}
    return sending_on.save_target(hospital.organization, actor, values=values)


def send(hospital: Hospital, report: Report, to: Any) -> ReportSending:
    asked = Request(report.cloud_study_id, "report")
    sending = sending_on.send_on(
        hospital.viewer(Role.RADIOLOGIST), report, to, asked, is_fresh=True
    )
    jobs.enqueue_sending(sending.pk)
    work_off()
    sending.refresh_from_db()
    return sending


def bring(hospital: Hospital, body: bytes) -> Report:
    actor = hospital.viewer(Role.RADIOLOGIST).actor
    report = returning.receive(hospital.organization, body, actor, channel="stow")
    assert (report.state, report.code) == ("arrived", "")
    return report


@pytest.mark.peers
@needs_orthanc
def test_the_pacs_shows_what_came_back_on_its_own_study(hospital, tmp_path, proof) -> None:
    mine, stranger = datasets.Markers(), datasets.Markers()
    with run_orthanc(tmp_path) as pacs:
        for markers in (mine, stranger):
            pacs.store(datasets.part10(datasets.ct(markers, number=1)))
        sent = delivered(hospital, mine, stranger)
        places = [
            target(hospital, TargetKind.CSTORE, host="127.0.0.1", port=pacs.dicom_port,
                   called_ae=AE_TITLE, calling_ae="PORTAL"),
            target(hospital, TargetKind.STOW, url=pacs.web),
        ]  # fmt: skip
        for place in places:
            sending_on.try_target(place, hospital.viewer(Role.ADMINISTRATOR).actor)
        for number, kind in enumerate(KINDS):
            body = reading_room.FORMATS[kind](sent[mine.accession])
            sending = send(hospital, bring(hospital, body), places[number % 2])
            assert (sending.state, sending.code) == (SendingState.ACKNOWLEDGED, "")
        check_pacs(pacs, mine, stranger, tmp_path)
    assert Report.objects.filter(state="sent-on").count() == len(KINDS)
    shown = sending_on.acknowledgement(hospital.viewer(Role.RADIOLOGIST), sending)
    assert shown.startswith("stored ")
    proof("returned objects of six kinds shown by Orthanc on their own study", len(KINDS), "all")


def check_pacs(
    pacs: Orthanc, mine: datasets.Markers, stranger: datasets.Markers, folder: Path
) -> None:
    """Two studies as before: the returned objects are in mine, none in the stranger's."""
    found = {
        one["MainDicomTags"]["StudyInstanceUID"]: one
        for one in requests.get(f"{pacs.rest}/studies?expand", timeout=30).json()
    }
    assert set(found) == {mine.study_uid, stranger.study_uid}
    assert len(found[stranger.study_uid]["Series"]) == 1
    own = found[mine.study_uid]
    assert own["PatientMainDicomTags"]["PatientID"] == mine.patient_id
    assert own["MainDicomTags"]["AccessionNumber"] == mine.accession
    assert len(own["Series"]) == 1 + len(KINDS)
    objects = [
        pydicom.dcmread(pydicom.filebase.DicomBytesIO(download(pacs, one["ID"])))
        for one in requests.get(f"{pacs.rest}/studies/{own['ID']}/instances", timeout=30).json()
    ]
    image = next(one for one in objects if one.Modality == "CT")
    for one in objects:
        assert one.PatientID == mine.patient_id
        if one.Modality not in ("CT", "DOC"):
            assert str(image.SOPInstanceUID) in str(one), one.Modality
        if one.Modality in ("SR", "KO") and shutil.which("dsrdump"):
            check_with_dcmtk(one, folder, mine)


def check_with_dcmtk(ds: pydicom.Dataset, folder: Path, mine: datasets.Markers) -> None:
    path = folder / f"{ds.Modality}.dcm"
    ds.save_as(path)
    dumped = subprocess.run(["dsrdump", str(path)], capture_output=True, text=True, check=True)
    assert mine.patient_id in dumped.stdout
    assert "E:" not in dumped.stderr


def download(pacs: Orthanc, instance: str) -> bytes:
    return requests.get(f"{pacs.rest}/instances/{instance}/file", timeout=30).content


@pytest.fixture
def interface() -> Iterator[Callable[..., Any]]:
    """An HL7 interface of a hospital: keeps what it gets, and answers as it is told."""
    running: list[tuple[MllpServer, threading.Thread]] = []

    def run(*codes: str) -> tuple[MllpServer, list[bytes]]:
        taken: list[bytes] = []
        left = list(codes)

        def answer(message: bytes, _peer: str) -> bytes:
            taken.append(message)
            control = message.split(b"|")[9].decode()
            code = left.pop(0) if left else "AA"
            return f"MSH|^~\\&|RIS|H|A|B|2100||ACK|1|P|2.5\rMSA|{code}|{control}\r".encode()

        server = MllpServer(
            ("127.0.0.1", 0), answer, limit=1 << 20, too_large=lambda _peer: b"", silent_seconds=20
        )
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        running.append((server, thread))
        return server, taken

    yield run
    for server, thread in running:
        server.stop()
        thread.join()
        server.server_close()


def test_hl7_goes_to_the_hospitals_interface_and_only_through_the_door(
    hospital, interface, settings, tmp_path
) -> None:
    mine = datasets.Markers(name="Яковлева^Анна", character_set=("ISO_IR 144",))
    sent = delivered(hospital, mine)
    report = bring(hospital, reading_room.hl7(sent[mine.accession]))
    server, taken = interface("AR", "AA")
    place = target(hospital, TargetKind.MLLP, host="127.0.0.1", port=server.server_address[1])
    radiologist = hospital.viewer(Role.RADIOLOGIST)
    asked = Request(report.cloud_study_id, "report")

    with pytest.raises(PermanentError):
        sending_on.send_on(hospital.viewer(Role.COORDINATOR), report, place, asked, is_fresh=True)
    with pytest.raises(PermanentError) as stale:
        sending_on.send_on(radiologist, report, place, asked, is_fresh=False)
    assert stale.value.code == "not-fresh"
    assert not taken

    sending = send(hospital, report, place)
    # Rejected for now: it is tried again by itself.
    assert (sending.state, sending.code) == (SendingState.QUEUED, "message-rejected")
    # A worker took it up and died: when its lease is over, another one does it.
    dead = timezone.now() - timedelta(seconds=1)
    ReportSending.objects.update(state=SendingState.SENDING, lease_expires=dead)
    assert jobs.requeue_sendings() == 1
    assert jobs.requeue_sendings() == 0
    work_off()
    sending.refresh_from_db()
    assert sending.state == SendingState.ACKNOWLEDGED
    pid = hl7_library.parse(taken[-1].decode())["PID"][0]
    assert str(pid[3]).split("^")[0] == mine.patient_id
    assert str(pid[5]) == mine.patient_name
    assert "MSA|AA|" in sending_on.acknowledgement(radiologist, sending)
    assert mine.patient_id.encode() not in bytes(sending.sealed_acknowledgement or b"")

    folder = tmp_path / "archive"
    folder.mkdir()
    again = send(hospital, report, target(hospital, TargetKind.FOLDER, root=str(folder)))
    assert again.state == SendingState.ACKNOWLEDGED
    (file,) = folder.rglob("*.hl7")
    assert file.read_bytes() == taken[-1]
    assert not any(token in str(file.relative_to(tmp_path)) for token in mine.tokens())

    sent_on = Event.objects.filter(action="report.sent_on")
    assert [event.outcome for event in sent_on] == ["success", "success"]
    told = " ".join(str(vars(event)) for event in Event.objects.all())
    assert not any(token in told for token in mine.tokens())


def test_an_error_of_the_interface_stops_and_a_person_sees_it(hospital, interface) -> None:
    mine = datasets.Markers()
    sent = delivered(hospital, mine)
    report = bring(hospital, reading_room.hl7(sent[mine.accession]))
    server, _taken = interface("AE")
    place = target(hospital, TargetKind.MLLP, host="127.0.0.1", port=server.server_address[1])
    sending = send(hospital, report, place)
    assert (sending.state, sending.code) == (SendingState.FAILED, "message-refused")
    stow = target(hospital, TargetKind.STOW, url="http://127.0.0.1:9")
    assert stow not in sending_on.targets_for(report)
    report.refresh_from_db()
    assert report.state == "arrived"
