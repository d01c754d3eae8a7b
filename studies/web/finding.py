"""Searching a PACS for a batch: the form, what was found, the series of a study, the choice.

Every step is a POST, and no answer is stored anywhere: what is asked and found names patients.
"""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from anonportal.ui.toasts import toast
from studies import jobs
from studies.faults import Fault
from studies.intake.remote import MOST_STUDIES
from studies.intake.sources import SEARCHABLE
from studies.models import Batch, Retrieval, Source
from studies.services import access, retrieving, searching, selecting
from studies.web.source_forms import FindForm
from studies.web.typed import typed_uuid


def pacs_sources(batch: Batch) -> list[Source]:
    """Return the sources of a batch's organization that can be searched."""
    return list(
        Source.objects.filter(organization=batch.organization, kind__in=SEARCHABLE, is_active=True)
    )


def chosen_series(batch: Batch) -> list[Retrieval]:
    """Return the series that were chosen for a batch, by number; none holds an identifier."""
    return list(batch.retrievals.order_by("study_number", "series_number")[:200])


def _source(request: HttpRequest, batch: Batch) -> Source:
    return get_object_or_404(
        Source,
        organization=batch.organization,
        kind__in=SEARCHABLE,
        is_active=True,
        pk=typed_uuid(request.POST.get("source", "")),
    )


def _answer(request: HttpRequest, part: str, context: dict[str, object]) -> HttpResponse:
    """Draw a part of the page, or the whole where there is no script; nobody may keep it."""
    is_part = bool(request.headers.get("HX-Request"))
    template = f"studies/_{part}.html" if is_part else "studies/found.html"
    response = render(request, template, context | {"part": f"studies/_{part}.html"})
    response["Cache-Control"] = "no-store"
    return response


@login_required
@never_cache
@require_POST
def batch_find(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Search a PACS and list the studies that match."""
    batch = access.batch_for(request, batch_id)
    source = _source(request, batch)
    form = FindForm(request.POST, organization=batch.organization)
    context: dict[str, object] = {"batch": batch, "source": source, "most": MOST_STUDIES}
    if not form.is_valid():
        context["problem"] = _("A date isn't one. Correct it, then search again.")
        return _answer(request, "found", context)
    try:
        found, is_more = searching.search(batch, source, form.query, access.viewer(request).actor)
    except Fault as fault:
        context["problem"] = fault.message
    else:
        context |= {"found": found, "is_more": is_more}
    return _answer(request, "found", context)


@login_required
@never_cache
@require_POST
def batch_series(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """List the series of a study that was found."""
    batch = access.batch_for(request, batch_id)
    source = _source(request, batch)
    context: dict[str, object] = {"batch": batch, "source": source}
    try:
        token = request.POST.get("study", "")
        context["series"] = searching.series_of(batch, source, token, access.viewer(request).actor)
    except Fault as fault:
        context["problem"] = fault.message
    return _answer(request, "found_series", context)


@login_required
@require_POST
def batch_take(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Choose studies and series that were found."""
    batch = access.batch_for(request, batch_id)
    source = _source(request, batch)
    try:
        count = selecting.choose_found(
            batch, source, request.POST.getlist("choice"), access.viewer(request).actor
        )
    except Fault as fault:
        messages.error(request, fault.message)
    else:
        said = ngettext("{count} series chosen", "{count} series chosen", count)
        toast(request, said.format(count=count), icon="server")
    return redirect(f"{reverse('batch', args=[batch.pk])}?from=pacs")


@login_required
@require_POST
def batch_fetch_again(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Ask the source again for what it was short of."""
    batch = access.batch_for(request, batch_id)
    try:
        count = retrieving.fetch_again(batch, access.viewer(request).actor)
    except Fault as fault:
        messages.error(request, fault.message)
    else:
        jobs.continue_batch(batch)
        said = ngettext("{count} image asked for again", "{count} images asked for again", count)
        toast(request, said.format(count=count), icon="undo", family="moving")
    return redirect("batch", batch_id=batch.pk)
