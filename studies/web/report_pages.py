"""Pages of one returned report without its patient, and what is done with it after the door.

Bringing it, reading it under cloud ids, settling it; downloading it needs the door just passed.
"""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from anonportal.ui.toasts import toast
from studies.deid.cloudid import parse_cloud_id
from studies.faults import PermanentError
from studies.models import Report, ReportLink, ReportSending, ReportState, Role
from studies.services import access, downloading, returning
from studies.services.access import Viewer
from studies.web.door_forms import ReportForm, SettleForm
from studies.web.proving import passed_for, private
from studies.web.reasons import reason


class _InMemory(MemoryFileUploadHandler):
    """Keeps an uploaded report in memory, never in a temporary file in clear."""

    def handle_raw_input(self, *_args: object, **_more: object) -> None:
        """Take files of any size that the form may have; the service refuses larger ones."""
        self.activated = True


def _report(request: HttpRequest, report_id: UUID) -> tuple[Viewer, Report]:
    caller = access.require(request, Role.RADIOLOGIST)
    report = returning.report_for(caller, report_id)
    if report is None:
        raise Http404
    return caller, report


@csrf_exempt
@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def report_bring(request: HttpRequest) -> HttpResponse:
    """Take in a report that came back; its file stays in memory until it is sealed."""
    request.upload_handlers = [_InMemory(request)]
    return _report_bring(request)


@csrf_protect
def _report_bring(request: HttpRequest) -> HttpResponse:
    caller = access.require(request, Role.RADIOLOGIST)
    form = ReportForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        upload = form.cleaned_data["file"]
        try:
            if upload is not None:
                report = returning.receive(
                    caller.organization, upload.read(), caller.actor, received_by=caller.user
                )
            else:
                report = returning.receive_text(
                    caller.organization, form.cleaned_data["text"], caller.actor
                )
        except PermanentError as error:
            form.add_error("file" if upload is not None else "text", str(error.message))
        else:
            return _taken(request, report)
    status = 422 if form.errors else 200
    return private(request, "studies/report_bring.html", {"form": form}, status)


def _taken(request: HttpRequest, report: Report) -> HttpResponse:
    if report.state == ReportState.ATTENTION:
        toast(request, _("The report needs attention"), icon="warn", family="stop")
    else:
        toast(request, _("Report matched"), icon="mail", family="moving")
    return redirect("report_page", report_id=report.pk)


@login_required
@require_GET
def report_page(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Show where a report stands: versions, links, and what is in its way."""
    caller, report = _report(request, report_id)
    return private(request, "studies/report.html", _page(caller, report, SettleForm()))


def _page(caller: Viewer, report: Report, form: SettleForm) -> dict[str, object]:
    needs = report.state == ReportState.ATTENTION
    return {
        "report": report,
        "form": form,
        "reason": reason(report.code) if needs else None,
        "may_settle": needs and report.code in returning.SETTLED_BY_STUDY,
        "versions": returning.versions_of(report),
        "sendings": [
            {"row": one, "why": reason(one.code).title if one.code else ""}
            for one in ReportSending.objects.filter(report=report).select_related("target")
        ],
        "links": ReportLink.objects.filter(
            organization=caller.organization, report=report
        ).select_related("person", "made_by"),
    }


@login_required
@require_POST
def report_read(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Show the words of a report under cloud ids, to who has to settle it."""
    caller, report = _report(request, report_id)
    context = _page(caller, report, SettleForm())
    try:
        read = returning.as_it_came(caller, report)
    except PermanentError as error:
        return private(request, "studies/report.html", context | {"unread": error.message}, 422)
    return private(request, "studies/report.html", context | {"read": read})


@login_required
@require_POST
def report_settle(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Say which study a report is for, or put it aside, with a reason."""
    caller, report = _report(request, report_id)
    form = SettleForm(request.POST)
    if not form.is_valid():
        return private(request, "studies/report.html", _page(caller, report, form), 422)
    words = form.cleaned_data["words"]
    try:
        if request.POST.get("act") == "aside":
            returning.set_aside(caller, report, words)
            toast(request, _("Report set aside"), icon="minus", family="idle")
            return redirect(f"{reverse('worklist')}?s=attention")
        cloud_id = parse_cloud_id(form.cleaned_data["study"]) or ""
        returning.settle(caller, report, cloud_id, words)
    except PermanentError as error:
        form.add_error(None, str(error.message))
        return private(request, "studies/report.html", _page(caller, report, form), 422)
    toast(request, _("Report matched"), icon="mail", family="moving")
    return redirect("report_page", report_id=report.pk)


@login_required
@never_cache
@require_POST
def report_download(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Hand out a report with its patient in its own format, to who just passed the door for it."""
    caller, report = _report(request, report_id)
    event = passed_for(request, report)
    if not event:
        toast(request, _("Open the report again first"), icon="lock", family="idle")
        return redirect("report", report_id=report.pk)
    try:
        document = downloading.download(caller, report, event)
    except PermanentError as error:
        context = _page(caller, report, SettleForm()) | {"unread": error.message}
        return private(request, "studies/report.html", context, 422)
    response = HttpResponse(document.body, content_type=document.content_type)
    response["Content-Disposition"] = f'attachment; filename="{document.file_name}"'
    response["Cache-Control"] = "no-store"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response
