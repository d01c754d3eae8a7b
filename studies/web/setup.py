"""Pages of profiles, of the organization's settings and of its people."""

from uuid import UUID

import yaml
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from anonportal.ui.toasts import toast
from studies.faults import PermanentError
from studies.models import Membership, ProfileVersion, Role
from studies.services import access, organizations, people, profiles
from studies.web.effects import effects
from studies.web.forms import MemberForm, OrganizationForm, ProfileForm


@login_required
@require_GET
def profile_list(request: HttpRequest) -> HttpResponse:
    """List the organization's profiles with what each keeps and costs."""
    caller = access.require(request, Role.COORDINATOR, Role.ADMINISTRATOR)
    rows = [
        {"version": version, "effects": effects(version.definition.get("options", []))}
        for version in profiles.newest(caller.organization)
    ]
    context = {
        "rows": rows,
        "default": caller.organization.default_profile_id,
        "may_change": caller.has(Role.ADMINISTRATOR),
    }
    return render(request, "studies/profiles.html", context)


@login_required
@require_GET
def profile_detail(request: HttpRequest, version_id: UUID) -> HttpResponse:
    """Show one version of a profile, exactly as it is used."""
    caller = access.require(request, Role.COORDINATOR, Role.ADMINISTRATOR)
    version = (
        ProfileVersion.objects.filter(profile__organization=caller.organization, pk=version_id)
        .select_related("profile")
        .first()
    )
    if version is None:
        raise Http404
    context = {
        "version": version,
        "effects": effects(version.definition.get("options", [])),
        "text": yaml.safe_dump(version.definition, sort_keys=False, allow_unicode=True),
        "others": version.profile.versions.all(),
        "may_change": caller.has(Role.ADMINISTRATOR),
    }
    return render(request, "studies/profile_detail.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def profile_new(request: HttpRequest) -> HttpResponse:
    """Make the next version of a custom profile; errors name line and key."""
    caller = access.require(request, Role.ADMINISTRATOR)
    form = ProfileForm(request.POST or None, initial=_starting_point(request))
    if request.method == "POST" and form.is_valid():
        try:
            version = profiles.save_version(
                caller.organization,
                form.cleaned_data["name"],
                form.cleaned_data["text"],
                caller.actor,
            )
        except PermanentError as error:
            form.add_error("text", str(error.message))
        else:
            toast(request, _("Version {number} made").format(number=version.number))
            return redirect("profile", version_id=version.pk)
    status = 422 if form.errors else 200
    return render(request, "studies/profile_new.html", {"form": form}, status=status)


def _starting_point(request: HttpRequest) -> dict[str, str]:
    name = "my-profile"
    start = {"name": name, "base": "basic", "options": ["clean-descriptors"], "rules": []}
    return {"name": name, "text": yaml.safe_dump(start, sort_keys=False)}


@login_required
@require_http_methods(["GET", "POST"])
def organization(request: HttpRequest) -> HttpResponse:
    """Change the organization's settings; see and change who works in it."""
    caller = access.require(request, Role.ADMINISTRATOR)
    row = caller.organization
    initial = {
        "name": row.name,
        "identifier_scheme": row.identifier_scheme,
        "default_issuer": row.default_issuer,
        "allowed_regions": ", ".join(row.allowed_regions),
        "release_policy": row.release_policy,
        "unsure_pixels": row.unsure_pixels,
        "documents": row.documents,
        "sampling_confidence": row.sampling_confidence,
        "sampling_percent": f"{row.sampling_permille / 10:g}",
        "sampling_size": row.sampling_size,
        "retention_days": row.retention_days,
        "second_factor_required": row.second_factor_required,
        "four_eyes_bulk": row.four_eyes_bulk,
    }
    form = OrganizationForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        organizations.change(row, form.cleaned_data, caller.actor)
        toast(request, _("Saved"))
        return redirect("organization")
    context = {
        "row": row,
        "form": form,
        "member_form": MemberForm(),
        "members": Membership.objects.filter(organization=row)
        .select_related("user")
        .order_by("user__name", "role"),
    }
    status = 422 if form.errors else 200
    return render(request, "studies/organization.html", context, status=status)


@login_required
@require_POST
def member_add(request: HttpRequest) -> HttpResponse:
    """Give a person a role; a new account gets a link to set its password."""
    caller = access.require(request, Role.ADMINISTRATOR)
    form = MemberForm(request.POST)
    if not form.is_valid():
        problem = " ".join(str(error) for errors in form.errors.values() for error in errors)
        messages.error(request, problem)
        return redirect("organization")
    try:
        people.invite(caller, **form.cleaned_data)
    except PermanentError as error:
        messages.error(request, error.message)
    else:
        toast(request, _("Role given"), icon="people")
    return redirect("organization")


@login_required
@require_http_methods(["GET", "POST"])
def member_remove(request: HttpRequest, membership_id: int) -> HttpResponse:
    """Take a role from a person."""
    caller = access.require(request, Role.ADMINISTRATOR)
    membership = (
        Membership.objects.filter(organization=caller.organization, pk=membership_id)
        .select_related("user", "organization")
        .first()
    )
    if membership is None:
        raise Http404
    if request.method == "GET":
        context = {
            "heading": _("Remove the role {role} from {name}").format(
                role=membership.get_role_display(), name=membership.user
            ),
            "consequence": _("They can no longer do or see here what this role allows."),
            "verb": _("Remove the role"),
            "back": reverse("organization"),
            "risk": True,
        }
        return render(request, "confirm.html", context)
    try:
        organizations.revoke(membership, caller.actor)
    except PermanentError as error:
        messages.error(request, error.message)
    else:
        toast(request, _("Role removed"), icon="minus", family="idle")
    return redirect("organization")
