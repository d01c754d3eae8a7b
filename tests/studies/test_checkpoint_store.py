"""The second place for checkpoints: a folder, or a bucket that lets nobody remove them."""

import secrets
import stat

import boto3
import botocore.exceptions
import pytest
from django.core.exceptions import ImproperlyConfigured
from moto.server import ThreadedMotoServer

from studies.services import checkpoints

BUCKET = f"trail-{secrets.token_hex(4)}"


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    settings.CHECKPOINTS = ""


def test_a_checkpoint_is_stored_apart_and_read_back_in_order(tmp_path):
    checkpoints.store_checkpoint("system/000000000002-bb.json", b"second")
    checkpoints.store_checkpoint("system/000000000001-aa.json", b"first")
    checkpoints.store_checkpoint("other/000000000001-cc.json", b"foreign")
    assert checkpoints.stored_checkpoints("system") == [b"first", b"second"]
    assert checkpoints.stored_checkpoints("unknown") == []
    path = tmp_path / "checkpoints" / "system" / "000000000001-aa.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["../x/y", "a", "a/b/c", "a/../b", "/a/b", "a/.b", ""])
def test_a_checkpoint_stays_in_its_folder(name):
    with pytest.raises(ValueError, match="checkpoint"):
        checkpoints.store_checkpoint(name, b"x")


def test_a_chain_is_a_name_and_not_a_path():
    with pytest.raises(ValueError, match="chain"):
        checkpoints.stored_checkpoints("../keys")


# A bucket, over real HTTP ---------------------------------------------------------------------


@pytest.fixture
def bucket(settings, monkeypatch):
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = boto3.client("s3", endpoint_url=endpoint)
    if not any(one["Name"] == BUCKET for one in client.list_buckets()["Buckets"]):
        client.create_bucket(Bucket=BUCKET, ObjectLockEnabledForBucket=True)
    settings.CHECKPOINTS = f"s3://{BUCKET}/hospital-{secrets.token_hex(4)}"
    settings.CHECKPOINTS_ENDPOINT = endpoint
    settings.CHECKPOINTS_LOCK_DAYS = 30
    yield client
    server.stop()


def key_of(settings, name):
    return settings.CHECKPOINTS.removeprefix(f"s3://{BUCKET}/") + "/" + name


def test_a_bucket_keeps_checkpoints_in_order_and_locked(bucket, settings):
    checkpoints.store_checkpoint("system/000000000002-bb.json", b"second")
    checkpoints.store_checkpoint("system/000000000001-aa.json", b"first")
    checkpoints.store_checkpoint("other/000000000001-cc.json", b"foreign")
    assert checkpoints.stored_checkpoints("system") == [b"first", b"second"]
    key = key_of(settings, "system/000000000001-aa.json")
    kept = bucket.head_object(Bucket=BUCKET, Key=key)
    assert kept["ObjectLockMode"] == "COMPLIANCE"
    with pytest.raises(botocore.exceptions.ClientError, match="AccessDenied"):
        bucket.delete_object(Bucket=BUCKET, Key=key, VersionId=kept["VersionId"])


def test_what_is_written_over_or_hidden_later_does_not_count(bucket, settings):
    name = "system/000000000001-aa.json"
    checkpoints.store_checkpoint(name, b"first")
    bucket.put_object(Bucket=BUCKET, Key=key_of(settings, name), Body=b"forged")
    bucket.delete_object(Bucket=BUCKET, Key=key_of(settings, name))
    assert checkpoints.stored_checkpoints("system") == [b"first"]


def test_a_bucket_that_is_away_is_an_error_of_its_own(bucket, settings):
    settings.CHECKPOINTS = "s3://another-bucket"
    with pytest.raises(botocore.exceptions.ClientError):
        checkpoints.store_checkpoint("system/000000000001-aa.json", b"first")


def test_an_address_that_is_no_bucket_is_refused(settings):
    settings.CHECKPOINTS = "s3://UPPER/x"
    with pytest.raises(ImproperlyConfigured, match="ANONPORTAL_CHECKPOINTS"):
        checkpoints.store_checkpoint("system/000000000001-aa.json", b"first")
