"""Pages of sending a report on: through the door to a system, and what that system answered."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from anonportal.accounts import door
from anonportal.ui.toasts import toast
from studies import jobs
from studies.faults import PermanentError
from studies.models import ReportSending, Role
from studies.services import access, returning, sending_on
from studies.web.proving import private, prove
from studies.web.reidentify import asked, closed, radiologist
from studies.web.target_forms import SendForm


@login_required
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def report_send(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Send a report on to a system of the hospital, with its patient: a look-up like any other."""
    caller = radiologist(request)
    report = returning.report_for(caller, report_id)
    if report is None or not report.cloud_study_id:
        raise Http404
    targets = sending_on.targets_for(report)
    form = SendForm(request.POST or None, targets=targets, initial={"reason": "report"})
    context = {"form": form, "report": report, "targets": targets}
    template = "studies/report_send.html"
    if request.method == "GET":
        return private(request, template, context)
    stated = asked(form, report.cloud_study_id)
    chosen = {str(row.pk): row for row in targets}.get(str(form.data.get("target", "")))
    proof = prove(request, form)
    if chosen is None:
        form.add_error("target", _("Choose a system."))
        return private(request, template, context, 422)
    try:
        sending = sending_on.send_on(caller, report, chosen, stated, proof=proof)
    except PermanentError as error:
        return closed(request, form, error, context, template)
    jobs.enqueue_sending(sending.pk)
    toast(request, _("On its way to {name}").format(name=chosen.name), icon="send")
    return redirect("report_page", report_id=report.pk)


@login_required
@never_cache
@require_POST
def sending_answer(request: HttpRequest, sending_id: UUID) -> HttpResponse:
    """Show what a system answered; it may name the patient, so the person has to be sure."""
    caller = access.require(request, Role.RADIOLOGIST)
    sending = (
        ReportSending.objects.filter(report__organization=caller.organization, pk=sending_id)
        .select_related("report", "target")
        .first()
    )
    if sending is None:
        raise Http404
    if not door.is_open(request):
        toast(request, _("Open the report again first"), icon="lock", family="idle")
        return redirect("report", report_id=sending.report_id)
    try:
        answer = sending_on.acknowledgement(caller, sending)
    except PermanentError as error:
        raise Http404 from error
    context = {"sending": sending, "answer": answer.replace("\r", "\n")}
    return private(request, "studies/sending_answer.html", context)
