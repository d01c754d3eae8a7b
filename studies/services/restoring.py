"""A returned report with its patient put back: what stands behind the door, never in front of it.

Callers have passed the door (services/reidentification) and written the trail before they ask
here. Nothing of what this returns may be stored, cached, logged or queued.
"""

from dataclasses import dataclass
from datetime import date

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audit import Actor, Outcome, record, record_alone
from studies.faults import PermanentError
from studies.models import LinkageDomain, Organization, Report, Study
from studies.reports import (
    PatientIdentity,
    Piece,
    ReidentifiedReport,
    ReportError,
    ReturnedReport,
    Strip,
    StudyIdentity,
    reidentify_document,
)
from studies.services import matching, reidentification, returning
from studies.services.access import Viewer
from studies.vault import service as vault


@dataclass(frozen=True, repr=False)
class Restored:
    """A report with the hospital's own identifiers, and the patient it belongs to."""

    report: Report
    document: ReidentifiedReport
    identified: reidentification.Identified

    @property
    def pieces(self) -> list[Piece]:
        """The whole text in pieces, in one run."""
        return [piece for section in self.document.display for piece in section.pieces]


def show(
    caller: Viewer, report: Report, request: reidentification.Request, *, is_fresh: bool
) -> Restored:
    """Re-identify a report: through the same door as any look-up, with the same trail."""
    identified = reidentification.reidentify(caller, request, is_fresh=is_fresh)
    return restore_identified(caller, report, identified)


def restore_identified(
    caller: Viewer, report: Report, identified: reidentification.Identified
) -> Restored:
    """Return a report with its patient, for a caller whom the door let through just now."""
    if identified.cloud_study_id != report.cloud_study_id:
        raise PermanentError("unknown-id", _("This isn't the study of the report."))
    strip = Strip(
        viewer=str(caller.user),
        seen=f"{identified.seen:%Y-%m-%d %H:%M} UTC",
        event=identified.event_number,
    )
    document = restore_document(report, caller.actor, strip)
    with transaction.atomic():
        returning.mark_shown(report)
        record(
            "report.reidentified",
            actor=caller.actor,
            chain=str(caller.organization.pk),
            subject=report.cloud_study_id,
            subject_kind="study",
            detail={"report": str(report.pk), "format": report.format},
        )
    report.refresh_from_db()
    return Restored(report, document, identified)


def restore_document(report: Report, actor: Actor, strip: Strip) -> ReidentifiedReport:
    """Return a report's document with its patient; what stops it is in the trail."""
    try:
        read = returning.read_again(report)
        identity = identity_of(report, read)
        return reidentify_document(read, identity, strip)
    except ReportError as error:
        _failed(report, actor, error.code, error.where)
        raise PermanentError(
            error.code, _("The patient can't be put back into this report. It stays sealed.")
        ) from None
    except PermanentError as error:
        _failed(report, actor, error.code, "")
        raise


def identity_of(report: Report, read: ReturnedReport) -> PatientIdentity:
    """Return the patient of a matched report, over all studies of the patient."""
    organization = report.organization
    domains = list(
        LinkageDomain.objects.filter(organization=organization).values_list("pk", flat=True)
    )
    whole = vault.find_whole_patient(domains, report.cloud_patient_id)
    studies = {one.cloud_study_id: _study_identity(one) for one in whole.studies} if whole else {}
    reported = studies.get(report.cloud_study_id)
    if whole is None or reported is None:
        raise PermanentError(
            "mapping-gone",
            _("The mapping of this study was destroyed: nobody can say any more whose it was."),
        )
    foreign = matching.uids_of_others(organization, read, report.cloud_patient_id)
    return PatientIdentity(
        cloud_patient_id=whole.cloud_patient_id,
        values=whole.patient,
        study=reported,
        studies=tuple(studies.values()),
        uids=whole.uids,
        reading_from=_reading_from(organization, report),
        is_another_patients=foreign.__contains__,
    )


def _study_identity(study: vault.StudyMapping) -> StudyIdentity:
    return StudyIdentity(
        study.cloud_study_id, study.prefix, study.scheme, study.study, tuple(study.dates)
    )


def _reading_from(organization: Organization, report: Report) -> date:
    """Return the day since when the study could be read: that of its first delivery."""
    first = (
        Study.objects.filter(
            organization=organization,
            cloud_study_id=report.cloud_study_id,
            delivered__isnull=False,
        )
        .order_by("delivered")
        .values_list("delivered", flat=True)
        .first()
    )
    moment = min(first or report.created, report.created)
    return timezone.localtime(moment).date()


def _failed(report: Report, actor: Actor, code: str, where: str) -> None:
    record_alone(
        "report.reidentified",
        Outcome.FAILED,
        actor=actor,
        chain=str(report.organization_id),
        subject=report.cloud_study_id,
        subject_kind="study",
        detail={"report": str(report.pk), "code": code, "where": where},
    )
