"""The proof badge: what was checked, when, up to where, and what stands still."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from audit.chains import head
from audit.models import Checkpoint
from audit.sealer import late
from audit.verification import last_verification, missing_triggers

_FRESH = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Badge:
    """A chain's state in one line; `family` is the page kit's colour family."""

    family: str
    icon: str
    state: str
    checked_at: datetime | None
    first: int
    last: int
    head: int
    finding: dict[str, Any] | None
    checkpoint: Checkpoint | None
    second_place: int
    waiting: int
    unguarded: list[str]


def badge(chain: str) -> Badge:
    """Return a chain's badge from its newest verification, checkpoint and waiting events."""
    checked = last_verification(chain)
    unguarded = missing_triggers()
    waiting = sum(one.count for one in late() if one.chain == chain)
    finding = checked["finding"] if checked else None
    if finding:
        family, icon, state = "stop", "warn", "broken"
    elif unguarded or waiting:
        family, icon, state = "stop", "warn", "unguarded" if unguarded else "waiting"
    elif checked and timezone.now() - checked["at"] < _FRESH:
        family, icon, state = "done", "link", "verified"
    elif checked:
        family, icon, state = "idle", "link", "stale"
    else:
        family, icon, state = "idle", "link", "unchecked"
    return Badge(
        family,
        icon,
        state,
        checked["at"] if checked else None,
        checked["first"] if checked else 0,
        checked["last"] if checked else 0,
        head(chain).sequence,
        finding,
        Checkpoint.objects.filter(chain=chain).order_by("-sequence").first(),
        checked["second_place"] if checked else 0,
        waiting,
        unguarded,
    )
