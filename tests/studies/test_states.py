"""The two tables of transitions are the only way from one state to another."""

import itertools

import pytest
from django.db import IntegrityError, transaction

from studies.models import (
    BATCH_TRANSITIONS,
    INSTANCE_TRANSITIONS,
    Batch,
    BatchState,
    IllegalTransition,
    Instance,
    InstanceState,
)
from tests.studies.batches import make_batch

pytestmark = pytest.mark.django_db(databases=["default", "vault"])


@pytest.fixture
def batch() -> Batch:
    return make_batch()


def in_state(batch: Batch, state: str) -> Batch:
    """Put a row into a state behind the model's back, as only a test may."""
    super(type(Batch.objects.all()), Batch.objects.filter(pk=batch.pk)).update(state=state)
    return Batch.objects.get(pk=batch.pk)


def test_every_state_stands_in_its_table() -> None:
    assert set(BATCH_TRANSITIONS) == set(BatchState)
    assert set(INSTANCE_TRANSITIONS) == set(InstanceState)


@pytest.mark.parametrize(
    ("before", "after"),
    list(itertools.product(BatchState, BatchState)),
    ids=lambda state: state.value,
)
def test_a_batch_goes_only_where_the_table_leads(batch, before, after) -> None:
    row = in_state(batch, before)
    if after in BATCH_TRANSITIONS[before]:
        row.move(after)
        assert Batch.objects.get(pk=row.pk).state == after
        return
    with pytest.raises(IllegalTransition):
        row.move(after)
    assert Batch.objects.get(pk=row.pk).state == before


@pytest.mark.parametrize("after", list(InstanceState), ids=lambda state: state.value)
def test_instances_move_together_only_where_the_table_leads(batch, after) -> None:
    for number, state in enumerate(InstanceState, 1):
        Instance.objects.create(batch=batch, number=number, state=state)
    allowed = {state for state in InstanceState if after in INSTANCE_TRANSITIONS[state]}
    assert Instance.objects.filter(batch=batch).move(after) == len(allowed)
    for number, state in enumerate(InstanceState, 1):
        row = Instance.objects.get(batch=batch, number=number)
        assert row.state == (after if state in allowed else state)


def test_no_other_write_changes_a_state(batch) -> None:
    row = Batch.objects.get(pk=batch.pk)
    row.state = BatchState.DELIVERED
    with pytest.raises(IllegalTransition):
        row.save()
    with pytest.raises(IllegalTransition):
        Batch.objects.filter(pk=batch.pk).update(state=BatchState.DELIVERED)
    with pytest.raises(IllegalTransition):
        Batch.objects.bulk_update([row], ["state"])
    assert Batch.objects.get(pk=batch.pk).state == BatchState.RECEIVING


def test_of_two_movers_one_wins(batch) -> None:
    first, second = Batch.objects.get(pk=batch.pk), Batch.objects.get(pk=batch.pk)
    first.move(BatchState.QUEUED)
    with pytest.raises(IllegalTransition):
        second.move(BatchState.QUEUED)


def test_the_database_itself_knows_no_other_state(batch) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        in_state(batch, "nowhere")
