"""A whole hospital for tests: organization, people, a folder in, a folder out, real services.

Jobs run on the real queue in this process, one after the other, until nothing is left to do.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django_rq
from django.contrib.auth import get_user_model
from rq import SimpleWorker

from studies import jobs
from studies.models import (
    Batch,
    Destination,
    Instance,
    Organization,
    Role,
    Source,
)
from studies.models.places import DestinationKind, SourceKind
from studies.services import access, choosing, organizations, places, receiving

PASSWORD = "a long password of the tests"
REGION = "test-region"


@dataclass
class Hospital:
    """An organization at work: people by role, where its studies lie and where they go."""

    organization: Organization
    people: dict[str, Any]
    source: Source
    destination: Destination
    inbox: Path
    outbox: Path

    def viewer(self, role: str) -> access.Viewer:
        """Return a person of a role as the services see them."""
        return access.Viewer(
            user=self.people[role], organization=self.organization, roles=frozenset({role})
        )

    def submit(
        self,
        entries: list[str] | None = None,
        before_work: Callable[[], object] | None = None,
        **choices: Any,
    ) -> Batch:
        """Open a batch, fill it from the folder, choose how, and start it."""
        caller = self.viewer(Role.COORDINATOR)
        batch = choosing.draft(caller)
        choosing.select_from(batch, self.source, entries or [""], caller.actor)
        how = choosing.chosen(batch) | {
            "profile": batch.profile_version,
            "destination": self.destination,
            **choices,
        }
        choosing.choose(batch, how)
        receiving.submit(batch, caller.actor)
        if before_work is not None:
            before_work()
        jobs.start(batch)
        batch.refresh_from_db()
        return batch


def make_hospital(
    folder: Path, slug: str = "north", prefix: str = "NORTH", **values: Any
) -> Hospital:
    """Make a hospital below a folder of the allowed roots."""
    inbox, outbox = folder / f"{slug}-in", folder / f"{slug}-out"
    inbox.mkdir(parents=True)
    outbox.mkdir(parents=True)
    organization = organizations.create_organization(
        slug=slug,
        name=f"{slug.title()} Hospital",
        prefix=prefix,
        default_issuer=prefix,
        allowed_regions=[REGION],
        **values,
    )
    people = {}
    for role in Role.values:
        user = organizations.create_person(
            email=f"{role}@{slug}.example", name=f"{role.title()} {slug.title()}", password=PASSWORD
        )
        organizations.grant(user, organization, role)
        people[role] = get_user_model().objects.get(pk=user.pk)
    source = places.save_source(
        organization,
        organizations.COMMAND,
        values={"name": "Share", "kind": SourceKind.FOLDER, "config": {"root": str(inbox)}},
    )
    destination = places.save_destination(
        organization,
        organizations.COMMAND,
        values={
            "name": "Readers",
            "kind": DestinationKind.FOLDER,
            "config": {"root": str(outbox)},
            "region": REGION,
            "operator": "Reading group",
            "agreement": "A-1",
        },
    )
    return Hospital(organization, people, source, destination, inbox, outbox)


def work_off(rounds: int = 20) -> None:
    """Run everything that is queued, and the scheduler's duties, until nothing moves any more."""
    queues = [django_rq.get_queue(name) for name in ("stat", "high", "routine")]
    for _round in range(rounds):
        SimpleWorker(queues, connection=queues[0].connection).work(
            burst=True, logging_level="ERROR"
        )
        moved = jobs.requeue_lost()
        jobs.take_up_stalled()
        if not moved and not any(queue.count for queue in queues):
            return
    raise AssertionError("work did not come to an end")


def counts(batch: Batch) -> dict[str, int]:
    """Return how many entries are in each state."""
    rows = Instance.objects.filter(batch=batch).values_list("state", flat=True)
    found: dict[str, int] = {}
    for state in rows:
        found[state] = found.get(state, 0) + 1
    return found


def delivered_files(hospital: Hospital, batch: Batch) -> list[Path]:
    """Return the DICOM files that lie at the destination."""
    return sorted((hospital.outbox / str(batch.pk)).rglob("*.dcm"))
