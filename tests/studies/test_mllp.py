"""HL7 reports over MLLP: real sockets, TLS, acknowledgements, and what is durable before AA."""

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from django.core.management.base import CommandError
from django.db import connections

from audit.models import Event
from studies.deid.cloudid import cloud_id_check
from studies.intake.mllp import END, START, FrameReader, MllpServer, TooLarge, frame
from studies.management.commands.mllp_listener import Command, make_server
from studies.models import Report, ReportState, Study
from studies.services import returning
from tests import datasets
from tests.reports import reading_room
from tests.studies.hospital import Hospital, make_hospital, work_off

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "vault"]),
    pytest.mark.usefixtures("redis_server"),
]


@pytest.fixture
def hospital(tmp_path: Path, settings: Any) -> Hospital:
    settings.FOLDER_ROOTS = [str(tmp_path)]
    return make_hospital(tmp_path)


@pytest.fixture
def sent(hospital: Hospital) -> pydicom.Dataset:
    """One study that was delivered, as the reader has it."""
    datasets.write_series(hospital.inbox / "one", [datasets.ct(datasets.Markers(), number=1)])
    batch = hospital.submit(release="when-clean")
    work_off()
    study = Study.objects.get(batch=batch)
    return pydicom.dcmread(next(hospital.outbox.rglob(f"{study.cloud_study_id}/*/*.dcm")))


@pytest.fixture
def listener(settings: Any) -> Iterator[MllpServer]:
    """The real listener on a free port."""
    settings.MLLP_PORT = 0
    yield from serving(settings)


def serving(settings: Any) -> Iterator[MllpServer]:
    server = make_server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.stop()
    thread.join()
    server.server_close()
    connections.close_all()


def ask(server: MllpServer, *messages: bytes, context: ssl.SSLContext | None = None) -> list[str]:
    """Send messages over one connection and return the acknowledgements."""
    answers: list[str] = []
    with socket.create_connection(server.server_address[:2], timeout=20) as plain:
        connection = context.wrap_socket(plain, server_hostname="localhost") if context else plain
        with connection:
            answers += [converse(connection, message) for message in messages]
    return answers


def converse(connection: socket.socket, message: bytes) -> str:
    connection.sendall(frame(message))
    data = b""
    while not data.endswith(END):
        block = connection.recv(4096)
        assert block, "hung up without an acknowledgement"
        data += block
    return data.removeprefix(START).removesuffix(END).decode("ascii")


def code_of(acknowledgement: str) -> str:
    line = next(one for one in acknowledgement.split("\r") if one.startswith("MSA"))
    return line.split("|")[1]


def message(sent: pydicom.Dataset, **changes: Any) -> bytes:
    return reading_room.hl7(sent, **changes).replace(b"|RIS|HOSPITAL|", b"|RIS|NORTH|")


def test_a_report_is_sealed_and_committed_before_its_sender_hears_aa(sent, listener) -> None:
    said = message(sent)
    (answer,) = ask(listener, said)
    assert code_of(answer) == "AA"
    control = said.split(b"|")[9].decode()
    assert f"MSA|AA|{control}" in answer
    report = Report.objects.get()
    assert (report.state, report.channel, report.version) == ("arrived", "mllp", "final")
    assert returning.body_of(report) == said
    assert said not in bytes(report.body.sealed)
    event = Event.objects.get(action="report.received")
    assert event.outcome == "success"

    again, other = ask(listener, said, said.replace(b"No acute", b"An acute"))
    assert code_of(again) == "AA"
    # The same message twice is one report; a number used for other words waits for a person.
    assert code_of(other) == "AE"
    assert "205^Duplicate key identifier" in other
    assert Report.objects.get(code="control-id-reused").state == ReportState.ATTENTION
    assert Report.objects.count() == 2


WRONG = [
    # what was, what is sent instead, acknowledgement, error of HL7 table 0357
    (b"ORU^R01", b"ADT^A01", "AR", "200"),
    (b"|2.5.1|", b"|3.9|", "AR", "203"),
    (b"|P|2.5.1", b"|Q|2.5.1", "AR", "202"),
    (b"|RIS|NORTH|", b"|RIS|NOBODY|", "AR", "103"),
    (b"\rPID|", b"\rpid|", "AE", "102"),
    (b"no id at all", b"no id at all", "AE", "204"),
]


def test_what_is_wrong_with_a_message_has_its_code(hospital, listener) -> None:
    unknown = b"ZZZZZZ000000" + cloud_id_check("ZZZZZZ000000").encode()
    dataset = pydicom.Dataset()
    dataset.AccessionNumber = dataset.StudyID = unknown.decode()
    dataset.PatientID, dataset.PatientName = "NORTH-X", "X"
    dataset.StudyInstanceUID = "2.25.1234567"
    said = message(dataset)
    for before, after, expected, error in WRONG:
        kept = Report.objects.count()
        (answer,) = ask(listener, said.replace(before, after))
        assert (code_of(answer), f"|{error}^" in answer) == (expected, True), after
        assert unknown.decode() not in answer
        # What is rejected isn't kept; what is in error waits for a person.
        assert Report.objects.count() == kept + (expected == "AE"), after
    assert Report.objects.filter(code="unknown-cloud-id").count() == 1
    (answer,) = ask(listener, said.replace(b"|P|2.5.1|||", b"|P|2.5.1|||AL"))
    assert code_of(answer) == "CE"


def test_a_message_beyond_the_limit_is_rejected_and_hung_up_on(settings) -> None:
    settings.REPORT_MAX_BYTES = 2000
    settings.MLLP_PORT = 0
    for server in serving(settings):
        (answer,) = ask(server, b"MSH|^~\\&|" + b"x" * 5000)
        assert code_of(answer) == "AR"
    assert Report.objects.count() == 0
    assert Event.objects.get(action="report.received").outcome == "refused"


def test_over_tls_the_listener_speaks_nothing_else(settings, tmp_path) -> None:
    certificate = make_certificate(tmp_path)
    settings.MLLP_PORT, settings.MLLP_TLS_CERTIFICATE = 0, str(certificate)
    context = ssl.create_default_context(cafile=str(certificate))
    for server in serving(settings):
        (answer,) = ask(server, b"MSH|^~\\&|A|B|C|D|2026||ORU^R01|1|P|2.5.1\r", context=context)
        assert (code_of(answer), "103^Table value not found" in answer) == ("AR", True)
        with pytest.raises((AssertionError, OSError)):
            ask(server, b"MSH|^~\\&|")


def make_certificate(folder: Path) -> Path:
    """A certificate for localhost, with its key, in one PEM file."""
    import datetime as dt

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "listener.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


def test_frames_come_in_any_pieces() -> None:
    reader = FrameReader(100)
    wire = b"\n" + frame(b"MSH|1") + b"\r\n" + frame(b"MSH|2\rPID")
    found = [one for at in range(len(wire)) for one in reader.feed(wire[at : at + 1])]
    assert found == [b"MSH|1", b"MSH|2\rPID"]
    with pytest.raises(TooLarge):
        reader.feed(START + b"x" * 200)


def test_up_may_start_the_listener_as_it_starts_everything_else() -> None:
    options = Command().create_parser("manage.py", "mllp_listener").parse_args(["--skip-checks"])
    assert options.skip_checks is True


def test_beyond_this_machine_there_is_no_listener_without_tls(settings) -> None:
    settings.MLLP_BIND, settings.MLLP_TLS_CERTIFICATE = "0.0.0.0", ""
    with pytest.raises(CommandError):
        make_server()
