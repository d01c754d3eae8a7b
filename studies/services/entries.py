"""Numbered entries of a batch: one row per file that came in, its path sealed."""

from collections.abc import Sequence
from typing import TypedDict

from django.db.models import Max
from django.utils import timezone

from studies.intake.archives import Unfolded
from studies.models import Batch, Instance, InstanceState
from studies.services.keys import Sealer

# The purpose under which an entry's path is sealed.
PATH_PURPOSE = "path"
_WRITE_ROWS = 500


class About(TypedDict):
    """What an event says of the batch it tells of."""

    chain: str
    subject: str
    subject_kind: str
    context: str


def about(batch: Batch) -> About:
    """Return the part of an event that names a batch."""
    return {
        "chain": str(batch.organization_id),
        "subject": str(batch.pk),
        "subject_kind": "batch",
        "context": str(batch.pk),
    }


def next_number(batch: Batch) -> int:
    """Return the number of the next entry."""
    return (Instance.objects.filter(batch=batch).aggregate(last=Max("number"))["last"] or 0) + 1


def add_entries(batch: Batch, sealer: Sealer, entries: Sequence[Unfolded]) -> int:
    """Add entries in the caller's transaction, numbered on; return how many are refused."""
    now = timezone.now()
    Instance.objects.bulk_create(
        [
            Instance(
                batch_id=batch.pk,
                number=number,
                state=InstanceState.REFUSED if entry.refused else InstanceState.RECEIVED,
                code=entry.refused,
                original=entry.original,
                size=entry.size,
                sealed_path=sealer.seal(PATH_PURPOSE, entry.label.encode()),
                inventoried=bool(entry.refused),
                processed=now if entry.refused else None,
            )
            for number, entry in enumerate(entries, start=next_number(batch))
        ],
        batch_size=_WRITE_ROWS,
    )
    return sum(1 for entry in entries if entry.refused)
