"""The key file: versions of the key-encryption key, for their owner only.

It is made on first use, by whichever process comes first, and is never half written: each change
is a new file put in place of the old one, under a lock.
"""

import base64
import binascii
import datetime
import fcntl
import json
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from studies.sealing.errors import KeyMissing, SealError
from studies.sealing.keys import KEY_BYTES, new_key

_FORMAT = 1


class KeyFile:
    """Reads and changes the key file at a path."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load_or_create(self) -> dict[int, bytes]:
        """Return the keys; make the file, with one fresh key, where there is none."""
        if not self.path.exists():
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._locked():
                if not self.path.exists():
                    self._write({1: self._entry()})
        return self.load()

    def load(self) -> dict[int, bytes]:
        """Return the keys by version."""
        return {version: _key(entry) for version, entry in self._entries().items()}

    def add(self) -> dict[int, bytes]:
        """Add a fresh key as the highest version; return all keys."""
        with self._locked():
            entries = self._entries()
            entries[max(entries) + 1] = self._entry()
            self._write(entries)
        return self.load()

    def forget(self, version: int) -> dict[int, bytes]:
        """Destroy a version other than the current one; return the keys that stay."""
        with self._locked():
            entries = self._entries()
            if version not in entries:
                raise KeyMissing(f"key version {version} isn't in the key file")
            if version == max(entries):
                raise SealError(f"key version {version} is the current one; add another first")
            del entries[version]
            self._replace(entries)
        return self.load()

    def _entries(self) -> dict[int, dict[str, str]]:
        try:
            mode = self.path.stat().st_mode
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise KeyMissing(f"the key file {self.path} isn't there; restore it") from None
        if stat.S_IMODE(mode) & 0o077:
            raise SealError(
                f"the key file {self.path} is open to others; run chmod 600 on it,"
                " and rotate the key if they may have read it"
            )
        try:
            stored = json.loads(text)
            entries = {int(version): dict(entry) for version, entry in stored["keys"].items()}
            known = stored["format"] == _FORMAT and all(map(_key, entries.values()))
        except (ValueError, KeyError, TypeError, AttributeError):
            known = False
        if not known or not entries:
            raise SealError(f"the key file {self.path} can't be read; restore it from a backup")
        return entries

    def _entry(self) -> dict[str, str]:
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        return {"key": base64.b64encode(new_key()).decode(), "made": now}

    def _write(self, entries: dict[int, dict[str, str]]) -> None:
        """Put a new file in place of the old one, on disk before it is named."""
        text = json.dumps({"format": _FORMAT, "keys": entries}, indent=2) + "\n"
        fresh = self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(fresh, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _replace(self, entries: dict[int, dict[str, str]]) -> None:
        """Put the new file in place, then overwrite the old one, which held a forgotten key."""
        with self.path.open("r+b") as old:
            self._write(entries)
            old.write(bytes(os.fstat(old.fileno()).st_size))
            old.flush()
            os.fsync(old.fileno())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock beside the key file, against other processes."""
        lock = self.path.with_name(f".{self.path.name}.lock")
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _key(entry: dict[str, str]) -> bytes:
    """Return an entry's key; ValueError where it isn't one."""
    try:
        key = base64.b64decode(entry["key"], validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    if len(key) != KEY_BYTES:
        raise ValueError("not 32 bytes")
    return key
