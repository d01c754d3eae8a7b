"""What the frame around every page shows of the caller: organization, role, where they may go."""

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from anonportal.ui.shell import Group, Item, Place, Shell
from studies.models import BatchState, Instance, InstanceState, Report, ReportState, Role
from studies.services import access, alarms, desk
from studies.services.access import Viewer


def shell(request: HttpRequest) -> Shell:
    """Return the frame for a signed-in person."""
    held = list(access.memberships(request.user))
    if not held:
        return Shell()
    caller = access.viewer(request)
    places: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    for row in held:
        key = str(row.organization_id)
        places.setdefault(key, []).append(str(row.get_role_display()))
        names[key] = row.organization.name
    here = getattr(request, "nav_path", request.path)
    main, groups = _navigation(caller, here)
    return Shell(
        places=tuple(
            Place(key, names[key], ", ".join(roles), key == str(caller.organization.pk))
            for key, roles in places.items()
        ),
        switch_url=reverse("switch"),
        main=tuple(main[:4]),
        groups=tuple(groups),
        search_url=reverse("find"),
        search_label=_("Batch or cloud id"),
        home_url=reverse("home"),
    )


def _navigation(caller: Viewer, here: str) -> tuple[list[Item], list[Group]]:
    def item(label: object, name: str, icon: str, **more: object) -> Item:
        url = reverse(name)
        is_current = here == url if name == "home" else here.startswith(url)
        if name == "batches" and here == reverse("batch_new"):
            is_current = False
        return Item(label, url, icon, current=is_current, **more)  # type: ignore[arg-type]

    main = [item(_("Home"), "home", "home")]
    more: list[Item] = []
    if caller.has(Role.COORDINATOR):
        to_review = at_the_desk(caller)
        main += [
            item(_("New batch"), "batch_new", "plus"),
            item(_("Batches"), "batches", "batches", badge=waiting_count(caller) - to_review),
            item(_("Review"), "review", "eye", badge=to_review, family="held"),
        ]
    if caller.has(Role.RADIOLOGIST):
        main += [
            item(_("Worklist"), "worklist", "mail", badge=reports_waiting(caller), family="moving"),
            item(_("Re-identify"), "reidentify", "key"),
        ]
    if access.audit_chains(caller.user):
        main.append(item(_("Audit trail"), "audit:home", "trail"))
    if caller.has(Role.COORDINATOR, Role.ADMINISTRATOR):
        more += [
            item(_("Profiles"), "profiles", "sliders"),
            item(_("Destinations"), "destinations", "plug"),
            item(_("Sources"), "sources", "folder"),
            item(_("Device templates"), "device_templates", "draw"),
        ]
    if caller.has(Role.ADMINISTRATOR):
        more += [
            item(_("Organization and people"), "organization", "people"),
            item(_("Systems for reports"), "targets", "send"),
            item(_("API tokens"), "tokens", "key"),
        ]
    if caller.has(Role.ADMINISTRATOR, Role.AUDITOR):
        count = alarms.unseen(caller)
        more += [item(_("Alerts of the door"), "door_alerts", "bell", badge=count, family="stop")]
    groups = []
    if main[4:]:
        groups.append(Group(_("Work"), tuple(main[4:])))
    if more:
        groups.append(Group(_("Set-up"), tuple(more)))
    return main, groups


def at_the_desk(caller: Viewer) -> int:
    """Return how many held images the review desk can settle."""
    return desk.queue(caller.organization).count()


def waiting_count(caller: Viewer) -> int:
    """Return how many entries are held in batches that wait for a coordinator."""
    return Instance.objects.filter(
        batch__organization=caller.organization,
        state=InstanceState.HELD,
        batch__state__in=[
            BatchState.PROCESSING,
            BatchState.REVIEW,
            BatchState.ATTENTION,
            BatchState.DELIVERED,
        ],
    ).count()


def reports_waiting(caller: Viewer) -> int:
    """Return how many reports have arrived and were not opened yet."""
    return Report.objects.filter(
        organization=caller.organization, state=ReportState.ARRIVED
    ).count()
