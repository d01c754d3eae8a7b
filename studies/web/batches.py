"""Pages of a batch: the list, opening one, where it is, its moving part."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from studies.faults import PermanentError
from studies.models import Batch, BatchState, Role
from studies.services import access, batches, choosing
from studies.web.batch_page import context_of
from studies.web.batch_studies import asked
from studies.web.filling import filling_page
from studies.web.typed import typed_uuid

PAGE = 50
STOP_POLLING = 286


@login_required
@require_GET
def batch_list(request: HttpRequest) -> HttpResponse:
    """List the organization's batches, newest first, by keyset."""
    caller = access.require(request, Role.COORDINATOR)
    rows = Batch.objects.filter(~batches.not_begun(), organization=caller.organization)
    state = request.GET.get("state", "")
    if state in BatchState.values:
        rows = rows.filter(state=state)
    after_id = typed_uuid(request.GET.get("after", ""))
    after = (
        Batch.objects.filter(organization=caller.organization, pk=after_id).first()
        if after_id
        else None
    )
    if after is not None:
        same = Q(created=after.created, pk__lt=after.pk)
        rows = rows.filter(same | Q(created__lt=after.created))
    found = list(
        rows.select_related("source", "destination").order_by("-created", "-pk")[: PAGE + 1]
    )
    counts = batches.sizes(found[:PAGE])
    older = found[PAGE - 1] if len(found) > PAGE else None
    context = {
        "rows": [(batch, *counts[batch.pk]) for batch in found[:PAGE]],
        "older": older,
        "after": after,
        "state": state,
        "states": BatchState.choices,
    }
    return render(request, "studies/batch_list.html", context)


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
        return filling_page(request, batch)
    return render(request, "studies/batch.html", _context(request, batch))


@login_required
@never_cache
@require_GET
def batch_progress(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Return the moving part of a batch's page; 286 ends the polling in a final state."""
    batch = access.batch_for(request, batch_id)
    context = _context(request, batch)
    status = 200 if context["poll_seconds"] else STOP_POLLING
    return render(request, "studies/_batch_live.html", context, status=status)


def _context(request: HttpRequest, batch: Batch) -> dict[str, object]:
    is_auditor = access.viewer(request).has(Role.AUDITOR)
    return {**context_of(batch, asked(request.GET)), "is_auditor": is_auditor}
