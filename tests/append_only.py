"""Empty append-only tables between transaction tests, which the product itself can't."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import TransactionTestCase


@contextmanager
def triggers_lifted(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Drop the database's triggers for a moment and put the same ones back."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            try:
                yield
            finally:
                cursor.execute("SET session_replication_role = DEFAULT")
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        triggers = cursor.fetchall()
        for name, _ in triggers:
            cursor.execute(f'DROP TRIGGER "{name}"')
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            for _, statement in triggers:
                cursor.execute(statement)


@contextmanager
def flush_past_triggers() -> Iterator[None]:
    """Make Django's flush after a transaction test run with the triggers lifted."""
    flush = TransactionTestCase._fixture_teardown

    def flush_lifted(case: Any) -> None:
        aliases = case._databases_names(include_mirrors=False)
        _nested(list(aliases), lambda: flush(case))

    TransactionTestCase._fixture_teardown = flush_lifted
    try:
        yield
    finally:
        TransactionTestCase._fixture_teardown = flush


def _nested(aliases: list[str], act: Any) -> None:
    if not aliases:
        act()
        return
    with triggers_lifted(connections[aliases[0]]):
        _nested(aliases[1:], act)
