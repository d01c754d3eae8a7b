"""Batches over REST: open, choose, submit, watch, release, cancel, deliver again; the manifest."""

from typing import Annotated, Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Query, Router
from ninja.responses import Status
from pydantic import Field

from studies import jobs
from studies.api.operations import Declare, machine, operation
from studies.api.paging import DEFAULT, MOST, in_order, newest_first, require_unchanged, tagged
from studies.api.problems import not_found
from studies.api.schemas import (
    BatchChange,
    BatchDetailOut,
    BatchIn,
    BatchOut,
    BatchPage,
    BatchStateName,
    CountsOut,
    DeliveryOut,
    InstanceOut,
    InstancePage,
    InstanceStateName,
    MeOut,
    ProgressOut,
    StudyOut,
    StudyPage,
)
from studies.models import Batch, Instance, InstanceState, Scope, Study
from studies.services import batches, machines, manifests, receiving, releasing

router = Router(tags=["Batches"])

Cursor = Annotated[str | None, Field(max_length=300, description="`nextCursor` of the page before")]
Limit = Annotated[int, Field(ge=1, le=MOST, description="How many at most")]
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "An ETag of an earlier answer: 304 where nothing has changed",
    "schema": {"type": "string"},
}
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "An ETag of an earlier answer: 412 where something has changed since",
    "schema": {"type": "string"},
}


@operation(router, "GET", "/me", "", answers={200: MeOut}, url_name="me")
def who_am_i(request: HttpRequest) -> MeOut:
    """Say whose token this is, and what it may do."""
    caller = machine(request)
    return MeOut(
        name=caller.name,
        organization_id=caller.organization.slug,
        organization_name=caller.organization.name,
        prefix=caller.organization.prefix,
        scopes=sorted(caller.scopes),
    )


@operation(
    router, "GET", "/batches", Scope.BATCHES_READ, answers={200: BatchPage}, url_name="batches"
)
def list_batches(
    request: HttpRequest,
    state: BatchStateName | None = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT,
) -> BatchPage:
    """List the organization's batches, newest first."""
    rows = machines.batches_of(machine(request))
    if state:
        rows = rows.filter(state=state)
    page, following = newest_first(rows, cursor, limit)
    return BatchPage(items=[BatchOut(**_batch(row)) for row in page], next_cursor=following)


@operation(
    router,
    "POST",
    "/batches",
    Scope.BATCHES_WRITE,
    answers={201: BatchDetailOut},
    url_name="batches",
    idempotent=True,
)
def open_batch(request: HttpRequest, said: BatchIn, response: HttpResponse) -> Status[Any]:
    """Open a batch that takes files."""
    batch = machines.open_batch(
        machine(request),
        priority=said.priority,
        profile=said.profile or "",
        destination=said.destination or "",
        release=said.release or "",
        waits_for_held=said.wait_for_held,
    )
    response["Location"] = reverse("api:batch", args=[batch.pk])
    return Status(201, detail(batch))


@operation(
    router,
    "GET",
    "/batches/{uuid:batch_id}",
    Scope.BATCHES_READ,
    answers={200: BatchDetailOut, 304: None},
    url_name="batch",
    parameters=(IF_NONE_MATCH,),
)
def get_batch(request: HttpRequest, batch_id: UUID, response: HttpResponse) -> Any:
    """Show a batch: where it is, its counts, what keeps it from release."""
    answer = detail(machines.batch_of(machine(request), batch_id))
    if tagged(request, response, answer):
        return _not_modified(response)
    return answer


def _not_modified(response: HttpResponse) -> HttpResponse:
    kept = {name: response[name] for name in ("ETag", "Cache-Control")}
    return HttpResponse(status=304, headers=kept)


@operation(
    router,
    "PATCH",
    "/batches/{uuid:batch_id}",
    Scope.BATCHES_WRITE,
    answers={200: BatchDetailOut},
    url_name="batch",
    problems=(412,),
    parameters=(IF_MATCH,),
)
def change_batch(
    request: HttpRequest, batch_id: UUID, said: BatchChange, response: HttpResponse
) -> BatchDetailOut:
    """Change how a batch is to be sent, while it still takes files."""
    caller = machine(request)
    batch = machines.batch_of(caller, batch_id)
    require_unchanged(request, detail(batch))
    machines.change_batch(caller, batch, said.model_dump(exclude_none=True))
    answer = detail(machines.batch_of(caller, batch_id))
    tagged(request, response, answer)
    return answer


def _act(path: str, scope: str, name: str) -> Declare[Any]:
    return operation(
        router,
        "POST",
        f"/batches/{{uuid:batch_id}}/{path}",
        scope,
        answers={200: BatchDetailOut},
        url_name=name,
        idempotent=True,
    )


@_act("submit", Scope.BATCHES_WRITE, "batch_submit")
def submit_batch(request: HttpRequest, batch_id: UUID) -> BatchDetailOut:
    """Start a batch with what has arrived, or was chosen."""
    batch = machines.batch_of(machine(request), batch_id)
    receiving.submit(batch, machine(request).actor)
    jobs.start(batch)
    return _again(request, batch_id)


@_act("release", Scope.RELEASE, "batch_release")
def release_batch(request: HttpRequest, batch_id: UUID) -> BatchDetailOut:
    """Let the clean images of a batch go."""
    batch = machines.batch_of(machine(request), batch_id)
    releasing.release(batch, machine(request).actor)
    jobs.continue_batch(batch)
    return _again(request, batch_id)


@_act("cancel", Scope.RELEASE, "batch_cancel")
def cancel_batch(request: HttpRequest, batch_id: UUID) -> BatchDetailOut:
    """End a batch before it is delivered: nothing more of it leaves."""
    batches.cancel(machines.batch_of(machine(request), batch_id), machine(request).actor)
    return _again(request, batch_id)


@_act("deliver-again", Scope.RELEASE, "batch_again")
def deliver_batch_again(request: HttpRequest, batch_id: UUID) -> BatchDetailOut:
    """Take up a batch that had stopped."""
    batch = machines.batch_of(machine(request), batch_id)
    releasing.take_up(batch, machine(request).actor)
    jobs.continue_batch(batch)
    return _again(request, batch_id)


def _again(request: HttpRequest, batch_id: UUID) -> BatchDetailOut:
    return detail(machines.batch_of(machine(request), batch_id))


# --- what is in it -------------------------------------------------------------------------------


@operation(
    router,
    "GET",
    "/batches/{uuid:batch_id}/studies",
    Scope.BATCHES_READ,
    answers={200: StudyPage},
    url_name="batch_studies",
)
def list_studies(
    request: HttpRequest, batch_id: UUID, cursor: Cursor = None, limit: Limit = DEFAULT
) -> StudyPage:
    """List the studies of a batch by their cloud ids."""
    batch = machines.batch_of(machine(request), batch_id)
    rows: QuerySet[Any] = Study.objects.filter(batch=batch).annotate(
        images=Count("instances"),
        held=Count("instances", filter=Q(instances__state=InstanceState.HELD)),
    )
    page, following = in_order(rows, cursor, limit)
    items = [
        StudyOut(
            study_id=row.pk,
            number=row.number,
            cloud_study_id=row.cloud_study_id,
            cloud_patient_id=row.cloud_patient_id,
            modality=row.modality,
            body_part=row.body_part,
            images=row.images,
            held=row.held,
            delivered=row.delivered,
        )
        for row in page
    ]
    return StudyPage(items=items, next_cursor=following)


@operation(
    router,
    "GET",
    "/batches/{uuid:batch_id}/instances",
    Scope.BATCHES_READ,
    answers={200: InstancePage},
    url_name="batch_instances",
)
def list_instances(
    request: HttpRequest,
    batch_id: UUID,
    state: InstanceStateName | None = None,
    code: Annotated[str | None, Query(max_length=60, pattern=r"^[a-z0-9-]+$")] = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT,
) -> InstancePage:
    """List the entries of a batch by number: which are held, and why."""
    batch = machines.batch_of(machine(request), batch_id)
    rows = Instance.objects.filter(batch=batch)
    if state:
        rows = rows.filter(state=state)
    if code:
        rows = rows.filter(code=code)
    page, following = in_order(rows, cursor, limit)
    names = (
        *("number", "state", "code", "where", "study_id", "modality", "size"),
        *("sop_instance_uid", "output_size", "output_sha256"),
    )
    items = [InstanceOut(**{name: getattr(row, name) for name in names}) for row in page]
    return InstancePage(items=items, next_cursor=following)


@operation(
    router,
    "GET",
    "/batches/{uuid:batch_id}/deliveries",
    Scope.BATCHES_READ,
    answers={200: list[DeliveryOut]},
    url_name="batch_deliveries",
)
def list_deliveries(request: HttpRequest, batch_id: UUID) -> list[DeliveryOut]:
    """List the runs of delivering a batch, newest first."""
    batch = machines.batch_of(machine(request), batch_id)
    names = (
        *("revision", "outcome", "code", "uri", "objects_sent", "bytes_sent"),
        *("started", "completed"),
    )
    return [
        DeliveryOut(**{name: getattr(row, name) for name in names})
        for row in batch.deliveries.all()
    ]


@operation(
    router,
    "GET",
    "/batches/{uuid:batch_id}/manifest",
    Scope.MANIFESTS_READ,
    answers={200: dict[str, Any]},
    url_name="batch_manifest",
)
def get_manifest(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Hand out the newest manifest, byte for byte as it was signed."""
    return _manifest(request, batch_id, "body", "application/json")


@operation(
    router,
    "GET",
    "/batches/{uuid:batch_id}/manifest/signature",
    Scope.MANIFESTS_READ,
    answers={200: str},
    url_name="batch_manifest_signature",
)
def get_manifest_signature(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Hand out the Ed25519 signature over the manifest's bytes."""
    return _manifest(request, batch_id, "signature", "application/octet-stream")


def _manifest(request: HttpRequest, batch_id: UUID, part: str, kind: str) -> HttpResponse:
    batch = machines.batch_of(machine(request), batch_id)
    found = manifests.hand_out(batch, machine(request).actor)
    if found is None:
        raise not_found()
    return HttpResponse(bytes(getattr(found, part)), content_type=kind)


# --- how a batch is said -------------------------------------------------------------------------


def _batch(row: Batch) -> dict[str, Any]:
    names = (
        *("state", "priority", "revision", "attention_code", "created", "submitted", "released"),
        *("delivered", "closes", "closed"),
    )
    return {
        "batch_id": row.pk,
        "profile": row.profile_version.profile.name,
        "profile_version": row.profile_version.number,
        "destination": row.destination.name,
        "release": row.release_policy,
        "wait_for_held": row.waits_for_held,
        **{name: getattr(row, name) for name in names},
    }


def detail(row: Batch) -> BatchDetailOut:
    """Return a batch with its counts, as the API says it."""
    counted = batches.ledger(row)
    moving = batches.progress(row, counted)
    counts = {state: counted[state] for state in InstanceState.values}
    return BatchDetailOut(
        **_batch(row),
        counts=CountsOut(**counts, total=counted.total),
        progress=ProgressOut(
            done=moving.done,
            total=moving.total,
            percent=moving.percent,
            seconds_left=moving.seconds_left,
        ),
        release_refusal=releasing.release_refusal(row),
    )
