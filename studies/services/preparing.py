"""Preparing a folder's studies into a folder: a batch that releases itself, and is removed again.

What was prepared lies in a folder destination, and goes from there when the batch closes: for as
long as the organization keeps originals.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audit import record
from studies.faults import Fault, PermanentError
from studies.folders import OutsideRoot, checked_root
from studies.intake import folder
from studies.models import (
    Batch,
    BatchState,
    Destination,
    DestinationState,
    InstanceState,
    Manifest,
    PreparedBatch,
    Priority,
    ReleasePolicy,
    Source,
)
from studies.models.places import DestinationKind, SourceKind
from studies.services import batches, choosing, machines, receiving
from studies.services.entries import about
from studies.services.tokens import Machine

FINISHED = (
    BatchState.REVIEW,
    BatchState.ATTENTION,
    BatchState.DELIVERED,
    BatchState.CLOSED,
    BatchState.CANCELLED,
)


@dataclass(frozen=True)
class Prepared:
    """How far a prepared batch is."""

    batch: Batch
    success: bool
    total: int
    successful: int
    manifest: str
    folder: str

    @property
    def is_finished(self) -> bool:
        """Say whether it goes no further by itself."""
        return self.batch.state in FINISHED


def prepare(machine: Machine, directory: str, priority: str, destination: str = "") -> Batch:
    """Submit a batch of what a folder holds, to be prepared into a folder."""
    source, relative = _find(machine, directory)
    place = _place(machine, destination)
    version = machine.organization.default_profile
    if version is None:
        raise PermanentError("no-profile", _("The organization has no default profile."))
    machines.require_allowed(version, place)
    batch = receiving.open_batch(
        machine.organization,
        None,
        source,
        place,
        version,
        Priority(priority),
        ReleasePolicy.WHEN_CLEAN,
        actor=machine.actor,
    )
    try:
        choosing.select_from(batch, source, [relative], machine.actor)
        PreparedBatch.objects.create(batch=batch)
        receiving.submit(batch, machine.actor)
    except Fault:
        batches.cancel(batch, machine.actor)
        raise
    return batch


def progress_of(batch: Batch) -> Prepared:
    """Return how far a prepared batch is."""
    batch.refresh_from_db()
    counted = batches.ledger(batch)
    done = counted[InstanceState.DEIDENTIFIED] + counted[InstanceState.DELIVERED]
    is_there = batch.state in (BatchState.DELIVERED, BatchState.CLOSED)
    staging = _staging(batch)
    manifest = ""
    if Manifest.objects.filter(batch=batch).exists():
        manifest = str(staging / "manifest.json")
    return Prepared(
        batch=batch,
        success=is_there and counted[InstanceState.DELIVERED] == counted.images > 0,
        total=counted.total,
        successful=done,
        manifest=manifest,
        folder=str(staging),
    )


def _staging(batch: Batch) -> Path:
    return Path(str(batch.destination.config.get("root", ""))) / str(batch.pk)


def _find(machine: Machine, directory: str) -> tuple[Source, str]:
    """Return the organization's folder source that a folder lies in, and its path there.

    A folder outside of them all, and one that isn't there, look alike.
    """
    rows = Source.objects.filter(
        organization=machine.organization, kind=SourceKind.FOLDER, is_active=True
    )
    found: list[tuple[int, Source, str]] = []
    for source in rows:
        try:
            root = folder.root_of(source)
            relative = _below(root, directory)
        except Fault:
            continue
        if relative is not None:
            found.append((len(root.parts), source, relative))
    if not found:
        raise PermanentError(
            "directory-unknown",
            _("This isn't a folder below one of the organization's folder sources."),
        )
    _depth, source, relative = max(found, key=lambda entry: entry[0])
    return source, relative


def _below(root: Path, directory: str) -> str | None:
    if "\0" in directory:
        return None
    given = Path(directory)
    try:
        path = (given if given.is_absolute() else root / given).resolve()
        if not path.is_relative_to(root) or not path.is_dir():
            return None
    except (OSError, RuntimeError):
        return None
    relative = str(path.relative_to(root))
    return "" if relative == "." else relative


def _place(machine: Machine, named: str) -> Destination:
    if named:
        place = machines.destination_of(machine, named)
        if place.kind != DestinationKind.FOLDER:
            raise PermanentError(
                "destination-kind", _("Studies are prepared into a folder destination only.")
            )
        return place
    usable = list(
        Destination.objects.filter(
            organization=machine.organization, kind=DestinationKind.FOLDER
        ).exclude(state=DestinationState.PAUSED)[:2]
    )
    if len(usable) != 1:
        raise PermanentError(
            "destination-unclear",
            _("Name the folder destination to prepare into: there is none, or more than one."),
        )
    return usable[0]


def remove_closed() -> int:
    """Remove what was prepared by batches that are closed now; return how many."""
    rows = PreparedBatch.objects.filter(
        cleared=None, batch__state__in=[BatchState.CLOSED, BatchState.CANCELLED]
    ).select_related("batch__destination")
    removed = 0
    for row in rows[:100]:
        if _remove(_staging(row.batch)):
            with transaction.atomic():
                PreparedBatch.objects.filter(pk=row.pk).update(cleared=timezone.now())
                record("batch.prepared_removed", actor=batches.JOB, **about(row.batch))
            removed += 1
    return removed


def _remove(staging: Path) -> bool:
    """Remove a prepared folder; one that can't be removed now is tried again later."""
    try:
        root = checked_root(str(staging.parent))
    except OutsideRoot:
        return False
    folder_ = root / staging.name
    if folder_.exists():
        shutil.rmtree(folder_, ignore_errors=True)
    return not folder_.exists()
