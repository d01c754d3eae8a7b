"""Sending a re-identified report on to a system of the hospital, and keeping what it answered.

A radiologist asks for it, through the same door as a look. The patient is put back when the report
is sent, never earlier: nothing identified waits in a queue or a table.
"""

import hashlib
import io
import json
import uuid
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from audit import Actor, Outcome, record, record_alone
from studies.delivery import Outgoing
from studies.faults import Fault, PermanentError, TransientError
from studies.models import (
    DestinationState,
    Organization,
    Report,
    ReportSending,
    ReportState,
    ReportTarget,
    Role,
    SendingState,
    TargetKind,
)
from studies.reports import ReidentifiedReport, Strip
from studies.services import keys, reidentification, restoring
from studies.services.access import Viewer
from studies.services.door_rules import Proof

MAX_ATTEMPTS = 10
_BACK_OFF = (5, 15, 60, 300, 900, 1800)
_LEASE = timedelta(minutes=10)
SENDER = Actor(kind="system", id="sender", label="sender of reports")
# Which formats a kind of target takes.
TAKES: dict[str, frozenset[str]] = {
    TargetKind.MLLP: frozenset({"hl7"}),
    TargetKind.STOW: frozenset({"dicom"}),
    TargetKind.CSTORE: frozenset({"dicom"}),
    TargetKind.FOLDER: frozenset({"text", "hl7", "fhir", "dicom", "pdf"}),
}


# --- targets -----------------------------------------------------------------------------------


def save_target(
    organization: Organization,
    actor: Actor,
    *,
    target: ReportTarget | None = None,
    values: dict[str, Any],
    secrets: dict[str, str] | None = None,
) -> ReportTarget:
    """Add or change a target; a change means it has to be tested again."""
    is_new = target is None
    row = target or ReportTarget(organization=organization)
    for name, value in values.items():
        setattr(row, name, value)
    if secrets:
        sealer = keys.organization_sealer(organization)
        row.sealed_credentials = sealer.seal(
            f"report-target/{row.pk}", json.dumps(secrets).encode()
        )
    if row.state != DestinationState.PAUSED:
        row.state = DestinationState.NOT_TESTED
    with transaction.atomic():
        row.save()
        record(
            "report_target.created" if is_new else "report_target.changed",
            actor=actor,
            chain=str(organization.pk),
            subject=str(row.pk),
            subject_kind="target",
            detail={"name": row.name, "kind": row.kind},
        )
    return row


def pause_target(target: ReportTarget, actor: Actor, *, paused: bool) -> None:
    """Switch a target off, or on again: then it has to be tested."""
    state = DestinationState.PAUSED if paused else DestinationState.NOT_TESTED
    save_target(target.organization, actor, target=target, values={"state": state})


def try_target(target: ReportTarget, actor: Actor) -> None:
    """Try the way to a target without sending a report; remember the outcome, raise its Fault."""
    try:
        with closing(_opened(target)) as place:
            place.check()
    except Fault as fault:
        _tested(target, actor, DestinationState.FAILING, str(fault.message)[:300], fault.code)
        raise
    _tested(target, actor, DestinationState.READY, "", "")


def _tested(target: ReportTarget, actor: Actor, state: str, error: str, code: str) -> None:
    with transaction.atomic():
        ReportTarget.objects.filter(pk=target.pk).update(
            state=state, tested=timezone.now(), last_error=error
        )
        record(
            "report_target.tested",
            Outcome.FAILED if code else Outcome.SUCCESS,
            actor=actor,
            chain=str(target.organization_id),
            subject=str(target.pk),
            subject_kind="target",
            detail={"code": code} if code else {},
        )


def targets_for(report: Report) -> list[ReportTarget]:
    """Return the targets of the organization that take a report's format."""
    kinds = [kind for kind, formats in TAKES.items() if report.format in formats]
    return list(
        ReportTarget.objects.filter(organization=report.organization_id, kind__in=kinds).exclude(
            state=DestinationState.PAUSED
        )
    )


# --- asking ------------------------------------------------------------------------------------


def send_on(
    caller: Viewer,
    report: Report,
    target: ReportTarget,
    request: reidentification.Request,
    *,
    is_fresh: bool = False,
    proof: Proof | None = None,
) -> ReportSending:
    """Let a radiologist send a report on; queue it through `studies.jobs.enqueue_sending`."""
    if not caller.has(Role.RADIOLOGIST):
        reidentification.refuse_stranger(caller)
        raise PermanentError("role", _("Only radiologists of this organization may do this."))
    same = {report.organization_id, target.organization_id, caller.organization.pk}
    if len(same) != 1 or target not in targets_for(report):
        raise PermanentError("target-format", _("This target doesn't take such a report."))
    identified = reidentification.reidentify(caller, request, is_fresh=is_fresh, proof=proof)
    if identified.cloud_study_id != report.cloud_study_id:
        raise PermanentError("unknown-id", _("This isn't the study of the report."))
    sending = ReportSending(
        report=report,
        target=target,
        requested_by_id=caller.user.pk,
        event=identified.event_number,
    )
    with transaction.atomic():
        sending.save(force_insert=True)
        record(
            "report.sending_asked",
            actor=caller.actor,
            chain=str(caller.organization.pk),
            subject=report.cloud_study_id,
            subject_kind="study",
            detail=_detail(sending),
        )
    return sending


def acknowledgement(caller: Viewer, sending: ReportSending) -> str:
    """Open what a target answered; it may name the patient, so it is for radiologists."""
    if not caller.has(Role.RADIOLOGIST):
        raise PermanentError("role", _("Only radiologists of this organization may do this."))
    if sending.report.organization_id != caller.organization.pk:
        raise PermanentError("unknown-id", _("There is no such sending."))
    if not sending.sealed_acknowledgement:
        return ""
    record_alone(
        "report.acknowledgement_read",
        actor=caller.actor,
        chain=str(caller.organization.pk),
        subject=sending.report.cloud_study_id,
        subject_kind="study",
        detail=_detail(sending),
    )
    sealer = keys.organization_sealer(caller.organization)
    sealed = bytes(sending.sealed_acknowledgement)
    return sealer.open(f"acknowledgement/{sending.pk}", sealed).decode("utf-8", "replace")


# --- sending -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Held:
    """A sending that this run alone works on, for as long as its lease."""

    sending: ReportSending
    token: uuid.UUID

    def finish(self, state: SendingState, **values: Any) -> bool:
        """Write the outcome; False where another run has taken over meanwhile."""
        rows = ReportSending.objects.filter(pk=self.sending.pk, lease_token=self.token)
        return bool(rows.update(state=state, lease_token=None, lease_expires=None, **values))


def due() -> list[uuid.UUID]:
    """Return the sendings that should be taken up now: asked, due again, or left by the dead."""
    now = timezone.now()
    return list(
        ReportSending.objects.filter(
            Q(state=SendingState.QUEUED) & (Q(not_before=None) | Q(not_before__lte=now))
            | Q(state=SendingState.SENDING, lease_expires__lt=now)
        ).values_list("pk", flat=True)
    )


def run(sending_id: uuid.UUID) -> None:
    """Put the patient back and send one report; the outcome is on its row and in the trail."""
    held = _claim(sending_id)
    if held is None:
        return
    sending = held.sending
    if sending.attempts > MAX_ATTEMPTS:
        # Each earlier run ended its worker: another one would, too.
        _failed(held, "sending-stopped")
        return
    try:
        document = restoring.restore_document(sending.report, SENDER, _strip(sending))
        answer = _transported(sending, document)
    except TransientError as fault:
        if sending.attempts < MAX_ATTEMPTS:
            _later(held, fault.code)
        else:
            _failed(held, fault.code)
    except PermanentError as fault:
        _failed(held, fault.code)
    else:
        _acknowledged(held, answer)


def _claim(sending_id: uuid.UUID) -> _Held | None:
    now, token = timezone.now(), uuid.uuid4()
    rows = ReportSending.objects.filter(pk=sending_id).filter(
        Q(state=SendingState.QUEUED) & (Q(not_before=None) | Q(not_before__lte=now))
        | Q(state=SendingState.SENDING, lease_expires__lt=now)
    )
    taken = rows.update(
        state=SendingState.SENDING,
        lease_token=token,
        lease_expires=now + _LEASE,
        attempts=F("attempts") + 1,
    )
    if not taken:
        return None
    row = ReportSending.objects.select_related(
        "report__organization", "target__organization", "requested_by"
    ).get(pk=sending_id)
    return _Held(row, token)


def _strip(sending: ReportSending) -> Strip:
    return Strip(
        viewer=str(sending.requested_by or ""),
        seen=f"{sending.created:%Y-%m-%d %H:%M} UTC",
        event=sending.event,
    )


def _opened(target: ReportTarget) -> Any:
    """Return the transport of a target: `check`, `close`, and `send`, `store` or `put_bytes`."""
    # Each brings libraries of its own, so it is imported when it is needed.
    credentials: dict[str, Any] = {}
    if target.sealed_credentials:
        sealer = keys.organization_sealer(target.organization)
        opened = sealer.open(f"report-target/{target.pk}", bytes(target.sealed_credentials))
        credentials = json.loads(opened)
    if target.kind == TargetKind.MLLP:
        from studies.delivery.mllp import MllpTarget

        return MllpTarget(target.config, credentials)
    if target.kind == TargetKind.STOW:
        from studies.delivery.stow import StowDestination

        return StowDestination(target.config, credentials)
    if target.kind == TargetKind.CSTORE:
        from studies.delivery.dimse import DimseDestination

        return DimseDestination(target.config, credentials)
    from studies.delivery.folder import FolderDestination

    return FolderDestination(target.config)


def _transported(sending: ReportSending, document: ReidentifiedReport) -> bytes:
    """Send a document and return what the target answered."""
    if document.format not in TAKES[sending.target.kind]:
        raise PermanentError("target-format", _("This target doesn't take such a report."))
    with closing(_opened(sending.target)) as place:
        if sending.target.kind == TargetKind.MLLP:
            answer: bytes = place.send(document.body)
            return answer
        if sending.target.kind == TargetKind.FOLDER:
            suffix = document.file_name.rpartition(".")[2]
            key = f"reports/{sending.pk}.{suffix}"
            place.put_bytes(key, document.body, {})
            return f"{key} sha256 {hashlib.sha256(document.body).hexdigest()}".encode()
        return _stored(place, sending, document)


def _stored(place: Any, sending: ReportSending, document: ReidentifiedReport) -> bytes:
    uid = document.own_id
    confirmed: list[Outgoing] = []
    outgoing = Outgoing(
        key=f"reports/{sending.pk}/{uid}.dcm",
        size=len(document.body),
        sha256=hashlib.sha256(document.body).hexdigest(),
        open=lambda: io.BytesIO(document.body),
        was_begun=sending.attempts > 1,
    )
    place.store([outgoing], confirmed.append)
    return f"stored {', '.join(one.sop_instance_uid for one in confirmed)}".encode()


def _acknowledged(held: _Held, answer: bytes) -> None:
    sending = held.sending
    sealer = keys.organization_sealer(sending.report.organization)
    sealed = sealer.seal(f"acknowledgement/{sending.pk}", answer)
    with transaction.atomic():
        now = timezone.now()
        if not held.finish(
            SendingState.ACKNOWLEDGED, sealed_acknowledgement=sealed, finished=now, code=""
        ):
            return
        Report.objects.filter(pk=sending.report_id).update(state=ReportState.SENT_ON)
        _recorded(sending, Outcome.SUCCESS)


def _later(held: _Held, code: str) -> None:
    pause = _BACK_OFF[min(held.sending.attempts, len(_BACK_OFF)) - 1]
    held.finish(
        SendingState.QUEUED, code=code, not_before=timezone.now() + timedelta(seconds=pause)
    )


def _failed(held: _Held, code: str) -> None:
    with transaction.atomic():
        if held.finish(SendingState.FAILED, code=code, finished=timezone.now()):
            _recorded(held.sending, Outcome.FAILED, code)


def _recorded(sending: ReportSending, outcome: Outcome, code: str = "") -> None:
    record(
        "report.sent_on",
        outcome,
        actor=SENDER,
        chain=str(sending.report.organization_id),
        subject=sending.report.cloud_study_id,
        subject_kind="study",
        detail=_detail(sending) | ({"code": code} if code else {}),
    )


def _detail(sending: ReportSending) -> dict[str, str]:
    return {
        "report": str(sending.report_id),
        "target": sending.target.name,
        "sending": str(sending.pk),
        "look_up": sending.event,
    }
