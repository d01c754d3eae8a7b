"""`record`: the one way an event comes into being. It never decides whether an act is allowed."""

import re
import uuid
from collections.abc import Mapping

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.transaction import TransactionManagementError
from django.utils import timezone

from audit import conf
from audit.canonical import canonical_json, check_text, event_digest
from audit.models import Event
from audit.terms import JSON, Actor, Outcome

_CHAIN = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_WIDTHS = {
    field.attname: field.max_length
    for field in Event._meta.concrete_fields
    if field.get_internal_type() == "CharField"
}


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
    if action not in conf.vocabulary():
        raise UnknownAction(f"audit action {action!r} is not in the vocabulary")
    if not _CHAIN.match(chain):
        raise ValueError("a chain's name is 1 to 64 letters, digits, - or _")
    event = Event(
        uid=uuid.uuid4(),
        at=timezone.now(),
        chain=chain,
        action=action,
        outcome=Outcome(outcome).value,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_label=actor.label,
        actor_role=actor.role,
        actor_address=actor.address,
        subject_kind=subject_kind,
        subject=subject,
        context=context,
        detail_json=canonical_json(dict(detail or {})),
    )
    for name, width in _WIDTHS.items():
        value = getattr(event, name)
        check_text(value, name)
        if width and len(value) > width:
            raise ValueError(f"the {name} of audit event {action} is longer than {width}")
    event.digest = event_digest(event.canonical())
    event.save(force_insert=True, using=DEFAULT_DB_ALIAS)
    return event


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
    with transaction.atomic(using=DEFAULT_DB_ALIAS, durable=True):
        return record(
            action,
            outcome,
            actor=actor,
            chain=chain,
            subject=subject,
            subject_kind=subject_kind,
            context=context,
            detail=detail,
        )


def _is_in_transaction() -> bool:
    """Tell whether the caller opened a transaction; the one around a test case doesn't count."""
    blocks = connections[DEFAULT_DB_ALIAS].atomic_blocks
    return any(not getattr(block, "_from_testcase", False) for block in blocks)
