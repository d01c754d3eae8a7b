"""Seals what must not be readable at rest: keys, values and streams.

This room knows keys and bytes. It must not know what the bytes mean, and no message of its errors
may hold a value: they name a row or an object, and the version of a key.
"""

from studies.sealing.errors import KeyMissing, KeyWrong, SealedCorrupt, SealedTruncated, SealError
from studies.sealing.keys import KEY_BYTES, new_key, subkey
from studies.sealing.ring import KeyRing, keyring
from studies.sealing.streams import CHUNK, SealedReader, SealedWriter
from studies.sealing.values import open_value, seal_value

__all__ = [
    "CHUNK",
    "KEY_BYTES",
    "KeyMissing",
    "KeyRing",
    "KeyWrong",
    "SealError",
    "SealedCorrupt",
    "SealedReader",
    "SealedTruncated",
    "SealedWriter",
    "keyring",
    "new_key",
    "open_value",
    "seal_value",
    "subkey",
]
