"""The API under the real web server: many clients at once, chunked bodies, and hostile ones."""

import http.client
import io
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pydicom
import pytest
import requests
from django.conf import settings as project

from audit.models import Event
from studies.models import UploadPart
from studies.vault.models import InstanceRow, Patient, Study
from tests import datasets
from tests.api.conftest import token_for
from tests.counts import count
from tests.studies.hospital import Hospital
from tests.studies.test_listening import make_rule

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "vault"])
STOW = 'multipart/related; type="application/dicom"; boundary=edge'


class Served:
    """A running portal, and a token for it."""

    def __init__(self, address: str, token: str) -> None:
        self.address = address
        self.headers = {"Authorization": f"Bearer {token}"}

    def post(self, path: str, data: Any, kind: str = "application/dicom", **more: Any) -> Any:
        headers = {**self.headers, "Content-Type": kind}
        return requests.post(self.address + path, data=data, headers=headers, timeout=60, **more)

    def raw(self, request: bytes, *, then_close: bool = True) -> bytes:
        place = urlsplit(self.address)
        with socket.create_connection((place.hostname, place.port), 30) as connection:
            connection.sendall(request)
            if then_close:
                connection.shutdown(socket.SHUT_WR)
            answer = b""
            while block := connection.recv(65536):
                answer += block
                if b"\r\n\r\n" in answer and not then_close:
                    break
            return answer

    def alive(self) -> bool:
        answer = requests.get(f"{self.address}/api/me", headers=self.headers, timeout=60)
        return answer.status_code == 200


@pytest.fixture
def served(hospital: Hospital, portal_server: str) -> Served:
    make_rule(hospital, kind="stow", calling_ae="", called_ae="")
    return Served(portal_server, token_for(hospital.organization))


def test_ten_clients_at_once_get_one_patient_and_one_study(served: Served, proof: Any) -> None:
    markers = datasets.Markers()
    rounds = count(3, 30)
    bodies = [datasets.part10(datasets.ct(markers, number=n)) for n in range(1, 11)]

    def send(body: bytes) -> list[tuple[int, str]]:
        answers = [served.post("/api/anonymize-stream", body) for _ in range(rounds)]
        return [(answer.status_code, answer.headers["X-Cloud-Study-Id"]) for answer in answers]

    with ThreadPoolExecutor(10) as pool:
        found = [pair for pairs in pool.map(send, bodies) for pair in pairs]
    assert {status for status, _id in found} == {200}
    assert len({cloud_id for _status, cloud_id in found}) == 1
    assert (Patient.objects.count(), Study.objects.count()) == (1, 1)
    assert InstanceRow.objects.count() == 10
    events = Event.objects.filter(action="gateway.deidentified", outcome="success").count()
    assert events == 10 * rounds
    proof("ten clients send instances of one study at once", 10 * rounds, "one patient, one study")


def test_chunked_bodies_are_taken(served: Served) -> None:
    data = datasets.part10(datasets.ct())

    def pieces() -> Iterator[bytes]:
        for at in range(0, len(data), 1000):
            yield data[at : at + 1000]

    answer = served.post("/api/anonymize-stream", pieces())
    assert answer.status_code == 200
    assert pydicom.dcmread(io.BytesIO(answer.content)).PatientIdentityRemoved == "YES"
    head = b"--edge\r\nContent-Type: application/dicom\r\n\r\n"
    stored = served.post(
        "/api/dicom-web/studies", iter([head, *pieces(), b"\r\n--edge--\r\n"]), STOW
    )
    assert stored.status_code == 200, stored.text
    assert UploadPart.objects.count() == 1


def test_a_connection_stays_usable_after_a_refused_body(served: Served) -> None:
    place = urlsplit(served.address)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
    for body, kind, status in (
        (b"x" * 300_000, "text/plain", 415),
        (b"no dicom at all, truly none", "application/dicom", 415),
        (datasets.part10(datasets.ct()), "application/dicom", 200),
    ):
        headers = {**served.headers, "Content-Type": kind}
        connection.request("POST", "/api/anonymize-stream", body, headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
    connection.close()


def test_lies_about_length_and_huge_headers_hurt_nobody(served: Served) -> None:
    token = served.headers["Authorization"]
    start = f"POST /api/anonymize-stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: {token}\r\n"
    kind = "Content-Type: application/dicom\r\n"
    data = datasets.part10(datasets.ct())
    for headers, body, expected in (
        (f"{kind}Content-Length: {len(data) + 5000}\r\n\r\n", data, b" 400 "),
        (f"{kind}Content-Length: {len(data) - 300}\r\n\r\n", data, b" 422 "),
        (f"{kind}Content-Length: -5\r\n\r\n", data, b" 400 "),
        (f"{kind}Content-Length: many\r\n\r\n", data, b" 400 "),
        (f"{kind}Content-Length: {1 << 50}\r\n\r\n", b"", b" 413 "),
        (f"{kind}X-Large: {'x' * 200_000}\r\n\r\n", b"", b" 4"),
        ("\r\n".join(f"X-{n}: y" for n in range(500)) + "\r\n\r\n", b"", b" 4"),
        (f"{kind}Transfer-Encoding: chunked\r\n\r\n", b"zz\r\nno chunk\r\n0\r\n\r\n", b" 4"),
    ):
        answer = served.raw((start + headers).encode() + body)
        assert expected in answer.partition(b"\r\n")[0] + b" ", (headers[:80], answer[:200])
    assert served.alive()


def test_a_sender_that_vanishes_leaves_nothing(served: Served) -> None:
    token = served.headers["Authorization"]
    start = f"POST /api/dicom-web/studies HTTP/1.1\r\nHost: localhost\r\nAuthorization: {token}\r\n"
    head = b"--edge\r\nContent-Type: application/dicom\r\n\r\n"
    body = head + datasets.part10(datasets.ct(size=256))
    request = f"{start}Content-Type: {STOW}\r\nContent-Length: {len(body) * 2}\r\n\r\n".encode()
    served.raw(request + body)
    assert served.alive()
    assert UploadPart.objects.count() == 0
    assert list((Path(project.DATA_DIR) / "spool").glob("*")) == []


def test_a_large_multi_frame_passes_in_bounded_memory(
    served: Served, tmp_path: Path, proof: Any
) -> None:
    size = count(120, 2000) << 20
    source = large_instance(tmp_path / "large.dcm", size)
    with source.open("rb") as stream:
        answer = served.post("/api/anonymize-stream", stream, stream=True)
    assert answer.status_code == 200, answer.text
    assert sum(map(len, answer.iter_content(1 << 20))) > size
    stored = served.post("/api/dicom-web/studies", related(source), STOW)
    assert stored.status_code == 200, stored.text
    most = peak_memory(served) >> 20
    assert most < 200
    proof("a multi-frame through gateway and STOW-RS under 200 MB", size >> 20, f"{most} MB")


def large_instance(path: Path, size: int) -> Path:
    """Write an instance whose pixels take about so many bytes, without holding them."""
    small = datasets.enhanced_mr(frames=1, size=512)
    small.NumberOfFrames = size // (512 * 512 * 2)
    groups = small.PerFrameFunctionalGroupsSequence
    small.PerFrameFunctionalGroupsSequence = [groups[0]] * int(small.NumberOfFrames)
    small.PixelData = b"\0\1"
    data = datasets.part10(small)
    at = data.rindex(b"\xe0\x7f\x10\x00OW")
    length = int(small.NumberOfFrames) * 512 * 512 * 2
    with path.open("wb") as out:
        out.write(data[: at + 8] + length.to_bytes(4, "little"))
        for _ in range(length >> 19):
            out.write(bytes(1 << 19))
    return path


def related(path: Path) -> Iterator[bytes]:
    yield b"--edge\r\nContent-Type: application/dicom\r\n\r\n"
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            yield block
    yield b"\r\n--edge--\r\n"


def peak_memory(served: Served) -> int:
    """Return the most memory that any process of the server has had, in bytes."""
    port = urlsplit(served.address).port
    peaks = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes()
            if f"ANONPORTAL_BIND=127.0.0.1:{port}\0".encode() in environment:
                status = (folder / "status").read_text()
                peaks.append(int(status.split("VmHWM:")[1].split()[0]) << 10)
        except (OSError, IndexError):
            continue
    return max(peaks)
