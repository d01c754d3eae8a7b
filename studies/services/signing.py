"""The installation's signature, for manifests and checkpoints of the trail: Ed25519.

The key is made once; its private half is sealed under the key ring and never leaves the process.
"""

import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import IntegrityError, transaction

from studies.models import SigningKey
from studies.sealing import keyring


@dataclass(frozen=True)
class Signer:
    """A key that signs; `key_id` is the beginning of the SHA-256 of its public half.

    `trusted_keys` are the public halves of every key this installation has signed with.
    """

    key_id: str
    public_key: bytes
    trusted_keys: tuple[bytes, ...]
    _private: Ed25519PrivateKey

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of the signature."""
        return self._private.sign(message)


def signer() -> Signer:
    """Return the current signing key, made on first use."""
    row = SigningKey.objects.filter(is_current=True).first() or _make()
    private = keyring().unwrap(bytes(row.sealed_private), key_context(row.key_id))
    return Signer(
        row.key_id,
        bytes(row.public),
        tuple(public_keys().values()),
        Ed25519PrivateKey.from_private_bytes(private),
    )


def rotate() -> Signer:
    """Make a new signing key the current one; the old one's public half stays, to verify with."""
    with transaction.atomic():
        SigningKey.objects.filter(is_current=True).update(is_current=False)
        _make()
    return signer()


def public_keys() -> dict[str, bytes]:
    """Return every public key this installation has signed with, by its id."""
    return {row.key_id: bytes(row.public) for row in SigningKey.objects.order_by("created")}


def _make() -> SigningKey:
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    key_id = hashlib.sha256(public).hexdigest()[:16]
    try:
        with transaction.atomic():
            return SigningKey.objects.create(
                key_id=key_id,
                public=public,
                sealed_private=keyring().wrap(private.private_bytes_raw(), key_context(key_id)),
            )
    except IntegrityError:
        # Another process made one at the same moment; that one is the key.
        return SigningKey.objects.get(is_current=True)


def key_context(key_id: str) -> bytes:
    """Return what a signing key's sealed private half is bound to."""
    return b"signing/" + key_id.encode()
