"""The guarded door: from a cloud id back to the patient, for the hospital's radiologist alone.

The event commits before the vault is read: no audit, no answer. Unknown, foreign and mistyped ids
look alike to the caller. What was typed is never stored: it could be anything, a name too.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from audit import Outcome, record, record_alone
from studies.deid.cloudid import parse_cloud_id
from studies.faults import PermanentError
from studies.models import LinkageDomain, ReportLink, Role, Study
from studies.services import door_rules
from studies.services.access import Viewer
from studies.services.door_rules import REASONS, Proof
from studies.services.durably import durably
from studies.services.known import KnownStudy, known_study
from studies.vault import service as vault

__all__ = ["REASONS", "Identified", "Proof", "Request", "domains_of", "refuse_stranger"]


@dataclass(frozen=True)
class Identified:
    """A patient and study as the hospital knows them; never stored, never cached."""

    cloud_study_id: str
    cloud_patient_id: str
    patient: dict[str, tuple[str, ...]]
    study: dict[str, tuple[str, ...]]
    dates: tuple[tuple[str, str, str], ...]
    uids: dict[str, str]
    event_number: str
    seen: datetime


@dataclass(frozen=True)
class Request:
    """What a person stated at the door; `link` and `bulk` say by which right beside a role."""

    typed: str
    reason: str
    words: str = ""
    batch: str = ""
    link: ReportLink | None = None
    bulk: str = ""


def reidentify(
    caller: Viewer, request: Request, *, is_fresh: bool = False, proof: Proof | None = None
) -> Identified:
    """Return the patient of a cloud study id; raise PermanentError with what is wrong otherwise.

    Every attempt is in the trail before this returns or raises, with its outcome.
    """
    cloud_id = parse_cloud_id(request.typed) or ""
    refusal = _refusal(caller, request, cloud_id, proof or Proof(is_fresh))
    if refusal is not None:
        _refuse(caller, request, cloud_id, refusal)
        raise refusal
    study = _study(caller, request, cloud_id)
    if study is None:
        unknown = unknown_id()
        _refuse(caller, request, cloud_id, unknown)
        raise unknown
    try:
        event_number = _passed(caller, request, study)
    except PermanentError as late:
        _refuse(caller, request, cloud_id, late)
        raise
    return _open(caller, cloud_id, event_number)


def _passed(caller: Viewer, request: Request, study: KnownStudy) -> str:
    """Count the look-up and write it into the trail, both or neither."""
    detail = {"reason": request.reason, "words": request.words.strip()[:200]}
    if request.link is not None:
        detail["link"] = str(request.link.pk)
    if request.bulk:
        detail["bulk"] = request.bulk
    with durably():
        door_rules.take_one(caller, study.cloud_study_id)
        event = record(
            "study.reidentified",
            actor=caller.actor,
            chain=str(caller.organization.pk),
            subject=study.cloud_study_id,
            subject_kind="study",
            context=study.context,
            detail=detail,
        )
    return str(event.pk)


def unknown_id() -> PermanentError:
    """Return the one refusal of ids that are unknown, foreign or mistyped."""
    return PermanentError(
        "unknown-id", _("No study of this organization has this id. Check each character.")
    )


def _refusal(
    caller: Viewer, request: Request, cloud_id: str, proof: Proof
) -> PermanentError | None:
    roles: tuple[str, ...] = (Role.RADIOLOGIST,)
    if request.link is not None:
        stopped = door_rules.link_refusal(caller, request.link)
        if stopped is not None:
            return stopped
        if request.link.report.cloud_study_id != cloud_id:
            return unknown_id()
        roles = ()
    return (
        door_rules.person_refusal(caller, proof, roles)
        or door_rules.reason_refusal(request.reason, request.words)
        or (None if cloud_id else unknown_id())
        or (None if door_rules.left(caller) else door_rules.too_many())
    )


def _study(caller: Viewer, request: Request, cloud_id: str) -> KnownStudy | None:
    named = request.batch.strip()
    if not named:
        return known_study(caller.organization, cloud_id)
    rows = Study.objects.filter(organization=caller.organization, cloud_study_id=cloud_id)
    try:
        rows = rows.filter(batch_id=uuid.UUID(named))
    except ValueError:
        short = named.lower()
        found = [row for row in rows if len(short) >= 8 and str(row.batch_id).startswith(short)]
    else:
        found = list(rows.order_by("-batch__created")[:1])
    if not found:
        return None
    return KnownStudy(found[0].cloud_study_id, found[0].cloud_patient_id, found[0].batch_id)


def _refuse(caller: Viewer, request: Request, cloud_id: str, why: PermanentError) -> None:
    """Keep a refused attempt, before its answer: in a transaction of its own."""
    door_rules.note(caller, cloud_id, Outcome.REFUSED)
    record_alone(
        "study.reidentified",
        Outcome.REFUSED,
        actor=caller.actor,
        chain=str(caller.organization.pk),
        subject=cloud_id,
        subject_kind="study",
        detail={
            "code": why.code,
            "reason": request.reason if request.reason in REASONS else "",
            "mistyped": not cloud_id,
            **({"link": str(request.link.pk)} if request.link is not None else {}),
        },
    )
    if why.code == "too-many":
        door_rules.alert(caller)


def refuse_stranger(caller: Viewer) -> None:
    """Write to the trail that somebody without the role came to the door."""
    record_alone(
        "study.reidentified",
        Outcome.REFUSED,
        actor=caller.actor,
        chain=str(caller.organization.pk),
        detail={"code": "role"},
    )


def domains_of(caller: Viewer) -> list[uuid.UUID]:
    """Return the linkage domains of the caller's organization."""
    return list(
        LinkageDomain.objects.filter(organization=caller.organization).values_list("pk", flat=True)
    )


def _open(caller: Viewer, cloud_id: str, event_number: str) -> Identified:
    """Read the vault; where it can't answer, the trail says that too."""
    found = vault.find_study(domains_of(caller), cloud_id)
    if found is None:
        record_alone(
            "study.reidentified",
            Outcome.FAILED,
            actor=caller.actor,
            chain=str(caller.organization.pk),
            subject=cloud_id,
            subject_kind="study",
            detail={"code": "mapping-gone"},
        )
        raise PermanentError(
            "mapping-gone",
            _("The mapping of this study was destroyed: nobody can say any more whose it was."),
        )
    return Identified(
        cloud_study_id=found.cloud_study_id,
        cloud_patient_id=found.cloud_patient_id,
        patient=dict(found.patient),
        study=dict(found.study),
        dates=tuple(found.dates),
        uids=dict(found.uids),
        event_number=event_number,
        seen=timezone.now(),
    )
