"""Keeps values out of PostgreSQL's statistics, which copy them where no deletion reaches.

ANALYZE, which the server also runs by itself, writes samples of each column into pg_statistic. What
is to be forgotten for good must never stand there.
"""

from collections.abc import Iterable

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import BinaryField, Model

_IDS = ("cloud_id", "uid")


def keep_out_of_statistics(
    schema_editor: BaseDatabaseSchemaEditor, models: Iterable[type[Model]]
) -> None:
    """Let no sample be taken of the sealed values, indexes, keys and ids of these models."""
    if schema_editor.connection.vendor != "postgresql":
        return
    quoted = schema_editor.quote_name
    for model in models:
        for field in model._meta.local_fields:
            if isinstance(field, BinaryField) or field.name in _IDS:
                schema_editor.execute(
                    f"ALTER TABLE {quoted(model._meta.db_table)}"
                    f" ALTER COLUMN {quoted(str(field.column))} SET STATISTICS 0"
                )
