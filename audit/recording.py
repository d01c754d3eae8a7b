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
_SPELLED = frozenset({"uid", "at", "detail_json"})
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
    return _insert(
        *_composed(action, outcome, actor, chain, subject, subject_kind, context, detail)
    )


def _composed(
    action: str,
    outcome: Outcome,
    actor: Actor,
    chain: str,
    subject: str,
    subject_kind: str,
    context: str,
    detail: Mapping[str, JSON] | None,
) -> tuple[dict[str, Any], bytes]:
    """Return the event's fields and digest; nothing here needs the database."""
    if action not in conf.vocabulary():
        raise UnknownAction(f"audit action {action!r} is not in the vocabulary")
    if not _CHAIN.match(chain):
        raise ValueError("a chain's name is 1 to 64 letters, digits, - or _")
    fields: dict[str, Any] = {
        "uid": uuid.uuid4(),
        "at": timezone.now(),
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
        "detail_json": canonical_json(dict(detail or {})),
    }
    for name, width in _WIDTHS.items():
        check_text(fields[name], name)
        if len(fields[name]) > width:
            raise ValueError(f"the {name} of audit event {action} is longer than {width}")
    return fields, _digest(fields)


def _insert(fields: dict[str, Any], digest: bytes) -> Event:
    """Insert the row by hand: building it through the ORM costs as much as all the rest."""
    connection = connections[DEFAULT_DB_ALIAS]
    stored = {
        **fields,
        "uid": fields["uid"] if connection.features.has_native_uuid_field else fields["uid"].hex,
        "at": connection.ops.adapt_datetimefield_value(fields["at"]),
        "digest": digest,
    }
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [stored[name] for name in _COLUMNS])
        key = cursor.fetchone()[0]
    return Event.from_db(
        DEFAULT_DB_ALIAS,
        ["id", *_COLUMNS],
        [key, *(fields.get(name, digest) for name in _COLUMNS)],
    )


def _digest(fields: dict[str, Any]) -> bytes:
    texts = {name: value for name, value in fields.items() if name not in _SPELLED}
    return event_digest(
        canonical_event(
            uid=fields["uid"].hex,
            at=canonical_time(fields["at"]),
            detail=fields["detail_json"],
            **texts,
        )
    )


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
    event = _composed(action, outcome, actor, chain, subject, subject_kind, context, detail)
    with transaction.atomic(using=DEFAULT_DB_ALIAS, durable=True):
        return _insert(*event)


def _is_in_transaction() -> bool:
    """Tell whether the caller opened a transaction; the one around a test case doesn't count."""
    blocks = connections[DEFAULT_DB_ALIAS].atomic_blocks
    return any(not getattr(block, "_from_testcase", False) for block in blocks)
