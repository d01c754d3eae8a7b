"""Long chains for the benchmark of the audit trail: put in many per statement, valid to verify.

It lifts the triggers and indexes of its own, fresh database while it fills, as no code of the
product can, and puts them back as they were.
"""

import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from audit.canonical import canonical_event, canonical_time, event_digest, link_digest
from audit.chains import head
from audit.models import EVENT_FIELDS

ACTIONS = ("study.deidentified", "study.held", "study.delivered", "report.reidentified")
_BATCH = 20_000
_EVENT = ("id", "digest", *EVENT_FIELDS)
_LINK = ("chain", "sequence", "event_id", "event_digest", "previous", "digest")


def fill(chain: str, number: int) -> None:
    """Put events and links of one chain in, as if recorded over the last 300 days."""
    start, step = datetime.now(UTC) - timedelta(days=300), timedelta(days=300) / max(1, number)
    chance = random.Random(chain)
    end = head(chain)
    sequence, previous, key = end.sequence, end.digest, _last_id()
    with bare_tables():
        for made in range(0, number, _BATCH):
            events, links = [], []
            for index in range(made, min(made + _BATCH, number)):
                key, sequence = key + 1, sequence + 1
                row = _event(chance, chain, start + step * index, number)
                digest = row[0]
                link = link_digest(chain, sequence, digest, previous)
                events.append((key, *row))
                links.append((chain, sequence, key, digest, previous, link))
                previous = link
            _insert("audit_event", _EVENT, events)
            _insert("audit_link", _LINK, links)
    with connection.cursor() as cursor:
        if not is_sqlite():  # which does by itself what nobody does on SQLite
            cursor.execute("SELECT setval('audit_event_id_seq', %s)", [key])
            cursor.execute("ANALYZE")
    connection.close()


def _event(chance: random.Random, chain: str, at: datetime, number: int) -> tuple[Any, ...]:
    """Return the digest and the columns of one event."""
    person, study = int(chance.random() * 200), int(chance.random() * (number // 10 + 1))
    uid = uuid.UUID(int=chance.getrandbits(128))
    fields = {
        "uid": uid.hex,
        "at": canonical_time(at),
        "chain": chain,
        "action": ACTIONS[min(3, int(chance.expovariate(1)))],
        "outcome": "refused" if chance.random() < 0.01 else "success",
        "actor_kind": "person",
        "actor_id": str(person),
        "actor_label": f"Person {person}",
        "actor_role": "coordinator",
        "actor_address": "192.0.2.7",
        "subject_kind": "study",
        "subject": f"S{study:012}",
        "context": f"batch-{study // 20}",
    }
    detail = '{"images":88}'
    digest = event_digest(canonical_event(**fields, detail=detail))
    if is_sqlite():  # spelled as Django's back end does
        stored = {**fields, "at": str(at.replace(tzinfo=None))}
    else:
        stored = {**fields, "at": at, "uid": uid}
    return (digest, *stored.values(), detail)


def _insert(table: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    names = ", ".join(columns)
    with transaction.atomic(), connection.cursor() as cursor:
        if is_sqlite():
            marks = ", ".join(["%s"] * len(columns))
            cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)
            return
        with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)


@contextmanager
def bare_tables() -> Iterator[None]:
    """Take triggers and indexes away while the tables are filled; build them again after."""
    restore = _bare_sqlite() if is_sqlite() else _bare_postgresql()
    yield
    with connection.cursor() as cursor:
        for statement in restore:
            cursor.execute(statement)


def _bare_sqlite() -> list[str]:
    with connection.cursor() as cursor:
        for pragma in ("secure_delete=OFF", "foreign_keys=OFF", "cache_size=-400000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.execute(
            "SELECT type, name, sql FROM sqlite_master WHERE type IN ('index', 'trigger')"
            " AND tbl_name IN ('audit_event', 'audit_link') AND sql IS NOT NULL ORDER BY type"
        )
        found = cursor.fetchall()
        for kind, name, _sql in found:
            cursor.execute(f'DROP {kind} "{name}"')
    return [sql for _kind, _name, sql in found]


def _bare_postgresql() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes i WHERE tablename IN ('audit_event')"
            " AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conname = i.indexname)"
        )
        found = cursor.fetchall()
        for name, _sql in found:
            cursor.execute(f'DROP INDEX "{name}"')
    return [*(sql for _name, sql in found), "SET session_replication_role = DEFAULT"]


def _last_id() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT COALESCE(MAX(id), 0) FROM audit_event")
        return int(cursor.fetchone()[0])


def is_sqlite() -> bool:
    """Tell which database runs."""
    return connection.vendor == "sqlite"
