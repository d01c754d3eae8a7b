"""People, tokens and the hospital's report systems over REST: seen, and switched off.

A machine may take access away, never give it: a role, a token and a place for re-identified
reports are made on the pages, by an administrator who signed in.
"""

from datetime import datetime
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router

from studies.api.operations import machine, operation
from studies.api.problems import Problem
from studies.api.schemas import Out, PauseIn
from studies.faults import TransientError
from studies.models import ApiToken, Membership, ReportTarget, Scope
from studies.services import machines, organizations, sending_on, tokens

router = Router(tags=["People, tokens, report systems"])


class MemberOut(Out):
    """A role of a person."""

    membership_id: int
    name: str
    email: str
    role: str


class TokenOut(Out):
    """A token: what it may do and until when, never the token itself."""

    token_id: UUID
    name: str
    hint: str
    scopes: list[str]
    created_by: str
    created: datetime
    expires: datetime
    revoked: datetime | None
    last_used: datetime | None


class ReportSystemOut(Out):
    """A system of the hospital that takes re-identified reports; its address stays here."""

    system_id: UUID
    name: str
    kind: str
    state: str
    tested: datetime | None


@operation(
    router,
    "GET",
    "/members",
    Scope.PEOPLE_WRITE,
    answers={200: list[MemberOut]},
    url_name="members",
)
def list_members(request: HttpRequest) -> list[MemberOut]:
    """List who works in the organization, in which roles."""
    rows = Membership.objects.filter(organization=machine(request).organization)
    return [
        MemberOut(membership_id=row.pk, name=row.user.name, email=row.user.email, role=row.role)
        for row in rows.select_related("user").order_by("user__name", "role", "pk")
    ]


@operation(
    router,
    "DELETE",
    "/members/{int:membership_id}",
    Scope.PEOPLE_WRITE,
    answers={204: None},
    url_name="member",
)
def remove_member(request: HttpRequest, membership_id: int) -> HttpResponse:
    """Take a role from a person, as when they leave; the last administrator stays."""
    caller = machine(request)
    organizations.revoke(machines.membership_of(caller, membership_id), caller.actor)
    return HttpResponse(status=204)


@operation(
    router,
    "GET",
    "/tokens",
    Scope.PEOPLE_WRITE,
    answers={200: list[TokenOut]},
    url_name="tokens",
)
def list_tokens(request: HttpRequest) -> list[TokenOut]:
    """List the organization's tokens, newest first."""
    rows = ApiToken.objects.filter(organization=machine(request).organization)
    return [_token(row) for row in rows]


@operation(
    router,
    "POST",
    "/tokens/{uuid:token_id}/revoke",
    Scope.PEOPLE_WRITE,
    answers={200: TokenOut},
    url_name="token_revoke",
)
def revoke_token(request: HttpRequest, token_id: UUID) -> TokenOut:
    """End a token at once, this one included; it can't be undone."""
    caller = machine(request)
    tokens.revoke(machines.token_of(caller, token_id), caller.actor)
    return _token(machines.token_of(caller, token_id))


def _token(row: ApiToken) -> TokenOut:
    names = (
        *("name", "hint", "scopes", "created_by", "created", "expires", "revoked"),
        "last_used",
    )
    return TokenOut(token_id=row.pk, **{name: getattr(row, name) for name in names})


# --- report systems ------------------------------------------------------------------------------


@operation(
    router,
    "GET",
    "/report-systems",
    Scope.SETTINGS_WRITE,
    answers={200: list[ReportSystemOut]},
    url_name="report_systems",
)
def list_report_systems(request: HttpRequest) -> list[ReportSystemOut]:
    """List the hospital's own systems that take reports."""
    rows = ReportTarget.objects.filter(organization=machine(request).organization)
    return [_system(row) for row in rows]


@operation(
    router,
    "POST",
    "/report-systems/{uuid:system_id}/test",
    Scope.SETTINGS_WRITE,
    answers={200: ReportSystemOut},
    url_name="report_system_test",
)
def test_report_system(request: HttpRequest, system_id: UUID) -> ReportSystemOut:
    """Try the way to a system; no report is sent."""
    caller = machine(request)
    try:
        sending_on.try_target(machines.target_of(caller, system_id), caller.actor)
    except TransientError as fault:
        # It is the system that failed, not the portal: nothing to wait for here.
        raise Problem(409, fault.code, fault.message) from None
    return _system(machines.target_of(caller, system_id))


@operation(
    router,
    "POST",
    "/report-systems/{uuid:system_id}/pause",
    Scope.SETTINGS_WRITE,
    answers={200: ReportSystemOut},
    url_name="report_system_pause",
)
def pause_report_system(request: HttpRequest, system_id: UUID, said: PauseIn) -> ReportSystemOut:
    """Switch a system off, or on again: then it has to be tested."""
    caller = machine(request)
    row = machines.target_of(caller, system_id)
    sending_on.pause_target(row, caller.actor, paused=said.paused)
    return _system(machines.target_of(caller, system_id))


def _system(row: ReportTarget) -> ReportSystemOut:
    names = ("name", "kind", "state", "tested")
    return ReportSystemOut(system_id=row.pk, **{name: getattr(row, name) for name in names})
