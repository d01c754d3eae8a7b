"""The installation's signing key, and the place apart for checkpoints of the trail."""

import stat

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import IntegrityError

from studies.models import SigningKey
from studies.services import signing

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path


def test_the_key_is_made_once_and_signs():
    first, second = signing.signer(), signing.signer()
    assert first.key_id == second.key_id
    assert SigningKey.objects.count() == 1
    Ed25519PublicKey.from_public_bytes(first.public_key).verify(second.sign(b"m"), b"m")


def test_the_private_half_is_sealed():
    key = signing.signer()
    row = SigningKey.objects.get()
    assert key._private.private_bytes_raw() not in bytes(row.sealed_private)


def test_a_rotated_key_signs_and_the_earlier_one_is_still_trusted():
    first = signing.signer()
    second = signing.rotate()
    assert first.key_id != second.key_id
    assert set(second.trusted_keys) == {first.public_key, second.public_key}
    assert signing.signer().key_id == second.key_id


def test_two_processes_that_make_the_key_at_once_end_with_one(monkeypatch):
    winner = signing.signer()
    create = SigningKey.objects.create

    def lose(**values):
        raise IntegrityError

    monkeypatch.setattr(SigningKey.objects, "create", lose)
    assert signing._make().key_id == winner.key_id
    monkeypatch.setattr(SigningKey.objects, "create", create)


def test_a_checkpoint_is_stored_apart_and_read_back_in_order(tmp_path):
    signing.store_checkpoint("system/000000000002-bb.json", b"second")
    signing.store_checkpoint("system/000000000001-aa.json", b"first")
    signing.store_checkpoint("other/000000000001-cc.json", b"foreign")
    assert signing.stored_checkpoints("system") == [b"first", b"second"]
    assert signing.stored_checkpoints("unknown") == []
    path = tmp_path / "checkpoints" / "system" / "000000000001-aa.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["../x/y", "a", "a/b/c", "a/../b", "/a/b", "a/.b", ""])
def test_a_checkpoint_stays_in_its_folder(name):
    with pytest.raises(ValueError, match="checkpoint"):
        signing.store_checkpoint(name, b"x")


def test_a_chain_is_a_name_and_not_a_path():
    with pytest.raises(ValueError, match="chain"):
        signing.stored_checkpoints("../keys")
