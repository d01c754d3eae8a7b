"""The page of alerts: who reached the limit of look-ups. For administrators and auditors."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from anonportal.ui.toasts import toast
from studies.models import Role
from studies.services import access, alarms

WATCHING = (Role.ADMINISTRATOR, Role.AUDITOR)
PAGE = 50


@login_required
@require_GET
def door_alerts(request: HttpRequest) -> HttpResponse:
    """List the alerts, the unseen first."""
    caller = access.require(request, *WATCHING)
    rows = alarms.of(caller)[:PAGE]
    return render(request, "studies/door_alerts.html", {"rows": rows})


@login_required
@require_POST
def door_alert_seen(request: HttpRequest) -> HttpResponse:
    """Note that the alerts shown were seen."""
    caller = access.require(request, *WATCHING)
    alarms.mark_seen(caller)
    toast(request, _("Noted"))
    return redirect("door_alerts")
