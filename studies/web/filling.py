"""Filling a batch: the page of a new one, choosing folders of a source, starting it."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from anonportal.ui.toasts import toast
from studies import jobs
from studies.faults import PermanentError, TransientError
from studies.intake import folder
from studies.models import Batch, DestinationState, Source
from studies.models.places import SourceKind
from studies.services import access, choosing, profiles, receiving
from studies.web import finding
from studies.web.forms import BatchForm
from studies.web.source_forms import FindForm
from studies.web.typed import typed_uuid


def filling_page(request: HttpRequest, batch: Batch, form: BatchForm | None = None) -> HttpResponse:
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
        "find_form": FindForm(organization=batch.organization),
        "pacs_sources": finding.pacs_sources(batch),
        "retrievals": finding.chosen_series(batch),
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
        pk=typed_uuid(request.POST.get("source", "")),
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
        pk=typed_uuid(request.POST.get("source", "")),
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
        return filling_page(request, batch, form)
    try:
        choosing.choose(batch, form.cleaned_data)
        receiving.submit(batch, caller.actor)
    except PermanentError as error:
        form.add_error(None, str(error.message))
        return filling_page(request, batch, form)
    jobs.start(batch)
    toast(request, _("Batch started"), icon="half", family="moving")
    return redirect("batch", batch_id=batch.pk)
