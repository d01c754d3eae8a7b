"""The organization's device templates: what is blanked on which device, and forgetting one."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from anonportal.ui.toasts import toast
from studies.models import DeviceTemplate, Role
from studies.services import access, device_templates


@login_required
@require_GET
def template_list(request: HttpRequest) -> HttpResponse:
    """List the templates with a sketch of their boxes."""
    caller = access.require(request, Role.COORDINATOR, Role.ADMINISTRATOR)
    rows = DeviceTemplate.objects.filter(organization=caller.organization).order_by(
        "manufacturer", "model", "columns"
    )
    return render(request, "studies/device_templates.html", {"rows": list(rows)})


@login_required
@require_http_methods(["GET", "POST"])
def template_remove(request: HttpRequest, template_id: UUID) -> HttpResponse:
    """Forget a template; what was blanked with it stays as it is."""
    caller = access.viewer(request)
    template = DeviceTemplate.objects.filter(
        organization=caller.organization, pk=template_id
    ).first()
    if template is None:
        raise Http404
    access.require(request, Role.COORDINATOR, Role.ADMINISTRATOR)
    if request.method == "GET":
        context = {
            "heading": _("Remove the template of {device}").format(device=template),
            "consequence": _(
                "From now on its boxes are not blanked by themselves any more. What was blanked "
                "stays blanked."
            ),
            "verb": _("Remove the template"),
            "back": reverse("device_templates"),
            "risk": True,
        }
        return render(request, "confirm.html", context)
    device_templates.remove(caller.organization, template_id, caller.actor)
    toast(request, _("Template removed"), icon="minus", family="idle")
    return redirect("device_templates")
