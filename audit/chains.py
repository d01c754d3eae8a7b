"""Reading a chain's ends: its head, its archived start, which chains there are."""

import json
from dataclasses import dataclass

from django.db import connection

from audit.canonical import GENESIS
from audit.models import Archive, Checkpoint, Link, Pending


@dataclass(frozen=True, slots=True)
class Head:
    """The last link of a chain, or of a part of it."""

    sequence: int
    digest: bytes


def archived_head(chain: str) -> Head:
    """Return where the archived part of a chain ends; sequence 0 where nothing was archived."""
    last = Archive.objects.filter(chain=chain).order_by("-last").first()
    if last is None:
        return Head(0, GENESIS)
    return Head(last.last, bytes.fromhex(json.loads(last.document)["head"]))


def head(chain: str) -> Head:
    """Return a chain's last link; after archiving everything, the archive's end."""
    last = Link.objects.filter(chain=chain).order_by("-sequence").first()
    if last is None:
        return archived_head(chain)
    return Head(last.sequence, bytes(last.digest))


def waiting_chains() -> list[str]:
    """Return the chains with events that wait to be linked."""
    return list(Pending.objects.order_by("chain").values_list("chain", flat=True).distinct())


def known_chains() -> list[str]:
    """Return every chain of which the database holds a link, a checkpoint or an archive."""
    found = set(waiting_chains()) | set(_distinct_link_chains())
    for model in (Checkpoint, Archive):
        found.update(model.objects.values_list("chain", flat=True).distinct())
    return sorted(found)


def _distinct_link_chains() -> list[str]:
    """Hop from chain to chain along the index: DISTINCT would read millions of links."""
    found: list[str] = []
    while True:
        after = Link.objects.filter(chain__gt=found[-1]) if found else Link.objects.all()
        name = after.order_by("chain", "sequence").values_list("chain", flat=True).first()
        if name is None:
            return found
        found.append(name)


def lock_chain(chain: str) -> None:
    """Let one sealer at a time extend a chain, for the rest of the transaction.

    SQLite has one writer anyway (and the unique place in the chain refuses a second link), so
    only PostgreSQL needs to be asked.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 7307))", [chain])
