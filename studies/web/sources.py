"""Pages of sources: where studies come from."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from anonportal.ui.toasts import toast
from studies.faults import Fault
from studies.models import Role, Source
from studies.services import access, places
from studies.web.forms import SourceForm

SEES = (Role.COORDINATOR, Role.ADMINISTRATOR)


@login_required
@require_GET
def source_list(request: HttpRequest) -> HttpResponse:
    """List where studies come from."""
    caller = access.require(request, *SEES)
    rows = Source.objects.filter(organization=caller.organization)
    context = {"rows": rows, "may_change": caller.has(Role.ADMINISTRATOR)}
    return render(request, "studies/sources.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def source_edit(request: HttpRequest, source_id: UUID | None = None) -> HttpResponse:
    """Add or change a folder source."""
    caller = access.require(request, Role.ADMINISTRATOR)
    row = access.source_for(request, source_id, (Role.ADMINISTRATOR,)) if source_id else None
    initial = (
        {"name": row.name, "kind": row.kind, "root": row.config.get("root", "")} if row else {}
    )
    form = SourceForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        values = dict(form.cleaned_data)
        values["config"] = {"root": values.pop("root")}
        try:
            places.save_source(caller.organization, caller.actor, source=row, values=values)
        except Fault as fault:
            form.add_error(None, str(fault.message))
        else:
            toast(request, _("Saved"), icon="folder")
            return redirect("sources")
    return render(
        request,
        "studies/source_edit.html",
        {"row": row, "form": form},
        status=422 if form.errors else 200,
    )
