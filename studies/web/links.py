"""Pages of links: giving one report to one person for a while, opening it, taking it back."""

from dataclasses import replace
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from anonportal.ui.toasts import toast
from studies.faults import PermanentError
from studies.models import Role
from studies.services import access, lending, restoring, returning
from studies.services.access import Viewer
from studies.services.reidentification import reidentify
from studies.web.door_forms import LinkForm, StatedForm
from studies.web.proving import private, prove
from studies.web.reidentify import asked, closed, radiologist, show_report


@login_required
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def link_new(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Give a person of the organization a link to one report."""
    caller = radiologist(request)
    report = returning.report_for(caller, report_id)
    if report is None or not report.cloud_study_id:
        raise Http404
    form = LinkForm(
        request.POST or None, people=lending.people(caller), most=settings.LINK_MAX_HOURS
    )
    context = {"form": form, "report": report}
    template = "studies/link_new.html"
    if request.method == "GET":
        return private(request, template, context)
    is_whole = form.is_valid()
    proof = prove(request, form)
    if not is_whole:
        return private(request, template, context, 422)
    chosen = form.cleaned_data
    try:
        lending.lend(
            caller, report, int(chosen["person"]), int(chosen["hours"]), chosen["words"], proof
        )
    except PermanentError as error:
        return closed(request, form, error, context, template)
    toast(request, _("The person has the link by e-mail"), icon="mail")
    return redirect("report_page", report_id=report.pk)


@login_required
@require_POST
def link_revoke(request: HttpRequest, link_id: UUID) -> HttpResponse:
    """Take a link back."""
    caller = access.viewer(request)
    link = lending.link_for(caller, link_id)
    if link is None:
        raise Http404
    access.require(request, Role.RADIOLOGIST, Role.ADMINISTRATOR)
    lending.revoke(caller, link)
    toast(request, _("Link taken back"), icon="minus", family="idle")
    if caller.has(Role.RADIOLOGIST):
        return redirect("report_page", report_id=link.report_id)
    return redirect("home")


@login_required
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def report_link(request: HttpRequest, link_id: UUID) -> HttpResponse:
    """Open the one report that a link is for, to the one person it was given to."""
    caller = _at_home(request, link_id)
    link = lending.link_for(caller, link_id)
    if link is None:
        raise Http404
    form = StatedForm(request.POST or None, initial={"reason": "report"})
    context = {"form": form, "report": link.report, "link": link}
    is_theirs = link.person_id == caller.user.pk
    if request.method == "GET" and is_theirs and not link.is_over:
        return private(request, "studies/door.html", context)
    proof = prove(request, form) if is_theirs else None
    stated = asked(form, link.report.cloud_study_id, link=link)
    try:
        identified = reidentify(caller, stated, proof=proof)
        restored = restoring.restore_identified(caller, link.report, identified)
    except PermanentError as error:
        if error.code == "link-not-yours":
            raise Http404 from None
        if error.code == "link-over":
            return private(request, "studies/link_over.html", {"link": link}, 410)
        return closed(request, form, error, context)
    lending.mark_opened(link)
    return show_report(request, caller, restored, may_pass_on=False)


def _at_home(request: HttpRequest, link_id: UUID) -> Viewer:
    """Return the caller in the organization of a link to them, wherever they work just now."""
    caller = access.viewer(request)
    for row in access.memberships(request.user):
        here = replace(caller, organization=row.organization)
        link = lending.link_for(here, link_id)
        if link is not None:
            held = access.memberships(request.user).filter(organization=row.organization)
            return replace(here, roles=frozenset(one.role for one in held))
    return caller
