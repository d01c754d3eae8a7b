"""Pages of sources: where studies come from, asked for or by themselves."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from anonportal.ui.toasts import toast
from studies.faults import Fault
from studies.intake.sources import SEARCHABLE
from studies.models import ListenerRule, Role, Source
from studies.models.places import SourceKind
from studies.services import access, places, rules, searching
from studies.web.source_forms import SOURCE_FORMS, RuleForm

SEES = (Role.COORDINATOR, Role.ADMINISTRATOR)


@login_required
@require_GET
def source_list(request: HttpRequest) -> HttpResponse:
    """List where studies come from."""
    caller = access.require(request, *SEES)
    rows = Source.objects.filter(organization=caller.organization)
    context = {
        "rows": rows.exclude(kind=SourceKind.LISTENER),
        "rules": ListenerRule.objects.filter(organization=caller.organization).select_related(
            "destination", "profile_version__profile"
        ),
        "searchable": SEARCHABLE,
        "may_change": caller.has(Role.ADMINISTRATOR),
    }
    return render(request, "studies/sources.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def source_edit(request: HttpRequest, source_id: UUID | None = None) -> HttpResponse:
    """Add or change a source, by the form of its kind."""
    caller = access.require(request, Role.ADMINISTRATOR)
    row = access.source_for(request, source_id, (Role.ADMINISTRATOR,)) if source_id else None
    kind = row.kind if row else request.GET.get("kind", SourceKind.FOLDER)
    form_class = SOURCE_FORMS.get(kind)
    if form_class is None:
        raise Http404
    initial = form_class.initial_of(row) if row else None
    form = form_class(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            places.save_source(
                caller.organization,
                caller.actor,
                source=row,
                values=form.values,
                secrets=form.secrets,
            )
        except Fault as fault:
            form.add_error(None, str(fault.message))
        else:
            toast(request, _("Saved"), icon="folder")
            return redirect("sources")
    context = {
        "row": row,
        "form": form,
        "kind": kind,
        "kinds": [(str(one.kind), one.kind.label) for one in SOURCE_FORMS.values()],
    }
    status = 422 if form.errors else 200
    return render(request, "studies/source_edit.html", context, status=status)


@login_required
@require_POST
def source_test(request: HttpRequest, source_id: UUID) -> HttpResponse:
    """Ask a PACS for the least that shows that it answers."""
    row = access.source_for(request, source_id, SEES)
    try:
        searching.try_source(row, access.viewer(request).actor)
    except Fault as fault:
        messages.error(request, fault.message)
    else:
        toast(request, _("Test passed: the source answers"), icon="plug")
    return redirect("sources")


@login_required
@require_http_methods(["GET", "POST"])
def rule_edit(request: HttpRequest, rule_id: UUID | None = None) -> HttpResponse:
    """Add or change a listener rule."""
    caller = access.require(request, Role.ADMINISTRATOR)
    row = access.rule_for(request, rule_id, (Role.ADMINISTRATOR,)) if rule_id else None
    form = RuleForm(
        request.POST or None,
        organization=caller.organization,
        initial=RuleForm.initial_of(row) if row else None,
    )
    if request.method == "POST" and form.is_valid():
        try:
            rules.save_rule(
                caller.organization, caller.actor, rule=row, values=dict(form.cleaned_data)
            )
        except Fault as fault:
            form.add_error(None, str(fault.message))
        else:
            toast(request, _("Saved"), icon="plug")
            return redirect("sources")
    status = 422 if form.errors else 200
    return render(request, "studies/rule_edit.html", {"row": row, "form": form}, status=status)
