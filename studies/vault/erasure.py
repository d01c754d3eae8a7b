"""Makes sure that what was deleted is gone from the database's files, not only from its tables."""

import time
from collections.abc import Iterable

from django.db import OperationalError, connections
from django.db.backends.utils import CursorWrapper
from django.db.models import Model

from studies.vault.faults import NotErased
from studies.vault.models import Domain, DomainKey, InstanceRow, Patient, SentUid, Study
from studies.vault.statements import VAULT

_AGAIN = (
    "rows are deleted, but others at work kept their bytes from being erased from the database's"
    " files; run the same command again to finish"
)
# How long to wait for others whose snapshot still sees what was deleted, in seconds.
PATIENCE = 60.0
# Who holds a snapshot, or a transaction, that is as old as one that begins now.
_OLDER = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND (age(backend_xmin) >= age(%s::xid) OR age(backend_xid) >= age(%s::xid))
"""
_TABLES = (Domain, DomainKey, Patient, Study, InstanceRow, SentUid)


def erase_freed(alias: str = VAULT, models: Iterable[type[Model]] = _TABLES) -> None:
    """Rewrite a database without its free space, and empty its write-ahead log.

    SQLite: VACUUM of the whole, then a truncating checkpoint, which waits for readers as long as
    the connection's timeout. PostgreSQL: VACUUM FULL of the models' tables, which keeps the bytes
    of what anybody still sees, so it waits for them; its log is recycled by the server in its own
    time, and docs/security.md says what that leaves. Must run outside a transaction. Raises
    NotErased where others don't end in time.
    """
    connection = connections[alias]
    try:
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                _erase_sqlite(cursor)
            else:
                _wait_for_older(cursor)
                for model in models:
                    table = connection.ops.quote_name(model._meta.db_table)
                    cursor.execute(f"VACUUM (FULL) {table}")
    except OperationalError as error:
        raise NotErased(_AGAIN) from error


def _erase_sqlite(cursor: CursorWrapper) -> None:
    cursor.execute("VACUUM")
    cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if cursor.fetchone()[0]:
        raise NotErased(_AGAIN)


def _wait_for_older(cursor: CursorWrapper) -> None:
    """Wait until nobody sees what was deleted before this moment: statistics, backups, readers."""
    cursor.execute("SELECT pg_current_xact_id()::xid::text")
    (now,) = cursor.fetchone()
    end = time.monotonic() + PATIENCE
    while True:
        cursor.execute(_OLDER, [now, now])
        if not cursor.fetchone()[0]:
            return
        if time.monotonic() > end:
            raise NotErased(_AGAIN)
        time.sleep(0.1)
