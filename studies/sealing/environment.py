"""Reads the key ring from a setting: `1:base64,2:base64`, the highest version is current."""

import base64
import binascii

from studies.sealing.errors import SealError
from studies.sealing.keys import KEY_BYTES


def parse_keys(text: str) -> dict[int, bytes]:
    """Return the keys by version; an error names the place in the list, never its text."""
    keys: dict[int, bytes] = {}
    for place, part in enumerate((part.strip() for part in text.split(",")), 1):
        version, _, encoded = part.partition(":")
        key = _decode(encoded)
        if not version.isascii() or not version.isdigit() or not int(version) or key is None:
            raise SealError(
                f"ANONPORTAL_KEYS: entry {place} isn't version:key, with a whole number from 1"
                " and 32 bytes in base64 (openssl rand -base64 32)"
            )
        if int(version) in keys:
            raise SealError(f"ANONPORTAL_KEYS: version {int(version)} stands there twice")
        keys[int(version)] = key
    return keys


def _decode(encoded: str) -> bytes | None:
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) == KEY_BYTES else None
