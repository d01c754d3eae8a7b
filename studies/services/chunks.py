"""Claiming a chunk of work: one run at a time counts, however often a job is started.

A killed worker's child may live on beside the retry, so a run holds a lease (token, expiry), works
under names that carry the token, and its last UPDATE counts only while the token is still its own.
"""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from studies.models import Chunk, ChunkState

MAX_ATTEMPTS = 5


class LostLease(Exception):
    """Another run has taken this chunk over; whatever this run made doesn't count."""


@dataclass
class Claim:
    """A run's right to work on a chunk."""

    chunk: Chunk
    token: uuid.UUID
    renewed: datetime = field(default_factory=timezone.now)

    def renew(self) -> None:
        """Keep the lease alive; raise LostLease where another run took it."""
        now = timezone.now()
        if now - self.renewed < lease_time() / 3:
            return
        if _mine(self).update(lease_expires=now + lease_time()) != 1:
            raise LostLease(str(self.chunk.pk))
        self.renewed = now

    def finish(self) -> None:
        """Mark the chunk done, as its transaction's last write; raise LostLease if not ours."""
        done = _mine(self).update(
            state=ChunkState.DONE, finished=timezone.now(), lease_token=None, lease_expires=None
        )
        if done != 1:
            raise LostLease(str(self.chunk.pk))

    def pause(self, *, seconds: float = 0, code: str = "") -> None:
        """Give the chunk back, to be taken up again: at once, or after a while."""
        _mine(self).update(
            state=ChunkState.PENDING,
            lease_token=None,
            lease_expires=None,
            not_before=timezone.now() + timedelta(seconds=seconds) if seconds else None,
            code=code,
        )

    def give_way(self) -> None:
        """Give the chunk back after part of its work, in that work's transaction.

        Raise LostLease if it isn't ours. A run that got on starts its count of attempts anew.
        """
        done = _mine(self).update(
            state=ChunkState.PENDING, lease_token=None, lease_expires=None, attempts=0
        )
        if done != 1:
            raise LostLease(str(self.chunk.pk))

    def give_up(self, code: str, reference: str = "") -> None:
        """Mark the chunk failed: only a person's decision makes new work of it."""
        done = _mine(self).update(
            state=ChunkState.FAILED,
            finished=timezone.now(),
            lease_token=None,
            lease_expires=None,
            code=code,
            reference=reference,
        )
        if done != 1:
            raise LostLease(str(self.chunk.pk))


def lease_time() -> timedelta:
    """Return how long a claim holds without being renewed."""
    return timedelta(seconds=settings.LEASE_SECONDS)


def claim(chunk_id: int) -> Claim | None:
    """Take a chunk by one conditional UPDATE; None where it is done, gone or another run's."""
    now = timezone.now()
    token = uuid.uuid4()
    free = Q(state=ChunkState.PENDING) | Q(state=ChunkState.CLAIMED, lease_expires__lt=now)
    due = Q(not_before__isnull=True) | Q(not_before__lte=now)
    taken = Chunk.objects.filter(free, due, pk=chunk_id).update(
        state=ChunkState.CLAIMED,
        lease_token=token,
        lease_expires=now + lease_time(),
        attempts=F("attempts") + 1,
        code="",
    )
    if taken != 1:
        return None
    chunk = Chunk.objects.select_related(
        "batch__organization", "batch__destination__domain", "batch__profile_version__profile"
    ).get(pk=chunk_id)
    return Claim(chunk, token)


def waiting(now: datetime | None = None) -> list[Chunk]:
    """Return the chunks that some run has to take up: pending and due, or left by the dead."""
    moment = now or timezone.now()
    free = Q(state=ChunkState.PENDING) | Q(state=ChunkState.CLAIMED, lease_expires__lt=moment)
    due = Q(not_before__isnull=True) | Q(not_before__lte=moment)
    return list(Chunk.objects.filter(free, due).select_related("batch").order_by("pk")[:500])


def pieces(rows: Iterable[tuple[int, int]]) -> Iterator[list[int]]:
    """Cut (key, size) pairs into runs of keys that are seconds of work each."""
    members: list[int] = []
    volume = 0
    for pk, size in rows:
        if members and (
            volume + size > settings.CHUNK_BYTES or len(members) >= settings.CHUNK_INSTANCES
        ):
            yield members
            members, volume = [], 0
        members.append(pk)
        volume += size
    if members:
        yield members


def _mine(claim: Claim) -> QuerySet[Chunk]:
    return Chunk.objects.filter(pk=claim.chunk.pk, lease_token=claim.token)
