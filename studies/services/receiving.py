"""A batch from its opening to its submission: what arrived becomes its numbered entries.

Uploads land as parts (`studies.services.uploads`); folder sources are collected into the same
parts. `complete_files` turns whole files into entries, unfolding archives, and may be stopped and
run again at any moment: a file's parts go in the transaction that makes its entries.
"""

import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.db.models import Count, F, Sum
from django.db.models.functions import Greatest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit import Actor, record
from studies.faults import PermanentError
from studies.intake.archives import ArchiveRefused, Unfolded, unfold
from studies.intake.limits import limits
from studies.intake.packing import Packer
from studies.intake.ranges import is_whole
from studies.models import (
    Batch,
    BatchState,
    Destination,
    Instance,
    Organization,
    Priority,
    ProfileVersion,
    ReleasePolicy,
    Source,
    UploadPart,
)
from studies.services.batches import JOB, move
from studies.services.collecting import Collected, collect, select
from studies.services.entries import about, add_entries
from studies.services.keys import Sealer, batch_sealer, new_batch_key
from studies.services.uploads import (
    Known,
    announce,
    receive_file,
    receive_frames,
    upload_status,
)
from studies.storage import BatchStore

__all__ = [
    "Collected",
    "Completed",
    "announce",
    "collect",
    "complete_files",
    "open_batch",
    "receive_file",
    "receive_frames",
    "select",
    "submit",
    "upload_status",
]

# Entries made in one transaction.
_ENTRIES = 1000


def _nothing() -> None:
    """Do nothing between two blocks."""


@dataclass(frozen=True)
class Completed:
    """How many files became entries; `is_done` is False where the deadline came first."""

    files: int
    entries: int
    refused: int
    is_done: bool


def open_batch(
    organization: Organization,
    submitter: AbstractBaseUser | None,
    source: Source,
    destination: Destination,
    profile_version: ProfileVersion,
    priority: Priority = Priority.ROUTINE,
    release_policy: ReleasePolicy = ReleasePolicy.MANUAL,
    waits_for_held: bool = True,
    *,
    actor: Actor,
) -> Batch:
    """Open a batch that takes files, with a key of its own."""
    belongs = (source.organization_id, destination.organization_id)
    if set(belongs) | {profile_version.profile.organization_id} != {organization.pk}:
        raise PermanentError(
            "foreign-object", _("Source, destination and profile must be of one organization.")
        )
    batch_id = uuid.uuid4()
    with transaction.atomic():
        batch = Batch.objects.create(
            id=batch_id,
            organization=organization,
            submitter_id=submitter.pk if submitter else None,
            submitter_label=actor.label,
            source=source,
            destination=destination,
            profile_version=profile_version,
            priority=priority,
            release_policy=release_policy,
            waits_for_held=waits_for_held,
            wrapped_key=new_batch_key(batch_id),
        )
        record(
            "batch.opened",
            actor=actor,
            detail={
                "priority": str(priority),
                "source": source.kind,
                "profile": profile_version.profile.name,
                "profile_version": profile_version.number,
                "destination": str(destination.pk),
            },
            **about(batch),
        )
    return batch


def submit(batch: Batch, actor: Actor) -> None:
    """Hand a batch over to the jobs; refuse one of which announced files are missing.

    The jobs that follow collect what was selected and make the entries.
    """
    status = upload_status(batch)
    if status.missing:
        raise PermanentError("upload-incomplete", _missing_message(status.missing))
    with transaction.atomic():
        locked = Batch.objects.select_for_update().get(pk=batch.pk)
        is_empty = not (
            locked.sealed_selection
            or UploadPart.objects.filter(batch=batch).exists()
            or Instance.objects.filter(batch=batch).exists()
        )
        if is_empty:
            raise PermanentError(
                "batch-empty", _("Nothing has arrived yet. Choose the studies to send first.")
            )
        if locked.state != BatchState.RECEIVING:
            raise PermanentError("already-submitted", _("This batch was already started."))
        move(batch, BatchState.QUEUED, actor=actor, submitted=timezone.now())
        record(
            "batch.submitted",
            actor=actor,
            detail={"files": len(status.whole), "bytes": status.received_bytes},
            **about(batch),
        )


def complete_files(
    batch: Batch,
    deadline: float | None = None,
    beat: Callable[[], None] = _nothing,
    actor: Actor = JOB,
) -> Completed:
    """Turn whole files into numbered entries, in the order of their arrival.

    `deadline` is of time.monotonic(); `beat` is called often, to keep a lease alive. A file that
    isn't whole stays as it is.
    """
    sealer = batch_sealer(batch)
    done = _Tally()
    with BatchStore(batch.pk, sealer.root) as store:
        plain: list[_File] = []
        for file in _whole_files(batch, sealer):
            beat()
            if deadline is not None and time.monotonic() > deadline:
                done.is_done = False
                break
            if file.known.is_archive:
                _complete_plain(batch, sealer, plain, done, actor)
                plain = []
                _complete_archive(batch, sealer, store, file, done, beat, actor)
                continue
            plain.append(file)
            if len(plain) == _ENTRIES:
                _complete_plain(batch, sealer, plain, done, actor)
                plain = []
        _complete_plain(batch, sealer, plain, done, actor)
    return Completed(done.files, done.entries, done.refused, done.is_done)


@dataclass
class _Tally:
    files: int = 0
    entries: int = 0
    refused: int = 0
    is_done: bool = True


@dataclass
class _File:
    """A whole file: its parts in order of their offsets, and what its first one is sealed with."""

    parts: list[UploadPart]
    known: Known

    @property
    def size(self) -> int:
        return int(self.parts[0].file_size)

    @property
    def original(self) -> list[list[str | int]]:
        return [
            [part.object_name, int(part.object_offset), int(part.length)] for part in self.parts
        ]


class _Overtaken(Exception):
    """Another run made these entries in the meantime."""


def _whole_files(batch: Batch, sealer: Sealer) -> list[_File]:
    """Return the whole files in the order in which their first parts arrived."""
    grouped: dict[int, list[UploadPart]] = defaultdict(list)
    for row in UploadPart.objects.filter(batch=batch).order_by("pk").iterator():
        grouped[row.file].append(row)
    files = []
    for parts in grouped.values():
        parts.sort(key=lambda part: part.offset)
        if is_whole(((part.offset, part.length) for part in parts), parts[0].file_size):
            files.append(_File(parts, Known.from_bytes(sealer.open("part", parts[0].sealed_path))))
    return files


def _complete_plain(
    batch: Batch, sealer: Sealer, files: Sequence[_File], done: _Tally, actor: Actor
) -> None:
    entries = [Unfolded(file.known.label, file.size, file.original) for file in files]
    if entries:
        _make_entries(batch, sealer, files, entries, done, actor)


def _complete_archive(
    batch: Batch,
    sealer: Sealer,
    store: BatchStore,
    file: _File,
    done: _Tally,
    beat: Callable[[], None],
    actor: Actor,
) -> None:
    """Unfold an archive and make its entries; a refused one is an entry itself, and says why."""
    with Packer(store) as packer:
        try:
            with store.open_original(file.original) as stream:
                entries = unfold(
                    stream, file.known.label, store, packer, limits(), _room(batch), beat
                )
            packer.finish()
        except ArchiveRefused as refusal:
            packer.abandon()
            entries = [Unfolded(file.known.label, file.size, file.original, refused=refusal.code)]
        if not _make_entries(batch, sealer, [file], entries, done, actor):
            packer.abandon()
            return
    if not any(entry.original == file.original for entry in entries):
        _discard_sole(store, file)


def _make_entries(
    batch: Batch,
    sealer: Sealer,
    files: Sequence[_File],
    entries: Sequence[Unfolded],
    done: _Tally,
    actor: Actor,
) -> bool:
    """Swap the parts of files for entries in one transaction; False if another run did it."""
    try:
        with transaction.atomic():
            Batch.objects.select_for_update().get(pk=batch.pk)
            _remove_parts(part.pk for file in files for part in file.parts)
            refused = add_entries(batch, sealer, entries)
            Batch.objects.filter(pk=batch.pk).update(
                announced_files=Greatest(F("announced_files") - len(files), 0),
                announced_bytes=Greatest(
                    F("announced_bytes") - sum(file.size for file in files), 0
                ),
            )
            record(
                "batch.files_received",
                actor=actor,
                detail={
                    "files": len(files),
                    "entries": len(entries),
                    "refused": refused,
                    "bytes": sum(entry.size for entry in entries),
                },
                **about(batch),
            )
    except _Overtaken:
        return False
    done.files += len(files)
    done.entries += len(entries)
    done.refused += refused
    return True


def _remove_parts(keys: Iterable[int]) -> None:
    wanted = list(keys)
    for at in range(0, len(wanted), _ENTRIES):
        some = wanted[at : at + _ENTRIES]
        if UploadPart.objects.filter(pk__in=some).delete()[0] != len(some):
            raise _Overtaken


def _room(batch: Batch) -> tuple[int, int]:
    """Return how many files and bytes a batch may still take."""
    allowed = limits()
    there = Instance.objects.filter(batch=batch).aggregate(files=Count("pk"), volume=Sum("size"))
    return (
        max(allowed.files - there["files"], 0),
        max(allowed.bytes - (there["volume"] or 0), 0),
    )


def _discard_sole(store: BatchStore, file: _File) -> None:
    """Remove the objects of an unfolded archive that hold nothing else."""
    held: dict[str, int] = defaultdict(int)
    for part in file.parts:
        held[part.object_name] += part.length
    for name, length in held.items():
        if store.original_size(name) == length:
            store.discard(name)


def _missing_message(missing: int) -> str:
    return ngettext(
        "{count} file hasn't arrived whole. Drop it again to resume, or remove it.",
        "{count} files haven't arrived whole. Drop them again to resume, or remove them.",
        missing,
    ).format(count=missing)
