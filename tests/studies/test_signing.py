"""The installation's signing key, and the place apart for checkpoints of the trail."""

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
