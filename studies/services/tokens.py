"""API tokens: making, revoking, and telling whose a presented one is.

A token is shown once, to whoever made it. It belongs to one organization and may do what its
scopes say; nothing that a token reaches holds a patient's identifier.
"""

import base64
import copy
import hashlib
import secrets
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import NoReturn
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audit import SYSTEM_CHAIN, Actor, Outcome, record, record_alone
from studies.faults import PermanentError
from studies.models import ApiToken, Organization, Scope
from studies.services.statements import Rows

PREFIX = "ap_"
SECRET_BYTES = 32
MAX_DAYS = 730
# A token in use is noted this often, so that reading costs no write each time.
NOTED_EVERY = timedelta(minutes=1)
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Machine:
    """A machine at work in one organization, by a token that was good a moment ago."""

    token_id: UUID
    name: str
    organization: Organization
    scopes: frozenset[str]
    address: str = ""

    def may(self, scope: str) -> bool:
        """Say whether the token has a scope."""
        return scope in self.scopes

    @property
    def actor(self) -> Actor:
        """Return the machine as the trail names it."""
        return Actor(kind="token", id=str(self.token_id), label=self.name, address=self.address)


class TokenRefused(Exception):
    """A request came without a token that is good for it; it is in the trail already."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def digest_of(secret: str) -> bytes:
    """Return what is kept of a token: 256 random bits need no more than a plain hash."""
    return hashlib.sha256(secret.encode()).digest()


def create(
    organization: Organization,
    name: str,
    scopes: Collection[str],
    actor: Actor,
    *,
    days: int = 365,
) -> tuple[ApiToken, str]:
    """Make a token; return its row and the token itself, which nobody can ask for again."""
    if not name.strip():
        raise PermanentError("token-name", _("Give the token a name that says what uses it."))
    if not scopes or not set(scopes) <= set(Scope.values):
        raise PermanentError("token-scopes", _("Choose at least one scope from the list."))
    if not 1 <= days <= MAX_DAYS:
        raise PermanentError("token-days", _("A token lasts 1 to 730 days."))
    random = base64.urlsafe_b64encode(secrets.token_bytes(SECRET_BYTES)).decode().rstrip("=")
    with transaction.atomic():
        row = ApiToken.objects.create(
            organization=organization,
            name=name.strip()[:80],
            scopes=sorted(set(scopes)),
            digest=digest_of(PREFIX + random),
            hint=random[:4],
            created_by=actor.label[:150],
            expires=timezone.now() + timedelta(days=days),
        )
        _record("token.created", row, actor, {"scopes": list(row.scopes), "days": days})
    return row, PREFIX + random


def revoke(row: ApiToken, actor: Actor) -> None:
    """End a token at once; ending it twice changes nothing."""
    with transaction.atomic():
        if ApiToken.objects.filter(pk=row.pk, revoked=None).update(revoked=timezone.now()):
            _record("token.revoked", row, actor, {})


def _record(
    action: str, row: ApiToken, actor: Actor, detail: dict[str, str | int | list[str]]
) -> None:
    record(
        action,
        actor=actor,
        chain=str(row.organization_id),
        subject=str(row.pk),
        subject_kind="token",
        detail={"name": row.name, **detail},
    )


def authenticate(
    secret: str, address: str, before_refusal: Callable[[], None] = lambda: None
) -> Machine:
    """Return the machine behind a token, or record the attempt and raise TokenRefused.

    The row is read each time: a revoked token is refused from that moment on. `before_refusal`
    may raise instead, where an address only fills the trail with guesses.
    """
    rows = _TOKENS.read(digest_of(secret))
    if not rows:
        before_refusal()
        stranger = Actor(kind="token", id=UNKNOWN, label="unknown token", address=address)
        refuse(stranger, SYSTEM_CHAIN, "token-unknown")
    row = rows[0]
    organization = _organization(row.organization_id)
    machine = Machine(row.pk, row.name, organization, frozenset(row.scopes), address)
    now = timezone.now()
    if row.revoked is not None or row.expires <= now:
        before_refusal()
        code = "token-revoked" if row.revoked is not None else "token-expired"
        refuse(machine.actor, str(organization.pk), code)
    if row.last_used is None or now - row.last_used > NOTED_EVERY:
        ApiToken.objects.filter(pk=row.pk).update(last_used=now)
    return machine


_TOKENS = Rows(ApiToken, "digest = %s", without=["digest"])
# Read again after this long: settings of an organization change rarely.
_ORGANIZATION_SECONDS = 1.0
_organizations: dict[UUID, tuple[float, Organization]] = {}


def _organization(key: UUID) -> Organization:
    """Return the organization, as it was a second ago at most."""
    known = _organizations.get(key)
    now = time.monotonic()
    if known is None or now - known[0] > _ORGANIZATION_SECONDS:
        known = _organizations[key] = (now, Organization.objects.get(pk=key))
    return copy.copy(known[1])


def require(machine: Machine, scope: str) -> None:
    """Refuse a machine whose token lacks the scope that an act needs."""
    if not machine.may(scope):
        refuse(machine.actor, str(machine.organization.pk), "scope-missing", scope)


def refuse(actor: Actor, chain: str, code: str, scope: str = "") -> NoReturn:
    """Record a refused attempt in a transaction of its own, then raise."""
    record_alone(
        "token.refused",
        Outcome.REFUSED,
        actor=actor,
        chain=chain,
        subject=actor.id,
        subject_kind="token",
        detail={"code": code, **({"scope": scope} if scope else {})},
    )
    raise TokenRefused(code)
