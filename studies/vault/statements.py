"""Plain parametrised SQL on the vault's own database, for what is asked most often.

The ORM would take several times what the database does. No value is ever put into a statement.
"""

import uuid
from collections.abc import Sequence
from typing import Any

from django.db import connections

from studies.vault.models import Domain

VAULT = "vault"


def select(statement: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    """Return all rows that a statement finds."""
    with connections[VAULT].cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def places(values: Sequence[object]) -> str:
    """Return the list of placeholders for values, for `IN`; there must be a value."""
    return f"({', '.join(['%s'] * len(values))})"


def uuid_value(value: uuid.UUID) -> Any:
    """Return a UUID as this database has it."""
    return Domain._meta.pk.get_db_prep_value(value, connections[VAULT])


def as_uuid(value: object) -> uuid.UUID:
    """Return a UUID that came from the database."""
    return value if isinstance(value, uuid.UUID) else uuid.UUID(str(value))
