"""Several patients at once: refused, or opened with a second person's consent where one is needed.

The consent is another person's, given with a fresh proof, for exactly these studies, for a while.
Each study is then a look-up of its own at the door, counted and in the trail.
"""

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit import Outcome, record, record_alone
from studies.deid.cloudid import parse_cloud_id
from studies.faults import PermanentError
from studies.models import BulkLookUp, ConsentState, Role
from studies.services import door_rules
from studies.services.access import Viewer
from studies.services.door_rules import Proof
from studies.services.known import known_studies
from studies.services.reidentification import Identified, Request, reidentify, unknown_id

MOST = 20
CONSENTING = (Role.RADIOLOGIST, Role.ADMINISTRATOR)
_WAITS = timedelta(hours=24)


def ask(
    caller: Viewer, typed: str, reason: str, words: str, proof: Proof
) -> BulkLookUp | list[Identified]:
    """Open several studies, or put them before a second person where the organization asks so.

    Raises PermanentError, in the trail, for what isn't allowed: nothing of it is opened then.
    """
    cloud_ids = _ids(typed)
    refusal = door_rules.person_refusal(caller, proof) or door_rules.reason_refusal(reason, words)
    refusal = refusal or _list_refusal(caller, cloud_ids)
    if refusal is not None:
        raise _refused(caller, "bulk.requested", refusal, len(cloud_ids))
    known = [one for one in cloud_ids if one]
    if not caller.organization.four_eyes_bulk:
        return _open(caller, known, reason, words, proof, "single")
    row = BulkLookUp(
        organization=caller.organization,
        requested_by_id=caller.user.pk,
        cloud_study_ids=known,
        reason=reason,
        words=words.strip()[:200],
        expires=timezone.now() + _WAITS,
    )
    with transaction.atomic():
        row.save()
        _record(caller, "bulk.requested", row, {"reason": reason, "words": row.words})
    door_rules.tell(
        caller.organization,
        CONSENTING,
        gettext_lazy("Consent is asked for"),
        gettext_lazy("{who} asks to see several patients at once, in {where}.\n\n{link}\n"),
        {"who": str(caller.user), "link": settings.PUBLIC_URL + reverse("bulk", args=[row.pk])},
        but_not=caller.user.pk,
    )
    return row


def decide(caller: Viewer, row: BulkLookUp, *, consent: bool, proof: Proof) -> BulkLookUp:
    """Consent or decline, as a second person; the consent holds for a while from now on."""
    action = "bulk.consented" if consent else "bulk.declined"
    refusal = _decision_refusal(caller, row, proof)
    if refusal is not None:
        raise _refused(caller, action, refusal, len(row.cloud_study_ids), row)
    now = timezone.now()
    with transaction.atomic():
        # Of two people who decide at once, one does.
        decided = BulkLookUp.objects.filter(pk=row.pk, state=ConsentState.REQUESTED).update(
            state=ConsentState.CONSENTED if consent else ConsentState.DECLINED,
            decided_by_id=caller.user.pk,
            decided=now,
            expires=now + timedelta(minutes=settings.CONSENT_MINUTES),
        )
        if decided:
            _record(caller, action, row, {})
    if not decided:
        raise _refused(caller, action, _decided_already(), len(row.cloud_study_ids), row)
    row.refresh_from_db()
    return row


def open_consented(caller: Viewer, row: BulkLookUp, proof: Proof) -> list[Identified]:
    """Open what a second person consented to: for the one who asked, while the consent holds."""
    refusal = door_rules.person_refusal(caller, proof)
    if refusal is None and row.requested_by_id != caller.user.pk:
        refusal = PermanentError("not-yours", _("Only who asked may open it."))
    if refusal is None and (row.state != ConsentState.CONSENTED or row.is_over):
        refusal = PermanentError("no-consent", _("No consent holds for this any more. Ask again."))
    if refusal is None:
        refusal = _list_refusal(caller, [str(one) for one in row.cloud_study_ids])
    if refusal is not None:
        raise _refused(caller, "study.reidentified", refusal, len(row.cloud_study_ids), row)
    return _open(caller, row.cloud_study_ids, row.reason, row.words, proof, str(row.pk))


def bulk_for(caller: Viewer, bulk_id: UUID) -> BulkLookUp | None:
    """Return a request of the caller's organization."""
    return (
        BulkLookUp.objects.filter(organization=caller.organization, pk=bulk_id)
        .select_related("requested_by", "decided_by")
        .first()
    )


def waiting(caller: Viewer) -> list[BulkLookUp]:
    """Return what waits for the caller's consent."""
    if not caller.has(*CONSENTING):
        return []
    return list(
        BulkLookUp.objects.filter(
            organization=caller.organization,
            state=ConsentState.REQUESTED,
            expires__gt=timezone.now(),
        )
        .exclude(requested_by_id=caller.user.pk)
        .select_related("requested_by")
    )


def _ids(typed: str) -> list[str]:
    """Return the cloud ids of lines or words, each once; a mistyped one is empty."""
    words = typed.replace(",", " ").replace(";", " ").split()
    return list(dict.fromkeys(parse_cloud_id(word) or "" for word in words))


def _list_refusal(caller: Viewer, cloud_ids: list[str]) -> PermanentError | None:
    if len(cloud_ids) > MOST:
        return PermanentError(
            "too-many-at-once", _("At most {count} studies at once.").format(count=MOST)
        )
    known = known_studies(caller.organization, "cloud_study_id", cloud_ids)
    if not cloud_ids or known.keys() != set(cloud_ids):
        return unknown_id()
    if door_rules.left(caller) < len(cloud_ids):
        return door_rules.too_many()
    return None


def _decision_refusal(caller: Viewer, row: BulkLookUp, proof: Proof) -> PermanentError | None:
    if not caller.has(*CONSENTING):
        return PermanentError("role", _("Only radiologists and administrators may consent."))
    if row.requested_by_id == caller.user.pk:
        return PermanentError("four-eyes", _("A second person has to decide, not who asked."))
    if not proof.is_fresh:
        return PermanentError("not-fresh", _("Enter your password again: this needs a fresh one."))
    if row.state != ConsentState.REQUESTED or row.is_over:
        return _decided_already()
    return None


def _decided_already() -> PermanentError:
    return PermanentError("decided-already", _("This was decided already, or its time is over."))


def _open(
    caller: Viewer, cloud_ids: list[str], reason: str, words: str, proof: Proof, bulk: str
) -> list[Identified]:
    return [
        reidentify(caller, Request(one, reason, words, bulk=bulk), proof=proof) for one in cloud_ids
    ]


def _record(caller: Viewer, action: str, row: BulkLookUp, detail: dict[str, str]) -> None:
    record(
        action,
        actor=caller.actor,
        chain=str(caller.organization.pk),
        subject=str(row.pk),
        subject_kind="bulk",
        detail={"studies": len(row.cloud_study_ids), **detail},
    )


def _refused(
    caller: Viewer, action: str, why: PermanentError, count: int, row: BulkLookUp | None = None
) -> PermanentError:
    """Write a refused attempt into the trail, count it, and return the refusal."""
    door_rules.note(caller, "", Outcome.REFUSED)
    record_alone(
        action,
        Outcome.REFUSED,
        actor=caller.actor,
        chain=str(caller.organization.pk),
        subject=str(row.pk) if row else "",
        subject_kind="bulk" if row else "",
        detail={"code": why.code, "studies": count},
    )
    if why.code == "too-many":
        door_rules.alert(caller)
    return why
