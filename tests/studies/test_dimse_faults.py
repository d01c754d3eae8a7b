"""Associations that are reset in the middle of an object: nothing lost, nothing twice, and said."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import generate_uid
from pynetdicom import AE
from pynetdicom.sop_class import CTImageStorage, Verification

from studies.faults import TransientError
from studies.intake import dimse_receiving
from studies.intake.remote import Query
from studies.management.listener import Listener
from studies.models import Arrival, Batch, Instance, ListenerRule, Retrieval, UploadPart
from studies.models.places import SourceKind
from studies.services import places, receiving, retrieving, room, searching, selecting
from studies.services.keys import batch_sealer
from studies.storage import BatchStore
from tests import datasets
from tests.studies.batches import ALICE, make_batch
from tests.studies.hospital import Hospital, make_hospital
from tests.studies.orthanc import AE_TITLE, Orthanc, free_port, needs_orthanc, run_orthanc
from tests.studies.test_listening import make_rule
from tests.studies.wire import Pass, Reset, ResetBack, Wire, make_authority, wire_to

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "vault"]),
    # pynetdicom leaves a socket to the collector when a connection breaks.
    pytest.mark.filterwarnings("ignore:.*socket:pytest.PytestUnraisableExceptionWarning"),
]

HOST = "127.0.0.1"
MOVE_PORT = free_port()
IMAGES = 4
# One image is a little over 128 KiB: these cuts are in the middle of the first, second and last.
CUTS = (60_000, 200_000, 500_000)


def images(count: int = IMAGES) -> list[Any]:
    markers, series = datasets.Markers(), generate_uid()
    found = []
    for number in range(1, count + 1):
        ds = datasets.ct(markers, number=number, size=256)
        ds.SeriesInstanceUID = series
        found.append(ds)
    return found


# --- sources ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def back() -> Iterator[Wire]:
    """Return the wire over which the PACS sends to the portal's own port, for C-MOVE."""
    with wire_to(MOVE_PORT) as wire:
        yield wire


@pytest.fixture(scope="module")
def pacs(back: Wire, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    known = {"portal": ["PORTAL", HOST, back.port]}
    with run_orthanc(tmp_path_factory.mktemp("pacs"), known) as running:
        yield running


def choose(pacs: Orthanc, port: int, method: str) -> Batch:
    """Return a batch for which the only series of the PACS was chosen."""
    batch = make_batch()
    config = {"host": HOST, "port": port, "called_ae": AE_TITLE, "calling_ae": "PORTAL"}
    source = places.save_source(
        batch.organization,
        ALICE,
        values={
            "name": "PACS",
            "kind": SourceKind.DIMSE,
            "config": config | {"method": method},
        },
    )
    found, _more = searching.search(batch, source, Query(modality="CT"), ALICE)
    selecting.choose_found(batch, source, [found[0].token], ALICE)
    return batch


def bring(batch: Batch) -> list[str]:
    """Retrieve as a job does that comes again after a passing fault; return what was said."""
    said: list[str] = []
    for _run in range(20):
        try:
            if not retrieving.retrieve(batch, None, lambda: None).remaining:
                return said
        except TransientError as fault:
            said.append(str(fault.message))
    raise AssertionError(f"it never ends: {said}")


def pixels_of(batch: Batch) -> list[bytes]:
    """Return what arrived of the images, sorted."""
    receiving.complete_files(batch)
    with BatchStore(batch.pk, batch_sealer(batch).root) as store:
        rows = Instance.objects.filter(batch=batch)
        return sorted(store.open_original(row.original).read()[-(1 << 17) :] for row in rows)


@needs_orthanc
@pytest.mark.peers
@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("method", ["get", "move"])
def test_a_retrieval_that_is_cut_in_an_object_brings_each_object_once(
    pacs: Orthanc, back: Wire, settings: Any, tmp_path: Path, method: str, cut: int
) -> None:
    settings.DICOM_MOVE_PORT = MOVE_PORT
    pacs.empty()
    sent = images()
    pacs.store(*(datasets.part10(ds) for ds in sent))
    with wire_to(pacs.dicom_port) as forth:
        batch = choose(pacs, forth.port, method)
        # The next connection lists the series; each of the two that then bring objects is cut.
        if method == "get":
            forth.plan = [Pass(), ResetBack(cut), ResetBack(cut)]
        else:
            back.plan = [Reset(cut), Reset(cut)]
        said = bring(batch)
    assert pixels_of(batch) == sorted(ds.PixelData for ds in sent)
    rows = Retrieval.objects.values_list("state", "expected", "received")
    assert list(rows) == [("complete", IMAGES, IMAGES)]
    assert said
    assert all("goes on with what is missing" in sentence for sentence in said)
    back.plan.clear()


# --- the listener ----------------------------------------------------------------------------


@pytest.fixture
def hospital(tmp_path: Path, settings: Any) -> Hospital:
    settings.FOLDER_ROOTS = [str(tmp_path)]
    room.counted.forget()
    return make_hospital(tmp_path)


@pytest.fixture
def rule(hospital: Hospital) -> ListenerRule:
    return make_rule(hospital)


@contextlib.contextmanager
def listening(context: ssl.SSLContext | None = None) -> Iterator[Listener]:
    running = Listener()
    running.start((HOST, 0), context)
    try:
        yield running
    finally:
        running.stop()


def send(port: int, objects: list[Any]) -> list[Any]:
    """Send over one association until it breaks; return the objects that weren't confirmed."""
    ae = AE(ae_title="CT1")
    ae.add_requested_context(CTImageStorage)
    association = ae.associate(HOST, port, ae_title="NORTH")
    left = list(objects)
    with contextlib.closing(association.dul.socket.socket):
        while left and association.is_established:
            if association.send_c_store(left[0]).get("Status") != 0:
                break
            left.pop(0)
        if association.is_established:
            association.release()
    return left


@pytest.mark.parametrize("cut", CUTS)
def test_a_sender_that_is_cut_off_in_an_object_sends_the_rest_again(
    rule: ListenerRule, settings: Any, cut: int
) -> None:
    sent = images()
    for ds in sent:
        datasets.part10(ds)  # gives it its file meta information
    with listening() as listener, wire_to(listener.port) as wire:
        wire.plan = [Reset(cut), Reset(cut)]
        left, runs = sent, 0
        while left and runs < 10:
            left, runs = send(wire.port, left), runs + 1
        assert left == []
        assert runs > 1
        until = time.monotonic() + 10
        while Arrival.objects.exists() and time.monotonic() < until:
            time.sleep(0.02)
        assert not Arrival.objects.exists()
    batch = Batch.objects.get()
    # What was cut off left nothing, neither a row nor bytes.
    folder = Path(settings.SEALED_DIR) / str(batch.pk) / "original"
    names = set(UploadPart.objects.values_list("object_name", flat=True))
    assert {path.name for path in folder.iterdir()} == names
    assert pixels_of(batch) == sorted(ds.PixelData for ds in sent)


def echo(port: int, context: ssl.SSLContext) -> bool:
    ae = AE(ae_title="CT1")
    ae.acse_timeout = ae.network_timeout = ae.connection_timeout = 5
    ae.add_requested_context(Verification)
    association = ae.associate(HOST, port, ae_title="NORTH", tls_args=(context, HOST))
    if not association.is_established:
        return False
    answer = association.send_c_echo()
    association.release()
    return bool(answer.get("Status") == 0)


def test_who_connects_and_says_nothing_keeps_nobody_out(
    rule: ListenerRule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dimse_receiving, "CONNECT_SECONDS", 1.0)
    authority = make_authority(tmp_path, HOST)
    trusting = ssl.create_default_context(cadata=authority.pem)
    with listening(authority.context) as listener, contextlib.ExitStack() as stack:
        silent = [
            stack.enter_context(socket.create_connection((HOST, listener.port), timeout=20))
            for _ in range(3)
        ]
        assert echo(listener.port, trusting)
        # And nobody stays longer than a handshake may take.
        assert [one.recv(1) for one in silent] == [b"", b"", b""]
        # Nor does the noise of somebody who speaks no TLS end it.
        with socket.create_connection((HOST, listener.port), timeout=20) as noise:
            noise.sendall(b"GET / HTTP/1.0\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):
                while noise.recv(100):
                    pass
        assert echo(listener.port, trusting)
    assert not [one for one in threading.enumerate() if one.name == "associations"]
