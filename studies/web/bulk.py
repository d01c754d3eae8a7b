"""Pages of several patients at once: asking, consenting as a second person, seeing them.

The list of patients is an answer to a POST, never kept, with the viewer's name across it.
"""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from anonportal.ui.toasts import toast
from studies.faults import PermanentError
from studies.models import BulkLookUp, ConsentState
from studies.services import access, bulk
from studies.services.door_rules import REASONS
from studies.services.reidentification import Identified
from studies.web import identity
from studies.web.door_forms import BulkForm, ProofForm
from studies.web.proving import private, prove
from studies.web.reidentify import closed, radiologist


@login_required
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def several(request: HttpRequest) -> HttpResponse:
    """Ask for several patients at once; with four eyes somebody else has to consent first."""
    caller = radiologist(request)
    form = BulkForm(request.POST or None, initial={"reason": "report"})
    if request.method == "GET":
        return private(request, "studies/bulk_ask.html", {"form": form})
    form.is_valid()
    proof = prove(request, form)
    typed, reason, words = (str(form.data.get(key, "")) for key in ("several", "reason", "words"))
    try:
        made = bulk.ask(caller, typed, reason, words, proof)
    except PermanentError as error:
        return closed(request, form, error, template="studies/bulk_ask.html")
    if isinstance(made, BulkLookUp):
        toast(request, _("A second person is asked"), icon="people", family="review")
        return redirect("bulk", bulk_id=made.pk)
    return _shown(request, made)


@login_required
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def one(request: HttpRequest, bulk_id: UUID) -> HttpResponse:
    """Show a request: to who asked, with the way in; to a second person, with the decision."""
    caller = access.viewer(request)
    if not caller.has(*bulk.CONSENTING):
        raise PermissionDenied
    row = bulk.bulk_for(caller, bulk_id)
    if row is None:
        raise Http404
    form = ProofForm(request.POST or None)
    is_mine = row.requested_by_id == caller.user.pk
    context = {
        "row": row,
        "form": form,
        "reason": REASONS.get(row.reason, ""),
        "is_mine": is_mine,
        "may_decide": not is_mine and row.state == ConsentState.REQUESTED and not row.is_over,
        "may_open": is_mine and row.state == ConsentState.CONSENTED and not row.is_over,
    }
    if request.method == "GET":
        return private(request, "studies/bulk.html", context)
    proof = prove(request, form)
    try:
        if is_mine:
            return _shown(request, bulk.open_consented(caller, row, proof))
        consent = request.POST.get("decision") == "consent"
        bulk.decide(caller, row, consent=consent, proof=proof)
    except PermanentError as error:
        return closed(request, form, error, context, "studies/bulk.html")
    toast(request, _("Consent given") if consent else _("Declined"))
    return redirect("bulk", bulk_id=row.pk)


def _shown(request: HttpRequest, patients: list[Identified]) -> HttpResponse:
    rows = [
        {
            "cloud_study_id": found.cloud_study_id,
            "name": identity.row("PatientName", "", found.patient.get("PatientName", ())),
            "number": identity.row("PatientID", "", found.patient.get("PatientID", ())),
            "born": identity.row("PatientBirthDate", "", found.patient.get("PatientBirthDate", ())),
            "accession": identity.row(
                "AccessionNumber", "", found.study.get("AccessionNumber", ())
            ),
            "date": identity.row("StudyDate", "", found.study.get("StudyDate", ())),
            "event": found.event_number,
        }
        for found in patients
    ]
    context = {"rows": rows, "seen": timezone.now(), "again": reverse("bulk_ask")}
    return private(request, "studies/bulk_shown.html", context)


def _line(keyword: str, values: dict[str, tuple[str, ...]]) -> identity.Row:
    return identity.row(keyword, "", values.get(keyword, ()))
