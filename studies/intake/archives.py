"""Unfolds zips into sealed objects: no entry's name becomes a path, no size it claims is believed.

Limits are counted on the bytes that really come out: of all entries together, at every depth.
"""

import errno
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from studies.intake.labels import clean_label
from studies.intake.limits import Limits
from studies.intake.packing import Packer
from studies.storage import BatchStore

BLOCK = 1 << 18
# What a central directory may take: zipfile reads it whole.
DIRECTORY_BYTES = 32 << 20
_END = b"PK\x05\x06"
_ENCRYPTED = 0x1
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError, UnicodeDecodeError,
    IndexError, OverflowError,
)  # fmt: skip


@dataclass(frozen=True)
class Unfolded:
    """An entry of an archive: where its bytes are sealed, or the code of why it was refused."""

    label: str
    size: int
    original: list[list[str | int]] = field(default_factory=list)
    refused: str = ""


class ArchiveRefused(Exception):
    """An archive that isn't unfolded at all; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class _OverLimit(ArchiveRefused):
    """A limit of the whole was passed: the outermost archive is refused, whatever the depth."""


@dataclass
class _Budget:
    files: int
    bytes: int

    def take_file(self) -> None:
        self.files -= 1
        if self.files < 0:
            raise _OverLimit("archive-too-many")

    def take_bytes(self, count: int) -> None:
        self.bytes -= count
        if self.bytes < 0:
            raise _OverLimit("archive-too-large")


def looks_like_zip(start: bytes) -> bool:
    """Say whether a file's first 132 bytes are a zip's, and not a DICOM file's odd preamble."""
    return start[:4] in (b"PK\x03\x04", _END) and start[128:132] != b"DICM"


def unfold(
    stream: BinaryIO,
    label: str,
    store: BatchStore,
    packer: Packer,
    limits: Limits,
    room: tuple[int, int],
    beat: Callable[[], None] = lambda: None,
) -> list[Unfolded]:
    """Return what is in an archive, nested ones unfolded too.

    `room` is what the batch may still take, (files, bytes). Raises ArchiveRefused for the archive
    as a whole; a damaged entry or inner archive is an entry with `refused` set.
    """
    size = stream.seek(0, 2)
    ratio = max(limits.archive_grace, size * limits.archive_ratio)
    budget = _Budget(files=room[0], bytes=min(room[1], ratio))
    work = _Work(store, packer, limits.archive_depth, budget, beat)
    return list(work.archive(stream, label, depth=1))


@dataclass
class _Work:
    store: BatchStore
    packer: Packer
    depth: int
    budget: _Budget
    beat: Callable[[], None]

    def archive(self, stream: BinaryIO, label: str, depth: int) -> Iterator[Unfolded]:
        if depth > self.depth:
            raise ArchiveRefused("archive-too-deep")
        _check_directory(stream)
        try:
            archive = zipfile.ZipFile(stream)
        except _DAMAGED as error:
            raise ArchiveRefused("archive-damaged") from error
        except NotImplementedError as error:
            raise ArchiveRefused("archive-unsupported") from error
        with archive:
            for info in archive.infolist():
                if not info.is_dir():
                    inner = f"{label}/{clean_label(info.filename)}"
                    yield from self.entry(archive, info, inner, depth)

    def entry(
        self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, label: str, depth: int
    ) -> Iterator[Unfolded]:
        self.budget.take_file()
        if info.flag_bits & _ENCRYPTED:
            yield Unfolded(label, info.compress_size, refused="archive-encrypted")
            return
        entry = self.packer.begin()
        start = b""
        try:
            with archive.open(info) as source:
                while block := source.read(BLOCK):
                    self.budget.take_bytes(len(block))
                    self.beat()
                    start = start or block[:132]
                    entry.write(block)
        except _DAMAGED:
            yield Unfolded(label, entry.length, refused="archive-entry-damaged")
            return
        except OSError as error:
            # An entry that begins before the archive does; other errors are the disk's.
            if error.errno != errno.EINVAL:
                raise
            yield Unfolded(label, entry.length, refused="archive-entry-damaged")
            return
        except (NotImplementedError, RuntimeError):
            yield Unfolded(label, entry.length, refused="archive-unsupported")
            return
        if looks_like_zip(start):
            yield from self.inner(entry.parts, label, entry.length, depth)
        else:
            yield Unfolded(label, entry.length, entry.parts)

    def inner(
        self, parts: list[list[str | int]], label: str, size: int, depth: int
    ) -> Iterator[Unfolded]:
        self.packer.flush()
        found: list[Unfolded] = []
        try:
            with self.store.open_original(parts) as stream:
                found.extend(self.archive(stream, label, depth + 1))
        except _OverLimit:
            raise
        except ArchiveRefused as refusal:
            found = [Unfolded(label, size, parts, refused=refusal.code)]
        yield from found


def _check_directory(stream: BinaryIO) -> None:
    """Refuse a central directory that would fill the memory, before zipfile reads it."""
    size = stream.seek(0, 2)
    tail = min(size, 65_557)
    stream.seek(size - tail)
    end = stream.read(tail)
    at = end.rfind(_END)
    if at < 0 or len(end) < at + 22:
        raise ArchiveRefused("archive-damaged")
    directory = int.from_bytes(end[at + 12 : at + 16], "little")
    if directory == 0xFFFFFFFF:
        locator = end[max(at - 20, 0) : at]
        stream.seek(min(int.from_bytes(locator[8:16], "little"), size))
        record = stream.read(56)
        if locator[:4] != b"PK\x06\x07" or record[:4] != b"PK\x06\x06":
            raise ArchiveRefused("archive-damaged")
        directory = int.from_bytes(record[40:48], "little")
    if directory > DIRECTORY_BYTES:
        raise ArchiveRefused("archive-too-many")
    stream.seek(0)
