"""A report with its patient, as a file: for who passed the door for it just now."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audit import Outcome, record, record_alone
from studies.faults import PermanentError
from studies.models import Report, Role
from studies.reports import ReidentifiedReport, Strip
from studies.services import restoring
from studies.services.access import Viewer


def download(caller: Viewer, report: Report, event: str) -> ReidentifiedReport:
    """Return the document; `event` is the look-up at the door that lets it out.

    The trail says so before the document exists; what stops it is in the trail too.
    """
    if not caller.has(Role.RADIOLOGIST) or not event:
        record_alone(
            "report.downloaded",
            Outcome.REFUSED,
            actor=caller.actor,
            chain=str(caller.organization.pk),
            subject=report.cloud_study_id,
            subject_kind="study",
            detail={"report": str(report.pk), "code": "role"},
        )
        raise PermanentError("role", _("Only radiologists of this organization may see patients."))
    with transaction.atomic():
        record(
            "report.downloaded",
            actor=caller.actor,
            chain=str(caller.organization.pk),
            subject=report.cloud_study_id,
            subject_kind="study",
            detail={"report": str(report.pk), "format": report.format, "event": event},
        )
    strip = Strip(viewer=str(caller.user), seen=f"{timezone.now():%Y-%m-%d %H:%M} UTC", event=event)
    return restoring.restore_document(report, caller.actor, strip)
