"""Pages of a sampling review: drawing, one image after the other, what came of it."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from anonportal.ui.toasts import toast
from studies import jobs
from studies.faults import PermanentError
from studies.models import Batch, Sample, SampleItem, SampleState, Verdict
from studies.services import access, processing, sampling
from studies.web.desk import image_context, looked, no_store


@login_required
@require_POST
def draw(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Draw a sample of what a batch is about to send."""
    batch = access.batch_for(request, batch_id)
    try:
        sample = sampling.draw(batch, access.viewer(request).actor)
    except PermanentError as error:
        messages.error(request, error.message)
        return redirect("batch", batch_id=batch.pk)
    return redirect("sample", sample_id=sample.pk)


@login_required
@never_cache
@require_GET
def sample(request: HttpRequest, sample_id: UUID) -> HttpResponse:
    """Show the next drawn image, or what came of the sample."""
    found = access.sample_for(request, sample_id)
    if found.state == SampleState.OPEN:
        item = sampling.next_item(found)
        if item is not None:
            return _item_page(request, found, item)
        sampling.settle(found, access.viewer(request).actor)
        found.refresh_from_db()
    context = {"sample": found, "progress": progress_of(found), "batch": found.batch}
    return render(request, "studies/sample.html", context)


def _item_page(request: HttpRequest, found: Sample, item: SampleItem) -> HttpResponse:
    check = item.check_row
    try:
        looked(request, check)
        context = image_context(check)
    except PermanentError as error:
        messages.error(request, error.message)
        return redirect("batch", batch_id=found.batch_id)
    context |= {"sample": found, "item": item, "progress": progress_of(found)}
    return no_store(render(request, "studies/review.html", context))


def progress_of(found: Sample) -> dict[str, int | str]:
    """Return how far a sample is, and the rate of its statement in percent."""
    items = found.items
    return {
        "looked": items.filter(verdict__in=[Verdict.CLEAN, Verdict.FINDING]).count(),
        "findings": items.filter(verdict=Verdict.FINDING).count(),
        "percent": f"{found.permille / 10:g}",
    }


@login_required
@require_POST
def judge(request: HttpRequest, sample_id: UUID) -> HttpResponse:
    """Keep a verdict on a drawn image; a finding stops the release."""
    found = access.sample_for(request, sample_id)
    text = request.POST.get("item", "")
    item = get_object_or_404(
        SampleItem.objects.select_related("check_row"),
        sample=found,
        pk=int(text) if text.isdigit() else 0,
    )
    verdict = request.POST.get("verdict", "")
    if verdict not in (Verdict.CLEAN, Verdict.FINDING):
        messages.error(request, _("Say whether the image shows an identifier."))
        return redirect("sample", sample_id=found.pk)
    try:
        found = sampling.judge(item, verdict == Verdict.CLEAN, access.viewer(request).actor)
    except PermanentError as error:
        messages.error(request, error.message)
        return redirect("sample", sample_id=found.pk)
    if found.state == SampleState.FAILED and verdict == Verdict.FINDING:
        return redirect("review_image", check_id=item.check_row_id)
    if found.state == SampleState.PASSED:
        _release_if_it_may(found.batch_id)
        toast(request, _("Sample passed"), icon="ok", family="done")
    return redirect("sample", sample_id=found.pk)


def _release_if_it_may(batch_id: UUID) -> None:
    """Let a batch go by its policy, where the sample was all that it waited for."""
    if processing.is_ready_to_go(batch_id):
        jobs.release_by_policy(batch_id)


def panel(batch: Batch) -> dict[str, object]:
    """Return what a batch's page says about sampling; nothing where nobody asks for it."""
    last = sampling.last_sample(batch)
    is_possible = batch.state in sampling.SAMPLING_STATES and sampling.uncovered(batch).exists()
    if last is None and not is_possible:
        return {}
    is_open = last is not None and last.state == SampleState.OPEN
    return {
        "sample": last,
        "progress": progress_of(last) if last else None,
        "may_draw": is_possible and not is_open,
        "is_wanted": sampling.is_wanted(batch),
    }
