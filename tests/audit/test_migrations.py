"""A trail that was begun under an earlier schema goes on under the new one."""

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, connections, transaction
from django.db.backends.sqlite3.base import DatabaseWrapper

from audit import record, record_alone
from audit.models import Link, Pending
from audit.sealer import seal_all
from audit.verification import verify_chain
from tests.audit.conftest import ALICE, JOB, as_default, empty_postgres


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def begun(request, tmp_path, django_db_blocker):
    """A trail of the schema before the waiting row became lighter: three linked, two waiting."""
    if request.param == "postgres":
        fresh = empty_postgres(request.getfixturevalue("postgres"))
    else:
        usual = connections["default"].settings_dict
        fresh = DatabaseWrapper({**usual, "NAME": str(tmp_path / "old.sqlite3")}, "default")
    with django_db_blocker.unblock(), as_default(fresh):
        call_command("migrate", "audit", "0004", verbosity=0)
        record_some(3)
        assert seal_all() == 3
        record_some(2)
        yield


def record_some(number):
    for index in range(number):
        record_alone("study.held", actor=JOB, chain=f"org-{index % 2}", subject=f"S{index}")


def test_a_lighter_waiting_row_keeps_what_waits(begun):
    waiting = list(Pending.objects.order_by("pk").values_list("event_id", "chain"))
    call_command("migrate", "audit", verbosity=0)
    assert list(Pending.objects.order_by("pk").values_list("event_id", "chain")) == waiting
    with transaction.atomic():
        new = record("study.held", actor=ALICE, chain="org-1", subject="S9")
    assert Pending.objects.filter(pk=new.pk, chain="org-1").exists()
    assert seal_all() == len(waiting) + 1
    assert (
        Link.objects.filter(event_id__in=[new.pk, *(row[0] for row in waiting)]).count()
        == len(waiting) + 1
    )
    for chain in ("org-0", "org-1"):
        assert verify_chain(chain).finding is None


def test_after_it_events_and_links_still_can_not_go(begun):
    call_command("migrate", "audit", verbosity=0)
    for table in ("audit_event", "audit_link"):
        with (
            pytest.raises(DatabaseError, match="append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"DELETE FROM {table}")


def test_what_waits_is_one_tree_that_nothing_checks(begun):
    call_command("migrate", "audit", verbosity=0)
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, "audit_pending")
        keys = connection.introspection.get_primary_key_columns(cursor, "audit_pending")
        assert keys == ["event_id"]
        assert not [name for name, told in found.items() if told["foreign_key"]]
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name FROM sqlite_master WHERE tbl_name = 'audit_pending'")
            assert cursor.fetchall() == [("audit_pending",)]
