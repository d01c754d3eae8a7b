"""Statements that run once for every single object, with their SQL made once.

For one object at a time, Django takes ten times longer to compose a statement and to make objects
of its answer than the database to run it. What is read is read each time all the same: only rows
that are as they were aren't made into objects again.
"""

import copy
import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Generic, TypeVar

from django.db import connection
from django.db.models import Field, Model

Row = TypeVar("Row", bound=Model)
# How many rows are remembered as objects.
REMEMBERED = 256


class Rows(Generic[Row]):
    """Rows of a model that fulfil a condition, by all columns but those that nobody asks for."""

    def __init__(self, model: type[Row], where: str, without: Sequence[str] = ()) -> None:
        self._model = model
        fields = model._meta.concrete_fields
        self._fields: list[Field[Any, Any]] = [one for one in fields if one.attname not in without]
        self._names = [field.attname for field in self._fields]
        columns = ", ".join(f'"{field.column}"' for field in self._fields)
        self._sql = f'SELECT {columns} FROM "{model._meta.db_table}" WHERE {where}'  # noqa: S608 - its own columns
        self._known: dict[tuple[Any, ...], Row] = {}

    def read(self, *values: object) -> list[Row]:
        """Return the rows for the values of the condition, each an object of the caller's own."""
        with connection.cursor() as cursor:
            cursor.execute(self._sql, [_adapted(value) for value in values])
            return [self._object(row) for row in cursor.fetchall()]

    def _object(self, row: tuple[Any, ...]) -> Row:
        known = self._known.get(row)
        if known is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            known = self._known[row] = self._model.from_db(
                connection.alias, self._names, list(map(self._converted, self._fields, row))
            )
        return copy.copy(known)

    def _converted(self, field: "Field[Any, Any]", value: Any) -> Any:
        expression = field.get_col(self._model._meta.db_table)
        converters = connection.ops.get_db_converters(expression)
        for convert in (*converters, *field.get_db_converters(connection)):
            value = convert(value, expression, connection)
        return value


def run(sql: str, *values: object) -> int:
    """Run a statement; return how many rows it changed."""
    with connection.cursor() as cursor:
        cursor.execute(sql, [_adapted(value) for value in values])
        return int(cursor.rowcount)


def first_row(sql: str, *values: object) -> tuple[Any, ...] | None:
    """Return the first row of a query, as the database gives it."""
    with connection.cursor() as cursor:
        cursor.execute(sql, [_adapted(value) for value in values])
        found: tuple[Any, ...] | None = cursor.fetchone()
        return found


def insert(rows: Iterable[Model]) -> None:
    """Insert rows of one model; their keys aren't read back."""
    made = list(rows)
    if not made:
        return
    sql, fields = _insert(type(made[0]))
    values = [
        [field.get_db_prep_save(field.pre_save(row, True), connection) for field in fields]
        for row in made
    ]
    with connection.cursor() as cursor:
        cursor.executemany(sql, values)


@cache
def _insert(model: type[Model]) -> tuple[str, list[Any]]:
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    columns = ", ".join(f'"{field.column}"' for field in fields)
    marks = ", ".join(["%s"] * len(fields))
    table = model._meta.db_table
    return f'INSERT INTO "{table}" ({columns}) VALUES ({marks})', fields  # noqa: S608 - its own columns


def locking() -> str:
    """Return what a query ends with that locks its rows; SQLite's writers are alone anyway."""
    return " FOR UPDATE" if connection.features.has_select_for_update else ""


def _adapted(value: object) -> Any:
    if isinstance(value, uuid.UUID) and not connection.features.has_native_uuid_field:
        return value.hex
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return value
