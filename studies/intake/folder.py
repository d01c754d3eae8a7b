"""Folder sources: what lies below a configured root is listed and read, never changed.

Nothing outside of the root is ever listed or opened, whatever a path or a symbolic link says, and
no file or folder name of a hospital goes into an error message.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.utils.translation import gettext as _

from studies.faults import TransientError
from studies.folders import OutsideRoot, checked_root
from studies.models import Source

# A listing shows this many entries, and counts this many files below each folder.
LISTED = 1000
COUNTED = 2000


class FolderUnavailable(TransientError):
    """The folder or a file in it can't be read now."""

    def __init__(self) -> None:
        super().__init__(
            "folder-unavailable",
            _("The folder can't be read. Check that it is mounted and readable for the portal."),
        )


@dataclass(frozen=True)
class Listed:
    """An entry of a listing; of a folder, how much lies below it."""

    name: str
    relative: str
    is_folder: bool
    files: int
    size: int
    is_more: bool = False


@dataclass(frozen=True)
class Listing:
    """What a folder holds, folders first."""

    relative: str
    entries: list[Listed]
    is_cut: bool


def root_of(source: Source) -> Path:
    """Return the root folder of a source."""
    return checked_root(str(source.config.get("root", "")))


def resolve(root: Path, relative: str) -> Path:
    """Return the real path of something below the root; raise OutsideRoot for anything else."""
    if "\0" in relative or relative.startswith("/"):
        raise OutsideRoot
    try:
        path = (root / relative).resolve()
    except (OSError, RuntimeError):
        raise FolderUnavailable from None
    if not path.is_relative_to(root):
        raise OutsideRoot
    return path


def browse(source: Source, relative: str = "") -> Listing:
    """List a folder below the source's root."""
    root = root_of(source)
    path = resolve(root, relative)
    entries: list[Listed] = []
    try:
        names = sorted(child.name for child in path.iterdir())
    except OSError:
        raise FolderUnavailable from None
    for name in names[:LISTED]:
        listed = _listed(root, f"{relative}/{name}" if relative else name, name)
        if listed is not None:
            entries.append(listed)
    entries.sort(key=lambda entry: (not entry.is_folder, entry.name))
    return Listing(relative, entries, len(names) > LISTED)


def _listed(root: Path, relative: str, name: str) -> Listed | None:
    try:
        path = resolve(root, relative)
        status = path.stat()
    except (OutsideRoot, FolderUnavailable, OSError):
        # A link that leads out, or a file that has just gone: not listed.
        return None
    if stat.S_ISREG(status.st_mode):
        return Listed(name, relative, False, 1, status.st_size)
    if not stat.S_ISDIR(status.st_mode):
        return None
    files = size = 0
    for _path, length in walk(root, [relative]):
        if files == COUNTED:
            return Listed(name, relative, True, files, size, is_more=True)
        files += 1
        size += length
    return Listed(name, relative, True, files, size)


def walk(root: Path, selection: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Give (relative path, size) of every regular file that a selection holds, each once."""
    seen: set[Path] = set()
    stack = sorted(selection, reverse=True)
    while stack:
        relative = stack.pop()
        try:
            path = resolve(root, relative)
            status = path.stat()
            if path in seen:
                continue
            seen.add(path)
            if stat.S_ISREG(status.st_mode):
                yield relative, status.st_size
            elif stat.S_ISDIR(status.st_mode):
                names = sorted((child.name for child in path.iterdir()), reverse=True)
                stack.extend(f"{relative}/{name}" if relative else name for name in names)
        except (OutsideRoot, FileNotFoundError):
            # A link that leads out or nowhere is no part of the folder.
            continue
        except OSError:
            raise FolderUnavailable from None


def open_file(root: Path, relative: str) -> BinaryIO:
    """Open a regular file below the root for reading."""
    path = resolve(root, relative)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        raise FolderUnavailable from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FolderUnavailable
        # What was opened may not be what was resolved a moment ago.
        if not Path(f"/proc/self/fd/{descriptor}").resolve().is_relative_to(root):
            raise OutsideRoot
    except BaseException:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")
