"""Pages of destinations: where studies go."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from anonportal.ui.toasts import toast
from studies.delivery.kinds import ARCHIVES
from studies.faults import Fault
from studies.models import Destination, DestinationKind, DestinationState, Role
from studies.services import access, places
from studies.web.destination_forms import FORMS, DestinationForm, initial_of

SEES = (Role.COORDINATOR, Role.ADMINISTRATOR)
KINDS = {
    "folder": gettext_lazy("A mounted share or a local disk, below a root that settings allow"),
    "s3": gettext_lazy("Amazon S3, or what speaks like it: MinIO, Ceph, Wasabi"),
    "azure": gettext_lazy("A container in Azure Blob Storage"),
    "stow": gettext_lazy("An archive that takes studies over the web, by STOW-RS"),
    "dimse": gettext_lazy("A PACS or workstation that takes studies by C-STORE"),
}
# What a passed test proves, to the person who relies on it.
PROVES = {
    "folder": gettext_lazy("The test writes an object, reads it back, compares and deletes it."),
    "s3": gettext_lazy("The test puts an object, gets it back, compares and deletes it."),
    "azure": gettext_lazy("The test puts an object, gets it back, compares and deletes it."),
    "stow": gettext_lazy(
        "The test sends a part that is no DICOM object: address, TLS and credentials are proved, "
        "and that the store service answers. Nothing stays there; whether the archive keeps real "
        "studies shows with the first one, since STOW-RS has no way to take one back."
    ),
    "dimse": gettext_lazy(
        "The test does a C-ECHO and asks whether CT, MR, X-ray or captures would be taken: "
        "address, TLS and AE titles are proved. Nothing is stored, since C-STORE has no way to "
        "take an object back."
    ),
}


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
    """Add or change a destination; a new one begins with its kind."""
    caller = access.require(request, Role.ADMINISTRATOR)
    row = (
        access.destination_for(request, destination_id, (Role.ADMINISTRATOR,))
        if destination_id
        else None
    )
    kind = row.kind if row else request.GET.get("kind", "")
    if kind not in FORMS:
        rows = [(DestinationKind(name), text) for name, text in KINDS.items()]
        return render(request, "studies/destination_kinds.html", {"kinds": rows})
    form = FORMS[kind](
        request.POST or None,
        organization=caller.organization,
        initial=initial_of(row) if row else None,
    )
    if request.method == "POST" and form.is_valid():
        saved = _save(caller, row, form)
        if saved is not None:
            toast(request, _("Saved. Test it before it is used."), icon="plug")
            return redirect("destination", destination_id=saved.pk)
    context = {
        "row": row,
        "form": form,
        "kind": DestinationKind(kind),
        "proves": PROVES[kind],
        "is_archive": kind in ARCHIVES,
        "has_secrets": row is not None and places.has_credentials(row),
        "allowed": caller.organization.allowed_regions,
    }
    return render(
        request, "studies/destination_edit.html", context, status=422 if form.errors else 200
    )


def _save(
    caller: access.Viewer, row: Destination | None, form: DestinationForm
) -> Destination | None:
    """Store what was entered; on a fault, say it in the form."""
    try:
        return places.save_destination(
            caller.organization,
            caller.actor,
            destination=row,
            values=form.values(),
            secrets=form.secret_values(),
        )
    except Fault as fault:
        form.add_error(None, str(fault.message))
    return None


@login_required
@require_POST
def destination_test(request: HttpRequest, destination_id: UUID) -> HttpResponse:
    """Try a destination as far as its kind allows, and remember what came of it."""
    row = access.destination_for(request, destination_id, SEES)
    try:
        places.try_destination(row, access.viewer(request).actor)
    except Fault as fault:
        messages.error(request, fault.message)
    else:
        toast(request, _("Test passed"), icon="plug")
    return _back(request, row)


@login_required
@require_POST
def destination_pause(request: HttpRequest, destination_id: UUID) -> HttpResponse:
    """Switch a destination off, or on again."""
    row = access.destination_for(request, destination_id, (Role.ADMINISTRATOR,))
    is_paused = row.state == DestinationState.PAUSED
    places.pause(row, access.viewer(request).actor, paused=not is_paused)
    said = _("Switched on: test it first") if is_paused else _("Switched off")
    toast(request, said, icon="plug" if is_paused else "pause", family="idle")
    return _back(request, row)


def _back(request: HttpRequest, row: Destination) -> HttpResponse:
    """Return to the page that the button stood on."""
    if "page" in request.POST:
        return redirect("destination", destination_id=row.pk)
    return redirect("destinations")
