"""Profiles of an organization: the built-in ones, and new versions of its own."""

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from audit import Actor, record
from studies.deid import EngineError, builtin_profile, compile_plan
from studies.deid import Profile as EngineProfile
from studies.deid.profile_text import load_profile
from studies.faults import PermanentError
from studies.models import Organization, Profile, ProfileVersion

BUILTIN = ("teleradiology", "cloud", "basic")


def add_builtin(organization: Organization) -> None:
    """Give an organization the built-in profiles; teleradiology is what it starts with."""
    for name in BUILTIN:
        profile = Profile.objects.create(organization=organization, name=name, is_builtin=True)
        version = _version(profile, builtin_profile(name))
        if name == BUILTIN[0]:
            organization.default_profile = version
    organization.save(update_fields=["default_profile"])


def save_version(organization: Organization, name: str, text: str, actor: Actor) -> ProfileVersion:
    """Store a custom profile's next version; raises PermanentError naming line and key."""
    try:
        parsed = load_profile(text, source=name)
    except EngineError as error:
        raise PermanentError(error.code, f"{error.where}: {error.message}") from error
    with transaction.atomic():
        profile, _made = Profile.objects.get_or_create(organization=organization, name=name)
        if profile.is_builtin:
            raise PermanentError(
                "profile-builtin", _("A built-in profile can't be changed: use another name.")
            )
        version = _version(profile, parsed)
        record(
            "profile.created",
            actor=actor,
            chain=str(organization.pk),
            subject=str(version.pk),
            subject_kind="profile",
            detail={"name": name, "number": version.number, "digest": version.digest},
        )
    return version


def newest(organization: Organization) -> list[ProfileVersion]:
    """Return the newest version of each profile, the organization's default first."""
    rows = (
        ProfileVersion.objects.filter(profile__organization=organization)
        .select_related("profile")
        .order_by("profile__name", "-number")
    )
    found: dict[str, ProfileVersion] = {}
    for row in rows:
        found.setdefault(row.profile.name, row)
    default = organization.default_profile_id
    return sorted(found.values(), key=lambda row: (row.pk != default, row.profile.name))


def _version(profile: Profile, parsed: EngineProfile) -> ProfileVersion:
    last = profile.versions.aggregate(last=Max("number"))["last"] or 0
    return ProfileVersion.objects.create(
        profile=profile,
        number=last + 1,
        definition=parsed.to_dict(),
        digest=parsed.digest,
        is_conformant=compile_plan(parsed).is_conformant,
    )
