"""Faults of a source over the wire: nothing lost, nothing twice, and a sentence of what to do."""

import datetime as dt
import http.server
import json
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydicom.uid import generate_uid

from studies.faults import Fault, PermanentError
from studies.intake import dicomweb
from studies.intake.dicomweb import DicomWeb
from studies.intake.dimse import Dimse
from studies.intake.remote import (
    Query,
    SourceBusy,
    SourceRefused,
    SourceSlow,
    SourceStrange,
    SourceUnavailable,
    SourceUntrusted,
)
from studies.models import Chunk, Instance, Retrieval, RetrievalState
from studies.models.places import SourceKind
from studies.services import places, retrieving, searching, selecting
from studies.services.receiving import complete_files
from tests import datasets
from tests.studies.batches import ALICE, make_batch

BOUNDARY = "faults-of-the-wire"


def said_reset(handler: http.server.BaseHTTPRequestHandler) -> bool:
    """Say whether a break is to be a reset, which may take along what wasn't read yet."""
    said: Any = handler.server
    return bool(said.resets)


class Web(http.server.BaseHTTPRequestHandler):
    """A DICOMweb service of one series, that fails as it is told."""

    def do_GET(self) -> None:
        said: Any = self.server
        said.asked.append(self.path)
        status = said.status
        if status != 200:
            self.send_response(status)
            self.end_headers()
        elif "/instances/" in self.path:
            uid = self.path.rpartition("/")[2]
            self._parts([said.files[uid]] if uid in said.files else [])
        elif "/instances" in self.path:
            self._json([{"00080018": {"Value": [uid]}} for uid in said.listed])
        elif self.path.endswith("/series") or "/series?" in self.path:
            row = {"0020000E": {"Value": [said.series]}, "00201209": {"Value": [len(said.listed)]}}
            self._json([row])
        elif "/series/" in self.path:
            self._parts(list(said.files.values()), said.breaks_after)
        else:
            row = {"0020000D": {"Value": [said.study]}, "00201208": {"Value": [len(said.listed)]}}
            self._json([row])

    def _json(self, rows: list[Any]) -> None:
        data = json.dumps(rows).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _parts(self, files: list[bytes], breaks_after: int | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", f"multipart/related; boundary={BOUNDARY}")
        self.end_headers()
        for number, data in enumerate(files):
            self.wfile.write(f"\r\n--{BOUNDARY}\r\n\r\n".encode())
            if number == breaks_after:
                self.wfile.write(data[: len(data) // 2])
                self.wfile.flush()
                if said_reset(self):
                    self.connection.setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                    )
                self.connection.close()
                return
            self.wfile.write(data)
        self.wfile.write(f"\r\n--{BOUNDARY}--\r\n".encode())

    def log_message(self, *_arguments: Any) -> None:
        pass

    def finish(self) -> None:
        if self.connection.fileno() >= 0:
            super().finish()


@pytest.fixture
def web() -> Iterator[Any]:
    server: Any = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web)
    server.handle_error = lambda *_arguments: None
    markers = datasets.Markers()
    server.study, server.series = markers.study_uid, generate_uid()
    server.files = {}
    for number in range(1, 11):
        ds = datasets.ct(markers, number=number)
        ds.SeriesInstanceUID = server.series
        server.files[str(ds.SOPInstanceUID)] = datasets.part10(ds)
    server.listed = list(server.files)
    server.status, server.breaks_after, server.asked, server.resets = 200, None, [], False
    server.url = f"http://127.0.0.1:{server.server_address[1]}/dicom-web"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def chosen(web: Any, transactional_db: None) -> Any:
    """Return a batch for which the web's only series was chosen."""
    batch = make_batch()
    source = places.save_source(
        batch.organization,
        ALICE,
        values={"name": "PACS", "kind": SourceKind.DICOMWEB, "config": {"url": web.url}},
    )
    found, _more = searching.search(batch, source, Query(patient_id="1"), ALICE)
    selecting.choose_found(batch, source, [found[0].token], ALICE)
    return batch


def bring(batch: Any) -> None:
    while retrieving.retrieve(batch, None, lambda: None).remaining:
        pass


@pytest.mark.parametrize("resets", [False, True])
def test_after_a_break_in_the_middle_only_what_is_missing_is_asked_for(
    web: Any, chosen: Any, resets: bool
) -> None:
    web.breaks_after, web.resets = 6, resets
    with pytest.raises(SourceUnavailable):
        bring(chosen)
    row = Retrieval.objects.get()
    assert row.state == RetrievalState.WAITING
    assert row.received <= 6 if resets else row.received == 6
    web.asked.clear()
    web.breaks_after = None
    bring(chosen)
    single = [path for path in web.asked if "/instances/" in path]
    assert len(single) == (10 - row.received if row.received else 0)
    complete_files(chosen)
    assert Instance.objects.filter(batch=chosen).count() == 10
    assert Retrieval.objects.get().state == RetrievalState.COMPLETE


def test_a_source_that_says_ten_and_gives_nine_leaves_one_held(web: Any, chosen: Any) -> None:
    web.files.popitem()
    bring(chosen)
    complete_files(chosen)
    rows = Instance.objects.filter(batch=chosen).values_list("state", "code")
    assert sorted(rows) == [("held", "source-gap"), *[("received", "")] * 9]
    row = Retrieval.objects.get()
    assert (row.expected, row.received, row.state) == (10, 9, RetrievalState.GAP)


def test_a_source_that_counts_more_than_it_lists_leaves_a_gap(web: Any, chosen: Any) -> None:
    web.listed.pop()
    web.files.popitem()
    bring(chosen)
    row = Retrieval.objects.get()
    assert (row.expected, row.received, row.state) == (10, 9, RetrievalState.GAP)


def test_what_nobody_asked_for_is_refused_and_what_comes_twice_is_kept_once(
    web: Any, chosen: Any
) -> None:
    stranger = datasets.ct()
    web.files["stranger"] = datasets.part10(stranger)
    web.files["again"] = next(iter(web.files.values()))
    bring(chosen)
    complete_files(chosen)
    rows = Instance.objects.filter(batch=chosen).values_list("state", "code")
    assert sorted(rows) == [*[("received", "")] * 10, ("refused", "source-not-asked")]


@pytest.mark.parametrize(
    ("status", "fault"),
    [(401, SourceRefused), (403, SourceRefused), (503, SourceBusy), (429, SourceBusy),
     (500, SourceUnavailable), (302, SourceStrange), (404, SourceStrange)],
)  # fmt: skip
def test_each_answer_of_a_source_is_said_in_words(
    web: Any, status: int, fault: type[Fault]
) -> None:
    web.status = status
    with pytest.raises(fault) as caught:
        DicomWeb({"url": web.url}, {}).find_studies(Query(patient_id="MRSECRET"))
    assert str(caught.value.message).endswith(".")
    assert "MRSECRET" not in f"{caught.value!r}{caught.value.message}"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_source_that_falls_silent_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dicomweb, "SILENT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(SourceSlow):
            DicomWeb({"url": url}, {}).check()


def certificate(name: str, folder: Path) -> Path:
    """Make a certificate that signs itself, for one name."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


@pytest.mark.filterwarnings("ignore:.*socket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("kind", ["dicomweb", "dimse"])
def test_a_certificate_of_another_name_gets_no_word_of_ours(tmp_path: Path, kind: str) -> None:
    path = certificate("another.example", tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    heard: list[bytes] = []
    server = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                raw, _address = server.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(raw, server_side=True) as secure:
                    heard.append(secure.recv(1000))
            except OSError:
                raw.close()

    thread = threading.Thread(target=answer)
    thread.start()
    port = server.getsockname()[1]
    issuers = path.read_text().partition("-----BEGIN PRIVATE")[0]
    try:
        with pytest.raises(SourceUntrusted):
            if kind == "dicomweb":
                DicomWeb({"url": f"https://localhost:{port}", "issuers": issuers}, {}).check()
            else:
                Dimse(
                    {"host": "localhost", "port": port, "called_ae": "A", "calling_ae": "B",
                     "tls": True, "issuers": issuers}
                ).check()  # fmt: skip
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()
    assert [word for word in heard if word] == []


def test_no_job_row_of_a_retrieval_names_anything(web: Any, chosen: Any) -> None:
    shown = repr(list(Retrieval.objects.values())) + repr(list(Chunk.objects.values()))
    assert web.study not in shown
    assert web.series not in shown


PACS = {"port": 104, "called_ae": "PACS", "calling_ae": "US"}


def test_a_host_that_nobody_knows_is_a_source_that_does_not_answer() -> None:
    with pytest.raises(SourceUnavailable):
        Dimse({**PACS, "host": "no-such-host.invalid"}).check()


@pytest.mark.parametrize("host", ["", "a..b", "a b", "é" * 70])
def test_what_can_be_no_host_is_refused_before_anything_is_asked(host: str) -> None:
    with pytest.raises(PermanentError) as refused:
        Dimse({**PACS, "host": host})
    assert refused.value.code == "address-invalid"


def test_a_credential_that_no_header_takes_is_one_that_the_source_refuses() -> None:
    source = DicomWeb({"url": "http://127.0.0.1:9/dicom-web"}, {"token": "中"})
    with pytest.raises(SourceRefused):
        source.check()
