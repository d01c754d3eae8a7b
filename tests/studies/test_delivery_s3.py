"""A bucket as destination, against a real S3 server over a wire that fails in every way."""

import hashlib
import io
import os
from collections.abc import Iterator
from types import SimpleNamespace
from uuid import uuid4

import pytest

from studies.delivery import DeliveryRefused, DeliveryUnavailable, addresses, open_destination
from studies.delivery.blocks import PART
from tests.studies.orthanc import free_port
from tests.studies.stores import KEYS, S3Server, run_s3
from tests.studies.wire import (
    Answer,
    Corrupt,
    Reset,
    ResetAnswer,
    Stall,
    Wire,
    http_server,
    make_authority,
    wire_to,
)

SAID = {"batch_id": "b", "priority": "STAT", "uploaded_at": "now"}
SMALL, LARGE = os.urandom(300_000), os.urandom(2 * PART + 12_345)


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with run_s3() as running:
        yield running


@pytest.fixture
def wire(server: S3Server) -> Iterator[Wire]:
    with wire_to(server.port) as running:
        yield running


@pytest.fixture
def bucket(server: S3Server) -> str:
    name = f"recipient-{uuid4().hex[:8]}"
    client = server.client()
    client.create_bucket(Bucket=name)
    client.close()
    return name


def place(url: str, bucket: str, keys: dict | None = None, **config: object):
    given = {"bucket": bucket, "endpoint": url, "auth": "keys", "path_style": True, **config}
    return open_destination(
        SimpleNamespace(kind="s3", config=given), KEYS if keys is None else keys
    )


def new_key() -> str:
    return f"{uuid4()}/DC0T3GN3M887M/2/2.25.{uuid4().int}.dcm"


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def put(target, key: str, data: bytes, sha256: str = "") -> None:
    target.put(key, io.BytesIO(data), len(data), sha256 or digest(data), SAID)


def head(server: S3Server, bucket: str, key: str) -> dict:
    client = server.client()
    found = client.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    client.close()
    return found


def test_an_object_lies_there_with_its_checksum_type_and_metadata(server, bucket) -> None:
    with_kms = place(server.url, bucket, encryption="aws:kms", kms_key="alias/readers")
    key = new_key()
    put(with_kms, key, SMALL)
    found = head(server, bucket, key)
    assert found["ContentType"] == "application/dicom"
    assert {name: found["Metadata"][name] for name in SAID} == SAID
    assert found["ServerSideEncryption"] == "aws:kms"
    assert bytes(hashlib.sha256(SMALL).digest()).hex() == digest(SMALL)
    assert found["ChecksumSHA256"]
    assert server.keys(bucket) == [key]
    with_kms.close()


@pytest.mark.parametrize("data", [b"", SMALL, LARGE], ids=["empty", "small", "in parts"])
def test_existing_means_the_same_content(server, bucket, data) -> None:
    key = new_key()
    target = place(server.url, bucket, encryption="AES256")
    assert not target.exists(key, digest(data))
    put(target, key, data)
    # A later run, that asks anew.
    again = place(server.url, bucket)
    assert again.exists(key, digest(data))
    assert not again.exists(key, "0" * 64)
    put(again, key, data)
    assert server.keys(bucket) == [key]
    client = server.client()
    assert client.get_object(Bucket=bucket, Key=key)["Body"].read() == data
    assert not client.list_multipart_uploads(Bucket=bucket).get("Uploads")
    client.close()


def test_an_object_of_the_same_name_that_somebody_else_put_is_not_the_same(server, bucket) -> None:
    key = new_key()
    client = server.client()
    client.put_object(Bucket=bucket, Key=key, Body=b"else", Metadata={"sha256": digest(SMALL)})
    client.close()
    target = place(server.url, bucket)
    assert not target.exists(key, digest(SMALL))
    assert target.exists(key, digest(b"else"))


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "in parts"])
def test_what_is_not_what_was_deidentified_never_gets_a_name(server, bucket, data) -> None:
    target = place(server.url, bucket)
    for claim in ({"sha256": "0" * 64}, {"size": len(data) - 1}, {"size": len(data) + 1}):
        with pytest.raises(DeliveryRefused) as told:
            target.put(
                new_key(),
                io.BytesIO(data),
                int(claim.get("size", len(data))),
                str(claim.get("sha256", digest(data))),
                SAID,
            )
        assert told.value.code == "staged-object-changed"
    assert server.keys(bucket) == []


def test_the_test_leaves_nothing_and_a_missing_bucket_is_made_only_if_allowed(server) -> None:
    name = f"new-{uuid4().hex[:8]}"
    with pytest.raises(DeliveryRefused) as told:
        place(server.url, name).check()
    assert told.value.code == "bucket-missing"
    place(server.url, name, create=True, aws_region="eu-central-1").check()
    assert server.keys(name) == []
    place(server.url, name, folder="from/north").put_bytes("b/manifest.json", b"{}", SAID)
    assert server.keys(name) == ["from/north/b/manifest.json"]
    assert head(server, name, "from/north/b/manifest.json")["ContentType"] == "application/json"


def test_the_recipient_is_told_the_buckets_folder() -> None:
    batch_id = uuid4()
    assert place("", "b-1", folder="x").uri(batch_id) == f"s3://b-1/x/{batch_id}/"


# --- faults on the wire ------------------------------------------------------------------------


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "in parts"])
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Reset(100_000), "connection-lost"),
        (Answer(503), "destination-busy"),
        (Answer(500), "destination-error"),
        (Answer(507), "destination-full"),
    ],
    ids=["reset", "503", "500", "507"],
)
def test_a_fault_that_stays_is_told_and_leaves_nothing(
    server, bucket, wire, fault, code, data
) -> None:
    wire.plan = [fault] * 40
    target = place(wire.url, bucket)
    with pytest.raises(DeliveryUnavailable) as told:
        put(target, new_key(), data)
    target.close()
    assert told.value.code == code
    assert server.keys(bucket) == []


@pytest.mark.parametrize(
    "fault",
    [Reset(100_000), ResetAnswer(), Answer(503)],
    ids=["reset", "answer lost", "503"],
)
def test_a_fault_that_passes_costs_nothing(server, bucket, wire, fault) -> None:
    wire.plan = [fault]
    key = new_key()
    put(place(wire.url, bucket), key, SMALL)
    assert server.keys(bucket) == [key]
    assert wire.connections > 1


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "in parts"])
def test_a_byte_that_changed_on_the_way_is_found_and_sent_again(server, bucket, wire, data) -> None:
    """This server doesn't check our SHA-256 as Amazon's does; its own MD5 tells on it."""
    # Which connection takes a part is chance, so it is done to each that carries so much.
    wire.plan = [Corrupt(200_000)] * 20
    target = place(wire.url, bucket)
    key = new_key()
    with pytest.raises(DeliveryUnavailable) as told:
        put(target, key, data)
    target.close()
    assert told.value.code == "checksum-differs"
    wire.plan = []
    again = place(wire.url, bucket)
    if not again.exists(key, digest(data)):
        put(again, key, data)
    again.close()
    client = server.client()
    assert client.get_object(Bucket=bucket, Key=key)["Body"].read() == data
    client.close()


def test_a_server_that_answers_too_late_is_called_slow(server, bucket, wire, monkeypatch) -> None:
    monkeypatch.setattr(addresses, "ANSWER_SECONDS", 0.3)
    wire.plan = [Stall(30)] * 5
    with pytest.raises(DeliveryUnavailable) as told:
        put(place(wire.url, bucket), new_key(), SMALL)
    assert told.value.code == "destination-slow"


def test_nobody_there_and_no_such_host(bucket) -> None:
    for url, code in (
        (f"http://127.0.0.1:{free_port()}", "connection-refused"),
        ("https://no-such-host.invalid", "host-unknown"),
    ):
        with pytest.raises(DeliveryUnavailable) as told:
            place(url, bucket).check()
        assert told.value.code == code


ERROR = "<?xml version='1.0'?><Error><Code>{}</Code><Message>secret of the server</Message></Error>"


@pytest.mark.parametrize(
    ("status", "server_code", "kind", "code"),
    [
        (400, "ExpiredToken", DeliveryRefused, "credentials-expired"),
        (403, "InvalidAccessKeyId", DeliveryRefused, "credentials-wrong"),
        (403, "SignatureDoesNotMatch", DeliveryRefused, "credentials-wrong"),
        (403, "RequestTimeTooSkewed", DeliveryRefused, "clock-differs"),
        (403, "AccessDenied", DeliveryRefused, "destination-denied"),
        (404, "NoSuchBucket", DeliveryRefused, "bucket-missing"),
        (400, "KMS.NotFoundException", DeliveryRefused, "encryption-key"),
        (400, "EntityTooLarge", DeliveryRefused, "object-too-large"),
        (400, "BadDigest", DeliveryUnavailable, "checksum-differs"),
        (503, "SlowDown", DeliveryUnavailable, "destination-busy"),
        (507, "XMinioStorageFull", DeliveryUnavailable, "destination-full"),
        (500, "InternalError", DeliveryUnavailable, "destination-error"),
        (418, "Teapot", DeliveryRefused, "address-wrong"),
    ],
)
def test_each_answer_is_a_sentence_that_quotes_nobody(status, server_code, kind, code) -> None:
    answer = ERROR.format(server_code).encode()
    with (
        http_server(lambda _head, _body: (status, answer)) as port,
        pytest.raises(kind) as told,
    ):
        put(place(f"http://127.0.0.1:{port}", "some-bucket"), new_key(), SMALL[:1000])
    assert told.value.code == code
    assert str(told.value.message).endswith(".")
    assert "secret" not in str(told.value.message)


def test_where_listing_is_denied_each_object_is_asked_for(server, bucket) -> None:
    key = new_key()
    put(place(server.url, bucket), key, SMALL)
    target = place(server.url, bucket)
    target._listed[key.rpartition("/")[0] + "/"] = None
    assert target.exists(key, digest(SMALL))
    assert not target.exists(new_key(), digest(SMALL))


# --- who may connect, and to whom --------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "days", "trusts", "code"),
    [
        ("other.example", 1, True, "tls-wrong-name"),
        ("127.0.0.1", -1, True, "tls-expired"),
        ("127.0.0.1", 1, False, "tls-untrusted"),
    ],
)
def test_tls_is_always_verified(tmp_path, server, bucket, name, days, trusts, code) -> None:
    authority = make_authority(tmp_path, name, days=days)
    with wire_to(server.port, authority.context) as wire:
        target = place(f"https://127.0.0.1:{wire.port}", bucket, ca=authority.pem if trusts else "")
        with pytest.raises(DeliveryRefused) as told:
            target.check()
        target.close()
    assert told.value.code == code
    assert server.keys(bucket) == []


def test_a_private_authority_that_was_entered_is_trusted(tmp_path, server, bucket) -> None:
    authority = make_authority(tmp_path, "127.0.0.1")
    with wire_to(server.port, authority.context) as wire:
        target = place(f"https://127.0.0.1:{wire.port}", bucket, ca=authority.pem)
        put(target, key := new_key(), LARGE)
        target.close()
    assert server.keys(bucket) == [key]
    assert not target._trust._path


def test_what_can_never_work_is_refused_before_anything_is_sent(settings) -> None:
    settings.PLAIN_HOSTS = ["minio.hospital.example"]
    place("http://minio.hospital.example:9000", "b-1")
    for url, keys, config, code in (
        ("http://elsewhere.example", KEYS, {}, "plain-connection"),
        ("https://user:word@x.example", KEYS, {}, "destination-incomplete"),
        ("ftp://x.example", KEYS, {}, "destination-incomplete"),
        ("", KEYS, {"bucket": ""}, "destination-incomplete"),
        ("", KEYS, {"folder": "../x"}, "destination-incomplete"),
        ("", KEYS, {"ca": "no certificate"}, "destination-incomplete"),
        ("", {}, {}, "credentials-missing"),
        ("", {}, {"auth": "role"}, "machine-identity"),
    ):
        with pytest.raises(DeliveryRefused) as told:
            place(url, str(config.pop("bucket", "b-1")), keys, **config)
        assert told.value.code == code


def test_the_machines_role_is_lent_only_by_setting(settings, server, bucket, monkeypatch) -> None:
    settings.MACHINE_IDENTITY = True
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAMACHINE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of the machine")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.url)
    place(server.url, bucket, {}, auth="role").check()
    role = "arn:aws:iam::123456789012:role/readers"
    place(server.url, bucket, {"external_id": "tests"}, auth="role", role_arn=role).check()
    assert server.keys(bucket) == []
