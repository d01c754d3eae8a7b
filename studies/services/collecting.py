"""Folder sources: selecting, and copying what was selected into sealed parts; and PACS sources.

Copying is resumable: the paths still to come are sealed with the batch, and a slice of files
leaves that list in the transaction that makes its parts.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from django.db import transaction
from django.utils.translation import gettext as _

from audit import Actor, record
from studies.faults import Fault, PermanentError
from studies.intake import folder
from studies.intake.archives import Unfolded
from studies.intake.labels import clean_label
from studies.intake.limits import limits
from studies.models import Batch, BatchState
from studies.services import retrieving, selecting
from studies.services.batches import JOB
from studies.services.entries import about, add_entries
from studies.services.keys import Sealer, batch_sealer
from studies.services.uploads import PartPack

SELECTING_STATES = frozenset({BatchState.RECEIVING, BatchState.QUEUED})
# A batch that stopped while it was collected goes on from `processing`.
COLLECTING_STATES = SELECTING_STATES | {BatchState.PROCESSING}
_SLICE_BYTES = 256 << 20
_SLICE_FILES = 500
_BLOCK = 1 << 20
_SELECTION = "selection"


@dataclass(frozen=True)
class Collected:
    """What a run of collecting brought, and how many files are still to come."""

    files: int
    bytes: int
    unreadable: int
    remaining: int


def select(batch: Batch, relatives: Sequence[str], actor: Actor) -> int:
    """Remember what to collect from a folder source, sealed; return how many files that is."""
    files = list(folder.walk(folder.root_of(batch.source), relatives))
    allowed = limits()
    volume = sum(size for _path, size in files)
    if not files:
        raise PermanentError("nothing-selected", _("The selection holds no file."))
    if len(files) > allowed.files or volume > allowed.bytes:
        raise PermanentError(
            "too-many-files",
            _("The selection is larger than a batch may be. Send it in several batches."),
        )
    sealer = batch_sealer(batch)
    with transaction.atomic():
        locked = Batch.objects.select_for_update().get(pk=batch.pk)
        if locked.state not in SELECTING_STATES:
            raise PermanentError("already-submitted", _("This batch was already started."))
        selecting.forget(batch)
        _keep(batch, sealer, [path for path, _size in files])
        record(
            "source.browsed",
            actor=actor,
            detail={
                "source": str(batch.source_id),
                "selected_files": len(files),
                "selected_bytes": volume,
            },
            **about(batch),
        )
    return len(files)


def collect(
    batch: Batch,
    selection: Sequence[str] | None = None,
    deadline: float | None = None,
    beat: Callable[[], None] = lambda: None,
    actor: Actor = JOB,
) -> Collected:
    """Copy selected files from a folder source into sealed parts, until the deadline.

    `deadline` is of time.monotonic(). Run it again until `remaining` is 0; what a run has
    recorded, no later run copies again.
    """
    if selecting.is_remote(batch.source):
        series = retrieving.retrieve(batch, deadline, beat)
        return Collected(series.files, series.bytes, 0, series.remaining)
    if selection is not None:
        select(batch, selection, actor)
    sealer = batch_sealer(batch)
    root = folder.root_of(batch.source)
    files = size = unreadable = 0
    while True:
        batch.refresh_from_db(fields=["state", "sealed_selection"])
        pending = _kept(batch, sealer)
        is_late = deadline is not None and time.monotonic() > deadline
        if not pending or is_late:
            return Collected(files, size, unreadable, len(pending))
        brought = _Slice(batch, sealer, root).collect(pending, deadline, beat)
        files += brought.files
        size += brought.bytes
        unreadable += brought.unreadable


class _Overtaken(Exception):
    """Another run has collected these files in the meantime."""


class _Slice:
    """Some files of a selection, copied and recorded together."""

    def __init__(self, batch: Batch, sealer: Sealer, root: Path) -> None:
        self._batch = batch
        self._sealer = sealer
        self._root = root
        self._loaded = bytes(batch.sealed_selection or b"")
        self._unreadable: list[str] = []
        self._bytes = 0

    def collect(
        self, pending: Sequence[str], deadline: float | None, beat: Callable[[], None]
    ) -> Collected:
        """Copy from the start of the list; at least one file."""
        with PartPack(self._batch, COLLECTING_STATES) as pack:
            taken = 0
            for relative in pending[:_SLICE_FILES]:
                self._copy(pack, relative, beat)
                taken += 1
                is_late = deadline is not None and time.monotonic() > deadline
                if is_late or self._bytes >= _SLICE_BYTES:
                    break
            rest = pending[taken:]
            try:
                pack.finish(lambda locked: self._record(locked, rest))
            except _Overtaken:
                return Collected(0, 0, 0, len(rest))
        return Collected(
            taken - len(self._unreadable), self._bytes, len(self._unreadable), len(rest)
        )

    def _copy(self, pack: PartPack, relative: str, beat: Callable[[], None]) -> None:
        try:
            stream = folder.open_file(self._root, relative)
        except Fault:
            self._skip(relative)
            return
        with stream:
            part = pack.begin(relative)
            while True:
                try:
                    block = stream.read(_BLOCK)
                except OSError:
                    pack.drop(part)
                    self._skip(relative)
                    return
                if not block:
                    break
                part.write(block)
                beat()
        self._bytes += part.entry.length

    def _skip(self, relative: str) -> None:
        """Note a file that can't be read; a folder that is gone as a whole stops the run."""
        if not self._root.is_dir():
            raise folder.FolderUnavailable
        self._unreadable.append(relative)

    def _record(self, locked: Batch, rest: Sequence[str]) -> None:
        if bytes(locked.sealed_selection or b"") != self._loaded:
            raise _Overtaken
        _keep(self._batch, self._sealer, rest)
        entries = [
            Unfolded(clean_label(relative), 0, refused="source-unreadable")
            for relative in self._unreadable
        ]
        add_entries(self._batch, self._sealer, entries)


def _keep(batch: Batch, sealer: Sealer, relatives: Sequence[str]) -> None:
    sealed = sealer.seal(_SELECTION, json.dumps(list(relatives)).encode()) if relatives else None
    Batch.objects.filter(pk=batch.pk).update(sealed_selection=sealed)
    batch.sealed_selection = sealed


def _kept(batch: Batch, sealer: Sealer) -> list[str]:
    if not batch.sealed_selection:
        return []
    relatives: list[str] = json.loads(sealer.open(_SELECTION, batch.sealed_selection))
    return relatives
