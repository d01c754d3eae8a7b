"""Making organizations and people, and giving roles: by command or by a platform operator."""

import json
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.utils.translation import gettext as _

from audit import SYSTEM_CHAIN, Actor, record
from studies.faults import PermanentError
from studies.models import LinkageDomain, Membership, Organization, Role, Source
from studies.models.places import SourceKind
from studies.services import keys, profiles
from studies.vault import service as vault

COMMAND = Actor(kind="system", id="command", label="command line")
UPLOAD_SOURCE = "Upload"


def create_organization(
    *, slug: str, name: str, prefix: str, actor: Actor = COMMAND, **values: Any
) -> Organization:
    """Make an organization with its keys, its default linkage domain and the built-in profiles.

    The vault commits first: a domain without an organization harms nobody.
    """
    organization = Organization(slug=slug, name=name, prefix=prefix, **values)
    organization.wrapped_key = keys.new_organization_key(organization.pk)
    organization.full_clean(exclude=["default_profile", "wrapped_key"])
    domain = LinkageDomain(organization=organization, name="default")
    vault.create_domain(domain.pk, organization.pk, domain.name)
    with transaction.atomic():
        organization.save()
        domain.save()
        Source.objects.create(organization=organization, name=UPLOAD_SOURCE, kind=SourceKind.UPLOAD)
        profiles.add_builtin(organization)
        record(
            "organization.created",
            actor=actor,
            chain=SYSTEM_CHAIN,
            subject=str(organization.pk),
            subject_kind="organization",
            detail={"slug": slug, "prefix": prefix},
        )
    return organization


def create_person(
    *, email: str, name: str, password: str | None = None, actor: Actor = COMMAND
) -> AbstractBaseUser:
    """Make an account; without a password its person sets one by the reset link."""
    users: Any = get_user_model()._default_manager
    if users.filter(email__iexact=email.strip()).exists():
        raise PermanentError("account-exists", _("There is an account with this address already."))
    with transaction.atomic():
        user: AbstractBaseUser = users.create_user(email=email, password=password, name=name)
        record(
            "person.created",
            actor=actor,
            chain=SYSTEM_CHAIN,
            subject=str(user.pk),
            subject_kind="person",
        )
    return user


def set_platform_operator(
    user: AbstractBaseUser, *, is_operator: bool, actor: Actor = COMMAND
) -> None:
    """Make somebody a platform operator or end that: they read the installation's own trail."""
    with transaction.atomic():
        get_user_model().objects.filter(pk=user.pk).update(is_platform_operator=is_operator)
        record(
            "person.changed",
            actor=actor,
            chain=SYSTEM_CHAIN,
            subject=str(user.pk),
            subject_kind="person",
            detail={"platform_operator": is_operator},
        )


def grant(
    user: AbstractBaseUser, organization: Organization, role: str, actor: Actor = COMMAND
) -> Membership:
    """Give a person a role in an organization."""
    if role not in Role.values:
        raise PermanentError("role-unknown", _("There is no such role."))
    with transaction.atomic():
        row, made = Membership.objects.get_or_create(
            user_id=user.pk, organization=organization, role=role
        )
        if made:
            _record_role("membership.granted", user, organization, role, actor)
    return row


def revoke(membership: Membership, actor: Actor) -> None:
    """Take a role from a person; an organization keeps at least one administrator."""
    with transaction.atomic():
        others = Membership.objects.filter(
            organization=membership.organization, role=Role.ADMINISTRATOR
        ).exclude(pk=membership.pk)
        if membership.role == Role.ADMINISTRATOR and not others.exists():
            raise PermanentError(
                "last-administrator",
                _("This is the last administrator: give the role to someone else first."),
            )
        user, organization, role = membership.user, membership.organization, membership.role
        membership.delete()
        _record_role("membership.revoked", user, organization, role, actor)


def _record_role(
    action: str, user: AbstractBaseUser, organization: Organization, role: str, actor: Actor
) -> None:
    record(
        action,
        actor=actor,
        chain=str(organization.pk),
        subject=str(user.pk),
        subject_kind="person",
        detail={"role": str(role)},
    )


CHANGEABLE = (
    "name",
    "identifier_scheme",
    "default_issuer",
    "allowed_regions",
    "release_policy",
    "sampling_size",
    "sampling_confidence",
    "sampling_permille",
    "unsure_pixels",
    "documents",
    "retention_days",
    "default_profile",
    "second_factor_required",
    "four_eyes_bulk",
)


def change(organization: Organization, values: dict[str, Any], actor: Actor) -> Organization:
    """Change settings of an organization; the trail says which, before and after."""
    changed: dict[str, str] = {}
    for name in CHANGEABLE:
        if name in values and getattr(organization, name) != values[name]:
            changed[name] = json.dumps(
                [getattr(organization, name), values[name]], default=str, ensure_ascii=False
            )
            setattr(organization, name, values[name])
    if not changed:
        return organization
    organization.full_clean(exclude=["wrapped_key"])
    with transaction.atomic():
        organization.save()
        record(
            "organization.changed",
            actor=actor,
            chain=str(organization.pk),
            subject=str(organization.pk),
            subject_kind="organization",
            detail=changed,
        )
    return organization
