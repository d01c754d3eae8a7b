"""The key ring wraps keys, keeps old versions readable, and says exactly which key is missing."""

import base64
import json
import stat
from concurrent.futures import ThreadPoolExecutor

import boto3
import moto
import pytest

from studies.sealing import KeyMissing, KeyWrong, SealedCorrupt, SealError, keyring, new_key
from studies.sealing.keyfile import KeyFile
from studies.sealing.ring import LocalKeyRing

KEY = bytes(range(32))


def encoded(key: bytes) -> str:
    return base64.b64encode(key).decode()


def test_the_key_file_is_made_on_first_use_for_its_owner_only(key_file):
    wrapped = keyring().wrap(KEY, b"domain 1")
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(key_file.parent.stat().st_mode) == 0o700
    assert keyring().unwrap(wrapped, b"domain 1") == KEY
    assert KEY not in wrapped


def test_a_wrapped_key_opens_in_its_context_only(key_file):
    wrapped = keyring().wrap(KEY, b"domain 1")
    with pytest.raises(SealedCorrupt, match="version 1"):
        keyring().unwrap(wrapped, b"domain 2")


def test_those_that_start_together_share_one_key(key_file):
    with ThreadPoolExecutor(16) as pool:
        seen = list(pool.map(lambda _: KeyFile(key_file).load_or_create(), range(64)))
    assert seen == [seen[0]] * 64
    assert sorted(path.name for path in key_file.parent.iterdir()) == [
        ".keyring.json.lock",
        "keyring.json",
    ]


def test_a_new_version_wraps_and_the_old_one_still_unwraps(key_file):
    old = keyring().wrap(KEY, b"x")
    assert keyring().current_version == 1
    assert keyring().add_version() == 2
    new = keyring().wrap(KEY, b"x")
    assert keyring().unwrap(old, b"x") == keyring().unwrap(new, b"x") == KEY
    keyring().forget(1)
    with pytest.raises(KeyMissing, match="version 1"):
        keyring().unwrap(old, b"x")
    assert keyring().unwrap(new, b"x") == KEY


def test_a_process_sees_versions_that_another_one_added(key_file):
    ours = keyring()
    theirs = LocalKeyRing(KeyFile(key_file).load(), KeyFile(key_file))
    assert theirs.add_version() == 2
    assert ours.unwrap(theirs.wrap(KEY, b"x"), b"x") == KEY
    assert ours.current_version == 2


def test_a_forgotten_key_is_overwritten_on_the_disk(key_file):
    keyring().wrap(KEY, b"x")
    with key_file.open("rb") as before:
        forgotten = json.loads(key_file.read_text())["keys"]["1"]["key"]
        keyring().add_version()
        with key_file.open("rb") as held:
            keyring().forget(1)
            assert forgotten.encode() not in held.read()
        assert forgotten not in key_file.read_text()
        assert before.closed is False


def test_the_current_version_isnt_forgotten(key_file):
    keyring().wrap(KEY, b"x")
    with pytest.raises(SealError, match="current"):
        keyring().forget(1)
    with pytest.raises(KeyMissing, match="version 9"):
        keyring().forget(9)


def test_another_key_under_the_same_version_is_called_wrong(settings):
    settings.KEYS = f"1:{encoded(new_key())}"
    wrapped = keyring().wrap(KEY, b"x")
    settings.KEYS = f"1:{encoded(new_key())}"
    with pytest.raises(KeyWrong, match="version 1"):
        keyring().unwrap(wrapped, b"x")


def test_a_key_file_open_to_others_or_damaged_is_refused(key_file):
    keyring().wrap(KEY, b"x")
    key_file.chmod(0o640)
    with pytest.raises(SealError, match="chmod 600"):
        KeyFile(key_file).load()
    key_file.chmod(0o600)
    for text in (
        "",
        "{}",
        '{"format": 1, "keys": {}}',
        '{"format": 1, "keys": {"1": {"key": "x"}}}',
    ):
        key_file.write_text(text)
        with pytest.raises(SealError, match="restore it"):
            KeyFile(key_file).load()
    key_file.unlink()
    with pytest.raises(KeyMissing, match="restore it"):
        KeyFile(key_file).load()


def test_the_environment_may_hold_the_ring(settings):
    one, two = new_key(), new_key()
    settings.KEYS = f"1:{encoded(one)}"
    old = keyring().wrap(KEY, b"x")
    settings.KEYS = f"1:{encoded(one)}, 2:{encoded(two)}"
    assert keyring().current_version == 2
    assert keyring().unwrap(old, b"x") == KEY
    settings.KEYS = f"2:{encoded(two)}"
    with pytest.raises(KeyMissing, match="version 1"):
        keyring().unwrap(old, b"x")
    with pytest.raises(SealError, match="ANONPORTAL_KEYS"):
        keyring().add_version()
    with pytest.raises(SealError, match="environment"):
        keyring().forget(2)


@pytest.mark.parametrize(
    "text", ["x", "1:", "0:" + encoded(KEY), "1:c2hvcnQ=", f"1:{encoded(KEY)},1:{encoded(KEY)}"]
)
def test_a_malformed_ring_is_refused_without_quoting_it(settings, text):
    settings.KEYS = text
    with pytest.raises(SealError, match="ANONPORTAL_KEYS") as caught:
        keyring()
    assert encoded(KEY) not in str(caught.value)


@pytest.fixture
def kms(settings, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with moto.mock_aws():
        client = boto3.client("kms")
        ids = [client.create_key()["KeyMetadata"]["KeyId"] for _ in range(2)]
        settings.KMS_KEYS = ids[:1]
        yield ids


def test_aws_kms_may_hold_the_ring(settings, kms):
    ids = kms
    old = keyring().wrap(KEY, b"domain 1")
    settings.KMS_KEYS = ids
    new = keyring().wrap(KEY, b"domain 1")
    assert keyring().current_version == 2
    assert keyring().unwrap(old, b"domain 1") == keyring().unwrap(new, b"domain 1") == KEY
    with pytest.raises(SealedCorrupt, match="version 1"):
        keyring().unwrap(old, b"domain 2")
    with pytest.raises(SealError, match="ANONPORTAL_KMS_KEYS"):
        keyring().add_version()
    with pytest.raises(SealError, match="KMS"):
        keyring().forget(1)


def test_a_kms_key_out_of_place_or_gone_is_named(settings, kms):
    ids = kms
    settings.KMS_KEYS = ids
    wrapped = keyring().wrap(KEY, b"x")
    settings.KMS_KEYS = ids[:1]
    with pytest.raises(KeyMissing, match="version 2"):
        keyring().unwrap(wrapped, b"x")
    settings.KMS_KEYS = ids[::-1]
    with pytest.raises(KeyWrong, match="place 2"):
        keyring().unwrap(wrapped, b"x")
    settings.KMS_KEYS = ["00000000-0000-4000-8000-000000000000"]
    with pytest.raises(SealError, match=r"version 1 \(NotFoundException\)"):
        keyring().wrap(KEY, b"x")


def test_rings_dont_open_each_others_keys(settings, key_file, kms):
    by_kms = keyring().wrap(KEY, b"x")
    settings.KMS_KEYS = []
    by_file = keyring().wrap(KEY, b"x")
    with pytest.raises(KeyMissing, match="ANONPORTAL_KMS_KEYS"):
        keyring().unwrap(by_kms, b"x")
    settings.KMS_KEYS = kms
    with pytest.raises(KeyMissing, match="local key ring"):
        keyring().unwrap(by_file, b"x")


@pytest.mark.parametrize("blob", [b"", b"APW1", b"x" * 60])
def test_a_wrapped_key_that_isnt_one_is_refused(key_file, blob):
    with pytest.raises(SealError, match="restore it"):
        keyring().unwrap(blob, b"x")
