"""The door's pages: who, which and why; then the patient of a study or of a report.

Answers that show a patient are never stored by a browser, a proxy or a history.
"""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from studies.faults import PermanentError
from studies.models import Report, Role
from studies.services import access, restoring, returning
from studies.services.access import Viewer
from studies.services.reidentification import Identified, Request, refuse_stranger, reidentify
from studies.web import identity
from studies.web.door_forms import DoorForm
from studies.web.mark_words import words
from studies.web.proving import note_passed, private, prove, says_why

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
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def door(request: HttpRequest) -> HttpResponse:
    """Ask who, which and why; then show the patient of a study."""
    caller = radiologist(request)
    initial = {"typed": _known_id(request), "reason": "report"}
    form = DoorForm(request.POST or None, initial=initial)
    if request.method == "GET":
        return private(request, "studies/door.html", {"form": form})
    proof = prove(request, form)
    try:
        identified = reidentify(caller, asked(form), proof=proof)
    except PermanentError as error:
        return closed(request, form, error)
    context = {"identified": identified} | patient_rows(identified)
    return private(request, "studies/patient.html", context)


@login_required
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def report_door(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Ask why, then show a returned report with the hospital's own identifiers."""
    caller = radiologist(request)
    report = returning.report_for(caller, report_id)
    if report is None or not report.cloud_study_id:
        raise Http404
    initial = {"typed": report.cloud_study_id, "reason": "report"}
    form = DoorForm(request.POST or None, initial=initial)
    context = {"form": form, "report": report}
    if request.method == "GET":
        return private(request, "studies/door.html", context)
    proof = prove(request, form)
    try:
        identified = reidentify(caller, asked(form, report.cloud_study_id), proof=proof)
        restored = restoring.restore_identified(caller, report, identified)
    except PermanentError as error:
        return closed(request, form, error, context)
    note_passed(request, restored)
    return show_report(request, caller, restored)


def show_report(
    request: HttpRequest, caller: Viewer, restored: restoring.Restored, **more: Any
) -> HttpResponse:
    """Show a report with its patient, and what its reader may do with it."""
    report: Report = restored.report
    context = {
        "identified": restored.identified,
        "report": report,
        "sections": restored.document.display,
        "mark_words": words(restored.document.marks),
        "versions": returning.versions_of(report),
        "may_pass_on": caller.has(Role.RADIOLOGIST),
        **patient_rows(restored.identified),
        **more,
    }
    return private(request, "studies/patient.html", context)


def radiologist(request: HttpRequest) -> Viewer:
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


def asked(form: forms.Form, cloud_id: str = "", **right: Any) -> Request:
    """Return what was stated at the door; a report's or link's own id is never taken from it."""
    form.is_valid()
    return Request(
        typed=cloud_id or str(form.data.get("typed", "")),
        reason=str(form.data.get("reason", "")),
        words=str(form.data.get("words", "")),
        batch="" if cloud_id else str(form.data.get("batch", "")),
        **right,
    )


def closed(
    request: HttpRequest,
    form: forms.Form,
    error: PermanentError,
    context: dict[str, Any] | None = None,
    template: str = "studies/door.html",
) -> HttpResponse:
    """Draw the door again with what is wrong; unknown and foreign ids look alike."""
    if not (error.code == "not-fresh" and says_why(form)):
        form.add_error(None, str(error.message))
    status = 429 if error.code == "too-many" else 422
    return private(request, template, {"form": form} | (context or {}), status)


def patient_rows(identified: Identified) -> dict[str, object]:
    """Return the lines of a patient panel."""
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
