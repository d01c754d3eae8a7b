"""Who passes the door, in which state, and what the trail says: roles × proofs × states."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.core import mail
from django.utils import timezone

from audit.models import Event
from studies.faults import PermanentError
from studies.models import (
    BulkLookUp,
    ConsentState,
    DoorAlert,
    LookUp,
    Organization,
    Report,
    ReportLink,
    Role,
    Study,
)
from studies.services import (
    access,
    alarms,
    bulk,
    door_rules,
    downloading,
    lending,
    organizations,
    restoring,
    returning,
)
from studies.services.door_rules import Proof
from studies.services.reidentification import Request, reidentify
from tests import datasets
from tests.studies.hospital import Hospital, make_hospital, work_off

STALE, FRESH = Proof(is_fresh=False), Proof(is_fresh=True)
ENROLLED, USED = replace(FRESH, has_second_factor=True), Proof(True, True, True)


def code_of(act: object, *args: object, **more: object) -> str:
    """Return the code that an act is refused with, "" where it isn't."""
    try:
        act(*args, **more)  # type: ignore[operator]
    except PermanentError as error:
        return error.code
    return ""


def last_event() -> tuple[str, str, str]:
    event = Event.objects.order_by("-pk")[0]
    return event.action, event.outcome, event.detail.get("code", "")


@pytest.mark.parametrize("role", Role.values)
@pytest.mark.parametrize("is_required", [False, True])
@pytest.mark.parametrize(
    ("proof", "plain", "strict"),
    [
        (STALE, "not-fresh", "second-factor-missing"),
        (FRESH, "", "second-factor-missing"),
        (ENROLLED, "", "second-factor-unused"),
        (replace(USED, is_fresh=False), "not-fresh", "not-fresh"),
        (USED, "", ""),
    ],
)
def test_a_person_needs_the_role_a_fresh_proof_and_the_factor_that_is_asked_for(
    role: str, is_required: bool, proof: Proof, plain: str, strict: str
) -> None:
    organization = Organization(second_factor_required=is_required)
    caller = access.Viewer(user=None, organization=organization, roles=frozenset({role}))  # type: ignore[arg-type]
    refusal = door_rules.person_refusal(caller, proof)
    expected = (strict if is_required else plain) if role == Role.RADIOLOGIST else "role"
    assert (refusal.code if refusal else "") == expected


@pytest.fixture
def ward(
    tmp_path: Path, settings, redis_server, transactional_db
) -> tuple[Hospital, Study, Report]:
    settings.FOLDER_ROOTS = [str(tmp_path)]
    hospital = make_hospital(tmp_path)
    datasets.write_series(hospital.inbox / "one", [datasets.ct(datasets.Markers())])
    hospital.submit(["one"], release="when-clean")
    work_off()
    study = Study.objects.get()
    report = returning.receive_text(
        hospital.organization,
        f"Study {study.cloud_study_id}: no finding.",
        hospital.viewer(Role.RADIOLOGIST).actor,
    )
    return hospital, study, report


def another_radiologist(hospital: Hospital) -> access.Viewer:
    """Return a second radiologist of the same hospital."""
    user = organizations.create_person(email="second@north.example", name="Second Reader")
    organizations.grant(user, hospital.organization, Role.RADIOLOGIST)
    return replace(hospital.viewer(Role.RADIOLOGIST), user=user)


@pytest.mark.django_db(transaction=True, databases=["default", "vault"])
def test_several_patients_open_with_a_second_persons_consent_only(ward) -> None:
    hospital, study, _report = ward
    asker, second = hospital.viewer(Role.RADIOLOGIST), another_radiologist(hospital)
    ids = f"{study.cloud_study_id}\n{study.cloud_study_id}"
    opened = bulk.ask(asker, ids, "report", "", FRESH)
    assert [one.cloud_study_id for one in opened] == [study.cloud_study_id]

    hospital.organization.four_eyes_bulk = True
    shown = Event.objects.filter(action="study.reidentified", outcome="success").count()
    row = bulk.ask(asker, ids, "report", "for the ward round", FRESH)
    assert isinstance(row, BulkLookUp)
    assert Event.objects.filter(action="study.reidentified", outcome="success").count() == shown
    told = {message.to[0] for message in mail.outbox}
    assert told == {"second@north.example", hospital.people[Role.ADMINISTRATOR].email}

    assert code_of(bulk.open_consented, asker, row, FRESH) == "no-consent"
    assert code_of(bulk.decide, asker, row, consent=True, proof=FRESH) == "four-eyes"
    assert last_event() == ("bulk.consented", "refused", "four-eyes")
    for role in (Role.COORDINATOR, Role.AUDITOR):
        assert code_of(bulk.decide, hospital.viewer(role), row, consent=True, proof=FRESH) == "role"
    assert code_of(bulk.decide, second, row, consent=True, proof=STALE) == "not-fresh"
    bulk.decide(second, row, consent=True, proof=FRESH)
    assert last_event()[:2] == ("bulk.consented", "success")
    assert code_of(bulk.decide, second, row, consent=False, proof=FRESH) == "decided-already"

    assert code_of(bulk.open_consented, second, row, FRESH) == "not-yours"
    assert code_of(bulk.open_consented, asker, row, STALE) == "not-fresh"
    found = bulk.open_consented(asker, row, FRESH)
    assert found[0].cloud_study_id == study.cloud_study_id
    assert Event.objects.order_by("-pk")[0].detail["bulk"] == str(row.pk)
    row.expires = timezone.now() - timedelta(seconds=1)
    assert code_of(bulk.open_consented, asker, row, FRESH) == "no-consent"

    other = bulk.ask(asker, ids, "report", "", FRESH)
    administrator = hospital.viewer(Role.ADMINISTRATOR)
    bulk.decide(administrator, other, consent=False, proof=FRESH)
    assert other.state == ConsentState.DECLINED
    assert code_of(bulk.open_consented, asker, other, FRESH) == "no-consent"
    for typed in ("", "not an id", f"{study.cloud_study_id} 0000000000000"):
        assert code_of(bulk.ask, asker, typed, "report", "", FRESH) == "unknown-id"
    assert code_of(bulk.ask, asker, ids, "", "", FRESH) == "reason-missing"


@pytest.mark.django_db(transaction=True, databases=["default", "vault"])
def test_a_link_opens_one_report_for_one_person_until_it_ends(ward) -> None:
    hospital, study, report = ward
    giver, auditor = hospital.viewer(Role.RADIOLOGIST), hospital.viewer(Role.AUDITOR)
    person = auditor.user.pk
    for role in (Role.COORDINATOR, Role.AUDITOR, Role.ADMINISTRATOR):
        caller = hospital.viewer(role)
        assert code_of(lending.lend, caller, report, person, 4, "to check", FRESH) == "role"
    assert code_of(lending.lend, giver, report, person, 4, "to check", STALE) == "not-fresh"
    assert code_of(lending.lend, giver, report, giver.user.pk, 4, "to check", FRESH) == (
        "person-unknown"
    )
    assert code_of(lending.lend, giver, report, 10**6, 4, "to check", FRESH) == "person-unknown"
    assert code_of(lending.lend, giver, report, person, 1000, "to check", FRESH) == "link-too-long"
    link = lending.lend(giver, report, person, 4, "to check", FRESH)
    assert mail.outbox[-1].to == [auditor.user.email]
    assert str(link.pk) in mail.outbox[-1].body

    asked = Request(study.cloud_study_id, "quality", "", link=link)
    assert code_of(reidentify, auditor, replace(asked, link=None), proof=FRESH) == "role"
    assert code_of(reidentify, auditor, asked, proof=STALE) == "not-fresh"
    assert code_of(reidentify, auditor, replace(asked, reason=""), proof=FRESH) == "reason-missing"
    elsewhere = replace(asked, typed=f"{uuid4().hex[:13]}")
    assert code_of(reidentify, auditor, elsewhere, proof=FRESH) == "unknown-id"
    stranger = hospital.viewer(Role.COORDINATOR)
    assert code_of(reidentify, stranger, asked, proof=FRESH) == "link-not-yours"
    assert last_event() == ("study.reidentified", "refused", "link-not-yours")

    identified = reidentify(auditor, asked, proof=FRESH)
    restored = restoring.restore_identified(auditor, report, identified)
    assert "no finding" in "".join(piece.text for piece in restored.pieces)
    assert code_of(downloading.download, auditor, report, identified.event_number) == "role"
    downloaded = downloading.download(giver, report, identified.event_number)
    assert b"no finding" in downloaded.body
    assert last_event()[:2] == ("report.downloaded", "success")

    ReportLink.objects.update(expires=timezone.now())
    link.refresh_from_db()
    assert code_of(reidentify, auditor, replace(asked, link=link), proof=FRESH) == "link-over"
    again = lending.lend(giver, report, person, 4, "to check", FRESH)
    lending.revoke(hospital.viewer(Role.ADMINISTRATOR), again)
    assert code_of(reidentify, auditor, replace(asked, link=again), proof=FRESH) == "link-over"
    assert code_of(lending.revoke, hospital.viewer(Role.COORDINATOR), again) == "role"


@pytest.mark.django_db(transaction=True, databases=["default", "vault"])
def test_the_limit_closes_the_door_and_raises_one_alert(ward, settings) -> None:
    hospital, study, _report = ward
    caller = hospital.viewer(Role.RADIOLOGIST)
    settings.LOOK_UPS_PER_HOUR = 2
    asked = Request(study.cloud_study_id, "report")
    reidentify(caller, asked, proof=FRESH)
    assert code_of(reidentify, caller, replace(asked, typed="mistyped"), proof=FRESH) == (
        "unknown-id"
    )
    mail.outbox.clear()
    assert code_of(reidentify, caller, asked, proof=FRESH) == "too-many"
    assert code_of(reidentify, caller, asked, proof=FRESH) == "too-many"
    assert code_of(bulk.ask, caller, study.cloud_study_id, "report", "", FRESH) == "too-many"
    assert DoorAlert.objects.count() == 1
    told = {message.to[0] for message in mail.outbox}
    watching = (Role.ADMINISTRATOR, Role.AUDITOR)
    assert told == {hospital.people[role].email for role in watching}
    words = " ".join(message.subject + message.body for message in mail.outbox)
    assert study.cloud_study_id not in words
    watcher = hospital.viewer(Role.ADMINISTRATOR)
    assert alarms.unseen(watcher) == 1
    alarms.mark_seen(watcher)
    assert alarms.unseen(watcher) == 0
    assert last_event()[0] == "door.alert_seen"
    LookUp.objects.update(created=timezone.now() - timedelta(minutes=61))
    assert reidentify(caller, asked, proof=FRESH).cloud_study_id == study.cloud_study_id


@pytest.mark.django_db(transaction=True, databases=["default", "vault"])
def test_two_look_ups_at_once_cannot_both_take_the_last_one(ward, settings, monkeypatch) -> None:
    hospital, study, _report = ward
    caller = hospital.viewer(Role.RADIOLOGIST)
    settings.LOOK_UPS_PER_HOUR = 1
    asked = Request(study.cloud_study_id, "report")
    look = door_rules.left
    answers = iter([1])  # what the second saw before the first was through
    reidentify(caller, asked, proof=FRESH)
    monkeypatch.setattr(door_rules, "left", lambda viewer: next(answers, look(viewer)))
    assert code_of(reidentify, caller, asked, proof=FRESH) == "too-many"
    assert last_event()[0] == "door.limit_reached"
