"""Archives as destinations: STOW-RS and C-STORE, against Orthanc, DCMTK, and answers that lie."""

import hashlib
import io
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pydicom
import pytest
from pydicom.uid import RLELossless

from studies.delivery import (
    DeliveryRefused,
    DeliveryUnavailable,
    Outgoing,
    addresses,
    open_destination,
)
from studies.delivery.stow_body import MultipartBody, read_answer
from tests import datasets
from tests.studies.orthanc import Orthanc, free_port, needs_orthanc, run_orthanc
from tests.studies.wire import (
    Answer,
    Reset,
    ResetAnswer,
    Stall,
    http_server,
    make_authority,
    wait_for_port,
    wire_to,
)

# pynetdicom leaves a socket that could not connect to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    r"ignore:Exception ignored in. <(socket|ssl)\.:pytest.PytestUnraisableExceptionWarning"
)
STORESCP = shutil.which("storescp") or ""
needs_dcmtk = pytest.mark.skipif(not STORESCP, reason="DCMTK's storescp isn't installed")


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory) -> Iterator[Orthanc]:
    with run_orthanc(tmp_path_factory.mktemp("orthanc")) as running:
        yield running


@pytest.fixture
def empty(orthanc: Orthanc) -> Orthanc:
    orthanc.empty()
    return orthanc


def outgoing(count: int = 1, was_begun: bool = False, **values: object) -> list[Outgoing]:
    markers = datasets.Markers()
    found = []
    for number in range(1, count + 1):
        data = datasets.part10(datasets.ct(markers, number=number, **values))
        uid = pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True).SOPInstanceUID
        found.append(
            Outgoing(
                f"{uuid4()}/DC0T3GN3M887M/2/{uid}.dcm",
                len(data),
                hashlib.sha256(data).hexdigest(),
                lambda data=data: io.BytesIO(data),
                was_begun,
            )
        )
    return found


def compressed() -> Outgoing:
    ds = pydicom.dcmread(outgoing()[0].open())
    ds.compress(RLELossless, generate_instance_uid=False)
    target = io.BytesIO()
    ds.save_as(target, enforce_file_format=True)
    data = target.getvalue()
    return Outgoing(f"b/s/1/{ds.SOPInstanceUID}.dcm", len(data), "", lambda: io.BytesIO(data))


def stow(url: str, secrets: dict | None = None, **config: object):
    given = {"url": url, "auth": "none", **config}
    return open_destination(SimpleNamespace(kind="stow", config=given), secrets or {})


def dimse(port: int, secrets: dict | None = None, **config: object):
    given = {"host": "127.0.0.1", "port": port, "called_ae": "ORTHANC", **config}
    return open_destination(SimpleNamespace(kind="dimse", config=given), secrets or {})


def store(place, objects: list[Outgoing]) -> tuple[list[str], str]:
    """Send objects; return the keys that were confirmed, and the code of the fault if any."""
    stored: list[str] = []
    try:
        place.store(objects, lambda one: stored.append(one.key))
    except (DeliveryRefused, DeliveryUnavailable) as fault:
        assert str(fault.message).endswith(".")
        return stored, fault.code
    finally:
        place.close()
    return stored, ""


# --- real peers --------------------------------------------------------------------------------


@needs_orthanc
@pytest.mark.peers
@pytest.mark.parametrize("kind", ["stow", "dimse"])
def test_what_is_sent_arrives_and_is_confirmed_one_by_one(empty: Orthanc, kind: str) -> None:
    objects = outgoing(5)
    for _twice in range(2):
        place = stow(empty.web) if kind == "stow" else dimse(empty.dicom_port)
        place.check()
        stored, code = store(place, objects)
        assert not code
        assert stored == [one.key for one in objects]
        assert empty.count() == 5


@needs_orthanc
@pytest.mark.peers
@pytest.mark.parametrize("kind", ["stow", "dimse"])
@pytest.mark.parametrize("fault", [Reset(20_000), ResetAnswer()], ids=["reset", "answer lost"])
def test_a_cut_in_the_middle_loses_nothing_and_sends_nothing_twice(
    empty: Orthanc, kind: str, fault
) -> None:
    objects = outgoing(12)
    port = empty.http_port if kind == "stow" else empty.dicom_port
    with wire_to(port) as wire:
        wire.plan = [fault]

        def place():
            if kind == "stow":
                return stow(f"http://127.0.0.1:{wire.port}/dicom-web")
            return dimse(wire.port)

        stored, code = store(place(), objects)
        assert code == "connection-lost"
        missing = [one for one in objects if one.key not in stored]
        again, code = store(place(), missing)
        assert not code
    assert sorted(stored + again) == sorted(one.key for one in objects)
    assert empty.count() == 12


@needs_dcmtk
@pytest.mark.peers
def test_each_object_keeps_its_transfer_syntax_and_its_bytes(tmp_path: Path) -> None:
    plain, packed = outgoing()[0], compressed()
    with scp(tmp_path, "+xa") as port:
        stored, code = store(dimse(port, called_ae="ANY"), [plain, packed])
    assert (len(stored), code) == (2, "")
    received = {ds.SOPInstanceUID: ds for ds in map(pydicom.dcmread, (tmp_path / "in").iterdir())}
    for one in (plain, packed):
        sent = pydicom.dcmread(one.open())
        there = received[one.sop_instance_uid]
        assert there.file_meta.TransferSyntaxUID == sent.file_meta.TransferSyntaxUID
        assert there.PixelData == sent.PixelData


@needs_dcmtk
@pytest.mark.peers
def test_a_syntax_that_the_node_does_not_take_is_refused_and_the_others_arrive(tmp_path) -> None:
    plain, packed = outgoing()[0], compressed()
    with scp(tmp_path, "+xe") as port:
        stored, code = store(dimse(port, called_ae="ANY"), [packed, plain])
    assert stored == [plain.key]
    assert code == "object-refused"


@needs_dcmtk
@pytest.mark.peers
def test_tls_to_a_node_is_verified(tmp_path) -> None:
    right = make_authority(tmp_path, "127.0.0.1")
    wrong = make_authority(tmp_path, "other.example")
    objects = outgoing(2)
    for authority, trusts, expected in (
        (right, right, ""),
        (right, wrong, "tls-untrusted"),
        (wrong, wrong, "tls-wrong-name"),
    ):
        files = [str(authority.key_file), str(authority.certificate_file)]
        with scp(tmp_path, "+tls", *files, "-ic") as port:
            place = dimse(port, called_ae="ANY", tls=True, ca=trusts.pem)
            stored, code = store(place, objects)
        assert code == expected
        assert len(stored) == (0 if expected else 2)


class scp:
    """DCMTK's storescp, writing what it receives into a folder."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder / "in"
        self.folder.mkdir(exist_ok=True)
        self.port = free_port()
        self.options = options

    def __enter__(self) -> int:
        self.process = subprocess.Popen(
            [STORESCP, "-od", str(self.folder), *self.options, str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for_port(self.port)
        return self.port

    def __exit__(self, *_exception: object) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)


# --- what a recipient may answer ---------------------------------------------------------------


def answer(stored: list[Outgoing], failed: dict[Outgoing, int]) -> bytes:
    def item(one: Outgoing, **more: object) -> dict:
        return {"00081155": {"vr": "UI", "Value": [one.sop_instance_uid]}, **more}

    said = {
        "00081199": {"vr": "SQ", "Value": [item(one) for one in stored]},
        "00081198": {
            "vr": "SQ",
            "Value": [
                item(one, **{"00081197": {"vr": "US", "Value": [reason]}})
                for one, reason in failed.items()
            ],
        },
    }
    return json.dumps(said).encode()


def ask(status: int, content: bytes, objects: list[Outgoing]) -> tuple[list[str], str]:
    with http_server(lambda _head, _body: (status, content)) as port:
        return store(stow(f"http://127.0.0.1:{port}/dicom-web"), objects)


@pytest.mark.parametrize(
    ("reason", "code"),
    [(0xA700, "destination-full"), (0xC000, "object-refused"), (0x0124, "destination-denied")],
)
def test_failures_are_read_per_instance_and_the_others_count(reason: int, code: str) -> None:
    first, second, third = objects = outgoing(3)
    found = ask(202, answer([first, third], {second: reason}), objects)
    assert found == ([first.key, third.key], code)


def test_only_what_is_named_as_stored_counts() -> None:
    first, second = objects = outgoing(2)
    assert ask(200, answer([first], {}), objects) == ([first.key], "object-unconfirmed")
    assert ask(200, answer([first, second], {second: 0xA900}), objects) == (
        [first.key],
        "object-refused",
    )
    assert ask(200, b"<html>welcome</html>", objects) == ([], "address-wrong")
    assert ask(200, b"", objects) == ([], "address-wrong")


def test_a_duplicate_counts_only_where_an_earlier_run_sent_the_same() -> None:
    new, begun = outgoing()[0], outgoing(was_begun=True)[0]
    assert ask(409, answer([], {new: 0x0111}), [new]) == ([], "object-kept")
    assert ask(409, answer([], {begun: 0x0111}), [begun]) == ([begun.key], "")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "credentials-wrong"),
        (403, "destination-denied"),
        (404, "address-wrong"),
        (302, "address-wrong"),
        (413, "object-too-large"),
        (415, "object-refused"),
        (500, "destination-error"),
        (503, "destination-busy"),
        (507, "destination-full"),
    ],
)
def test_each_status_is_a_sentence(status: int, code: str) -> None:
    assert ask(status, b"secret of the server", outgoing()) == ([], code)


def test_slow_busy_and_nobody_there(monkeypatch) -> None:
    monkeypatch.setattr(addresses, "ANSWER_SECONDS", 0.3)
    with wire_to(free_port()) as wire:
        wire.plan = [Stall(30), Answer(503), Stall(30)]
        url = f"http://127.0.0.1:{wire.port}/dicom-web"
        assert store(stow(url), outgoing()) == ([], "destination-slow")
        assert store(stow(url), outgoing()) == ([], "destination-busy")
    assert store(stow(f"http://127.0.0.1:{free_port()}"), outgoing()) == ([], "connection-refused")
    assert store(dimse(free_port()), outgoing()) == ([], "connection-refused")


def test_credentials_go_into_the_header_and_nothing_else_does(monkeypatch, tmp_path) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login stranger password word\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    heads: list[bytes] = []

    def reply(head: bytes, _body: bytes) -> tuple[int, bytes]:
        heads.append(head)
        return 400, b""

    with http_server(reply) as port:
        url = f"http://127.0.0.1:{port}/dicom-web"
        stow(url).check()
        stow(url, {"token": "t0ken"}, auth="bearer").check()
        stow(url, {"user": "u", "password": "w"}, auth="basic").check()
    assert b"Authorization" not in heads[0]
    assert b"Authorization: Bearer t0ken" in heads[1]
    assert b"Authorization: Basic dTp3" in heads[2]
    for config in ({"auth": "basic"}, {"auth": "bearer"}):
        with pytest.raises(DeliveryRefused) as told:
            stow("https://x.example", **config)
        assert told.value.code == "credentials-missing"


def test_the_body_has_the_length_that_was_announced_and_no_more_than_a_block_in_memory() -> None:
    objects = outgoing(3)
    body = MultipartBody(objects, "b0undary")
    content = b""
    while block := body.read(1000):
        assert len(block) <= 1000
        content += block
    assert len(content) == body.len
    parts = content.split(b"--b0undary")
    assert len(parts) == 5
    for part, one in zip(parts[1:4], objects, strict=True):
        assert part.split(b"\r\n\r\n", 1)[1][: one.size] == one.open().read()


def test_an_object_that_is_not_of_its_size_ends_the_request() -> None:
    one = outgoing()[0]
    for size in (one.size - 1, one.size + 1):
        body = MultipartBody([Outgoing(one.key, size, one.sha256, one.open)], "b")
        with pytest.raises(DeliveryRefused) as told:
            while body.read(1 << 16):
                pass
        assert told.value.code == "staged-object-changed"


@pytest.mark.parametrize("body", [b"", b"[]", b"3", b'{"00081198": 3}', b'[{"00081198": {}}]'])
def test_answers_of_any_form_are_read_without_surprise(body: bytes) -> None:
    found = read_answer(body)
    assert found is None or not (found.stored or found.failed)


def test_a_node_without_tls_has_to_be_named_by_the_settings(settings) -> None:
    for config, code in (
        ({"host": "pacs.example"}, "plain-connection"),
        ({"port": 0}, "destination-incomplete"),
        ({"called_ae": "FAR TOO LONG A TITLE"}, "destination-incomplete"),
    ):
        with pytest.raises(DeliveryRefused) as told:
            dimse(int(config.pop("port", 104)), **config)
        assert told.value.code == code
    settings.PLAIN_HOSTS = ["pacs.example"]
    place = dimse(104, host="pacs.example")
    assert place.uri(uuid4()) == "dicom://ORTHANC@pacs.example:104"
