"""Before a batch starts: the caller's draft, what it is filled from, how it is to be sent."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audit import Actor
from studies.faults import PermanentError
from studies.models import (
    Batch,
    BatchState,
    Destination,
    DestinationState,
    Priority,
    ReleasePolicy,
    Source,
)
from studies.models.places import SourceKind
from studies.services import batches, receiving
from studies.services.access import Viewer

UNTOUCHED_FOR = timedelta(days=1)


def draft(caller: Viewer) -> Batch:
    """Return the caller's untouched batch, or open one; a person never has two untouched ones."""
    organization = caller.organization
    untouched = Batch.objects.filter(
        organization=organization,
        submitter_id=caller.user.pk,
        state=BatchState.RECEIVING,
        parts__isnull=True,
        instances__isnull=True,
        sealed_selection__isnull=True,
        announced_files=0,
    ).first()
    if untouched is not None:
        return untouched
    usable = Destination.objects.filter(organization=organization).exclude(
        state=DestinationState.PAUSED
    )
    destination = usable.filter(state=DestinationState.READY).first() or usable.first()
    if destination is None:
        raise PermanentError(
            "no-destination",
            _("There is no destination to send to yet. An administrator adds one first."),
        )
    source = Source.objects.get(organization=organization, kind=SourceKind.UPLOAD)
    version = organization.default_profile
    if version is None:
        raise PermanentError("no-profile", _("The organization has no default profile."))
    return receiving.open_batch(
        organization,
        caller.user,
        source,
        destination,
        version,
        release_policy=ReleasePolicy(organization.release_policy),
        actor=caller.actor,
    )


def chosen(batch: Batch) -> dict[str, Any]:
    """Return how a batch is to be sent, as its form shows it."""
    return {
        "priority": batch.priority,
        "profile": batch.profile_version_id,
        "destination": batch.destination_id,
        "held": "wait" if batch.waits_for_held else "clean",
        "release": batch.release_policy,
    }


def choose(batch: Batch, values: dict[str, Any]) -> None:
    """Set how a batch is to be sent, while it still takes files."""
    destination: Destination = values["destination"]
    version = values["profile"]
    if {destination.organization_id, version.profile.organization_id} != {batch.organization_id}:
        raise PermanentError(
            "foreign-object", _("Destination and profile must be of this organization.")
        )
    if not version.is_conformant and not destination.allows_nonconformant:
        raise PermanentError(
            "profile-not-allowed",
            _("This profile keeps more than the standard allows; the destination refuses that."),
        )
    changed = Batch.objects.filter(pk=batch.pk, state=BatchState.RECEIVING).update(
        priority=Priority(values["priority"]),
        profile_version=version,
        destination=destination,
        waits_for_held=values["held"] == "wait",
        release_policy=ReleasePolicy(values["release"]),
    )
    if not changed:
        raise PermanentError("already-submitted", _("This batch was already started."))
    batch.refresh_from_db()


def select_from(batch: Batch, source: Source, entries: Sequence[str], actor: Actor) -> int:
    """Choose folders of a source for a batch; return how many files they hold."""
    with transaction.atomic():
        Batch.objects.filter(pk=batch.pk, state=BatchState.RECEIVING).update(source=source)
        batch.refresh_from_db()
        return receiving.select(batch, entries, actor)


def drop_untouched() -> int:
    """Cancel batches that were opened and never filled; return how many."""
    rows = Batch.objects.filter(
        state=BatchState.RECEIVING,
        created__lt=timezone.now() - UNTOUCHED_FOR,
        parts__isnull=True,
        instances__isnull=True,
        sealed_selection__isnull=True,
    )[:100]
    found = list(rows)
    for batch in found:
        batches.cancel(batch, batches.JOB)
    return len(found)
