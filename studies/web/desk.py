"""Pages of the review desk: the queue, one image before and after, its header, a person's word.

Everything here shows or may show an original: coordinators of the organization only, written to the
trail first, `no-store`, and addresses hold random ids.
"""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from anonportal.ui.toasts import toast
from studies import jobs
from studies.faults import PermanentError
from studies.models import Batch, BatchState, PixelCheck, Role, Sample
from studies.services import access, desk, device_templates, headers, picture
from studies.services.picture import Window
from studies.web import reasons
from studies.web.boxes import NEW_BOX, boxes_posted, boxes_shown
from studies.web.effects import because
from studies.web.forms import ReasonForm

SESSION_KEY = "looked"
REMEMBERED = 300
SHOWN = 100
POLL_SECONDS = 2
STOP_POLLING = 286


@login_required
@never_cache
@require_GET
def queue(request: HttpRequest) -> HttpResponse:
    """List what needs eyes: held images, by batch, and samples that are being looked at."""
    caller = access.require(request, Role.COORDINATOR)
    per_batch: dict[UUID, dict[str, object]] = {}
    waiting = desk.waiting(caller.organization)
    for check in waiting[:SHOWN]:
        entry = per_batch.setdefault(check.batch_id, {"batch": check.batch, "rows": []})
        rows = entry["rows"]
        assert isinstance(rows, list)  # noqa: S101 - for the type checker
        rows.append({"check": check, "reason": reasons.reason(check.instance.code)})
    samples = Sample.objects.filter(
        batch__organization=caller.organization,
        state="open",
        batch__state__in=[BatchState.REVIEW, BatchState.ATTENTION, BatchState.DELIVERED],
    ).select_related("batch")
    context = {
        "groups": list(per_batch.values()),
        "samples": list(samples),
        "left": max(waiting.count() - SHOWN, 0),
    }
    return render(request, "studies/review_queue.html", context)


@login_required
@never_cache
@require_GET
def image(request: HttpRequest, check_id: UUID) -> HttpResponse:
    """Show one image before and after, its boxes, and what can be done."""
    check = access.check_for(request, check_id)
    try:
        looked(request, check)
        context = image_context(check) | _place_in_queue(check)
    except PermanentError as error:
        messages.error(request, error.message)
        return redirect("batch", batch_id=check.batch_id)
    return no_store(render(request, "studies/review.html", context))


def looked(request: HttpRequest, check: PixelCheck) -> None:
    """Write a person's look at an original to the trail, once per session and image."""
    desk.require_open(check.batch)
    seen: list[str] = request.session.get(SESSION_KEY, [])
    if str(check.pk) in seen:
        return
    desk.note_look(check, access.viewer(request).actor)
    request.session[SESSION_KEY] = [*seen, str(check.pk)][-REMEMBERED:]


def image_context(check: PixelCheck) -> dict[str, object]:
    """Return what the page of one image draws, whoever asks for a verdict on it."""
    shown = picture.measure(check)
    is_in_work = desk.is_in_work(check)
    boxes = boxes_shown(check)
    return {
        "check": check,
        "batch": check.batch,
        "row": check.instance,
        "shown": shown,
        "boxes": boxes,
        "blank_box": NEW_BOX,
        "undecided": [box.number for box in boxes if box.is_undecided],
        "reason": reasons.reason(check.instance.code) if check.instance.code else None,
        "has_output": desk.has_output(check),
        "is_in_work": is_in_work,
        "poll_seconds": POLL_SECONDS if is_in_work else 0,
        "is_open": desk.is_open(check),
    }


def _place_in_queue(check: PixelCheck) -> dict[str, object]:
    ids = desk.queue_of(check.batch)
    at = ids.index(check.pk) if check.pk in ids else -1
    return {
        "position": at + 1,
        "total": len(ids),
        "previous": ids[at - 1] if at > 0 else None,
        "next": ids[at + 1] if 0 <= at < len(ids) - 1 else None,
    }


def no_store(response: HttpResponse) -> HttpResponse:
    """Keep an answer that shows an original out of every cache."""
    response["Cache-Control"] = "no-store"
    return response


@login_required
@never_cache
@require_GET
def state(request: HttpRequest, check_id: UUID) -> HttpResponse:
    """Say whether an image is still being made again; reload its page once it is there."""
    check = access.check_for(request, check_id)
    if desk.is_in_work(check):
        context = {"check": check, "poll_seconds": POLL_SECONDS}
        return render(request, "studies/_review_work.html", context)
    response = HttpResponse(status=STOP_POLLING)
    response["HX-Refresh"] = "true"
    return response


@login_required
@never_cache
@require_GET
def header(request: HttpRequest, check_id: UUID) -> HttpResponse:
    """Show the header before and after, attribute by attribute, with what was done and why."""
    check = access.check_for(request, check_id)
    is_all = request.GET.get("show") == "all"
    context: dict[str, object] = {"check": check, "batch": check.batch, "is_all": is_all}
    try:
        looked(request, check)
        found = headers.difference(check)
    except PermanentError as error:
        context["problem"] = error.message
    else:
        lines = [(line, because(line.because)) for line in found.lines if is_all or line.is_changed]
        context |= {
            "difference": found,
            "lines": lines,
            "stopped": reasons.reason(found.stopped) if found.stopped else None,
        }
    is_partial = bool(request.headers.get("HX-Request"))
    template = "studies/_review_header.html" if is_partial else "studies/review_header.html"
    return no_store(render(request, template, context))


@login_required
@never_cache
@require_GET
def frame(request: HttpRequest, check_id: UUID, side: str, number: int) -> HttpResponse:
    """Return one frame as a PNG: of the original, or of what was made of it."""
    check = access.check_for(request, check_id)
    make: Callable[[PixelCheck, int, Window], bytes] = (
        picture.before if side == "before" else picture.after
    )
    try:
        looked(request, check)
        data = make(check, number, _window(request))
    except PermanentError as error:
        raise Http404 from error
    return no_store(HttpResponse(data, content_type="image/png"))


def _window(request: HttpRequest) -> Window:
    """Return which part of a frame's range is asked for, in thousandths; None for the recorded."""
    low, high = request.GET.get("low", ""), request.GET.get("high", "")
    if not (low.isdigit() and high.isdigit()):
        return None
    first, last = min(int(low), 999), min(int(high), 1000)
    return (first, last) if first < last else (first, first + 1)


# --- deciding ------------------------------------------------------------------------------------


@login_required
@never_cache
@require_POST
def decide(request: HttpRequest, check_id: UUID) -> HttpResponse:
    """Take a person's boxes: make the image again, or let it go as they say."""
    check = access.check_for(request, check_id)
    actor = access.viewer(request).actor
    is_approval = request.POST.get("act") == "approve"
    after_this = _place_in_queue(check)["next"]
    try:
        rows = boxes_posted(request.POST)
        if request.POST.get("template"):
            device_templates.save(check, rows, actor)
        (desk.approve if is_approval else desk.draw)(check, rows, actor)
    except PermanentError as error:
        messages.error(request, error.message)
        return redirect("review_image", check_id=check.pk)
    jobs.continue_batch(check.batch)
    if not is_approval:
        return redirect("review_image", check_id=check.pk)
    toast(request, _("Approved"), icon="tick", family="done")
    return _go_on(check.batch, after_this)


def _go_on(batch: Batch, following: object) -> HttpResponse:
    if following is not None:
        return redirect("review_image", check_id=following)
    waiting = desk.queue_of(batch)
    if waiting:
        return redirect("review_image", check_id=waiting[0])
    return redirect("batch", batch_id=batch.pk)


@login_required
@require_http_methods(["GET", "POST"])
def exclude(request: HttpRequest, check_id: UUID) -> HttpResponse:
    """Leave one image out, with a reason of one's own."""
    check = access.check_for(request, check_id)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        following = _place_in_queue(check)["next"]
        try:
            desk.exclude(check, form.cleaned_data["reason"], access.viewer(request).actor)
        except PermanentError as error:
            form.add_error(None, str(error.message))
        else:
            jobs.continue_batch(check.batch)
            undo = reverse("excluded_restore", args=[check.batch_id])
            toast(request, _("1 image excluded"), icon="minus", family="idle", undo=undo)
            return _go_on(check.batch, following)
    context = {
        "heading": _("Exclude file {number}").format(number=check.instance.number),
        "consequence": _(
            "It is left out of what is sent. It can be undone until the batch closes."
        ),
        "verb": _("Exclude"),
        "form": form,
        "back": reverse("review_image", args=[check.pk]),
        "risk": True,
    }
    return render(request, "confirm.html", context, status=422 if form.errors else 200)
