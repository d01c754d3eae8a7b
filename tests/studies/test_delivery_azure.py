"""A container as destination, against Azurite over a wire that fails."""

import hashlib
import io
import os
from collections.abc import Iterator
from types import SimpleNamespace
from uuid import uuid4

import pytest
from azure.storage.blob import BlobServiceClient

from studies.delivery import DeliveryRefused, DeliveryUnavailable, open_destination
from studies.delivery.blocks import PART
from tests.studies.stores import ACCOUNT, connection_string, needs_azurite, run_azurite
from tests.studies.wire import Answer, Corrupt, Reset, ResetAnswer, http_server, wire_to

pytestmark = [needs_azurite, pytest.mark.peers]
SAID = {"batch_id": "b", "priority": "STAT", "uploaded_at": "now"}
SMALL, LARGE = os.urandom(300_000), os.urandom(2 * PART + 12_345)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with run_azurite() as running:
        yield running


@pytest.fixture
def container(port: int) -> str:
    name = f"recipient-{uuid4().hex[:8]}"
    with BlobServiceClient.from_connection_string(connection_string(port)) as client:
        client.create_container(name)
    return name


def place(port: int, container: str, key: str = "", **config: object):
    given = {"container": container, "auth": "connection", **config}
    secrets = {"connection_string": connection_string(port, *([key] if key else []))}
    return open_destination(SimpleNamespace(kind="azure", config=given), secrets)


def new_key() -> str:
    return f"{uuid4()}/DC0T3GN3M887M/2/2.25.{uuid4().int}.dcm"


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def put(target, key: str, data: bytes) -> None:
    target.put(key, io.BytesIO(data), len(data), digest(data), SAID)


def names(port: int, container: str) -> list[str]:
    with BlobServiceClient.from_connection_string(connection_string(port)) as client:
        return [blob.name for blob in client.get_container_client(container).list_blobs()]


@pytest.mark.parametrize("data", [b"", SMALL, LARGE], ids=["empty", "small", "in blocks"])
def test_a_blob_lies_there_with_content_type_and_metadata(port, container, data) -> None:
    key = new_key()
    target = place(port, container, folder="north")
    assert not target.exists(key, digest(data))
    put(target, key, data)
    put(target, key, data)
    assert target.exists(key, digest(data))
    assert not target.exists(key, "0" * 64)
    assert names(port, container) == [f"north/{key}"]
    with BlobServiceClient.from_connection_string(connection_string(port)) as client:
        blob = client.get_blob_client(container, f"north/{key}")
        found = blob.get_blob_properties()
        assert {name: found.metadata[name] for name in SAID} == SAID
        assert found.content_settings.content_type == "application/dicom"
        assert blob.download_blob().readall() == data
    target.close()


def test_a_missing_container_is_made_only_if_allowed_and_the_test_leaves_nothing(port) -> None:
    name = f"new-{uuid4().hex[:8]}"
    assert not place(port, name).exists(new_key(), digest(b""))
    with pytest.raises(DeliveryRefused) as told:
        place(port, name).check()
    assert told.value.code == "bucket-missing"
    place(port, name, create=True).check()
    assert names(port, name) == []


def test_what_signs_in_is_not_in_the_address_that_the_recipient_is_told(port) -> None:
    batch_id = uuid4()
    told = place(port, "c-1", folder="x").uri(batch_id)
    assert told == f"http://127.0.0.1:{port}/{ACCOUNT}/c-1/x/{batch_id}/"


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "in blocks"])
@pytest.mark.parametrize(
    ("fault", "code"),
    [(Reset(100_000), "connection-lost"), (Answer(503), "destination-busy")],
    ids=["reset", "503"],
)
def test_a_fault_that_stays_is_told_and_leaves_nothing(port, container, fault, code, data) -> None:
    with wire_to(port) as wire:
        wire.plan = [fault] * 40
        target = place(wire.port, container)
        with pytest.raises(DeliveryUnavailable) as told:
            put(target, new_key(), data)
        target.close()
    assert told.value.code == code
    assert names(port, container) == []


@pytest.mark.parametrize("fault", [ResetAnswer(), Corrupt(200_000)], ids=["answer lost", "changed"])
def test_a_fault_that_passes_costs_at_most_another_try(port, container, fault) -> None:
    key = new_key()
    with wire_to(port) as wire:
        wire.plan = [fault]
        target = place(wire.port, container)
        try:
            put(target, key, SMALL)
        except DeliveryUnavailable as told:
            assert told.code == "checksum-differs"
            assert names(port, container) == []
            put(target, key, SMALL)
        target.close()
    assert names(port, container) == [key]
    assert place(port, container).exists(key, digest(SMALL))


def test_another_key_and_an_old_signature_are_told_apart(port, container) -> None:
    with pytest.raises(DeliveryRefused) as told:
        place(port, container, key="QUFBQQ==").check()
    assert told.value.code == "credentials-wrong"
    row = SimpleNamespace(
        kind="azure",
        config={
            "container": container,
            "auth": "sas",
            "account_url": f"http://127.0.0.1:{port}/{ACCOUNT}",
        },
    )
    with pytest.raises(DeliveryRefused) as told:
        open_destination(row, {"sas": "?sv=2021-10-04&se=2020-01-02T00:00:00Z&sp=rw&sig=x"})
    assert told.value.code == "credentials-expired"


ERROR = "<?xml version='1.0' encoding='utf-8'?><Error><Code>{}</Code><Message>{}</Message></Error>"


@pytest.mark.parametrize(
    ("status", "server_code", "detail", "code"),
    [
        (403, "AuthorizationPermissionMismatch", "secret", "destination-denied"),
        (403, "AuthenticationFailed", "not in the specified time frame", "credentials-expired"),
        (403, "AuthenticationFailed", "secret", "credentials-wrong"),
        (404, "ContainerNotFound", "secret", "bucket-missing"),
        (400, "Md5Mismatch", "secret", "checksum-differs"),
    ],
)
def test_each_answer_is_a_sentence_that_quotes_nobody(status, server_code, detail, code) -> None:
    answer = ERROR.format(server_code, detail).encode()
    headers = f"x-ms-error-code: {server_code}\r\nContent-Type: application/xml\r\n".encode()
    with http_server(lambda _head, _body: (status, answer), headers) as port:
        target = place(port, "some-container")
        with pytest.raises((DeliveryRefused, DeliveryUnavailable)) as told:
            put(target, new_key(), SMALL[:1000])
        target.close()
    assert told.value.code == code
    assert "secret" not in str(told.value.message)


def test_the_machines_identity_and_plain_connections_need_a_setting(settings) -> None:
    for config, secrets, code in (
        ({"auth": "identity", "account_url": "https://x.example"}, {}, "machine-identity"),
        ({"auth": "sas", "account_url": "http://x.example"}, {"sas": "x"}, "plain-connection"),
        ({"auth": "sas", "account_url": "https://x.example"}, {}, "credentials-missing"),
        ({"auth": "connection"}, {}, "credentials-missing"),
        ({"auth": "connection"}, {"connection_string": "nonsense"}, "destination-incomplete"),
    ):
        row = SimpleNamespace(kind="azure", config={"container": "c-1", **config})
        with pytest.raises(DeliveryRefused) as told:
            open_destination(row, secrets)
        assert told.value.code == code
    settings.MACHINE_IDENTITY = True
    row = SimpleNamespace(
        kind="azure",
        config={"container": "c-1", "auth": "identity", "account_url": "https://x.example"},
    )
    open_destination(row, {}).close()
