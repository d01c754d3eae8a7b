"""Who may see and do what. Every query of the portal starts here, at the caller's memberships.

An object of another organization does not exist for the caller (404); an act that the caller's
roles don't allow in their own organization is refused (403).
"""

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.utils.translation import gettext as _

from audit import SYSTEM_CHAIN, Actor
from studies.models import (
    Batch,
    Destination,
    ListenerRule,
    Membership,
    Organization,
    PixelCheck,
    Role,
    Sample,
    Source,
    Study,
)

SESSION_KEY = "organization"


@dataclass(frozen=True)
class Viewer:
    """A signed-in person at work in one organization."""

    user: AbstractBaseUser
    organization: Organization
    roles: frozenset[str]
    address: str = ""

    def has(self, *roles: str) -> bool:
        """Say whether the person holds one of the roles here."""
        return bool(self.roles.intersection(roles))

    @property
    def actor(self) -> Actor:
        """Return the person as the trail names them."""
        return Actor(
            kind="person",
            id=str(self.user.pk),
            label=str(self.user),
            role=", ".join(sorted(self.roles)),
            address=self.address,
        )


def memberships(user: AbstractBaseUser | AnonymousUser) -> QuerySet[Membership]:
    """Return a person's memberships, by organization."""
    if not isinstance(user, AbstractBaseUser):
        return Membership.objects.none()
    return (
        Membership.objects.filter(user_id=user.pk, user__is_active=True)
        .select_related("organization", "user")
        .order_by("organization__name", "role")
    )


def viewer(request: HttpRequest) -> Viewer:
    """Return who is asking and in which organization; refuse a person without any membership."""
    known: Viewer | None = getattr(request, "_viewer", None)
    if known is not None:
        return known
    held = list(memberships(request.user))
    if not held:
        raise PermissionDenied
    wanted = request.session.get(SESSION_KEY, "")
    organizations = {str(row.organization_id): row.organization for row in held}
    chosen = organizations.get(wanted) or held[0].organization
    found = Viewer(
        user=held[0].user,
        organization=chosen,
        roles=frozenset(row.role for row in held if row.organization_id == chosen.pk),
        address=request.META.get("REMOTE_ADDR", ""),
    )
    request._viewer = found  # type: ignore[attr-defined]
    return found


def require(request: HttpRequest, *roles: str) -> Viewer:
    """Return the caller, or refuse one who holds none of the roles in their organization."""
    caller = viewer(request)
    if roles and not caller.has(*roles):
        raise PermissionDenied
    return caller


def switch(request: HttpRequest, organization_id: UUID) -> Organization:
    """Put the caller to work in another of their organizations."""
    row = memberships(request.user).filter(organization_id=organization_id).first()
    if row is None:
        raise Http404
    request.session[SESSION_KEY] = str(row.organization_id)
    return row.organization


def batch_for(
    request: HttpRequest, batch_id: UUID, roles: tuple[str, ...] = (Role.COORDINATOR,)
) -> Batch:
    """Return a batch of the caller's organization."""
    caller = viewer(request)
    batch = (
        Batch.objects.filter(organization=caller.organization, pk=batch_id)
        .select_related("organization", "destination", "source", "profile_version__profile")
        .first()
    )
    if batch is None:
        raise Http404
    require(request, *roles)
    return batch


def study_for(
    request: HttpRequest, study_id: UUID, roles: tuple[str, ...] = (Role.COORDINATOR,)
) -> Study:
    """Return a study of the caller's organization."""
    caller = viewer(request)
    study = (
        Study.objects.filter(organization=caller.organization, pk=study_id)
        .select_related("batch", "batch__organization")
        .first()
    )
    if study is None:
        raise Http404
    require(request, *roles)
    return study


def check_for(request: HttpRequest, check_id: UUID) -> PixelCheck:
    """Return an image at the review desk of the caller's organization."""
    caller = viewer(request)
    check = (
        PixelCheck.objects.filter(batch__organization=caller.organization, pk=check_id)
        .select_related(
            "batch__organization",
            "batch__profile_version",
            "batch__destination__domain",
            "instance__study",
        )
        .first()
    )
    if check is None:
        raise Http404
    require(request, Role.COORDINATOR)
    return check


def sample_for(request: HttpRequest, sample_id: UUID) -> Sample:
    """Return a sampling review of the caller's organization."""
    caller = viewer(request)
    sample = (
        Sample.objects.filter(batch__organization=caller.organization, pk=sample_id)
        .select_related("batch__organization")
        .first()
    )
    if sample is None:
        raise Http404
    require(request, Role.COORDINATOR)
    return sample


def source_for(request: HttpRequest, source_id: UUID, roles: tuple[str, ...]) -> Source:
    """Return a source of the caller's organization."""
    found = Source.objects.filter(organization=viewer(request).organization, pk=source_id).first()
    if found is None:
        raise Http404
    require(request, *roles)
    return found


def rule_for(request: HttpRequest, rule_id: UUID, roles: tuple[str, ...]) -> ListenerRule:
    """Return a listener rule of the caller's organization."""
    rules = ListenerRule.objects.filter(organization=viewer(request).organization, pk=rule_id)
    found = rules.select_related("organization", "source").first()
    if found is None:
        raise Http404
    require(request, *roles)
    return found


def destination_for(
    request: HttpRequest, destination_id: UUID, roles: tuple[str, ...]
) -> Destination:
    """Return a destination of the caller's organization."""
    found = Destination.objects.filter(
        organization=viewer(request).organization, pk=destination_id
    ).first()
    if found is None:
        raise Http404
    require(request, *roles)
    return found


def digest_readers(chain: str) -> list[str]:
    """Return who gets the nightly digest of a chain by e-mail: the organization's auditors."""
    if not settings.AUDIT_DIGEST or chain == SYSTEM_CHAIN:
        return []
    return list(
        Membership.objects.filter(
            organization_id=chain, role=Role.AUDITOR, user__is_active=True
        ).values_list("user__email", flat=True)
    )


def audit_chains(user: AbstractBaseUser | AnonymousUser) -> list[tuple[str, str]]:
    """Return the chains whose trail a person may read: those of organizations they audit.

    The chain of sign-ins, keys and settings belongs to no organization: platform operators read it.
    """
    chains = [
        (str(row.organization_id), row.organization.name)
        for row in memberships(user).filter(role=Role.AUDITOR)
    ]
    if getattr(user, "is_platform_operator", False):
        chains.append((SYSTEM_CHAIN, _("The installation")))
    return chains
