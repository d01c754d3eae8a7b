"""The database itself refuses to change what was recorded, and notes what waits to be linked.

There is no way back: a migration that lifts the triggers would be a door.
"""

from django.db import migrations

COVERED_LINK = (
    "EXISTS (SELECT 1 FROM audit_archive a WHERE a.is_open AND a.chain = OLD.chain"
    " AND OLD.sequence BETWEEN a.first AND a.last)"
)
COVERED_EVENT = (
    "EXISTS (SELECT 1 FROM audit_link l JOIN audit_archive a ON a.chain = l.chain"
    " AND l.sequence BETWEEN a.first AND a.last WHERE a.is_open AND l.event_id = OLD.id)"
)
CLOSING = (
    "(OLD.is_open AND NOT NEW.is_open AND NEW.id = OLD.id AND NEW.chain = OLD.chain"
    " AND NEW.first = OLD.first AND NEW.last = OLD.last AND NEW.at = OLD.at"
    " AND NEW.document = OLD.document AND NEW.signature = OLD.signature"
    " AND NEW.public_key = OLD.public_key)"
)
# table, what may be deleted, what may be updated, what makes two rows one (for OR REPLACE)
TABLES = (
    ("audit_event", COVERED_EVENT, None, "id = NEW.id"),
    (
        "audit_link",
        COVERED_LINK,
        None,
        "id = NEW.id OR event_id = NEW.event_id OR (chain = NEW.chain AND sequence = NEW.sequence)",
    ),
    (
        "audit_checkpoint",
        None,
        None,
        "id = NEW.id OR (chain = NEW.chain AND sequence = NEW.sequence)",
    ),
    ("audit_archive", None, CLOSING, "id = NEW.id OR (chain = NEW.chain AND first = NEW.first)"),
    ("audit_leaves", None, None, "id = NEW.id OR root = NEW.root"),
)


def _sqlite(table, deletable, updatable, same):
    refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    yield (
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table}"
        f" {f'WHEN NOT {updatable}' if updatable else ''} {refuse}"
    )
    yield (
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table}"
        f" {f'WHEN NOT {deletable}' if deletable else ''} {refuse}"
    )
    # INSERT OR REPLACE deletes a row without asking the delete trigger.
    yield (
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table}"
        f" WHEN EXISTS (SELECT 1 FROM {table} WHERE {same}) {refuse}"
    )


def _postgresql(table, deletable, updatable, same):
    def trigger(name, event, allowed, per):
        when = f"WHEN (NOT {allowed})" if allowed else ""
        return (
            f"CREATE TRIGGER {table}_{name} BEFORE {event} ON {table}"
            f" FOR EACH {per} {when} EXECUTE FUNCTION audit_refuse()"
        )

    yield trigger("no_update", "UPDATE", updatable, "ROW")
    if deletable:  # a trigger's WHEN can't look into other tables, so the function does
        yield (
            f"CREATE FUNCTION {table}_may_go() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" IF {deletable} THEN RETURN OLD; END IF;"
            f" RAISE EXCEPTION '{table} is append-only'; END $$"
        )
        yield (
            f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table}"
            f" FOR EACH ROW EXECUTE FUNCTION {table}_may_go()"
        )
    else:
        yield trigger("no_delete", "DELETE", None, "ROW")
    yield trigger("no_truncate", "TRUNCATE", None, "STATEMENT")


def guard(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    if vendor not in {"sqlite", "postgresql"}:
        raise NotImplementedError("the trail is guarded on SQLite and PostgreSQL only")
    if vendor == "sqlite":
        schema_editor.execute(
            "CREATE TRIGGER audit_event_pending AFTER INSERT ON audit_event BEGIN"
            " INSERT INTO audit_pending (event_id, chain) VALUES (NEW.id, NEW.chain); END"
        )
    else:
        schema_editor.execute(
            "CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$",
            params=None,
        )
        schema_editor.execute(
            "CREATE FUNCTION audit_note_pending() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " INSERT INTO audit_pending (event_id, chain) VALUES (NEW.id, NEW.chain);"
            " RETURN NULL; END $$",
            params=None,
        )
        schema_editor.execute(
            "CREATE TRIGGER audit_event_pending AFTER INSERT ON audit_event"
            " FOR EACH ROW EXECUTE FUNCTION audit_note_pending()"
        )
    make = _sqlite if vendor == "sqlite" else _postgresql
    for table in TABLES:
        for statement in make(*table):
            schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [migrations.RunPython(guard)]
