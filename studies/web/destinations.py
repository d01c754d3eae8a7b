"""Pages of destinations: where studies go."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from anonportal.ui.toasts import toast
from studies.faults import Fault
from studies.models import Destination, DestinationState, Role
from studies.services import access, places
from studies.web.forms import DestinationForm

SEES = (Role.COORDINATOR, Role.ADMINISTRATOR)


@login_required
@require_GET
def destination_list(request: HttpRequest) -> HttpResponse:
    """List where studies go."""
    caller = access.require(request, *SEES)
    rows = Destination.objects.filter(organization=caller.organization)
    context = {"rows": rows, "may_change": caller.has(Role.ADMINISTRATOR)}
    return render(request, "studies/destinations.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def destination_edit(request: HttpRequest, destination_id: UUID | None = None) -> HttpResponse:
    """Add or change a destination."""
    caller = access.require(request, Role.ADMINISTRATOR)
    row = (
        access.destination_for(request, destination_id, (Role.ADMINISTRATOR,))
        if destination_id
        else None
    )
    initial = _values(row) | {"root": row.config.get("root", "")} if row else {}
    form = DestinationForm(request.POST or None, organization=caller.organization, initial=initial)
    if request.method == "POST" and form.is_valid():
        values = dict(form.cleaned_data)
        values["config"] = {"root": values.pop("root")}
        try:
            saved = places.save_destination(
                caller.organization, caller.actor, destination=row, values=values
            )
        except Fault as fault:
            form.add_error(None, str(fault.message))
        else:
            toast(request, _("Saved. Test it before it is used."), icon="plug")
            return redirect("destination", destination_id=saved.pk)
    return render(
        request,
        "studies/destination_edit.html",
        {"row": row, "form": form, "failing": DestinationState.FAILING},
        status=422 if form.errors else 200,
    )


def _values(row: Destination) -> dict[str, object]:
    names = ("name", "kind", "region", "operator", "agreement")
    return {name: getattr(row, name) for name in names}


@login_required
@require_POST
def destination_test(request: HttpRequest, destination_id: UUID) -> HttpResponse:
    """Put, read back and delete a probe object."""
    row = access.destination_for(request, destination_id, SEES)
    try:
        places.try_destination(row, access.viewer(request).actor)
    except Fault as fault:
        messages.error(request, fault.message)
    else:
        toast(request, _("Test passed: put, read back, deleted"), icon="plug")
    return redirect("destinations")


@login_required
@require_POST
def destination_pause(request: HttpRequest, destination_id: UUID) -> HttpResponse:
    """Switch a destination off, or on again."""
    row = access.destination_for(request, destination_id, (Role.ADMINISTRATOR,))
    is_paused = row.state == DestinationState.PAUSED
    places.pause(row, access.viewer(request).actor, paused=not is_paused)
    said = _("Switched on: test it first") if is_paused else _("Switched off")
    toast(request, said, icon="plug" if is_paused else "pause", family="idle")
    return redirect("destinations")
