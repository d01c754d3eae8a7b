"""Links: the right of one named person of the organization to open one report for a while.

The person signs in, confirms who they are and states a reason like a radiologist; the link stands
for the role, and for nothing else. It is no secret: without that person's account it opens nothing.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from audit import Outcome, record, record_alone
from studies.faults import PermanentError
from studies.models import Membership, Report, ReportLink, Role
from studies.services import door_rules
from studies.services.access import Viewer
from studies.services.door_rules import Proof


def lend(
    caller: Viewer, report: Report, person_id: int, hours: int, words: str, proof: Proof
) -> ReportLink:
    """Give a person of the organization a link to one report; raise PermanentError if refused."""
    member = (
        Membership.objects.filter(
            organization=caller.organization, user_id=person_id, user__is_active=True
        )
        .select_related("user")
        .first()
    )
    refusal = door_rules.person_refusal(caller, proof) or _refusal(
        caller, report, member, hours, words
    )
    if refusal is not None or member is None:
        stopped = refusal or _nobody()
        _refuse(caller, report, stopped)
        raise stopped
    link = ReportLink(
        organization=caller.organization,
        report=report,
        person_id=member.user_id,
        made_by_id=caller.user.pk,
        words=words.strip()[:200],
        expires=timezone.now() + timedelta(hours=hours),
    )
    with transaction.atomic():
        link.save()
        record(
            "report.link_made",
            actor=caller.actor,
            chain=str(caller.organization.pk),
            subject=report.cloud_study_id,
            subject_kind="study",
            detail={
                "link": str(link.pk),
                "report": str(report.pk),
                "person": str(member.user_id),
                "hours": hours,
                "words": link.words,
            },
        )
    _tell(caller, link, member.user)
    return link


def revoke(caller: Viewer, link: ReportLink) -> None:
    """Take a link back: its giver, any radiologist or an administrator of the organization."""
    if not caller.has(Role.RADIOLOGIST, Role.ADMINISTRATOR):
        raise PermanentError("role", _("Only radiologists of this organization may do this."))
    with transaction.atomic():
        if ReportLink.objects.filter(pk=link.pk, revoked__isnull=True).update(
            revoked=timezone.now()
        ):
            record(
                "report.link_revoked",
                actor=caller.actor,
                chain=str(caller.organization.pk),
                subject=link.report.cloud_study_id,
                subject_kind="study",
                detail={"link": str(link.pk)},
            )
    link.refresh_from_db()


def link_for(caller: Viewer, link_id: UUID) -> ReportLink | None:
    """Return a link of the caller's organization."""
    return (
        ReportLink.objects.filter(organization=caller.organization, pk=link_id)
        .select_related("report", "person", "made_by", "organization")
        .first()
    )


def mark_opened(link: ReportLink) -> None:
    """Note that its person opened the report."""
    ReportLink.objects.filter(pk=link.pk).update(opened=timezone.now())


def people(caller: Viewer) -> list[tuple[int, str]]:
    """Return whom the caller may give a link to: every other active member."""
    rows = Membership.objects.filter(
        organization=caller.organization, user__is_active=True
    ).select_related("user")
    found = {row.user_id: str(row.user) for row in rows if row.user_id != caller.user.pk}
    return sorted(found.items(), key=lambda pair: pair[1].casefold())


def _refusal(
    caller: Viewer, report: Report, member: Membership | None, hours: int, words: str
) -> PermanentError | None:
    if member is None or member.user_id == caller.user.pk:
        return _nobody()
    if not report.cloud_study_id:
        return PermanentError("no-study-id", _("A report without a study has no link."))
    if not 1 <= hours <= settings.LINK_MAX_HOURS:
        return PermanentError(
            "link-too-long",
            _("A link lives at most {hours} hours.").format(hours=settings.LINK_MAX_HOURS),
        )
    if len(words.strip()) < 5:
        return PermanentError("reason-missing", _("State the reason in your own words."))
    return None


def _nobody() -> PermanentError:
    return PermanentError("person-unknown", _("Choose another person of this organization."))


def _refuse(caller: Viewer, report: Report, why: PermanentError) -> None:
    record_alone(
        "report.link_made",
        Outcome.REFUSED,
        actor=caller.actor,
        chain=str(caller.organization.pk),
        subject=report.cloud_study_id or str(report.pk),
        subject_kind="study" if report.cloud_study_id else "report",
        detail={"code": why.code},
    )


def _tell(caller: Viewer, link: ReportLink, person: Any) -> None:
    with override(getattr(person, "language", "") or settings.LANGUAGE_CODE):
        send_mail(
            subject=_("A report for you · {where}").format(where=caller.organization.name),
            message=_(
                "{who} lets you open one report. You will be asked to sign in, to confirm who you "
                "are and to state a reason.\n\n{link}\n\nThe link works for you alone, until "
                "{until:%Y-%m-%d %H:%M} UTC.\n"
            ).format(
                who=str(caller.user),
                until=link.expires,
                link=settings.PUBLIC_URL + reverse("report_link", args=[link.pk]),
            ),
            from_email=None,
            recipient_list=[person.email],
        )
