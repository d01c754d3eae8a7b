"""A folder as destination: mounted share or local disk, below a root that settings allow.

An object is written beside its place, synced, read back and compared, and only then gets its name;
whoever watches the folder never sees half of one. What is known about objects goes into the
manifest: a folder has no metadata of its own.
"""

import errno
import hashlib
import io
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from django.utils.translation import gettext as _

from studies.delivery.base import DeliveryRefused, DeliveryUnavailable, key_segments
from studies.folders import OutsideRoot, checked_root

BLOCK = 1 << 20
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}


class FolderDestination:
    """Delivers into a folder."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        try:
            self.root = checked_root(str(config.get("root", "")))
        except OutsideRoot:
            raise DeliveryRefused(
                "destination-outside",
                _("The destination's folder isn't below one that the settings allow."),
            ) from None

    def put(
        self, key: str, stream: BinaryIO, size: int, sha256: str, metadata: Mapping[str, str]
    ) -> None:
        """Store an object under its key, checked by reading it back."""
        path = self._path(key)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        try:
            self._prepare(path.parent)
            _write(temporary, stream, size, sha256)
            _compare(temporary, sha256)
            temporary.replace(path)
            _sync(path.parent)
            self._sweep(path)
        except FileNotFoundError:
            # Another run of the same delivery has put the object and swept this one's beginning.
            if not self.exists(key, sha256):
                raise _unavailable() from None
        except OSError as error:
            raise _fault(error) from None
        finally:
            _remove(temporary)

    def put_bytes(self, key: str, data: bytes, metadata: Mapping[str, str]) -> None:
        """Store a small object, replacing an older one of the same key."""
        digest = hashlib.sha256(data).hexdigest()
        self.put(key, io.BytesIO(data), len(data), digest, metadata)

    def exists(self, key: str, sha256: str) -> bool:
        """Say whether an object with this content is there already."""
        try:
            return _digest(self._path(key)) == sha256
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise _fault(error) from None

    def check(self) -> None:
        """Put, read back and delete a test object."""
        key = f"anonportal-test-{secrets.token_hex(6)}"
        self.put_bytes(key, secrets.token_bytes(1024), {})
        try:
            self._path(key).unlink()
        except OSError as error:
            raise _fault(error) from None

    def uri(self, batch_id: UUID) -> str:
        """Return the folder of a batch."""
        return f"{self.root.as_uri()}/{batch_id}/"

    def close(self) -> None:
        """Nothing is kept open between objects."""

    def _path(self, key: str) -> Path:
        return self.root.joinpath(*key_segments(key))

    def _prepare(self, folder: Path) -> None:
        """Make the folders below the root; the root itself only where its parent is there."""
        if not self.root.is_dir():
            if not self.root.parent.is_dir():
                raise _unavailable()
            self.root.mkdir(exist_ok=True)
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            while folder != self.root:
                folder = folder.parent
                _sync(folder)

    def _sweep(self, path: Path) -> None:
        """Remove what interrupted runs left of the same object."""
        for leftover in path.parent.glob(f".{path.name}.*.part"):
            _remove(leftover)


def _write(path: Path, stream: BinaryIO, size: int, sha256: str) -> None:
    digest = hashlib.sha256()
    written = 0
    with path.open("xb") as target:
        while block := stream.read(BLOCK):
            target.write(block)
            digest.update(block)
            written += len(block)
        target.flush()
        os.fsync(target.fileno())
        # So that reading back asks the disk, as far as a file system allows.
        os.posix_fadvise(target.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    if written != size or digest.hexdigest() != sha256:
        raise DeliveryRefused(
            "staged-object-changed",
            _("An object isn't what was de-identified. Process its batch again."),
        )


def _compare(path: Path, sha256: str) -> None:
    if _digest(path) != sha256:
        raise DeliveryUnavailable(
            "checksum-differs",
            _("An object read back from the destination differs. Check the destination's disk."),
        )


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _remove(path: Path) -> None:
    # What can't be removed now is swept by the next run; the fault itself is told already.
    with suppress(OSError):
        path.unlink()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unavailable() -> DeliveryUnavailable:
    return DeliveryUnavailable(
        "destination-missing",
        _("The destination's folder isn't there. Check that its share is mounted."),
    )


def _fault(error: OSError) -> DeliveryRefused | DeliveryUnavailable:
    """Say in a sentence what an error of the file system asks for."""
    if error.errno in _FULL:
        return DeliveryUnavailable(
            "destination-full",
            _("The destination's disk is full. Free some space; the delivery goes on by itself."),
        )
    if error.errno in _DENIED:
        return DeliveryRefused(
            "destination-denied",
            _("The portal may not write to the destination's folder. Change its permissions."),
        )
    if error.errno in {errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG}:
        return DeliveryRefused(
            "destination-in-the-way",
            _("A file stands where a folder has to be at the destination. Move it away."),
        )
    return DeliveryUnavailable(
        "destination-unreadable",
        _("The destination's folder can't be used now. Check its share and its disk."),
    )
