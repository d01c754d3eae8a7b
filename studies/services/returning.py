"""Reports that come back: taken in under cloud ids, matched, and re-identified at the door."""

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audit import Actor, record
from studies.faults import PermanentError
from studies.models import Organization, Report, ReportState, Study
from studies.models.report import ReportFormat
from studies.reports import text as text_report
from studies.services import keys, reidentification
from studies.services.access import Viewer


@dataclass(frozen=True)
class Restored:
    """A report with the hospital's own identifiers, and the patient it belongs to."""

    report: Report
    pieces: list[text_report.Piece]
    identified: reidentification.Identified


def receive_text(organization: Organization, text: str, actor: Actor) -> Report:
    """Take in a plain-text report; what can't be matched to one patient waits for a person."""
    if not text.strip():
        raise PermanentError("report-empty", _("The report is empty."))
    if len(text) > text_report.MAX_CHARACTERS:
        raise PermanentError(
            "report-too-long", _("A text report has at most a million characters.")
        )
    study, code = _match(organization, text_report.find_cloud_ids(text))
    report = Report(
        organization=organization,
        format=ReportFormat.TEXT,
        state=ReportState.ARRIVED if study else ReportState.ATTENTION,
        code=code,
        cloud_study_id=study.cloud_study_id if study else "",
        cloud_patient_id=study.cloud_patient_id if study else "",
        size=len(text.encode()),
    )
    sealer = keys.organization_sealer(organization)
    report.sealed_body = sealer.seal(f"report/{report.pk}", text.encode())
    with transaction.atomic():
        report.save()
        record(
            "report.received" if study else "report.needs_attention",
            actor=actor,
            chain=str(organization.pk),
            subject=report.cloud_study_id or str(report.pk),
            subject_kind="study" if study else "report",
            context=str(study.batch_id) if study else "",
            detail={"format": "text", "size": report.size, **({"code": code} if code else {})},
        )
    return report


def _match(organization: Organization, cloud_ids: list[str]) -> tuple[Study | None, str]:
    """Return the one study that all ids of a report lead to, or the code of what is in the way."""
    if not cloud_ids:
        return None, "no-cloud-id"
    studies: dict[str, Study] = {}
    patients: set[str] = set()
    for cloud_id in cloud_ids:
        known = Study.objects.filter(organization=organization)
        study = known.filter(cloud_study_id=cloud_id).order_by("-batch__created").first()
        if study is not None:
            studies[cloud_id] = study
            patients.add(study.cloud_patient_id)
        elif known.filter(cloud_patient_id=cloud_id).exists():
            patients.add(cloud_id)
        else:
            return None, "unknown-cloud-id"
    if len(patients) > 1:
        return None, "two-patients-in-report"
    if len(studies) != 1:
        return None, "several-studies-in-report" if studies else "no-study-id"
    return next(iter(studies.values())), ""


def report_for(caller: Viewer, report_id: UUID) -> Report | None:
    """Return a report of the caller's organization."""
    return Report.objects.filter(organization=caller.organization, pk=report_id).first()


def show(
    caller: Viewer, report: Report, request: reidentification.Request, *, is_fresh: bool
) -> Restored:
    """Re-identify a report: through the same door as any look-up, with the same trail."""
    identified = reidentification.reidentify(caller, request, is_fresh=is_fresh)
    sealer = keys.organization_sealer(caller.organization)
    body = sealer.open(f"report/{report.pk}", bytes(report.sealed_body)).decode()
    patient_id = _first(identified.patient, "PatientID")
    accession = _first(identified.study, "AccessionNumber") or _first(identified.study, "StudyID")
    is_by_study = caller.organization.identifier_scheme == "study"
    replacements = {
        identified.cloud_patient_id: patient_id,
        identified.cloud_study_id: accession or patient_id,
        f"CloudStudy^{identified.cloud_patient_id}": _first(identified.patient, "PatientName"),
        f"CloudStudy^{identified.cloud_study_id}": _first(identified.patient, "PatientName"),
        f"{caller.organization.prefix}-{identified.cloud_study_id}": patient_id
        if is_by_study
        else accession,
        **identified.uids,
    }
    pieces = text_report.restore(
        body,
        {form: real for form, real in replacements.items() if real},
        [(original, sent) for _where, original, sent in identified.dates],
        caller.organization.prefix,
    )
    with transaction.atomic():
        Report.objects.filter(pk=report.pk).update(
            state=ReportState.REIDENTIFIED, reidentified=timezone.now()
        )
        record(
            "report.reidentified",
            actor=caller.actor,
            chain=str(caller.organization.pk),
            subject=identified.cloud_study_id,
            subject_kind="study",
            detail={"report": str(report.pk)},
        )
    return Restored(report, pieces, identified)


def _first(values: dict[str, tuple[str, ...]], name: str) -> str:
    found = values.get(name) or ("",)
    return found[0]
