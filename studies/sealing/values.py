"""Seals one value under one key, bound to the place it belongs to.

A sealed value is one format byte, a random 96-bit nonce, and AES-256-GCM's output with its tag.
The associated data names the place, so a value moved to another row doesn't open there.
"""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from studies.sealing.errors import SealedCorrupt, SealedTruncated
from studies.sealing.keys import KEY_BYTES

FORMAT = b"\x01"
NONCE_BYTES = 12
TAG_BYTES = 16
OVERHEAD = len(FORMAT) + NONCE_BYTES + TAG_BYTES


def seal_value(key: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """Seal a value; only the same key and the same associated data open it."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return FORMAT + nonce + _cipher(key).encrypt(nonce, plaintext, aad)


def open_value(key: bytes, blob: bytes, aad: bytes, *, name: str = "the sealed value") -> bytes:
    """Open a sealed value; `name` says in an error which row and key version it was."""
    if len(blob) < OVERHEAD:
        raise SealedTruncated(f"{name} is cut short; restore it from a backup")
    if blob[:1] != FORMAT:
        raise SealedCorrupt(f"{name} is in no known format; restore it from a backup")
    nonce, sealed = blob[1 : 1 + NONCE_BYTES], blob[1 + NONCE_BYTES :]
    try:
        return _cipher(key).decrypt(nonce, sealed, aad)
    except InvalidTag:
        raise SealedCorrupt(
            f"{name} was changed, cut or moved, or sealed with another key;"
            " restore it from a backup"
        ) from None


def _cipher(key: bytes) -> AESGCM:
    if len(key) != KEY_BYTES:
        raise ValueError("a key has 32 bytes")
    return AESGCM(key)
