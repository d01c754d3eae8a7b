"""The audit trail over REST: browse, verify, export. Nothing in it holds a patient's identifier."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import FileResponse, HttpRequest
from django.utils.translation import gettext as _
from ninja import Router
from ninja.responses import Status
from pydantic import AfterValidator, Field, WithJsonSchema

from audit import conf, exporting
from audit.exports import FORMATS
from audit.looking import note_look
from audit.models import Event, Export
from audit.recording import record_alone
from audit.terms import Outcome
from audit.timeline import Filters, Place, events, page, resolved, told
from audit.verification import VERIFY_AT_ONCE, verify_and_record
from studies.api.operations import machine, operation
from studies.api.paging import DEFAULT, MOST
from studies.api.problems import Problem, not_found
from studies.api.schemas import Day, In, Out, Text
from studies.models import Scope
from studies.services.tokens import Machine

router = Router(tags=["Audit trail"])

OutcomeName = Literal["success", "failed", "refused"]
FormatName = Literal["csv", "jsonl", "fhir", "dicom"]
Id = Annotated[Text, Field(max_length=128)]


def _known(name: str) -> str:
    if name not in conf.vocabulary():
        raise ValueError("not an act of this trail")
    return name


ActionName = Annotated[
    str,
    AfterValidator(_known),
    WithJsonSchema({"type": "string", "enum": sorted(conf.vocabulary())}),
]
At = Annotated[str, Field(pattern=Place.PATTERN)]


class EventOut(Out):
    """One act, as it was recorded; `sequence` is its place in the chain once it is linked."""

    event_id: int
    uid: UUID
    sequence: int | None
    at: datetime
    action: str
    outcome: str
    actor_kind: str
    actor_id: str
    actor_label: str
    actor_role: str
    actor_address: str
    subject_kind: str
    subject: str
    context: str
    detail: dict[str, Any]


class EventDetailOut(EventOut):
    """One act with what proves it: the bytes that were hashed, the digests, the link before."""

    canonical: str
    digest: str
    previous: str | None
    link: str | None


class EventPage(Out):
    """Some acts, newest first. `nextCursor` leads to older ones, `latest` to what comes later."""

    items: list[EventOut]
    next_cursor: str | None
    latest: str | None


class FindingOut(Out):
    """The first thing that is not as it was written."""

    kind: str
    sequence: int
    message: str


class VerificationOut(Out):
    """What a verification saw: from where to where, and what it found."""

    is_intact: bool
    first: int
    last: int
    head: str
    events: int
    checkpoints: int
    finding: FindingOut | None


class ExportIn(In):
    """What to export, and how it is written."""

    format: FormatName
    first: Day | None = Field(None, description="From this day on")
    last: Day | None = Field(None, description="To this day")
    who: Id = Field("", description="An actor's id")
    action: ActionName | Literal[""] = ""
    outcome: OutcomeName | Literal[""] = ""
    subject: Id = Field("", description="A study's or batch's id, a token's …")


class ExportOut(Out):
    """An export that is made in the background."""

    export_id: UUID
    format: str
    state: str
    events: int
    size: int
    sha256: str
    created_at: datetime
    finished_at: datetime | None


@operation(
    router,
    "GET",
    "/audit/events",
    Scope.AUDIT_READ,
    answers={200: EventPage},
    url_name="audit_events",
)
def list_events(
    request: HttpRequest,
    first: Day | None = None,
    last: Day | None = None,
    who: Annotated[Id, Field(description="An actor's id")] = "",
    action: ActionName | None = None,
    outcome: OutcomeName | None = None,
    subject: Annotated[Id, Field(description="A study's or batch's id, a token's …")] = "",
    cursor: Annotated[At | None, Field(description="`nextCursor`: go on to older acts")] = None,
    after: Annotated[At | None, Field(description="`latest` of an answer: what came since")] = None,
    limit: Annotated[int, Field(ge=1, le=MOST, description="How many at most")] = DEFAULT,
) -> EventPage:
    """List the acts of the organization, newest first, within filters."""
    caller = machine(request)
    chain = str(caller.organization.pk)
    filters = resolved(
        chain,
        Filters.from_query(
            {
                **{"first": first or "", "last": last or "", "who": who},
                **{"action": action or "", "outcome": outcome or "", "subject": subject},
            }
        ),
    )
    note_look(chain, caller.actor, {"page": "api", **told(chain, filters).as_dict()})
    found = events(chain, filters).select_related("link")
    shown = page(found, before=cursor or "", after="" if cursor else after or "", size=limit)
    rows = shown.events
    if after and not cursor:
        # A page asked for what came later falls back to the newest where nothing did.
        bound = Place.parse(after)
        rows = [row for row in rows if bound is None or (row.at, row.pk) > (bound.at, bound.id)]
    return EventPage(
        items=[EventOut(**_event(row)) for row in rows],
        next_cursor=shown.older or None,
        latest=str(Place.of(rows[0])) if rows else after,
    )


@operation(
    router,
    "GET",
    "/audit/events/{int:event_id}",
    Scope.AUDIT_READ,
    answers={200: EventDetailOut},
    url_name="audit_event",
)
def get_event(request: HttpRequest, event_id: int) -> EventDetailOut:
    """Show everything one act holds, and its place in the chain."""
    caller = machine(request)
    chain = str(caller.organization.pk)
    row = Event.objects.select_related("link").filter(chain=chain, pk=event_id).first()
    if row is None:
        raise not_found()
    note_look(chain, caller.actor, {"page": "api", "event": str(row.pk)})
    link = getattr(row, "link", None)
    return EventDetailOut(
        **_event(row),
        canonical=row.canonical().decode(),
        digest=bytes(row.digest).hex(),
        previous=bytes(link.previous).hex() if link else None,
        link=bytes(link.digest).hex() if link else None,
    )


def _event(row: Event) -> dict[str, Any]:
    names = (
        *("uid", "at", "action", "outcome", "actor_kind", "actor_id", "actor_label"),
        *("actor_role", "actor_address", "subject_kind", "subject", "context", "detail"),
    )
    link = getattr(row, "link", None)
    return {
        "event_id": row.pk,
        "sequence": link.sequence if link else None,
        **{name: getattr(row, name) for name in names},
    }


@operation(
    router,
    "POST",
    "/audit/verify",
    Scope.AUDIT_READ,
    answers={200: VerificationOut},
    url_name="audit_verify",
)
def verify_trail(request: HttpRequest) -> VerificationOut:
    """Verify the chain now, and leave the result in it."""
    caller = machine(request)
    report = verify_and_record(str(caller.organization.pk), caller.actor, most=VERIFY_AT_ONCE)
    found = report.finding
    return VerificationOut(
        is_intact=report.is_intact,
        first=report.first,
        last=report.last,
        head=report.head.hex(),
        events=report.events,
        checkpoints=report.checkpoints,
        finding=FindingOut(kind=found.kind, sequence=found.sequence, message=found.message)
        if found
        else None,
    )


# --- exports -------------------------------------------------------------------------------------


@operation(
    router,
    "GET",
    "/audit/exports",
    Scope.AUDIT_READ,
    answers={200: list[ExportOut]},
    url_name="audit_exports",
)
def list_exports(request: HttpRequest) -> list[ExportOut]:
    """List the newest exports."""
    return [_export(row) for row in exporting.newest(str(machine(request).organization.pk))]


@operation(
    router,
    "POST",
    "/audit/exports",
    Scope.AUDIT_READ,
    answers={202: ExportOut},
    url_name="audit_exports",
    idempotent=True,
)
def make_export(request: HttpRequest, said: ExportIn) -> Status[Any]:
    """Have the acts within filters written to a file, in the background."""
    caller = machine(request)
    chain = str(caller.organization.pk)
    given = {name: value or "" for name, value in said if name != "format"}
    filters = resolved(chain, Filters.from_query(given))
    if not exporting.runs_in_background():
        raise Problem(409, "exports-off", _("This portal makes no exports in the background."))
    return Status(202, _export(exporting.request_export(chain, said.format, filters, caller.actor)))


@operation(
    router,
    "GET",
    "/audit/exports/{uuid:export_id}",
    Scope.AUDIT_READ,
    answers={200: ExportOut},
    url_name="audit_export",
)
def get_export(request: HttpRequest, export_id: UUID) -> ExportOut:
    """Say how far an export is."""
    return _export(_one(machine(request), export_id))


@operation(
    router,
    "GET",
    "/audit/exports/{uuid:export_id}/file",
    Scope.AUDIT_READ,
    answers={200: str},
    url_name="audit_export_file",
)
def get_export_file(request: HttpRequest, export_id: UUID) -> FileResponse:
    """Hand out a finished export."""
    caller = machine(request)
    row = _one(caller, export_id)
    path = exporting.path_of(row)
    if row.state != Export.State.DONE or path is None or not path.is_file():
        raise Problem(409, "export-unfinished", _("This export isn't there yet, or not any more."))
    record_alone(
        "audit.exported",
        Outcome.SUCCESS,
        actor=caller.actor,
        chain=row.chain,
        detail={"format": row.format, "export": str(row.pk), "sha256": row.sha256},
    )
    return FileResponse(path.open("rb"), content_type=FORMATS[row.format].content_type)


def _one(caller: Machine, export_id: UUID) -> Export:
    row = Export.objects.filter(chain=str(caller.organization.pk), pk=export_id).first()
    if row is None:
        raise not_found()
    return row


def _export(row: Export) -> ExportOut:
    names = ("format", "state", "events", "size", "sha256", "created_at", "finished_at")
    return ExportOut(export_id=row.pk, **{name: getattr(row, name) for name in names})
