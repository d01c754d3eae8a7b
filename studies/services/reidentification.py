"""The guarded door: from a cloud id back to the patient, for the hospital's radiologist alone.

The event commits before the vault is read: no audit, no answer. Unknown, foreign and mistyped ids
look alike to the caller. What was typed is never stored: it could be anything, a name too.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit import Outcome, record, record_alone
from studies.deid import parse_cloud_id
from studies.faults import PermanentError
from studies.models import LinkageDomain, LookUp, Role, Study
from studies.services.access import Viewer
from studies.vault import service as vault

REASONS = {
    "report": gettext_lazy("Report to the referring physician"),
    "emergency": gettext_lazy("Urgent finding: the patient must be reached"),
    "question": gettext_lazy("Question from the remote reader"),
    "quality": gettext_lazy("Quality check of a report"),
    "other": gettext_lazy("Other, stated below"),
}


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
    """What a radiologist typed at the door."""

    typed: str
    reason: str
    words: str = ""
    batch: str = ""


def reidentify(caller: Viewer, request: Request, *, is_fresh: bool) -> Identified:
    """Return the patient of a cloud study id; raise PermanentError with what is wrong otherwise.

    Every attempt is in the trail before this returns or raises, with its outcome.
    """
    cloud_id = parse_cloud_id(request.typed) or ""
    refusal = _refusal(caller, request, cloud_id, is_fresh)
    if refusal is not None:
        _refuse(caller, request, cloud_id, refusal)
        raise refusal
    study = _study(caller, request, cloud_id)
    if study is None:
        unknown = PermanentError(
            "unknown-id", _("No study of this organization has this id. Check each character.")
        )
        _refuse(caller, request, cloud_id, unknown)
        raise unknown
    with transaction.atomic():
        LookUp.objects.create(
            organization=caller.organization,
            user_id=caller.user.pk,
            cloud_study_id=cloud_id,
            outcome=Outcome.SUCCESS,
        )
        event = record(
            "study.reidentified",
            actor=caller.actor,
            chain=str(caller.organization.pk),
            subject=cloud_id,
            subject_kind="study",
            context=str(study.batch_id),
            detail={"reason": request.reason, "words": request.words.strip()[:200]},
        )
    return _open(caller, cloud_id, str(event.pk))


def _refusal(
    caller: Viewer, request: Request, cloud_id: str, is_fresh: bool
) -> PermanentError | None:
    if not caller.has(Role.RADIOLOGIST):
        return PermanentError("role", _("Only radiologists of this organization may see patients."))
    if not is_fresh:
        return PermanentError("not-fresh", _("Enter your password again: this needs a fresh one."))
    if request.reason not in REASONS:
        return PermanentError("reason-missing", _("Choose a reason."))
    if request.reason == "other" and len(request.words.strip()) < 5:
        return PermanentError("reason-missing", _("State the reason in your own words."))
    if not cloud_id:
        return PermanentError(
            "unknown-id", _("No study of this organization has this id. Check each character.")
        )
    hour = timezone.now() - timedelta(hours=1)
    if (
        LookUp.objects.filter(user_id=caller.user.pk, created__gte=hour).count()
        >= settings.LOOK_UPS_PER_HOUR
    ):
        return PermanentError(
            "too-many", _("You have reached the number of look-ups an hour allows. Wait a while.")
        )
    return None


def _study(caller: Viewer, request: Request, cloud_id: str) -> Study | None:
    rows = Study.objects.filter(organization=caller.organization, cloud_study_id=cloud_id)
    if request.batch.strip():
        try:
            rows = rows.filter(batch_id=uuid.UUID(request.batch.strip()))
        except ValueError:
            short = request.batch.strip().lower()
            found = [row for row in rows if len(short) >= 8 and str(row.batch_id).startswith(short)]
            return found[0] if found else None
    return rows.order_by("-batch__created").first()


def _refuse(caller: Viewer, request: Request, cloud_id: str, why: PermanentError) -> None:
    """Keep a refused attempt, before its answer: in a transaction of its own."""
    LookUp.objects.create(
        organization=caller.organization,
        user_id=caller.user.pk,
        cloud_study_id=cloud_id,
        outcome=Outcome.REFUSED,
    )
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
        },
    )


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
