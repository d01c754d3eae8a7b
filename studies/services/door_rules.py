"""What the door to patients asks for, in order, and how often an hour it opens for one person.

Pure decisions and counts: writing the trail and reading the vault belong to reidentification.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import send_mail
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

from audit import Outcome, record
from studies.faults import PermanentError
from studies.models import DoorAlert, LookUp, Membership, Organization, ReportLink, Role
from studies.services.access import Viewer

REASONS = {
    "report": gettext_lazy("Report to the referring physician"),
    "emergency": gettext_lazy("Urgent finding: the patient must be reached"),
    "question": gettext_lazy("Question from the remote reader"),
    "quality": gettext_lazy("Quality check of a report"),
    "other": gettext_lazy("Other, stated below"),
}
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Proof:
    """How sure we are of the person: confirmed just now, and by a second factor?"""

    is_fresh: bool
    has_second_factor: bool = False
    used_second_factor: bool = False


def person_refusal(
    caller: Viewer, proof: Proof, roles: tuple[str, ...] = (Role.RADIOLOGIST,)
) -> PermanentError | None:
    """Return what is in the way of the person, whatever they ask for."""
    if roles and not caller.has(*roles):
        return PermanentError("role", _("Only radiologists of this organization may see patients."))
    if caller.organization.second_factor_required and not proof.has_second_factor:
        return PermanentError(
            "second-factor-missing",
            _("Your organization asks for a second factor here. Set one up in your account."),
        )
    if not proof.is_fresh:
        return PermanentError("not-fresh", _("Enter your password again: this needs a fresh one."))
    if caller.organization.second_factor_required and not proof.used_second_factor:
        return PermanentError(
            "second-factor-unused",
            _("Your organization asks for a second factor here. Use your code or passkey."),
        )
    return None


def reason_refusal(reason: str, words: str) -> PermanentError | None:
    """Return what is wrong with a stated reason."""
    if reason not in REASONS:
        return PermanentError("reason-missing", _("Choose a reason."))
    if reason == "other" and len(words.strip()) < 5:
        return PermanentError("reason-missing", _("State the reason in your own words."))
    return None


def link_refusal(caller: Viewer, link: ReportLink) -> PermanentError | None:
    """Return why a link doesn't open for a person."""
    if link.person_id != caller.user.pk or link.organization_id != caller.organization.pk:
        return PermanentError("link-not-yours", _("This link was given to somebody else."))
    if link.is_over:
        return PermanentError(
            "link-over", _("This link has ended. Ask the person who gave it for a new one.")
        )
    return None


def left(caller: Viewer) -> int:
    """Return how many look-ups the person has left in this hour, over all organizations."""
    since = timezone.now() - HOUR
    used = LookUp.objects.filter(user_id=caller.user.pk, created__gte=since).count()
    return max(0, settings.LOOK_UPS_PER_HOUR - used)


def too_many() -> PermanentError:
    """Return the refusal of one look-up too many."""
    return PermanentError(
        "too-many", _("You have reached the number of look-ups an hour allows. Wait a while.")
    )


def note(caller: Viewer, cloud_id: str, outcome: Outcome) -> None:
    """Count one attempt."""
    LookUp.objects.create(
        organization=caller.organization,
        user_id=caller.user.pk,
        cloud_study_id=cloud_id,
        outcome=outcome,
    )


def take_one(caller: Viewer, cloud_id: str) -> None:
    """Use one look-up of this hour; two at once can't both take the last one."""
    get_user_model().objects.select_for_update().get(pk=caller.user.pk)
    if not left(caller):
        raise too_many()
    note(caller, cloud_id, Outcome.SUCCESS)


def alert(caller: Viewer) -> None:
    """Tell administrators and auditors, once an hour, that a person reached the limit."""
    organization = caller.organization
    with transaction.atomic():
        get_user_model().objects.select_for_update().get(pk=caller.user.pk)
        since = timezone.now() - HOUR
        if DoorAlert.objects.filter(
            organization=organization, person_id=caller.user.pk, created__gte=since
        ).exists():
            return
        DoorAlert.objects.create(organization=organization, person_id=caller.user.pk)
        record(
            "door.limit_reached",
            actor=caller.actor,
            chain=str(organization.pk),
            subject=str(caller.user.pk),
            subject_kind="person",
            detail={"per_hour": settings.LOOK_UPS_PER_HOUR},
        )
    tell(
        organization,
        (Role.ADMINISTRATOR, Role.AUDITOR),
        gettext_lazy("Limit of look-ups reached"),
        gettext_lazy(
            "{who} reached the number of patients that one person may look up in an hour, in "
            "{where}. The door stays closed for them until the hour is over.\n\n{link}\n"
        ),
        {"who": str(caller.user), "link": settings.PUBLIC_URL + reverse("door_alerts")},
    )


def tell(
    organization: Organization,
    roles: tuple[str, ...],
    subject: object,
    text: object,
    values: dict[str, str],
    but_not: object = None,
) -> None:
    """Mail the people of some roles, each in their language; no patient stands in any mail."""
    people = Membership.objects.filter(
        organization=organization, role__in=roles, user__is_active=True
    ).select_related("user")
    for user in {member.user_id: member.user for member in people}.values():
        if but_not is not None and user.pk == but_not:
            continue
        with override(getattr(user, "language", "") or settings.LANGUAGE_CODE):
            send_mail(
                subject=f"{subject} · {organization.name}",
                message=str(text).format(where=organization.name, **values),
                from_email=None,
                recipient_list=[user.email],
            )
