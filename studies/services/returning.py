"""Reports that come back: taken in under cloud ids, kept sealed, matched to one study.

Nothing is thrown away: what can't be read or matched waits, sealed, for a person. The same bytes
or the same message twice are the same report.
"""

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audit import Actor, Outcome, record, record_alone
from studies.faults import PermanentError
from studies.models import Organization, Report, ReportBody, ReportState, Role
from studies.models.report import ReportFormat
from studies.reports import ReportError, ReturnedReport, read_report
from studies.services import keys, matching
from studies.services.access import Viewer
from studies.services.known import KnownStudy, known_study

# What a person may settle by saying which study a report is for.
SETTLED_BY_STUDY = frozenset(
    {"no-cloud-id", "no-study-id", "several-studies-in-report", "mistyped-cloud-id",
     "unknown-cloud-id"}
)  # fmt: skip
# Without a number of their own, later ones of these are later versions of the same report.
_ONE_PER_STUDY = frozenset({ReportFormat.TEXT, ReportFormat.PDF, ReportFormat.HL7})


@dataclass(frozen=True)
class _Arrival:
    """What came, read as far as it can be, and what is in its way."""

    body: bytes
    report: ReturnedReport | None
    match: matching.Match


def receive(
    organization: Organization,
    body: bytes,
    actor: Actor,
    *,
    hint: str = "",
    channel: str = "page",
    received_by: object = None,
) -> Report:
    """Take in a report of any format; what isn't clear waits for a person, with its reason.

    When this returns, the report is sealed and committed. `hint` is the media type that the sender
    stated, if any. Raises PermanentError for an empty or an oversized body, which isn't kept.
    """
    _require_size(organization, body, actor, channel)
    sealer = keys.organization_sealer(organization)
    arrival = _read(organization, body, hint)
    indexes = _indexes(sealer, arrival)
    known = Report.objects.filter(
        organization=organization, body_index=indexes["body_index"]
    ).first()
    if known is not None:
        return known
    try:
        with transaction.atomic():
            return _save(organization, arrival, sealer, indexes, actor, channel, received_by)
    except IntegrityError:
        # The same bytes came on two ways at the same moment: the other run has kept them.
        return Report.objects.get(organization=organization, body_index=indexes["body_index"])


def receive_text(organization: Organization, text: str, actor: Actor) -> Report:
    """Take in a plain-text report that a person pasted."""
    if not text.strip():
        raise PermanentError("report-empty", _("The report is empty."))
    return receive(organization, text.encode(), actor, hint="text/plain")


def _require_size(organization: Organization, body: bytes, actor: Actor, channel: str) -> None:
    if not body.strip(b"\0 \t\r\n"):
        raise PermanentError("report-empty", _("The report is empty."))
    if len(body) <= settings.REPORT_MAX_BYTES:
        return
    record_alone(
        "report.received",
        Outcome.REFUSED,
        actor=actor,
        chain=str(organization.pk),
        detail={"code": "report-too-large", "size": len(body), "channel": channel},
    )
    raise PermanentError(
        "report-too-large",
        _("The report is larger than this installation takes. Ask for a smaller one."),
    )


def _read(organization: Organization, body: bytes, hint: str) -> _Arrival:
    try:
        report = read_report(body, hint=hint, prefix=organization.prefix)
    except ReportError as error:
        return _Arrival(body, None, matching.Match(None, error.code, error.where))
    return _Arrival(body, report, matching.match(organization, report))


def _indexes(sealer: keys.Sealer, arrival: _Arrival) -> dict[str, bytes]:
    indexes = {"body_index": sealer.index("report-body", arrival.body)}
    if arrival.report is not None and arrival.report.control_id:
        control = arrival.report.control_id.encode()
        indexes["control_index"] = sealer.index("report-control", control)
    if arrival.report is not None and arrival.report.own_id:
        indexes["own_index"] = sealer.index("report-own", arrival.report.own_id.encode())
    return indexes


def _save(
    organization: Organization,
    arrival: _Arrival,
    sealer: keys.Sealer,
    indexes: dict[str, bytes],
    actor: Actor,
    channel: str,
    received_by: object,
) -> Report:
    study, code = arrival.match.study, arrival.match.code
    control = indexes.get("control_index")
    if control and Report.objects.filter(organization=organization, control_index=control).exists():
        # The number of an earlier message with other words: one of them is a mistake.
        study, code = None, "control-id-reused"
    report = Report(
        organization=organization,
        format=arrival.report.format if arrival.report else ReportFormat.UNKNOWN,
        state=ReportState.ARRIVED if study else ReportState.ATTENTION,
        code=code,
        where=arrival.match.where[:80] if code else "",
        cloud_study_id=study.cloud_study_id if study else "",
        cloud_patient_id=study.cloud_patient_id if study else "",
        version=arrival.report.status if arrival.report else "",
        channel=channel,
        size=len(arrival.body),
        received_by_id=getattr(received_by, "pk", None),
        **indexes,
    )
    if arrival.report is not None and study is not None:
        report.previous = _previous(report, arrival.report, sealer)
    report.save(force_insert=True)
    sealed = sealer.seal(f"report/{report.pk}", arrival.body)
    ReportBody.objects.create(report=report, sealed=sealed)
    record(
        "report.received" if study else "report.needs_attention",
        actor=actor,
        chain=str(organization.pk),
        subject=report.cloud_study_id or str(report.pk),
        subject_kind="study" if study else "report",
        context=str(study.batch_id) if study else "",
        detail={
            "format": report.format,
            "size": report.size,
            "channel": channel,
            "report": str(report.pk),
            **({"version": report.version} if report.version else {}),
            **({"code": code} if code else {}),
        },
    )
    return report


def _previous(row: Report, report: ReturnedReport, sealer: keys.Sealer) -> Report | None:
    """Return the version that a report follows: by its own words, its number, else its study."""
    earlier = Report.objects.filter(
        organization=row.organization_id, cloud_study_id=row.cloud_study_id
    ).order_by("-created")
    followed = [sealer.index("report-own", name.encode()) for name in report.follows]
    if followed:
        return earlier.filter(own_index__in=followed).first()
    if row.own_index:
        return earlier.filter(own_index=row.own_index, format=row.format).first()
    if row.format in _ONE_PER_STUDY:
        return earlier.filter(format=row.format, own_index=b"").first()
    return None


# --- what waits for a person -------------------------------------------------------------------


def report_for(caller: Viewer, report_id: UUID) -> Report | None:
    """Return a report of the caller's organization."""
    return Report.objects.filter(organization=caller.organization, pk=report_id).first()


def versions_of(report: Report) -> list[Report]:
    """Return all versions of a report, oldest first."""
    first, seen = report, {report.pk}
    while first.previous is not None and first.previous.pk not in seen:
        first = first.previous
        seen.add(first.pk)
    chain, level = [first], [first]
    while level:
        level = [
            row
            for row in Report.objects.filter(previous__in=level).order_by("created")
            if row not in chain
        ]
        chain += level
    return chain


def body_of(report: Report) -> bytes:
    """Open the sealed bytes of a report, still under cloud ids."""
    sealer = keys.organization_sealer(report.organization)
    sealed = ReportBody.objects.values_list("sealed", flat=True).get(report=report)
    return sealer.open(f"report/{report.pk}", bytes(sealed))


def read_again(report: Report) -> ReturnedReport:
    """Return a kept report as its format's module reads it; raise PermanentError where none can."""
    try:
        return read_report(
            body_of(report), hint=_HINTS.get(report.format, ""), prefix=report.organization.prefix
        )
    except ReportError as error:
        raise PermanentError(error.code, _("This report can't be read.")) from None


_HINTS = {"text": "text/plain"}


def as_it_came(caller: Viewer, report: Report) -> ReturnedReport:
    """Return a report's words under cloud ids, for the radiologist who has to settle it."""
    _require_radiologist(caller)
    read = read_again(report)
    record_alone(
        "report.viewed",
        actor=caller.actor,
        chain=str(caller.organization.pk),
        subject=str(report.pk),
        subject_kind="report",
    )
    return read


def settle(caller: Viewer, report: Report, cloud_study_id: str, words: str) -> Report:
    """Say which study a report that needs attention is for; its ids may not speak against it."""
    _require_radiologist(caller)
    if report.state != ReportState.ATTENTION or report.code not in SETTLED_BY_STUDY:
        raise PermanentError("not-to-settle", _("This report can't be settled by naming a study."))
    if len(words.strip()) < 5:
        raise PermanentError("reason-missing", _("State the reason in your own words."))
    study = known_study(caller.organization, cloud_study_id)
    read = read_again(report)
    others = set(matching.patients_of(caller.organization, read))
    if study is None or others - {study.cloud_patient_id}:
        code = "two-patients-in-report" if study else "unknown-id"
        _refuse(caller, report, "report.settled", code)
        raise PermanentError(code, _("This study isn't the one that the report's ids lead to."))
    report.previous = _previous_of_settled(report, study, read)
    report.cloud_study_id, report.cloud_patient_id = study.cloud_study_id, study.cloud_patient_id
    report.state = ReportState.ARRIVED
    with transaction.atomic():
        report.save()
        record(
            "report.settled",
            actor=caller.actor,
            chain=str(caller.organization.pk),
            subject=study.cloud_study_id,
            subject_kind="study",
            context=study.context,
            detail={"report": str(report.pk), "code": report.code, "words": words.strip()[:200]},
        )
    return report


def _previous_of_settled(report: Report, study: KnownStudy, read: ReturnedReport) -> Report | None:
    row = Report(
        organization=report.organization,
        cloud_study_id=study.cloud_study_id,
        format=report.format,
        own_index=bytes(report.own_index),
    )
    return _previous(row, read, keys.organization_sealer(report.organization))


def set_aside(caller: Viewer, report: Report, words: str) -> Report:
    """Put away a report that belongs to no study here; it stays sealed."""
    _require_radiologist(caller)
    if report.state != ReportState.ATTENTION:
        raise PermanentError("not-to-settle", _("Only a report that needs attention is set aside."))
    if len(words.strip()) < 5:
        raise PermanentError("reason-missing", _("State the reason in your own words."))
    report.state = ReportState.SET_ASIDE
    with transaction.atomic():
        report.save(update_fields=["state"])
        record(
            "report.set_aside",
            actor=caller.actor,
            chain=str(caller.organization.pk),
            subject=str(report.pk),
            subject_kind="report",
            detail={"code": report.code, "words": words.strip()[:200]},
        )
    return report


def mark_shown(report: Report) -> None:
    """Note that a report was shown with its patient; one that was sent on stays so."""
    Report.objects.filter(pk=report.pk).update(reidentified=timezone.now())
    Report.objects.filter(pk=report.pk, state=ReportState.ARRIVED).update(
        state=ReportState.REIDENTIFIED
    )


def _require_radiologist(caller: Viewer) -> None:
    if not caller.has(Role.RADIOLOGIST):
        raise PermanentError("role", _("Only radiologists of this organization may do this."))


def _refuse(caller: Viewer, report: Report, action: str, code: str) -> None:
    record_alone(
        action,
        Outcome.REFUSED,
        actor=caller.actor,
        chain=str(caller.organization.pk),
        subject=str(report.pk),
        subject_kind="report",
        detail={"code": code},
    )
