"""Sealed rows read and written without model objects, where a job or the gateway does it often.

The ORM would take most of the time. No value is ever put into a statement; nothing is opened here.
"""

import uuid
from collections.abc import Sequence
from typing import Literal, NamedTuple

from django.db import connections

from studies.vault.rows import SealedInstances, SealedRow
from studies.vault.statements import VAULT, places, select, uuid_value

Table = Literal["vault_patient", "vault_study"]


class HeldRow(NamedTuple):
    """A patient's or study's row: its primary key, and what opening it needs."""

    pk: int
    sealed: SealedRow


def select_sealed(
    table: Table, domain_id: uuid.UUID, cloud_ids: Sequence[str], *, hold: bool = False
) -> list[HeldRow]:
    """Return rows of a domain by their cloud ids; `hold` keeps others from changing them."""
    if not cloud_ids:
        return []
    lock = " FOR NO KEY UPDATE" if hold and connections[VAULT].vendor == "postgresql" else ""
    statement = (
        f"SELECT id, cloud_id, key_version, sealed FROM {table}"  # noqa: S608 - one of two names
        f" WHERE domain_id = %s AND cloud_id IN {places(cloud_ids)} ORDER BY id{lock}"
    )
    rows = select(statement, [uuid_value(domain_id), *cloud_ids])
    return [HeldRow(pk, SealedRow(*rest)) for pk, *rest in rows]


def has_instances(study: int, batch_id: uuid.UUID, chunk: str) -> bool:
    """Say whether another run has left a row for the same chunk of a study."""
    statement = (
        "SELECT 1 FROM vault_instancerow WHERE study_id = %s AND batch_id = %s AND chunk = %s"
    )
    return bool(select(statement, [study, uuid_value(batch_id), chunk]))


def insert_instances(domain_id: uuid.UUID, study: int, row: SealedInstances) -> None:
    """Add the row of a chunk of a study."""
    with connections[VAULT].cursor() as cursor:
        cursor.execute(
            "INSERT INTO vault_instancerow"
            " (study_id, domain_id, batch_id, chunk, key_version, sealed)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            [
                *(study, uuid_value(domain_id), uuid_value(row.batch_id)),
                *(row.chunk, row.key_version, row.sealed),
            ],
        )


def insert_sent_uids(domain_id: uuid.UUID, sent: Sequence[tuple[int, str]]) -> None:
    """Remember under which UIDs studies and series were sent; those that are there stay."""
    if not sent:
        return
    domain = uuid_value(domain_id)
    with connections[VAULT].cursor() as cursor:
        cursor.executemany(
            "INSERT INTO vault_sentuid (domain_id, study_id, uid) VALUES (%s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            [(domain, study, uid) for study, uid in sent],
        )
