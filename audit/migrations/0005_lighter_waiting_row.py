"""The waiting row costs a writer as little as it can: no second tree, no check of its event.

The row is written by the event's own trigger, so its event is there. On SQLite the key becomes
the row's number itself; a `bigint` key was an index beside the table. On PostgreSQL each check of
a foreign key was a query that locked, and so rewrote, the event's row: once when it was noted and
once when it was linked. An event that is linked can't go: its own triggers refuse it.
"""

import django.db.models.deletion
from django.db import migrations, models

# The trigger that writes the rows names the table, and stays as it is.
_SQLITE = (
    "CREATE TABLE audit_pending_before AS SELECT event_id, chain FROM audit_pending",
    "DROP TABLE audit_pending",
    "CREATE TABLE audit_pending"
    " (event_id integer NOT NULL PRIMARY KEY, chain varchar(64) NOT NULL)",
    "INSERT INTO audit_pending (event_id, chain) SELECT event_id, chain FROM audit_pending_before",
    "DROP TABLE audit_pending_before",
)
_FOREIGN_KEYS = (
    "SELECT c.conname FROM pg_constraint c WHERE c.contype = 'f' AND c.conrelid = to_regclass(%s)"
)


def lighten(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        for statement in _SQLITE:
            schema_editor.execute(statement, params=None)
        return
    for table in ("audit_pending", "audit_link"):
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(_FOREIGN_KEYS, [table])
            names = [row[0] for row in cursor.fetchall()]
        for name in names:
            quoted = schema_editor.quote_name(name)
            schema_editor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {quoted}", params=None)


def _to_event(**options):
    return models.OneToOneField(
        db_constraint=False,
        on_delete=django.db.models.deletion.DO_NOTHING,
        to="audit.event",
        **options,
    )


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_pending_by_event")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(lighten)],
            state_operations=[
                migrations.AlterField(
                    "pending", "event", _to_event(primary_key=True, serialize=False)
                ),
                migrations.AlterField("link", "event", _to_event()),
            ],
        )
    ]
