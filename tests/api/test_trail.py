"""The trail over REST: followed, filtered, verified, exported; a machine's look is an act too."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from audit import record
from audit.models import Event, Export
from audit.sealer import seal_all
from studies.models import Scope
from studies.services.organizations import COMMAND
from tests.api.conftest import client_for
from tests.append_only import triggers_lifted
from tests.studies.hospital import Hospital, make_hospital, work_off

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "vault"])
STUDY = "5T23P9Z9DEM7N"


@pytest.fixture
def client(hospital: Hospital) -> Client:
    return client_for(hospital.organization, Scope.AUDIT_READ)


def act(hospital: Hospital, images: int, study: str = STUDY) -> None:
    with transaction.atomic():
        record(
            "study.deidentified",
            actor=COMMAND,
            chain=str(hospital.organization.pk),
            subject=study,
            subject_kind="study",
            detail={"images": images},
        )


def events(client: Client, **query: Any) -> Any:
    answer = client.get("/api/audit/events", query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def images(found: Any) -> list[int]:
    return [item["detail"]["images"] for item in found["items"]]


def test_acts_are_paged_newest_first_and_followed(client: Client, hospital: Hospital) -> None:
    for number in range(5):
        act(hospital, number)
    first = events(client, action="study.deidentified", limit=2)
    assert images(first) == [4, 3]
    second = events(client, action="study.deidentified", limit=2, cursor=first["nextCursor"])
    assert images(second) == [2, 1]
    last = events(client, action="study.deidentified", limit=2, cursor=second["nextCursor"])
    assert (images(last), last["nextCursor"]) == ([0], None)
    nothing = events(client, action="study.deidentified", after=first["latest"])
    assert (nothing["items"], nothing["latest"]) == ([], first["latest"])
    act(hospital, 5)
    act(hospital, 6)
    later = events(client, action="study.deidentified", after=first["latest"])
    assert images(later) == [6, 5]


def test_filters_narrow_and_an_act_shows_its_proof(client: Client, hospital: Hospital) -> None:
    act(hospital, 1)
    act(hospital, 2, "Q5XW8N2RTKFA7")
    seal_all()
    (item,) = events(client, subject="5t23-p9z9-dem7-n")["items"]
    assert (item["subject"], item["action"]) == (STUDY, "study.deidentified")
    assert events(client, subject=STUDY, outcome="refused")["items"] == []
    assert events(client, last="1999-12-31")["items"] == []
    whole = client.get(f"/api/audit/events/{item['eventId']}").json()
    row = Event.objects.get(pk=item["eventId"])
    assert whole["sequence"] == item["sequence"] == row.link.sequence
    assert whole["canonical"] == row.canonical().decode()
    assert whole["digest"] == bytes(row.digest).hex()
    assert len(whole["link"]) == len(whole["previous"]) == 64


@pytest.mark.parametrize(
    "query",
    [
        {"action": "no.such"},
        {"outcome": "perhaps"},
        {"first": "yesterday"},
        {"cursor": "x"},
        {"limit": 0},
        {"who": "\x00"},
    ],
)
def test_a_filter_that_means_nothing_is_refused_and_not_left_out(
    client: Client, query: dict[str, Any]
) -> None:
    answer = client.get("/api/audit/events", query)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_the_ends_of_the_calendar_are_days_like_others(
    client: Client, hospital: Hospital, day: str
) -> None:
    act(hospital, 1)
    is_all = day > "2000"
    found = events(client, last=day, action="study.deidentified")
    assert len(found["items"]) == (1 if is_all else 0)
    found = events(client, first=day, action="study.deidentified")
    assert len(found["items"]) == (0 if is_all else 1)


def test_the_same_look_is_written_once_and_another_one_again(
    client: Client, hospital: Hospital
) -> None:
    for _ in range(3):
        events(client)
    events(client, outcome="refused")
    looks = Event.objects.filter(action="audit.viewed").order_by("pk")
    assert [look.detail for look in looks] == [
        {"page": "api"},
        {"page": "api", "outcome": "refused"},
    ]
    assert {look.actor_kind for look in looks} == {"token"}


def test_what_was_typed_as_a_study_and_names_none_does_not_enter_the_trail(
    client: Client, hospital: Hospital, redis_server: object
) -> None:
    events(client, subject="MULLER^HANS", who="MULLER")
    body = {"format": "csv", "subject": "MULLER^HANS", "who": "MULLER"}
    answer = client.post("/api/audit/exports", json.dumps(body), content_type="application/json")
    assert answer.status_code == 202, answer.content
    assert Event.objects.filter(action="audit.viewed").get().detail["subject"] == "unknown"
    with connection.cursor() as cursor:
        for table in ("audit_event", "audit_export"):
            cursor.execute(f"SELECT * FROM {table}")
            assert "MULLER" not in repr(cursor.fetchall())


def test_the_chain_is_verified_and_a_change_is_named(client: Client, hospital: Hospital) -> None:
    act(hospital, 1)
    act(hospital, 2)
    said = client.post("/api/audit/verify").json()
    assert (said["isIntact"], said["finding"]) == (True, None)
    assert said["events"] >= 2
    changed = Event.objects.filter(action="study.deidentified").latest("pk")
    with triggers_lifted(connection):
        Event.objects.filter(pk=changed.pk).update(detail_json='{"images":9}')
    said = client.post("/api/audit/verify").json()
    assert said["isIntact"] is False
    assert said["finding"]["kind"] == "changed"
    assert said["finding"]["sequence"] == changed.link.sequence


def test_an_export_is_made_in_the_background_and_handed_out(
    client: Client, hospital: Hospital, redis_server: object
) -> None:
    act(hospital, 7)
    body = json.dumps({"format": "jsonl"})
    made = client.post("/api/audit/exports", body, content_type="application/json")
    assert made.status_code == 202, made.content
    url = f"/api/audit/exports/{made.json()['exportId']}"
    early = client.get(f"{url}/file")
    assert (early.status_code, early.json()["code"]) == (409, "export-unfinished")
    work_off()
    said = client.get(url).json()
    assert said["state"] == "done"
    assert client.get("/api/audit/exports").json() == [said]
    answer = client.get(f"{url}/file")
    content = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    assert hashlib.sha256(content).hexdigest() == said["sha256"]
    assert b'"images":7' in content.replace(b"\\", b"")
    bad = json.dumps({"format": "jsonl", "first": "2026-13-01"})
    refused = client.post("/api/audit/exports", bad, content_type="application/json")
    assert refused.status_code == 422


def test_the_trail_of_others_does_not_exist(
    client: Client, hospital: Hospital, tmp_path: Path
) -> None:
    south = make_hospital(tmp_path, "south", "SOUTH")
    act(south, 1)
    row = Event.objects.get(action="study.deidentified")
    export = Export.objects.create(chain=row.chain, format="csv", actor_id="1", actor_label="A")
    assert events(client, action="study.deidentified")["items"] == []
    for path in (f"events/{row.pk}", f"exports/{export.pk}", f"exports/{export.pk}/file"):
        assert client.get(f"/api/audit/{path}").status_code == 404
    assert client.get("/api/audit/exports").json() == []


def test_times_are_utc_with_their_zone(client: Client, hospital: Hospital) -> None:
    act(hospital, 1)
    (item,) = events(client, action="study.deidentified")["items"]
    at = datetime.fromisoformat(item["at"])
    assert at.utcoffset() is not None
    assert abs((datetime.now(UTC) - at).total_seconds()) < 60
