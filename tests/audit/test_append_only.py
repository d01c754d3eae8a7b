"""The database refuses to change the trail, and nothing in the product can talk it out of that."""

import re
from pathlib import Path

import pytest
from django.db import DatabaseError, connection, transaction

from audit import record_alone
from audit.models import Event, Pending
from tests.audit.conftest import ALICE

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def event(database):
    return record_alone("batch.started", actor=ALICE, chain="org-1")


@pytest.mark.parametrize(
    "attempt",
    [
        lambda event: Event.objects.filter(pk=event.pk).update(subject="other"),
        lambda event: Event.objects.all().delete(),
        lambda event: event.delete(),
        lambda event: event.save(),
    ],
    ids=["update", "delete all", "delete one", "save again"],
)
def test_events_can_not_be_changed_or_removed(event, attempt):
    Pending.objects.all().delete()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        attempt(event)
    assert Event.objects.get().subject == ""


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_insert_or_replace_is_no_way_round(event):
    columns = ", ".join(field.column for field in Event._meta.concrete_fields)
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"INSERT OR REPLACE INTO audit_event ({columns}) SELECT * FROM audit_event")


@pytest.mark.postgres
def test_postgresql_refuses_truncate(on_postgres):
    record_alone("batch.started", actor=ALICE, chain="org-1")
    for table in ("event", "link", "checkpoint", "archive", "leaves"):
        with (
            pytest.raises(DatabaseError, match="append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"TRUNCATE audit_{table} CASCADE")


def test_every_event_is_noted_as_waiting_for_its_link(event):
    assert Pending.objects.get().event_id == event.pk


def test_nothing_in_the_product_lifts_the_triggers():
    door = re.compile(
        r"(drop|disable|alter)\s+trigger|session_replication_role|writable_schema|"
        r"disable_triggers|drop\s+function\s+audit",
        re.IGNORECASE,
    )
    product = [
        path
        for room in ("anonportal", "audit", "studies", "deploy", "static")
        for path in (ROOT / room).rglob("*")
        if path.is_file() and path.suffix in {".py", ".sql", ".sh", ".toml", ".yml", ".yaml"}
    ]
    assert len(product) > 20
    assert not [str(path) for path in product if door.search(path.read_text(encoding="utf-8"))]


def test_the_migration_of_the_triggers_has_no_way_back():
    from importlib import import_module

    migration = import_module("audit.migrations.0002_append_only").Migration
    assert not any(operation.reversible for operation in migration.operations)
