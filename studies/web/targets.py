"""Administrators' pages of the hospital's own systems that take reports: add, change, test."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from anonportal.ui.toasts import toast
from studies.faults import Fault
from studies.models import DestinationState, ReportTarget, Role, TargetKind
from studies.services import access, sending_on
from studies.services.access import Viewer
from studies.web.target_forms import FORMS, TargetForm, initial_of

KINDS = {
    "mllp": gettext_lazy(
        "A RIS or an interface engine that takes HL7 reports; it says AA or why not"
    ),
    "stow": gettext_lazy("An archive that takes DICOM reports and objects over the web"),
    "cstore": gettext_lazy("A PACS that takes DICOM reports and objects by C-STORE"),
    "folder": gettext_lazy("A share that another system reads; takes reports of every format"),
}


@login_required
@require_GET
def target_list(request: HttpRequest) -> HttpResponse:
    """List the systems that take reports."""
    caller = access.require(request, Role.ADMINISTRATOR)
    rows = ReportTarget.objects.filter(organization=caller.organization)
    return render(request, "studies/targets.html", {"rows": rows})


@login_required
@require_http_methods(["GET", "POST"])
def target_edit(request: HttpRequest, target_id: UUID | None = None) -> HttpResponse:
    """Add or change a target; a new one begins with its kind."""
    caller = access.require(request, Role.ADMINISTRATOR)
    row = _target(caller, target_id) if target_id else None
    kind = row.kind if row else request.GET.get("kind", "")
    if kind not in FORMS:
        kinds = [(TargetKind(name), text) for name, text in KINDS.items()]
        return render(request, "studies/target_kinds.html", {"kinds": kinds})
    form = FORMS[kind](request.POST or None, initial=initial_of(row) if row else None)
    if request.method == "POST" and form.is_valid() and _saved(caller, row, form):
        toast(request, _("Saved. Test it before it is used."), icon="plug")
        return redirect("targets")
    context = {"row": row, "form": form, "kind": TargetKind(kind)}
    status = 422 if form.errors else 200
    return render(request, "studies/target_edit.html", context, status=status)


def _saved(caller: Viewer, row: ReportTarget | None, form: TargetForm) -> bool:
    try:
        sending_on.save_target(
            caller.organization,
            caller.actor,
            target=row,
            values=form.values(),
            secrets=form.secret_values(),
        )
    except Fault as fault:
        form.add_error(None, str(fault.message))
        return False
    except IntegrityError:
        form.add_error("name", _("Another target has this name."))
        return False
    return True


@login_required
@require_POST
def target_test(request: HttpRequest, target_id: UUID) -> HttpResponse:
    """Try the way to a target; no report is sent."""
    caller = access.require(request, Role.ADMINISTRATOR)
    row = _target(caller, target_id)
    try:
        sending_on.try_target(row, caller.actor)
    except Fault as fault:
        messages.error(request, fault.message)
    else:
        toast(request, _("Test passed"), icon="plug")
    return redirect("targets")


@login_required
@require_POST
def target_pause(request: HttpRequest, target_id: UUID) -> HttpResponse:
    """Switch a target off, or on again: then it has to be tested."""
    caller = access.require(request, Role.ADMINISTRATOR)
    row = _target(caller, target_id)
    is_paused = row.state == DestinationState.PAUSED
    sending_on.pause_target(row, caller.actor, paused=not is_paused)
    toast(request, _("Switched on: test it first") if is_paused else _("Switched off"))
    return redirect("targets")


def _target(caller: Viewer, target_id: UUID) -> ReportTarget:
    row = ReportTarget.objects.filter(organization=caller.organization, pk=target_id).first()
    if row is None:
        raise Http404
    return row
