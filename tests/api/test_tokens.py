"""API tokens: shown once, kept as a digest, of one organization, with scopes and an end."""

import re
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from audit.models import Event
from studies.models import ApiToken, Role, Scope
from studies.services import tokens
from tests.api.conftest import client_for, token_for
from tests.studies.hospital import Hospital

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "vault"])
ME = "/api/me"


def ask(secret: str, **headers: str) -> Any:
    return Client().get(ME, headers={"authorization": f"Bearer {secret}", **headers})


def test_a_token_opens_the_api_and_stands_nowhere_in_the_database(hospital: Hospital) -> None:
    secret = token_for(hospital.organization, ["stow"])
    assert re.fullmatch(r"ap_[A-Za-z0-9_-]{43}", secret)
    answer = ask(secret).json()
    assert (answer["organizationId"], answer["scopes"]) == ("north", ["stow"])
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM studies_apitoken")
        row = repr(cursor.fetchall())
    assert secret not in row
    assert secret[len("ap_") + 4 :] not in row


def test_a_missing_wrong_or_spoiled_token_is_refused_and_in_the_trail(hospital: Hospital) -> None:
    secret = token_for(hospital.organization)
    assert Client().get(ME).status_code == 401
    for wrong in (secret[:-1], secret + "x", "ap_", "é" * 10, "x" * 5000):
        answer = ask(wrong)
        assert answer.status_code == 401, wrong
        assert answer["WWW-Authenticate"].startswith("Bearer")
        assert wrong not in answer.content.decode()
    assert Client().get(ME, headers={"authorization": f"Basic {secret}"}).status_code == 401
    events = Event.objects.filter(action="token.refused", outcome="refused")
    assert {event.detail["code"] for event in events} == {"token-unknown"}
    assert {event.chain for event in events} == {"system"}


def test_a_revoked_token_is_refused_at_once_and_an_expired_one_too(hospital: Hospital) -> None:
    secret = token_for(hospital.organization)
    row = ApiToken.objects.get()
    assert ask(secret).status_code == 200
    ApiToken.objects.update(expires=timezone.now() - timedelta(seconds=1))
    assert ask(secret).json()["code"] == "token-expired"
    tokens.revoke(row, hospital.viewer(Role.ADMINISTRATOR).actor)
    assert ask(secret).json()["code"] == "token-revoked"
    refused = Event.objects.filter(action="token.refused", chain=str(hospital.organization.pk))
    assert [event.subject for event in refused] == [str(row.pk)] * 2


def test_a_scope_that_is_missing_is_403_and_in_the_trail(hospital: Hospital) -> None:
    answer = client_for(hospital.organization, Scope.STOW).get("/api/batches")
    assert (answer.status_code, answer.json()["code"]) == (403, "scope-missing")
    event = Event.objects.get(action="token.refused")
    assert event.detail == {"code": "scope-missing", "scope": "batches:read"}


def test_the_last_use_is_noted_at_most_once_a_minute(hospital: Hospital) -> None:
    secret = token_for(hospital.organization)
    ask(secret)
    first = ApiToken.objects.get().last_used
    assert first is not None
    ask(secret)
    assert ApiToken.objects.get().last_used == first


def test_a_token_calls_only_so_often_in_a_minute(hospital: Hospital, settings: Any) -> None:
    settings.API_CALLS_PER_MINUTE = 3
    secret = token_for(hospital.organization)
    # Enough for two minutes, should one begin in between.
    answers = [ask(secret) for _ in range(8)]
    assert [answer.status_code for answer in answers][:3] == [200] * 3
    limited = [answer for answer in answers if answer.status_code == 429]
    assert limited
    assert all(0 < int(answer["Retry-After"]) <= 60 for answer in limited)


def test_an_address_that_guesses_is_shut_out_and_fills_no_trail(
    hospital: Hospital, settings: Any
) -> None:
    settings.API_REFUSALS_PER_MINUTE = 4
    answers = [ask("ap_guess").status_code for _ in range(12)]
    assert answers[0] == 401
    assert 429 in answers
    assert Event.objects.filter(action="token.refused").count() == answers.count(401) <= 8
    # A good token of the same address still serves: a whole hospital may stand behind one.
    assert ask(token_for(hospital.organization)).status_code == 200


def test_a_session_is_no_token_and_a_token_opens_no_page(hospital: Hospital) -> None:
    person = Client(enforce_csrf_checks=True)
    person.force_login(hospital.people[Role.COORDINATOR])
    assert person.get("/api/batches").status_code == 401
    assert person.post("/api/batches", b"{}", content_type="application/json").status_code == 401
    machine = client_for(hospital.organization)
    assert machine.get("/batches/").status_code == 302


def test_an_administrator_makes_sees_and_revokes_tokens(hospital: Hospital) -> None:
    client = Client()
    client.force_login(hospital.people[Role.ADMINISTRATOR])
    form = {"name": "PACS router", "scopes": ["stow", "anonymize"], "days": "30"}
    page = client.post("/tokens/", form)
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    (secret,) = re.findall(r"ap_[A-Za-z0-9_-]{43}", page.content.decode())
    assert ask(secret).status_code == 200
    again = client.get("/tokens/").content.decode()
    assert secret not in again
    assert "PACS router" in again
    row = ApiToken.objects.get()
    assert client.get(f"/tokens/{row.pk}/revoke/").status_code == 200
    assert ask(secret).status_code == 200
    client.post(f"/tokens/{row.pk}/revoke/")
    assert ask(secret).status_code == 401
    made = Event.objects.filter(subject=str(row.pk)).values_list("action", flat=True)
    assert {"token.created", "token.revoked"} <= set(made)
    assert client.post("/tokens/", {"name": "x", "days": "30"}).status_code == 422
    assert client.post("/tokens/", form | {"days": "9999"}).status_code == 422


def test_tokens_are_made_listed_and_revoked_by_command(hospital: Hospital) -> None:
    out = StringIO()
    call_command("api_token", "create", "north", "router", "--scope", "stow", stdout=out)
    secret = out.getvalue().strip()
    assert ask(secret).status_code == 200
    listed = StringIO()
    call_command("api_token", "list", "north", stdout=listed)
    row = ApiToken.objects.get()
    assert str(row.pk) in listed.getvalue()
    assert secret not in listed.getvalue()
    call_command("api_token", "revoke", str(row.pk), stdout=StringIO())
    assert ask(secret).status_code == 401
    with pytest.raises(CommandError):
        call_command("api_token", "create", "nobody", "x", "--scope", "stow")
    with pytest.raises(CommandError):
        call_command("api_token", "create", "north", "x", "--scope", "stow", "--days", "5000")


def test_errors_are_problem_json_wherever_they_arise(hospital: Hospital) -> None:
    client = client_for(hospital.organization)
    for answer, status in (
        (client.get("/api/nothing/here"), 404),
        (client.get("/api/batches/not-a-uuid"), 404),
        (client.delete("/api/batches"), 405),
        (client.post("/api/batches", b"{", content_type="application/json"), 400),
        (client.post("/api/batches", b'{"x": 1}', content_type="application/json"), 422),
        (client.get("/api/batches?limit=0"), 422),
        (client.get("/api/batches?cursor=!!"), 400),
        (client.get("/api/batches?cursor=W10"), 400),
    ):
        assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
        assert answer.json()["status"] == status
        assert answer["Cache-Control"] == "no-store"
