"""Deciding about held and excluded images, and showing coordinators whose studies they are."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from anonportal.ui.toasts import toast
from studies import jobs
from studies.faults import PermanentError
from studies.models import Batch, Instance, InstanceState, Study
from studies.services import access, naming, review
from studies.web import identity, reasons
from studies.web.forms import PatientForm, ReasonForm


def _numbers(request: HttpRequest, batch: Batch, code: str) -> list[int]:
    """Return the entries an act is about: those that were picked, else all with the code."""
    picked = [int(text) for text in request.POST.getlist("file") if text.isdigit()]
    if picked:
        return picked
    rows = Instance.objects.filter(
        batch=batch,
        code=code,
        state__in=[InstanceState.HELD, InstanceState.REFUSED],
    )
    return list(rows.values_list("number", flat=True))


@login_required
@require_http_methods(["GET", "POST"])
def held_exclude(request: HttpRequest, batch_id: UUID, code: str) -> HttpResponse:
    """Leave out the images held for one reason, with a reason of one's own."""
    batch = access.batch_for(request, batch_id)
    form = ReasonForm(request.POST or None)
    numbers = _numbers(request, batch, code)
    if request.method == "POST" and form.is_valid():
        try:
            count = review.exclude(
                batch, numbers, form.cleaned_data["reason"], access.viewer(request).actor
            )
        except PermanentError as error:
            form.add_error(None, str(error.message))
        else:
            jobs.continue_batch(batch)
            _said(request, batch, count)
            return redirect("batch", batch_id=batch.pk)
    context = {
        "heading": ngettext(
            "Exclude {count} image: {reason}", "Exclude {count} images: {reason}", len(numbers)
        ).format(count=len(numbers), reason=reasons.reason(code).title),
        "consequence": _(
            "They are left out of what is sent. It can be undone until the batch closes."
        ),
        "verb": _("Exclude"),
        "form": form,
        "back": reverse("batch", args=[batch.pk]),
        "risk": True,
    }
    return render(request, "confirm.html", context, status=422 if form.errors else 200)


def _said(request: HttpRequest, batch: Batch, count: int) -> None:
    text = ngettext("{count} image excluded", "{count} images excluded", count)
    toast(
        request,
        text.format(count=count),
        icon="minus",
        family="idle",
        undo=reverse("excluded_restore", args=[batch.pk]),
    )


@login_required
@require_POST
def excluded_restore(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Undo exclusions."""

    def undo(batch: Batch) -> str:
        rows = Instance.objects.filter(batch=batch, state=InstanceState.EXCLUDED)
        numbers = list(rows.values_list("number", flat=True))
        count = review.restore(batch, numbers, access.viewer(request).actor)
        return ngettext("{count} image is back", "{count} images are back", count).format(
            count=count
        )

    return _decide(request, batch_id, undo)


@login_required
@require_POST
def held_retry(request: HttpRequest, batch_id: UUID, code: str) -> HttpResponse:
    """Process the images held for one reason again."""

    def again(batch: Batch) -> str:
        numbers = _numbers(request, batch, code)
        count = review.retry(batch, numbers, access.viewer(request).actor)
        return ngettext("{count} image tried again", "{count} images tried again", count).format(
            count=count
        )

    return _decide(request, batch_id, again)


@login_required
@require_POST
def held_keep_first(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Of images with one UID and two contents, keep the first and leave out the others."""

    def keep(batch: Batch) -> str:
        numbers = _numbers(request, batch, "same-uid-other-bytes")
        count = review.keep_first(batch, numbers, access.viewer(request).actor)
        return ngettext("{count} image kept", "{count} images kept", count).format(count=count)

    return _decide(request, batch_id, keep)


def _decide(request: HttpRequest, batch_id: UUID, act: Callable[[Batch], str]) -> HttpResponse:
    batch = access.batch_for(request, batch_id)
    try:
        said = act(batch)
    except PermanentError as error:
        messages.error(request, error.message)
    else:
        jobs.continue_batch(batch)
        toast(request, said, icon="undo", family="moving")
    return redirect("batch", batch_id=batch.pk)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def study_patient(request: HttpRequest, study_id: UUID) -> HttpResponse:
    """Say whose a study is, where its files don't say or disagree."""
    study: Study = access.study_for(request, study_id)
    form = PatientForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            review.enter_patient(
                study.batch,
                study,
                form.cleaned_data["patient_id"],
                form.cleaned_data["issuer"],
                access.viewer(request).actor,
            )
        except PermanentError as error:
            form.add_error(None, str(error.message))
        else:
            jobs.continue_batch(study.batch)
            toast(request, _("Patient id entered"), icon="tick")
            return redirect("batch", batch_id=study.batch_id)
    context = {
        "heading": _("Whose study is number {number}?").format(number=study.number),
        "consequence": _("The id is sealed. The study's held images are processed again with it."),
        "verb": _("Enter the id"),
        "form": form,
        "back": reverse("batch", args=[study.batch_id]),
    }
    response = render(request, "confirm.html", context, status=422 if form.errors else 200)
    response["Cache-Control"] = "no-store"
    return response


@login_required
@never_cache
@require_POST
def batch_names(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Show a coordinator whose studies an open batch holds; written to the trail first."""
    batch = access.batch_for(request, batch_id)
    context: dict[str, object] = {"batch": batch}
    try:
        rows = naming.show_names(batch, access.viewer(request).actor)
    except PermanentError as error:
        context["problem"] = error.message
    else:
        context |= {"rows": [_named(row) for row in rows], "seen": timezone.localtime()}
    response = render(request, "studies/names.html", context)
    response["Cache-Control"] = "no-store"
    return response


def _named(row: naming.Named) -> dict[str, object]:
    """Return a study with its patients as people write names and dates."""
    return {
        "study": row.study,
        "patients": [
            {
                "groups": identity.name_groups(patient.get("name", "")),
                "id": patient.get("id", ""),
                "born": identity.readable_date(patient.get("birth_date", "")),
            }
            for patient in row.patients
        ],
        "description": row.description,
        "accession": row.accession,
        "date": identity.readable_date(row.date),
        "is_entered": row.is_entered,
    }
