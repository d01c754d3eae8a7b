"""`record`: the one way an event comes into being. It never decides whether an act is allowed."""

import re
import uuid
from collections.abc import Mapping
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.transaction import TransactionManagementError
from django.utils import timezone

from audit import conf
from audit.canonical import (
    canonical_event,
    canonical_json,
    canonical_time,
    check_text,
    event_digest,
)
from audit.models import EVENT_FIELDS, Event
from audit.terms import JSON, Actor, Outcome

_CHAIN = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_WIDTHS: dict[str, int] = {
    field.attname: field.max_length or 0
    for field in Event._meta.concrete_fields
    if field.get_internal_type() == "CharField"
}
_COLUMNS = (*EVENT_FIELDS, "digest")
_ROW = ["id", *_COLUMNS]
_INSERT = (
    f"INSERT INTO audit_event ({', '.join(_COLUMNS)})"  # noqa: S608 - this app's own columns
    f" VALUES ({', '.join(['%s'] * len(_COLUMNS))}) RETURNING id"
)


class UnknownAction(LookupError):
    """The act is not in the vocabulary; add it there, with its codes, first."""


def record(
    action: str,
    outcome: Outcome = Outcome.SUCCESS,
    *,
    actor: Actor,
    chain: str,
    subject: str = "",
    subject_kind: str = "",
    context: str = "",
    detail: Mapping[str, JSON] | None = None,
) -> Event:
    """Record an act inside the caller's transaction: the event is there if and only if the act is.

    Neither subject nor detail may hold a value that identifies a patient: a subject is a cloud id,
    a batch id or the like. Raises outside a transaction and for an action nobody declared.
    """
    if not _is_in_transaction():
        raise TransactionManagementError(
            f"{action} must be recorded inside the transaction of the act it tells of"
        )
    fields = _composed(action, outcome, actor, chain, subject, subject_kind, context, detail)
    return _event(_insert(fields), fields)


def _composed(
    action: str,
    outcome: Outcome,
    actor: Actor,
    chain: str,
    subject: str,
    subject_kind: str,
    context: str,
    detail: Mapping[str, JSON] | None,
) -> dict[str, Any]:
    """Return the event's columns, digest included; nothing here needs the database."""
    if action not in conf.vocabulary():
        raise UnknownAction(f"audit action {action!r} is not in the vocabulary")
    if not _CHAIN.match(chain):
        raise ValueError("a chain's name is 1 to 64 letters, digits, - or _")
    texts = {
        "chain": chain,
        "action": action,
        "outcome": Outcome(outcome).value,
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "actor_label": actor.label,
        "actor_role": actor.role,
        "actor_address": actor.address,
        "subject_kind": subject_kind,
        "subject": subject,
        "context": context,
    }
    for name, text in texts.items():
        check_text(text, name)
        if len(text) > _WIDTHS[name]:
            raise ValueError(f"the {name} of audit event {action} is longer than {_WIDTHS[name]}")
    uid, at, spelled = uuid.uuid4(), timezone.now(), canonical_json(dict(detail or {}))
    digest = event_digest(
        canonical_event(uid=uid.hex, at=canonical_time(at), detail=spelled, **texts)
    )
    return {"uid": uid, "at": at, **texts, "detail_json": spelled, "digest": digest}


def _insert(fields: dict[str, Any]) -> int:
    """Insert the row by hand, which costs a fraction of saving an instance; return its key."""
    connection = connections[DEFAULT_DB_ALIAS]
    uid, at, *others = fields.values()
    if not connection.features.has_native_uuid_field:
        uid = uid.hex
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [uid, connection.ops.adapt_datetimefield_value(at), *others])
        return int(cursor.fetchone()[0])


def _event(key: int, fields: dict[str, Any]) -> Event:
    """Return the row as the instance that a query would return."""
    return Event.from_db(DEFAULT_DB_ALIAS, _ROW, [key, *fields.values()])


def record_alone(
    action: str,
    outcome: Outcome = Outcome.SUCCESS,
    *,
    actor: Actor,
    chain: str,
    subject: str = "",
    subject_kind: str = "",
    context: str = "",
    detail: Mapping[str, JSON] | None = None,
) -> Event:
    """Record an act in a transaction of its own, committed when this returns.

    For refused and failed acts, after their roll-back; raises inside another transaction, where
    the event could still be lost.
    """
    # Composed first: SQLite has one writer at a time, and it should not wait for this.
    fields = _composed(action, outcome, actor, chain, subject, subject_kind, context, detail)
    with transaction.atomic(using=DEFAULT_DB_ALIAS, durable=True):
        key = _insert(fields)
    return _event(key, fields)


def _is_in_transaction() -> bool:
    """Tell whether the caller opened a transaction; the one around a test case doesn't count."""
    blocks = connections[DEFAULT_DB_ALIAS].atomic_blocks
    return any(not getattr(block, "_from_testcase", False) for block in blocks)
