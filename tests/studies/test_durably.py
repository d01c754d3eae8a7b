"""What was said to have been received, shown or delivered is on disk before it is said."""

import pytest
from django.db import connection, connections, transaction

from studies.services.durably import durably
from studies.services.uploads import PartPack
from tests.studies.batches import make_batch

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "vault"])
NORMAL, FULL = 1, 2


def written_through(alias: str = "default") -> int:
    with connections[alias].cursor() as cursor:
        cursor.execute("PRAGMA synchronous")
        return int(cursor.fetchone()[0])


@pytest.fixture(autouse=True)
def _sqlite() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL writes every commit through")


def test_the_vault_writes_every_commit_through():
    assert written_through("vault") == FULL


def test_a_transaction_writes_through_and_others_after_it_do_not():
    assert written_through() == NORMAL
    with durably():
        assert written_through() == FULL
    assert written_through() == NORMAL


def test_after_a_fault_others_do_not_write_through_either():
    with pytest.raises(ZeroDivisionError), durably():
        raise ZeroDivisionError
    assert written_through() == NORMAL


def test_inside_another_transaction_its_end_counts():
    with transaction.atomic(), durably():
        assert written_through() == NORMAL


def test_what_arrives_is_recorded_so(settings, tmp_path):
    settings.SEALED_DIR = tmp_path / "sealed"
    seen = []
    pack = PartPack(make_batch())
    pack.finish(also=lambda locked: seen.append(written_through()))
    assert seen == [FULL]
