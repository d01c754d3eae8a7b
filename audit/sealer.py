"""The sealer links committed events into their chains. Writers never wait for it.

The host's scheduler calls `seal_all` about once a second, under its lease; `verify` calls
`seal_chain` first. Two at once do no harm: one waits for the other.
"""

import logging
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, transaction
from django.db.models import Count, Min, OuterRef, Subquery
from django.utils import timezone

from audit import conf
from audit.canonical import link_digest
from audit.chains import Head, head, lock_chain, waiting_chains
from audit.checkpoints import checkpoint_if_due
from audit.models import Event, Pending
from audit.recording import record_alone
from audit.terms import SYSTEM_CHAIN, Actor, Outcome

logger = logging.getLogger(__name__)

TRAIL = Actor("system", "audit", "Audit trail")
_AT_ONCE = 1000
_AT_A_TIME = 100
_INSERT = "INSERT INTO audit_link (chain, sequence, event_id, event_digest, previous, digest)"


@dataclass(frozen=True, slots=True)
class Late:
    """Events of one chain that waited too long for their link."""

    chain: str
    count: int
    oldest: datetime


def seal_chain(chain: str) -> int:
    """Link every committed event of a chain; return how many there were."""
    linked = 0
    while True:
        with transaction.atomic(using=DEFAULT_DB_ALIAS):
            done = _seal_some(chain)
        linked += done
        if done < _AT_ONCE:
            return linked


def _seal_some(chain: str) -> int:
    lock_chain(chain)
    return sum(_link([chain]).values())


def _seal_oldest() -> Counter[str]:
    """Link what waits longest, whichever its chain, in one transaction.

    SQLite's writers take turns: eight chains by themselves would queue eight times among them.
    """
    with transaction.atomic(using=DEFAULT_DB_ALIAS):
        chains = waiting_chains()
        for chain in chains:  # in their order, so that two sealers never hold what the other wants
            lock_chain(chain)
        return _link(chains)


def _link(chains: list[str]) -> Counter[str]:
    """Link waiting events of chains that are locked, oldest first; return how many of each."""
    waiting = (
        Pending.objects.filter(chain__in=chains)
        .order_by("event_id")
        .values_list("chain", "event_id", _of_event("digest"))[:_AT_ONCE]
    )
    ends: dict[str, Head] = {}
    rows: list[tuple[Any, ...]] = []
    for chain, event_id, raw in waiting:
        end = ends.get(chain) or head(chain)
        event = bytes(raw)
        sequence = end.sequence + 1
        digest = link_digest(chain, sequence, event, end.digest)
        rows.append((chain, sequence, event_id, event, end.digest, digest))
        ends[chain] = Head(sequence, digest)
    _replace(rows)
    return Counter(row[0] for row in rows)


def _of_event(column: str) -> Subquery:
    """Look a column up per waiting event: SQLite would turn a join round and read all events."""
    return Subquery(Event.objects.filter(pk=OuterRef("pk")).values(column)[:1])


def _replace(rows: list[tuple[Any, ...]]) -> None:
    """Put links where events waited; by hand, because SQLite's writers wait meanwhile."""
    with connection.cursor() as cursor:
        for start in range(0, len(rows), _AT_A_TIME):
            some = rows[start : start + _AT_A_TIME]
            links = ", ".join(["(%s, %s, %s, %s, %s, %s)"] * len(some))
            cursor.execute(
                f"{_INSERT} VALUES {links}",
                [value for row in some for value in row],
            )
            events = ", ".join(["%s"] * len(some))
            cursor.execute(
                f"DELETE FROM audit_pending WHERE event_id IN ({events})",  # noqa: S608 - marks
                [row[2] for row in some],
            )


def late(now: datetime | None = None) -> list[Late]:
    """Return the chains whose events wait longer than LATE_SECONDS: the sealer stands still."""
    before = (now or timezone.now()) - timedelta(seconds=conf.option("LATE_SECONDS"))
    rows = (
        Pending.objects.annotate(at=_of_event("at"))
        .filter(at__lt=before)
        .values("chain")
        .annotate(count=Count("event_id"), oldest=Min("at"))
        .order_by("chain")
    )
    return [Late(row["chain"], row["count"], row["oldest"]) for row in rows]


def seal_all() -> int:
    """Seal every chain, raise the alarm for what was late, sign the heads that are due.

    Chains that rest are signed by `checkpoint_if_due`, which the scheduler calls now and then.
    """
    overdue = late()
    moved: Counter[str] = Counter()
    while Pending.objects.exists():
        done = _seal_oldest()
        moved += done
        if done.total() < _AT_ONCE:
            break
    for one in overdue:
        logger.error(
            "%d audit events of chain %s waited for their link since %s",
            one.count,
            one.chain,
            one.oldest.isoformat(),
        )
        record_alone(
            "audit.late",
            Outcome.FAILED,
            actor=TRAIL,
            chain=SYSTEM_CHAIN,
            subject=one.chain,
            subject_kind="chain",
            detail={"count": one.count, "oldest": one.oldest.isoformat()},
        )
    checkpoint_if_due(TRAIL, list(moved))
    return moved.total()
