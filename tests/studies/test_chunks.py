"""A chunk of work is done by one run, whatever is killed, late or started twice."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from studies.models import Chunk, ChunkKind, ChunkState
from studies.services import leases
from studies.services.batches import new_chunk
from studies.services.chunks import LostLease, claim, waiting
from tests.studies.batches import make_batch

pytestmark = pytest.mark.django_db(databases=["default", "vault"])


@pytest.fixture
def chunk() -> Chunk:
    return new_chunk(make_batch(), ChunkKind.DEIDENTIFY)


def expire(chunk: Chunk) -> None:
    Chunk.objects.filter(pk=chunk.pk).update(lease_expires=timezone.now() - timedelta(seconds=1))


def test_one_run_claims_a_chunk_and_a_second_finds_nothing(chunk) -> None:
    held = claim(chunk.pk)
    assert held is not None
    assert claim(chunk.pk) is None
    held.finish()
    assert claim(chunk.pk) is None
    assert Chunk.objects.get(pk=chunk.pk).state == ChunkState.DONE


def test_what_the_dead_left_is_taken_over_and_their_late_writes_do_not_count(chunk) -> None:
    dead = claim(chunk.pk)
    assert dead is not None
    assert waiting() == []
    expire(chunk)
    assert [row.pk for row in waiting()] == [chunk.pk]
    alive = claim(chunk.pk)
    assert alive is not None
    assert alive.chunk.attempts == 2
    for late in (dead.finish, lambda: dead.give_up("late")):
        with pytest.raises(LostLease):
            late()
    dead.pause()
    assert Chunk.objects.get(pk=chunk.pk).lease_token == alive.token
    alive.finish()


def test_a_renewed_lease_holds_and_a_lost_one_says_so(chunk, settings) -> None:
    settings.LEASE_SECONDS = 0
    held = claim(chunk.pk)
    assert held is not None
    held.renew()
    expire(chunk)
    other = claim(chunk.pk)
    assert other is not None
    with pytest.raises(LostLease):
        held.renew()


def test_a_paused_chunk_waits_its_time(chunk) -> None:
    held = claim(chunk.pk)
    assert held is not None
    held.pause(seconds=60)
    assert claim(chunk.pk) is None
    assert waiting() == []
    assert [row.pk for row in waiting(timezone.now() + timedelta(seconds=61))] == [chunk.pk]


def test_a_right_is_held_by_one_process_until_it_lapses() -> None:
    first, second = uuid.uuid4(), uuid.uuid4()
    assert leases.hold("duty", first, 60)
    assert leases.hold("duty", first, 60)
    assert not leases.hold("duty", second, 60)
    assert leases.is_held("duty")
    leases.release("duty", first)
    assert not leases.is_held("duty")
    assert leases.hold("duty", second, -1)
    assert leases.hold("duty", first, 60)
