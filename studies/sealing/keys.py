"""Makes keys, and derives from one key a separate key for each purpose."""

import secrets

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
_INFO = b"anonportal/1/"


def new_key() -> bytes:
    """Return a fresh random 256-bit key."""
    return secrets.token_bytes(KEY_BYTES)


def subkey(root: bytes, purpose: str, salt: bytes = b"", *, length: int = KEY_BYTES) -> bytes:
    """Derive the key for one purpose from a root, by HKDF with SHA-256 (RFC 5869)."""
    if len(root) != KEY_BYTES:
        raise ValueError("a key has 32 bytes")
    if not purpose:
        raise ValueError("a derived key needs a purpose")
    info = _INFO + purpose.encode()
    return HKDF(algorithm=SHA256(), length=length, salt=salt or None, info=info).derive(root)


def fingerprint(key: bytes) -> str:
    """Return a short name of a key, which tells nothing of the key itself."""
    return subkey(key, "fingerprint", length=4).hex()
