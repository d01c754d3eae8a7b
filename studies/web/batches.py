"""Pages of a batch: opening, choosing, progress, release, cancelling, the manifest."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.db.models import Count, Min, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from anonportal.ui.toasts import toast
from audit import record
from studies import jobs
from studies.faults import PermanentError, TransientError
from studies.intake import folder
from studies.models import (
    Batch,
    BatchState,
    Chunk,
    ChunkKind,
    ChunkState,
    DestinationState,
    Instance,
    InstanceState,
    Manifest,
    Role,
    Source,
)
from studies.models.places import SourceKind
from studies.services import access, batches, choosing, profiles, receiving, releasing
from studies.services.access import Viewer
from studies.web import reasons
from studies.web.forms import BatchForm
from studies.web.home import ledger_parts

PAGE = 50
STEPS = (
    BatchState.RECEIVING,
    BatchState.QUEUED,
    BatchState.PROCESSING,
    BatchState.REVIEW,
    BatchState.RELEASING,
    BatchState.DELIVERED,
)
POLL_MOVING, POLL_WAITING = 2, 10
STOP_POLLING = 286


@login_required
@require_GET
def batch_list(request: HttpRequest) -> HttpResponse:
    """List the organization's batches, newest first, by keyset."""
    caller = access.require(request, Role.COORDINATOR)
    rows = Batch.objects.filter(organization=caller.organization).exclude(
        state=BatchState.RECEIVING, parts__isnull=True, instances__isnull=True
    )
    state = request.GET.get("state", "")
    if state in BatchState.values:
        rows = rows.filter(state=state)
    after_id = _uuid(request.GET.get("after", ""))
    after = (
        Batch.objects.filter(organization=caller.organization, pk=after_id).first()
        if after_id
        else None
    )
    if after is not None:
        rows = rows.filter(created__lt=after.created)
    found = list(
        rows.select_related("source", "destination")
        .annotate(
            images=Count("instances", distinct=True),
            held=Count("instances", filter=Q(instances__state="held"), distinct=True),
        )
        .order_by("-created")
        .distinct()[: PAGE + 1]
    )
    older = found[PAGE - 1] if len(found) > PAGE else None
    context = {
        "rows": found[:PAGE],
        "older": older,
        "after": after,
        "state": state,
        "states": BatchState.choices,
    }
    return render(request, "studies/batch_list.html", context)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


@login_required
@require_http_methods(["GET", "POST"])
def batch_new(request: HttpRequest) -> HttpResponse:
    """Take the caller to a batch that takes files: their own untouched one, or a new one."""
    caller = access.require(request, Role.COORDINATOR)
    try:
        batch = choosing.draft(caller)
    except PermanentError as error:
        context = {"problem": error.message, "is_administrator": caller.has(Role.ADMINISTRATOR)}
        return render(request, "studies/batch_impossible.html", context, status=409)
    return redirect("batch", batch_id=batch.pk)


@login_required
@never_cache
@require_GET
def batch_detail(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Show a batch: while it takes files, the page to fill it; later, where it is."""
    batch = access.batch_for(request, batch_id)
    if batch.state == BatchState.RECEIVING:
        return _new_batch(request, batch)
    return render(request, "studies/batch.html", _context(batch))


@login_required
@never_cache
@require_GET
def batch_progress(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Return the moving part of a batch's page; 286 ends the polling in a final state."""
    batch = access.batch_for(request, batch_id)
    context = _context(batch)
    status = 200 if context["poll_seconds"] else STOP_POLLING
    return render(request, "studies/_batch_live.html", context, status=status)


def _context(batch: Batch) -> dict[str, object]:
    counted = batches.ledger(batch)
    retry = _retry(batch)
    images = {
        state: count
        for state, count in counted.counts.items()
        if state not in (InstanceState.SKIPPED, InstanceState.DUPLICATE)
    }
    is_final = batch.state in (BatchState.CLOSED, BatchState.CANCELLED)
    is_moving = batch.state in (
        BatchState.QUEUED,
        BatchState.PROCESSING,
        BatchState.RELEASING,
    )
    return {
        "batch": batch,
        "counted": counted,
        "parts": ledger_parts(images, batch.state),
        "images": sum(images.values()),
        "progress": batches.progress(batch, counted),
        "steps": _steps(batch),
        "held": _groups(batch, InstanceState.HELD),
        "held_count": counted[InstanceState.HELD],
        "refused": _groups(batch, InstanceState.REFUSED),
        "excluded": _excluded(batch),
        "skipped": counted[InstanceState.SKIPPED],
        "duplicates": counted[InstanceState.DUPLICATE],
        "studies": _studies(batch),
        "refusal": releasing.release_refusal(batch) if not is_final else "",
        "can_release": batch.state
        in (BatchState.REVIEW, BatchState.ATTENTION, BatchState.DELIVERED)
        and counted[InstanceState.DEIDENTIFIED] > 0,
        "can_cancel": batch.state
        in (BatchState.QUEUED, BatchState.PROCESSING, BatchState.REVIEW, BatchState.ATTENTION),
        "can_decide": batch.state
        in (BatchState.REVIEW, BatchState.ATTENTION, BatchState.DELIVERED),
        "stopped": reasons.stopped(batch.attention_code)
        if batch.state == BatchState.ATTENTION
        else "",
        "delivery_stopped": batch.state == BatchState.ATTENTION
        and batch.attention_code != "conflict",
        "manifest": Manifest.objects.filter(batch=batch).order_by("-revision").first(),
        "deliveries": list(batch.deliveries.all()),
        "checks": _checks(batch, counted[InstanceState.DEIDENTIFIED]),
        "poll_seconds": 0 if is_final else (POLL_MOVING if is_moving else POLL_WAITING),
        "is_final": is_final,
        "is_moving": is_moving,
        "is_releasing": batch.state == BatchState.RELEASING,
        "retry": retry,
        "retry_why": reasons.STOPPED.get(retry.code, "") if retry else "",
        "is_cancelled": batch.state == BatchState.CANCELLED,
        "is_supplement": batch.state == BatchState.DELIVERED
        and bool(counted[InstanceState.HELD] or counted[InstanceState.DEIDENTIFIED]),
    }


def _retry(batch: Batch) -> Chunk | None:
    """Return the delivery job that waits for its next try, None while all goes well."""
    if batch.state != BatchState.RELEASING:
        return None
    waiting = Chunk.objects.filter(
        batch=batch, kind=ChunkKind.DELIVER, state=ChunkState.PENDING, not_before__isnull=False
    )
    return waiting.exclude(code="").order_by("not_before").first()


def _checks(batch: Batch, waiting: int) -> list[dict[str, object]]:
    """Return what is done before a batch is over: verification, manifest, destroyed originals."""
    is_gone = not bytes(batch.wrapped_key)
    has_manifest = batch.state in (BatchState.DELIVERED, BatchState.CLOSED)
    closes = None if is_gone else batch.closes
    checks: list[dict[str, object]] = [
        {
            "is_done": bool(waiting) or has_manifest,
            "text": _("Every clean image was verified, each one")
            if waiting or has_manifest
            else _("Every clean image is verified, each one"),
        },
        {
            "is_done": has_manifest,
            "text": _("Manifest and signature were made")
            if has_manifest
            else _("Manifest and signature are made at the end"),
        },
    ]
    if is_gone:
        text = _("Originals here were destroyed")
    elif closes:
        text = _("Originals here are destroyed:")
    elif batch.state == BatchState.CANCELLED:
        text = _("Originals here are being destroyed")
    else:
        text = _("Originals here are destroyed when the batch closes")
    if batch.state == BatchState.CANCELLED:
        checks = []
    return [*checks, {"is_done": is_gone, "text": text, "moment": closes}]


def _steps(batch: Batch) -> list[dict[str, object]]:
    """Return the batch's path; what lies behind it is done."""
    state = BatchState(batch.state)
    at = STEPS.index(state) if state in STEPS else (len(STEPS) - 1)
    if state == BatchState.ATTENTION:
        at = STEPS.index(BatchState.RELEASING if batch.released else BatchState.PROCESSING)
    if state == BatchState.CANCELLED:
        at = -1
    is_over = state in (BatchState.DELIVERED, BatchState.CLOSED)
    return [
        {
            "state": step,
            "is_done": number < at or is_over,
            "is_current": number == at and not is_over,
        }
        for number, step in enumerate(STEPS)
    ]


def _groups(batch: Batch, state: InstanceState) -> list[dict[str, object]]:
    """Return entries of a state grouped by reason, with where and which files."""
    rows = (
        Instance.objects.filter(batch=batch, state=state)
        .values("code")
        .annotate(count=Count("id"), studies=Count("study", distinct=True), first=Min("number"))
        .order_by("-count")
    )
    groups = []
    for row in rows:
        members = list(
            Instance.objects.filter(batch=batch, state=state, code=row["code"])
            .select_related("study")
            .order_by("number")[:200]
        )
        kinds = {member.study.kind for member in members if member.study}
        groups.append(
            {
                "code": row["code"],
                "count": row["count"],
                "reason": reasons.reason(row["code"]),
                "kinds": ", ".join(sorted(kind for kind in kinds if kind)),
                "members": members,
                "places": sorted({member.where for member in members if member.where})[:5],
                "studies": list({member.study for member in members if member.study}),
            }
        )
    return groups


def _excluded(batch: Batch) -> list[dict[str, Any]]:
    rows = (
        Instance.objects.filter(batch=batch, state=InstanceState.EXCLUDED)
        .values("excluded_by", "excluded_reason")
        .annotate(count=Count("id"))
        .order_by("-count")
    )
    return [dict(row) for row in rows]


def _studies(batch: Batch) -> list[dict[str, object]]:
    """Return the studies with their counts; each shows its least finished instance's state."""
    order = (
        InstanceState.RECEIVED,
        InstanceState.HELD,
        InstanceState.REFUSED,
        InstanceState.DEIDENTIFIED,
        InstanceState.DELIVERED,
        InstanceState.EXCLUDED,
    )
    per_study: dict[object, dict[str, int]] = {}
    for study_id, state, count in (
        Instance.objects.filter(batch=batch, study__isnull=False)
        .exclude(state__in=[InstanceState.DUPLICATE, InstanceState.SKIPPED])
        .values_list("study", "state")
        .annotate(count=Count("id"))
        .order_by()
    ):
        per_study.setdefault(study_id, {})[state] = count
    rows = []
    for study in batch.studies.order_by("number")[:500]:
        counts = per_study.get(study.pk, {})
        least = next((state for state in order if counts.get(state)), InstanceState.RECEIVED)
        total = sum(counts.values())
        rows.append(
            {
                "study": study,
                "state": least,
                "total": total,
                "done": total - counts.get(InstanceState.RECEIVED, 0),
                "held": counts.get(InstanceState.HELD, 0),
            }
        )
    return rows


# --- filling a batch ---------------------------------------------------------------------------


def _new_batch(request: HttpRequest, batch: Batch, form: BatchForm | None = None) -> HttpResponse:
    """Draw the page that fills a batch; the navigation marks where its coordinator came from."""
    request.nav_path = reverse("batch_new")  # type: ignore[attr-defined]
    status = 422 if form else 200
    return render(request, "studies/batch_new.html", _filling(request, batch, form), status=status)


def _filling(
    request: HttpRequest, batch: Batch, form: BatchForm | None = None
) -> dict[str, object]:
    status = receiving.upload_status(batch)
    return {
        "batch": batch,
        "status": status,
        "form": form or BatchForm(organization=batch.organization, initial=choosing.chosen(batch)),
        "folder_sources": Source.objects.filter(
            organization=batch.organization, kind=SourceKind.FOLDER, is_active=True
        ),
        "tab": request.GET.get("from", "upload"),
        "has_selection": bool(batch.sealed_selection),
        "profiles": profiles.newest(batch.organization),
        "destination_ready": DestinationState.READY,
    }


@login_required
@never_cache
@require_POST
def batch_pick(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """List a folder of a source; a POST, since folder names may name patients."""
    batch = access.batch_for(request, batch_id)
    source = get_object_or_404(
        Source,
        organization=batch.organization,
        kind=SourceKind.FOLDER,
        pk=_uuid(request.POST.get("source", "")),
    )
    context: dict[str, object] = {"batch": batch, "source": source}
    try:
        listing = folder.browse(source, request.POST.get("at", ""))
    except (PermanentError, TransientError) as error:
        context["problem"] = error.message
    else:
        above = listing.relative.rpartition("/")[0]
        context |= {"listing": listing, "above": above}
    template = "studies/_pick.html" if request.headers.get("HX-Request") else "studies/pick.html"
    response = render(request, template, context)
    response["Cache-Control"] = "no-store"
    return response


@login_required
@require_POST
def batch_select(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Remember which folders of a source a batch is to be filled from."""
    batch = access.batch_for(request, batch_id)
    caller = access.viewer(request)
    source = get_object_or_404(
        Source,
        organization=batch.organization,
        kind=SourceKind.FOLDER,
        pk=_uuid(request.POST.get("source", "")),
    )
    try:
        count = choosing.select_from(batch, source, request.POST.getlist("entry"), caller.actor)
    except (PermanentError, TransientError) as error:
        messages.error(request, error.message)
    else:
        toast(request, _("{count} files chosen").format(count=count), icon="folder")
    return redirect(f"{reverse('batch', args=[batch.pk])}?from=folder")


@login_required
@require_POST
def batch_submit(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Start a batch with what was chosen."""
    batch = access.batch_for(request, batch_id)
    caller = access.viewer(request)
    form = BatchForm(request.POST, organization=batch.organization)
    if not form.is_valid():
        return _new_batch(request, batch, form)
    try:
        choosing.choose(batch, form.cleaned_data)
        receiving.submit(batch, caller.actor)
    except PermanentError as error:
        form.add_error(None, str(error.message))
        return _new_batch(request, batch, form)
    jobs.start(batch)
    toast(request, _("Batch started"), icon="half", family="moving")
    return redirect("batch", batch_id=batch.pk)


# --- deciding ----------------------------------------------------------------------------------


@login_required
@require_http_methods(["GET", "POST"])
def batch_release(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Let the clean images of a batch go."""
    batch = access.batch_for(request, batch_id)
    caller = access.viewer(request)
    if request.method == "GET":
        counted = batches.ledger(batch)
        return render(
            request,
            "studies/batch_release.html",
            {
                "batch": batch,
                "ready": counted[InstanceState.DEIDENTIFIED],
                "refusal": releasing.release_refusal(batch),
            },
        )
    try:
        releasing.release(batch, caller.actor)
    except PermanentError as error:
        messages.error(request, error.message)
    else:
        jobs.continue_batch(batch)
        toast(request, _("Released"), icon="up", family="moving")
    return redirect("batch", batch_id=batch.pk)


@login_required
@require_POST
def batch_deliver_again(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Take up a delivery that had stopped."""
    batch = access.batch_for(request, batch_id)
    try:
        releasing.take_up(batch, access.viewer(request).actor)
    except PermanentError as error:
        messages.error(request, error.message)
    else:
        jobs.continue_batch(batch)
        toast(request, _("Trying again"), icon="undo", family="moving")
    return redirect("batch", batch_id=batch.pk)


@login_required
@require_http_methods(["GET", "POST"])
def batch_cancel(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """End a batch before it is delivered."""
    batch = access.batch_for(request, batch_id)
    if request.method == "GET":
        return render(
            request,
            "confirm.html",
            {
                "heading": _("Cancel batch {batch}").format(batch=batch.short_id),
                "consequence": _(
                    "Nothing more of it leaves, and the sealed originals here are destroyed. "
                    "The studies at their source are not touched."
                ),
                "verb": _("Cancel batch"),
                "back": reverse("batch", args=[batch.pk]),
                "risk": True,
            },
        )
    try:
        batches.cancel(batch, access.viewer(request).actor)
    except PermanentError as error:
        messages.error(request, error.message)
        return redirect("batch", batch_id=batch.pk)
    toast(request, _("Batch cancelled"), icon="slash", family="idle")
    return redirect("batches")


@login_required
@require_GET
def batch_manifest(request: HttpRequest, batch_id: UUID, part: str) -> HttpResponse:
    """Hand out the newest manifest, or its signature, exactly as delivered."""
    batch = access.batch_for(request, batch_id)
    manifest = Manifest.objects.filter(batch=batch).order_by("-revision").first()
    if manifest is None:
        raise Http404
    _record_manifest(access.viewer(request), batch, manifest)
    is_signature = part == "sig"
    response = HttpResponse(
        bytes(manifest.signature if is_signature else manifest.body),
        content_type="application/octet-stream" if is_signature else "application/json",
    )
    name = f"manifest-{batch.short_id}-{manifest.revision}.json" + (".sig" if is_signature else "")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _record_manifest(caller: Viewer, batch: Batch, manifest: Manifest) -> None:
    with transaction.atomic():
        record(
            "manifest.downloaded",
            actor=caller.actor,
            chain=str(batch.organization_id),
            subject=str(batch.pk),
            subject_kind="batch",
            context=str(batch.pk),
            detail={"revision": manifest.revision},
        )
