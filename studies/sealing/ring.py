"""The key ring: the versions of the key that wraps every other key, wherever they are kept.

A wrapped key is magic, the kind of ring, the key's version and fingerprint, and the sealed key,
bound to a context that names what it belongs to. Which ring serves is a matter of settings:
KMS_KEYS (AWS KMS), else KEYS (environment), else the key file.
"""

import struct
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from django.conf import settings

from studies.sealing.environment import parse_keys
from studies.sealing.errors import KeyMissing, KeyWrong, SealedCorrupt, SealedTruncated, SealError
from studies.sealing.keyfile import KeyFile
from studies.sealing.keys import fingerprint, subkey
from studies.sealing.kms import KmsKeys
from studies.sealing.values import open_value, seal_value

_MAGIC = b"APW1"
_HEAD = struct.Struct(">4sBI4s")
_LOCAL, _KMS = 1, 2


class KeyRing(Protocol):
    """Wraps keys under the current version of the key-encryption key, unwraps under any."""

    @property
    def current_version(self) -> int:
        """The version that wraps."""

    @property
    def versions(self) -> tuple[int, ...]:
        """All versions at hand."""

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """Seal a key; only the same context unwraps it."""

    def unwrap(self, blob: bytes, context: bytes) -> bytes:
        """Open a wrapped key; raise SealError, naming the key's version."""

    def add_version(self) -> int:
        """Make a new key-encryption key the current one; return its version."""

    def forget(self, version: int) -> None:
        """Destroy a version that wraps nothing any more."""


@dataclass(frozen=True)
class Wrapped:
    """The open part of a wrapped key."""

    kind: int
    version: int
    mark: bytes
    sealed: bytes


def read_wrapped(blob: bytes) -> Wrapped:
    """Split a wrapped key; its version is legible without any key."""
    if len(blob) <= _HEAD.size:
        raise SealedTruncated("a wrapped key is cut short; restore it from a backup")
    magic, kind, version, mark = _HEAD.unpack_from(blob)
    if magic != _MAGIC or kind not in (_LOCAL, _KMS):
        raise SealedCorrupt("a wrapped key is in no known format; restore it from a backup")
    return Wrapped(kind, version, mark, blob[_HEAD.size :])


class LocalKeyRing:
    """A ring whose keys this process holds: from the environment, or from a key file."""

    def __init__(self, keys: dict[int, bytes], file: KeyFile | None = None) -> None:
        self._keys = keys
        self._file = file

    @property
    def current_version(self) -> int:
        """The highest version, as the key file has it now."""
        self._reload()
        return max(self._keys)

    @property
    def versions(self) -> tuple[int, ...]:
        """All versions, as the key file has them now."""
        self._reload()
        return tuple(sorted(self._keys))

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """Seal a key under the current version."""
        version = self.current_version
        kek = self._keys[version]
        head = _HEAD.pack(_MAGIC, _LOCAL, version, bytes.fromhex(fingerprint(kek)))
        return head + seal_value(subkey(kek, "wrap"), key, head + context)

    def unwrap(self, blob: bytes, context: bytes) -> bytes:
        """Open a wrapped key under the version it names."""
        wrapped = read_wrapped(blob)
        if wrapped.kind != _LOCAL:
            raise KeyMissing(
                "a key was wrapped by AWS KMS; set ANONPORTAL_KMS_KEYS as when it was wrapped"
            )
        kek = self._find(wrapped.version)
        if bytes.fromhex(fingerprint(kek)) != wrapped.mark:
            raise KeyWrong(
                f"key version {wrapped.version} of the key ring isn't the one that wrapped this"
                f" (has {fingerprint(kek)}, needs {wrapped.mark.hex()}); put the right key back"
            )
        name = f"a key wrapped by version {wrapped.version} of the key ring"
        head = blob[: _HEAD.size]
        return open_value(subkey(kek, "wrap"), wrapped.sealed, head + context, name=name)

    def add_version(self) -> int:
        """Add a fresh key to the key file."""
        if self._file is None:
            raise SealError(
                "the key ring comes from the environment: add the next version to ANONPORTAL_KEYS"
                " there, restart, and run the rotation again with --added"
            )
        self._keys = self._file.add()
        return max(self._keys)

    def forget(self, version: int) -> None:
        """Take a version out of the key file; its bytes are overwritten first."""
        if self._file is None:
            raise SealError("the key ring comes from the environment: take the version out there")
        self._keys = self._file.forget(version)

    def _find(self, version: int) -> bytes:
        if version not in self._keys:
            # Another process may have added it since this one read the file.
            self._reload()
        if version not in self._keys:
            raise KeyMissing(f"key version {version} isn't in the key ring; put it back")
        return self._keys[version]

    def _reload(self) -> None:
        if self._file is not None:
            self._keys = self._file.load()


class KmsKeyRing:
    """A ring whose keys never leave AWS KMS; versions are the places in the list of key ids."""

    def __init__(self, keys: KmsKeys) -> None:
        self._keys = keys

    @property
    def current_version(self) -> int:
        """The last key of the list."""
        return self._keys.count

    @property
    def versions(self) -> tuple[int, ...]:
        """The places in the list."""
        return tuple(range(1, self._keys.count + 1))

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """Have the current KMS key encrypt a key."""
        version = self.current_version
        head = _HEAD.pack(_MAGIC, _KMS, version, self._keys.mark(version))
        return head + self._keys.encrypt(version, key, context)

    def unwrap(self, blob: bytes, context: bytes) -> bytes:
        """Have the KMS key that wrapped a key decrypt it."""
        wrapped = read_wrapped(blob)
        if wrapped.kind != _KMS:
            raise KeyMissing(
                f"a key was wrapped by version {wrapped.version} of a local key ring;"
                " start with that ring to move it to AWS KMS"
            )
        if self._keys.mark(wrapped.version) != wrapped.mark:
            raise KeyWrong(
                f"place {wrapped.version} of ANONPORTAL_KMS_KEYS names another key than the one"
                " that wrapped this; append new keys at the end"
            )
        return self._keys.decrypt(wrapped.version, wrapped.sealed, context)

    def add_version(self) -> int:
        """Refuse: keys of AWS KMS are made there."""
        raise SealError(
            "the key ring is AWS KMS: append the new key to ANONPORTAL_KMS_KEYS, restart,"
            " and run the rotation again with --added"
        )

    def forget(self, version: int) -> None:
        """Refuse: keys of AWS KMS are deleted there."""
        raise SealError("the key ring is AWS KMS: schedule the key's deletion there")


def keyring() -> KeyRing:
    """Return the key ring that the settings name; the key file is made on first use."""
    kms = tuple(getattr(settings, "KMS_KEYS", ()))
    keys = str(getattr(settings, "KEYS", ""))
    return _ring(kms, keys, Path(settings.KEY_FILE))


@lru_cache(maxsize=8)
def _ring(kms: tuple[str, ...], keys: str, path: Path) -> KeyRing:
    if kms:
        return KmsKeyRing(KmsKeys(kms))
    if keys:
        return LocalKeyRing(parse_keys(keys))
    file = KeyFile(path)
    return LocalKeyRing(file.load_or_create(), file)
