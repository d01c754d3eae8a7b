"""What happened to a batch, for its coordinators: its newest acts, alike ones as one."""

from dataclasses import dataclass
from itertools import groupby

from audit.models import Event
from studies.models import Batch, BatchState
from studies.services import trail

SHOWN = 8


@dataclass(frozen=True, slots=True)
class Act:
    """Acts of one kind by one actor in a row; the event is the newest of them."""

    event: Event
    count: int
    detail: str


def acts(batch: Batch) -> list[Act]:
    """Return the newest acts, newest first."""
    rows = groupby(trail.latest(batch), lambda row: (row.action, row.outcome, row.actor_label))
    groups = [list(members) for _kind, members in rows]
    return [Act(group[0], len(group), _detail(group[0])) for group in groups[:SHOWN]]


def _detail(event: Event) -> str:
    """Return where a batch moved to, in the word of its state; "" for every other act."""
    to = event.detail.get("to", "")
    return str(BatchState(to).label) if event.action == "batch.moved" else ""
