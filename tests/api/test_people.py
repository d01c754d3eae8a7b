"""Over REST access is taken away and never given: roles, tokens, report systems."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from audit.models import Event
from studies.models import ApiToken, Membership, ReportTarget, Role, Scope
from studies.services import sending_on
from studies.services.organizations import COMMAND
from tests.api.conftest import client_for
from tests.studies.hospital import Hospital, make_hospital

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "vault"])


@pytest.fixture
def client(hospital: Hospital) -> Client:
    return client_for(hospital.organization, Scope.PEOPLE_WRITE)


def member(client: Client, role: str) -> dict[str, Any]:
    rows: list[dict[str, Any]] = client.get("/api/members").json()
    return next(row for row in rows if row["role"] == role)


def test_who_works_here_is_listed_and_a_role_is_taken(client: Client, hospital: Hospital) -> None:
    rows = client.get("/api/members").json()
    assert {row["role"] for row in rows} == set(Role.values)
    mine = member(client, "radiologist")
    assert (mine["email"], mine["name"]) == ("radiologist@north.example", "Radiologist North")
    person = Client()
    person.force_login(hospital.people[Role.RADIOLOGIST])
    assert person.get("/worklist/").status_code == 200
    assert client.delete(f"/api/members/{mine['membershipId']}").status_code == 204
    assert person.get("/worklist/").status_code == 403
    assert client.delete(f"/api/members/{mine['membershipId']}").status_code == 404
    event = Event.objects.get(action="membership.revoked")
    assert event.actor_kind == "token"


def test_the_last_administrator_stays(client: Client) -> None:
    answer = client.delete(f"/api/members/{member(client, 'administrator')['membershipId']}")
    assert (answer.status_code, answer.json()["code"]) == (409, "last-administrator")
    assert Membership.objects.filter(role=Role.ADMINISTRATOR).exists()


def test_an_id_beyond_every_database_is_not_found(client: Client) -> None:
    assert client.delete(f"/api/members/{10**30}").status_code == 404


def test_tokens_are_listed_without_their_secret_and_ended(
    client: Client, hospital: Hospital
) -> None:
    other = client_for(hospital.organization, Scope.STOW)
    assert other.get("/api/me").status_code == 200
    rows = client.get("/api/tokens").json()
    assert [row["scopes"] for row in rows] == [["stow"], ["people:write"]]
    digests = [bytes(row.digest).hex() for row in ApiToken.objects.all()]
    assert not [digest for digest in digests if digest in repr(rows)]
    answer = client.post(f"/api/tokens/{rows[0]['tokenId']}/revoke")
    assert answer.status_code == 200
    assert answer.json()["revoked"] is not None
    assert other.get("/api/me").json()["code"] == "token-revoked"
    assert client.post(f"/api/tokens/{rows[1]['tokenId']}/revoke").status_code == 200
    assert client.get("/api/me").status_code == 401


def test_nothing_gives_a_role_a_token_or_a_report_system(client: Client) -> None:
    paths = client.get("/api/openapi.json").json()["paths"]
    assert set(paths["/api/members"]) == {"get"}
    assert set(paths["/api/tokens"]) == {"get"}
    assert set(paths["/api/report-systems"]) == {"get"}
    for path in ("members", "tokens", "report-systems"):
        answer = client.post(f"/api/{path}", b"{}", content_type="application/json")
        assert answer.status_code == 405, path


def test_a_report_system_is_seen_tested_and_switched_off(
    hospital: Hospital, redis_server: object
) -> None:
    client = client_for(hospital.organization, Scope.SETTINGS_WRITE)
    row = sending_on.save_target(
        hospital.organization,
        COMMAND,
        values={"name": "RIS", "kind": "folder", "config": {"root": str(hospital.outbox)}},
    )
    (seen,) = client.get("/api/report-systems").json()
    assert seen["systemId"] == str(row.pk)
    assert str(hospital.outbox) not in repr(seen)
    assert client.post(f"/api/report-systems/{row.pk}/test").json()["state"] == "ready"
    url = f"/api/report-systems/{row.pk}/pause"
    off = client.post(url, b'{"paused": true}', content_type="application/json")
    assert off.json()["state"] == "paused"
    on = client.post(url, b'{"paused": false}', content_type="application/json")
    assert on.json()["state"] == ReportTarget.objects.get().state == "not-tested"


def test_people_tokens_and_systems_of_others_do_not_exist(
    client: Client, tmp_path: Path, hospital: Hospital
) -> None:
    south = make_hospital(tmp_path, "south", "SOUTH")
    theirs = Membership.objects.get(organization=south.organization, role=Role.AUDITOR)
    client_for(south.organization, Scope.STOW)
    token = ApiToken.objects.get(organization=south.organization)
    assert client.delete(f"/api/members/{theirs.pk}").status_code == 404
    assert client.post(f"/api/tokens/{token.pk}/revoke").status_code == 404
    assert "south" not in client.get("/api/members").content.decode()
    assert len(client.get("/api/tokens").json()) == 1
    assert Membership.objects.filter(pk=theirs.pk).exists()
