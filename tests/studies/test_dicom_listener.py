"""The storage SCP against real senders: who gets in, what is kept, what is refused."""

import contextlib
import hashlib
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import CTImageStorage
from pynetdicom import AE

from audit.models import Event
from studies import jobs
from studies.management.listener import Listener
from studies.models import Batch, Gathering, ListenerRule, UploadPart
from studies.services import listening, receiving, room
from studies.services.keys import batch_sealer
from studies.storage import BatchStore
from tests import datasets
from tests.studies.hospital import Hospital, counts, make_hospital, work_off
from tests.studies.test_listening import make_quiet, make_rule

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "vault"]),
    # pynetdicom leaves the socket of a refused connection to the garbage collector.
    pytest.mark.filterwarnings("ignore:.*socket:pytest.PytestUnraisableExceptionWarning"),
]
needs_dcmtk = pytest.mark.skipif(shutil.which("storescu") is None, reason="DCMTK isn't installed")
HOST = "127.0.0.1"


@pytest.fixture
def hospital(tmp_path: Path, settings: Any) -> Hospital:
    settings.FOLDER_ROOTS = [str(tmp_path)]
    room.counted.forget()
    return make_hospital(tmp_path)


@pytest.fixture
def rule(hospital: Hospital) -> ListenerRule:
    return make_rule(hospital)


@pytest.fixture
def listener(hospital: Hospital) -> Iterator[Listener]:
    running = Listener()
    running.start((HOST, 0), None)
    yield running
    running.stop()


def dcmtk(program: str, port: int, *arguments: object, calling: str = "CT1") -> int:
    command = [program, "-aet", calling, "-aec", "NORTH", HOST, str(port), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode


def originals(batch: Batch) -> list[bytes]:
    receiving.complete_files(batch)
    with BatchStore(batch.pk, batch_sealer(batch).root) as store:
        return [store.open_original(row.original).read() for row in batch.instances.all()]


@needs_dcmtk
@pytest.mark.peers
def test_a_known_sender_may_echo_and_a_stranger_may_not(
    rule: ListenerRule, listener: Listener
) -> None:
    assert dcmtk("echoscu", listener.port) == 0
    assert dcmtk("echoscu", listener.port, calling="STRANGER") != 0
    refused = Event.objects.get(action="listener.refused")
    assert refused.actor_label == "STRANGER"
    assert Batch.objects.count() == 0


@needs_dcmtk
@pytest.mark.peers
@pytest.mark.usefixtures("redis_server")
def test_what_is_sent_becomes_one_batch_that_goes_its_way(
    rule: ListenerRule, listener: Listener, tmp_path: Path
) -> None:
    markers = datasets.Markers()
    files = datasets.write_series(
        tmp_path / "out", [datasets.ct(markers, number=n) for n in range(1, 6)]
    )
    assert dcmtk("storescu", listener.port, *files) == 0
    batch = Batch.objects.get()
    assert (batch.submitter_label, UploadPart.objects.count()) == ("CT1", 5)
    make_quiet()
    assert jobs.start_quiet() == 1
    work_off()
    assert counts(batch) == {"delivered": 5}


@needs_dcmtk
@pytest.mark.peers
def test_the_data_set_arrives_bit_for_bit(
    rule: ListenerRule, listener: Listener, tmp_path: Path
) -> None:
    ds = datasets.ct(size=256)
    path = datasets.write(ds, tmp_path / "one.dcm")
    assert dcmtk("storescu", listener.port, path) == 0
    (stored,) = originals(Batch.objects.get())
    sent = path.read_bytes()
    tail = len(ds.PixelData)
    assert hashlib.sha256(stored[-tail:]).digest() == hashlib.sha256(sent[-tail:]).digest()
    import io

    import pydicom

    one, other = pydicom.dcmread(io.BytesIO(stored)), pydicom.dcmread(path)
    assert one == other
    assert one.file_meta.TransferSyntaxUID == other.file_meta.TransferSyntaxUID


def send(port: int, *objects: Any) -> list[int]:
    """Send objects over one association; return the status of each."""
    ae = AE(ae_title="CT1")
    ae.add_requested_context(CTImageStorage)
    association = ae.associate(HOST, port, ae_title="NORTH")
    assert association.is_established
    for ds in objects:
        datasets.part10(ds)  # gives it its file meta information
    found = [int(association.send_c_store(ds).Status) for ds in objects]
    association.release()
    return found


def test_while_there_is_no_room_senders_are_told_to_come_back(
    rule: ListenerRule, listener: Listener, settings: Any
) -> None:
    one, two = datasets.ct(), datasets.ct()
    settings.MIN_FREE_BYTES = 2**62
    assert send(listener.port, one) == [0xA700]
    settings.MIN_FREE_BYTES = 0
    assert send(listener.port, one, two) == [0, 0]
    assert UploadPart.objects.count() == 2


def test_an_object_that_is_too_large_is_refused_and_the_next_one_is_not(
    rule: ListenerRule, listener: Listener, settings: Any
) -> None:
    small, large = datasets.ct(size=32), datasets.ct(size=512)
    settings.OBJECT_MAX_BYTES = 100_000
    assert send(listener.port, large, small) == [0xA700, 0]
    assert UploadPart.objects.count() == 1


def test_a_full_disk_refuses_and_keeps_nothing_of_the_object(
    rule: ListenerRule, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studies import storage

    real = storage._Raw.write
    full = threading.Event()

    def write(self: Any, data: Any) -> int:
        if full.is_set():
            raise OSError(28, "No space left on device")
        return real(self, data)

    monkeypatch.setattr(storage._Raw, "write", write)
    one = datasets.ct()
    full.set()
    assert send(listener.port, one) == [0xA700]
    full.clear()
    assert send(listener.port, one) == [0]
    assert UploadPart.objects.count() == 1


def test_a_sender_that_breaks_off_leaves_nothing_and_may_send_again(
    rule: ListenerRule, listener: Listener, settings: Any
) -> None:
    large = datasets.ct(size=1024)
    ae = AE(ae_title="CT1")
    ae.add_requested_context(CTImageStorage)
    association = ae.associate(HOST, listener.port, ae_title="NORTH")
    real = association.dul.socket.send
    sent: list[int] = []

    def send_some(data: bytes) -> None:
        sent.append(len(data))
        if sum(sent) < 800_000:
            real(data)
        elif association.dul.socket.socket is not None:
            with contextlib.suppress(OSError):
                association.dul.socket.socket.shutdown(socket.SHUT_RDWR)

    association.dul.socket.send = send_some
    datasets.part10(large)
    assert "Status" not in association.send_c_store(large)
    for _ in range(400):
        if Batch.objects.exists() and not listening.Arrival.objects.exists():
            break
        time.sleep(0.02)
    assert not listening.Arrival.objects.exists()
    batch = Batch.objects.get()
    folder = Path(settings.SEALED_DIR) / str(batch.pk) / "original"
    assert (UploadPart.objects.count(), list(folder.iterdir())) == (0, [])
    assert send(listener.port, large) == [0]
    assert UploadPart.objects.count() == 1
    assert Gathering.objects.count() == 1


def test_more_senders_than_allowed_wait(
    rule: ListenerRule, hospital: Hospital, settings: Any
) -> None:
    settings.DICOM_ASSOCIATIONS = 1
    running = Listener()
    running.start((HOST, 0), None)
    try:
        ae = AE(ae_title="CT1")
        ae.add_requested_context(CTImageStorage)
        first = ae.associate(HOST, running.port, ae_title="NORTH")
        second = ae.associate(HOST, running.port, ae_title="NORTH")
        assert (first.is_established, second.is_rejected) == (True, True)
        first.release()
    finally:
        running.stop()
