"""Transactions that a power cut doesn't take back.

For what somebody outside was told and would not do again: that an object was received, whose
patient was shown, that a batch was delivered and its staged objects are gone. PostgreSQL writes
every commit through; SQLite, as it's set up here, leaves it to its next checkpoint.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def durably() -> Iterator[None]:
    """Open a transaction of the portal's database that is on disk when it ends."""
    # Inside another transaction SQLite can't change it, and that one's end counts.
    is_lazy = connection.vendor == "sqlite" and not connection.in_atomic_block
    if is_lazy:
        _write_through("FULL")
    try:
        with transaction.atomic():
            yield
    finally:
        if is_lazy:
            _write_through("NORMAL")


def _write_through(how: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA synchronous={how}")
