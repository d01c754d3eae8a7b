"""The radiologist's pages: the worklist, bringing a report, and the door to the patient.

Answers that show a patient are never stored by a browser, a proxy or a history.
"""

from typing import Any
from uuid import UUID

from allauth.account.adapter import get_adapter
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Case, Exists, OuterRef, QuerySet, Subquery, When
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from anonportal.accounts.lockout import tries_left
from anonportal.ui.toasts import toast
from studies.faults import PermanentError
from studies.models import Report, ReportState, Role, Study
from studies.services import access, restoring, returning
from studies.services.access import Viewer
from studies.services.reidentification import (
    Identified,
    Request,
    refuse_stranger,
    reidentify,
)
from studies.web import identity
from studies.web.forms import DoorForm, ReportForm
from studies.web.reasons import reason

PAGE = 50
PATIENT_FIELDS = (
    ("PatientName", gettext_lazy("Name")),
    ("PatientID", gettext_lazy("Patient id")),
    ("IssuerOfPatientID", gettext_lazy("Issuer")),
    ("OtherPatientIDs", gettext_lazy("Other ids")),
    ("PatientBirthDate", gettext_lazy("Born")),
    ("PatientSex", gettext_lazy("Sex")),
)
STUDY_FIELDS = (
    ("AccessionNumber", gettext_lazy("Accession")),
    ("StudyDate", gettext_lazy("Study date")),
    ("StudyTime", gettext_lazy("Study time")),
    ("StudyID", gettext_lazy("Study ID")),
    ("RequestedProcedureID", gettext_lazy("Requested procedure")),
    ("PlacerOrderNumber", gettext_lazy("Placer order number")),
    ("FillerOrderNumber", gettext_lazy("Filler order number")),
    ("ReferringPhysicianName", gettext_lazy("Referring physician")),
    ("StudyInstanceUID", gettext_lazy("Study UID")),
)


@login_required
@require_GET
def worklist(request: HttpRequest) -> HttpResponse:
    """List delivered studies, STAT first, with the state of their reports."""
    caller = access.require(request, Role.RADIOLOGIST)
    shown = request.GET.get("s", "all")
    rows: QuerySet[Any] = _delivered(caller)
    counts = {
        "all": rows.count(),
        "waiting": rows.filter(report_state__isnull=True).count(),
        "arrived": rows.filter(report_state=ReportState.ARRIVED).count(),
    }
    attention = Report.objects.filter(
        organization=caller.organization, state=ReportState.ATTENTION
    ).order_by("-created")
    if shown == "waiting":
        rows = rows.filter(report_state__isnull=True)
    elif shown == "arrived":
        rows = rows.filter(report_state=ReportState.ARRIVED)
    context = {
        "rows": rows[:PAGE],
        "shown": shown,
        "counts": counts | {"attention": attention.count()},
        "attention": [
            {"report": report, "reason": reason(report.code)} for report in attention[:PAGE]
        ],
    }
    return render(request, "studies/worklist.html", context)


def _delivered(caller: Viewer) -> QuerySet[Any]:
    newest = Report.objects.filter(
        organization=caller.organization, cloud_study_id=OuterRef("cloud_study_id")
    ).order_by("-created")
    later = Study.objects.filter(
        organization=caller.organization,
        cloud_study_id=OuterRef("cloud_study_id"),
        delivered__gt=OuterRef("delivered"),
    )
    return (
        Study.objects.filter(organization=caller.organization, delivered__isnull=False)
        .exclude(Exists(later))
        .annotate(
            report_state=Subquery(newest.values("state")[:1]),
            report_id=Subquery(newest.values("pk")[:1]),
        )
        .select_related("batch")
        .order_by(
            Case(
                When(batch__priority="STAT", then=0),
                When(batch__priority="HIGH", then=1),
                default=2,
            ),
            "-delivered",
        )
    )


@login_required
@require_GET
def worklist_study(request: HttpRequest, study_id: UUID) -> HttpResponse:
    """Show one delivered study and its reports, without the patient."""
    study = access.study_for(request, study_id, (Role.RADIOLOGIST,))
    reports = Report.objects.filter(
        organization=study.organization_id, cloud_study_id=study.cloud_study_id
    ).order_by("-created")
    context = {"study": study, "reports": reports}
    return render(request, "studies/worklist_study.html", context)


@login_required
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def door(request: HttpRequest) -> HttpResponse:
    """Ask who, which and why; then show the patient of a study."""
    caller = _radiologist(request)
    initial = {"typed": _known_id(request), "reason": "report"}
    form = DoorForm(request.POST or None, initial=initial)
    if request.method == "GET":
        return _private(request, "studies/door.html", {"form": form})
    asked, is_fresh = _asked(request, form)
    try:
        identified = reidentify(caller, asked, is_fresh=is_fresh)
    except PermanentError as error:
        return _closed(request, form, error)
    return _private(request, "studies/patient.html", {"identified": identified} | _rows(identified))


@login_required
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def report_door(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Ask why, then show a returned report with the hospital's own identifiers."""
    caller = _radiologist(request)
    report = returning.report_for(caller, report_id)
    if report is None or not report.cloud_study_id:
        raise Http404
    initial = {"typed": report.cloud_study_id, "reason": "report"}
    form = DoorForm(request.POST or None, initial=initial)
    context = {"form": form, "report": report}
    if request.method == "GET":
        return _private(request, "studies/door.html", context)
    asked, is_fresh = _asked(request, form, report.cloud_study_id)
    try:
        restored = restoring.show(caller, report, asked, is_fresh=is_fresh)
    except PermanentError as error:
        return _closed(request, form, error, context)
    shown = {"identified": restored.identified, "report": report, "pieces": restored.pieces}
    return _private(request, "studies/patient.html", shown | _rows(restored.identified))


def _radiologist(request: HttpRequest) -> Viewer:
    """Return the caller; one without the role is refused, and the trail says so."""
    caller = access.viewer(request)
    if not caller.has(Role.RADIOLOGIST):
        refuse_stranger(caller)
        raise PermissionDenied
    return caller


def _known_id(request: HttpRequest) -> str:
    """Return the cloud id that the worklist hands over: a pseudonym, so it may stand in a URL."""
    typed = request.GET.get("study", "")
    return typed if len(typed) == 13 and typed.isalnum() else ""


def _asked(request: HttpRequest, form: DoorForm, cloud_id: str = "") -> tuple[Request, bool]:
    """Return what was asked, and whether the password was right just now."""
    form.is_valid()
    asked = Request(
        typed=cloud_id or form.data.get("typed", ""),
        reason=form.data.get("reason", ""),
        words=form.data.get("words", ""),
        batch="" if cloud_id else form.data.get("batch", ""),
    )
    password = form.data.get("password", "")
    try:
        is_fresh = bool(password) and get_adapter().reauthenticate(request.user, password)
    except ValidationError as locked:
        form.add_error("password", locked)
        return asked, False
    if password and not is_fresh and isinstance(request.user, AbstractBaseUser):
        left = tries_left(request, str(request.user.get_username()))
        form.add_error(
            "password", _("That password is not right. {count} tries left.").format(count=left)
        )
    return asked, is_fresh


def _closed(
    request: HttpRequest,
    form: DoorForm,
    error: PermanentError,
    context: dict[str, object] | None = None,
) -> HttpResponse:
    """Draw the door again with what is wrong; unknown and foreign ids look alike."""
    if not (error.code == "not-fresh" and form.errors.get("password")):
        form.add_error(None, str(error.message))
    status = 429 if error.code == "too-many" else 422
    return _private(request, "studies/door.html", {"form": form} | (context or {}), status)


def _rows(identified: Identified) -> dict[str, object]:
    patient = identified.patient
    study = identified.study
    return {
        "patient_rows": [
            identity.row(key, label, patient[key])
            for key, label in PATIENT_FIELDS
            if patient.get(key)
        ],
        "study_rows": [
            identity.row(key, label, study[key]) for key, label in STUDY_FIELDS if study.get(key)
        ],
    }


def _private(
    request: HttpRequest, template: str, context: dict[str, object], status: int = 200
) -> HttpResponse:
    response = render(request, template, context, status=status)
    response["Cache-Control"] = "no-store"
    return response


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def report_bring(request: HttpRequest) -> HttpResponse:
    """Take in a report that came back."""
    caller = access.require(request, Role.RADIOLOGIST)
    form = ReportForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            report = returning.receive_text(
                caller.organization, form.cleaned_data["text"], caller.actor
            )
        except PermanentError as error:
            form.add_error("text", str(error.message))
        else:
            if report.state == ReportState.ATTENTION:
                toast(request, _("The report needs attention"), icon="warn", family="stop")
                return redirect(f"{reverse('worklist')}?s=attention")
            toast(request, _("Report matched"), icon="mail", family="moving")
            return redirect("report", report_id=report.pk)
    return _private(
        request, "studies/report_bring.html", {"form": form}, 422 if form.errors else 200
    )
