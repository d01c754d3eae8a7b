"""Signing in and out: by e-mail, counted, the same for known and unknown, all of it recorded."""

from collections.abc import Callable

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import NoReverseMatch, reverse

from anonportal.accounts.adapter import typed_reference
from anonportal.accounts.models import User
from audit.models import Event
from tests.accounts.conftest import PASSWORD

Trail = Callable[[], list[Event]]
SIGN_IN = "/account/sign-in/"


def post(client: Client, email: str, password: str, url: str = SIGN_IN) -> tuple[int, str]:
    """Try to sign in; return status and page."""
    answer = client.post(url, {"login": email, "password": password})
    return answer.status_code, answer.content.decode()


def test_a_person_signs_in_by_e_mail_in_any_case(client: Client, alice: User, trail: Trail) -> None:
    answer = client.post(SIGN_IN, {"login": " Alice@Example.ORG ", "password": PASSWORD})
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/"
    (event,) = trail()
    assert (event.action, event.outcome, event.chain) == ("person.signed_in", "success", "system")
    assert (event.actor_id, event.actor_label) == (str(alice.pk), "Alice Sample")
    assert event.actor_address == "127.0.0.1"


def test_behind_a_proxy_the_event_has_the_address_of_the_person(
    client: Client, alice: User, trail: Trail, settings
) -> None:
    settings.TRUSTED_PROXIES = 1
    client.post(
        SIGN_IN,
        {"login": alice.email, "password": PASSWORD},
        headers={"x-forwarded-for": "203.0.113.9, 198.51.100.7"},
    )
    (event,) = trail()
    assert event.actor_address == "198.51.100.7"


def test_signing_in_leads_back_to_the_page_that_asked_and_nowhere_else(
    client: Client, alice: User
) -> None:
    inside = client.post(f"{SIGN_IN}?next=/batches/", {"login": alice.email, "password": PASSWORD})
    assert inside.headers["Location"] == "/batches/"
    client.logout()
    outside = client.post(
        f"{SIGN_IN}?next=https://evil.example/", {"login": alice.email, "password": PASSWORD}
    )
    assert outside.headers["Location"] == "/"


def test_no_session_starts_when_the_event_cannot_be_written(
    client: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise OSError("no room for the event")

    monkeypatch.setattr("anonportal.accounts.adapter.record_alone", broken)
    with pytest.raises(OSError, match="no room"):
        post(client, alice.email, PASSWORD)
    assert "_auth_user_id" not in client.session


def test_a_wrong_password_and_an_unknown_address_look_alike(client: Client, alice: User) -> None:
    known = post(client, alice.email, "wrong")
    unknown = post(client, "nobody@example.org", "wrong")
    assert known[0] == unknown[0] == 200
    start = 'role="alert"'
    told = [page.split(start)[1].split("</div>")[0] for _status, page in (known, unknown)]
    assert told[0] == told[1]
    assert "After 4 more tries this account waits 15 minutes." in told[0]


def test_what_was_typed_is_never_written_down(client: Client, alice: User, trail: Trail) -> None:
    typed = "Doe^Jane-19700101@example.org"
    post(client, typed, "PatientSecret1")
    post(client, alice.email, "PatientSecret2")
    unknown, known = trail()
    assert {unknown.action, known.action} == {"person.sign_in_refused"}
    assert {unknown.outcome, known.outcome} == {"refused"}
    assert (unknown.subject_kind, unknown.subject) == ("typed", typed_reference(typed))
    assert (known.subject_kind, known.subject) == ("person", str(alice.pk))
    for event in (unknown, known):
        told = str([getattr(event, field.attname) for field in Event._meta.concrete_fields])
        assert "Doe" not in told
        assert "PatientSecret" not in told
        assert alice.email not in told


def test_the_reference_is_the_same_for_the_same_address_and_needs_the_key(
    settings: object,
) -> None:
    first = typed_reference("Jane@example.org ")
    assert first == typed_reference("jane@example.org")
    assert first != typed_reference("john@example.org")
    settings.SECRET_KEY = "another"  # type: ignore[attr-defined]
    assert first != typed_reference("jane@example.org")


def test_after_five_wrong_passwords_the_right_one_waits_too(
    client: Client, alice: User, trail: Trail
) -> None:
    for _ in range(5):
        post(client, alice.email, "wrong")
    status, page = post(client, alice.email, PASSWORD)
    assert status == 200
    assert "waits 15 minutes; nothing else was changed" in page
    assert "_auth_user_id" not in client.session
    assert [event.detail["reason"] for event in trail()] == ["not right"] * 5 + ["locked"]
    cache.clear()  # as after fifteen minutes
    assert post(client, alice.email, PASSWORD)[0] == 302


def test_a_right_password_does_not_use_up_tries(client: Client, alice: User) -> None:
    for _ in range(6):
        assert post(client, alice.email, PASSWORD)[0] == 302
        client.logout()


def test_somebody_switched_off_cannot_sign_in(client: Client, alice: User) -> None:
    alice.is_active = False
    alice.save()
    post(client, alice.email, PASSWORD)
    assert "_auth_user_id" not in client.session


def test_signing_out_is_a_post_and_is_recorded(client: Client, alice: User, trail: Trail) -> None:
    client.force_login(alice)
    assert client.get("/account/sign-out/").status_code == 200
    assert "_auth_user_id" in client.session
    assert client.post("/account/sign-out/").status_code == 302
    assert "_auth_user_id" not in client.session
    (event,) = trail()
    assert (event.action, event.detail) == ("person.signed_out", {"reason": "by the person"})


def test_nobody_can_sign_up() -> None:
    with pytest.raises(NoReverseMatch):
        reverse("account_signup")


def test_nothing_is_prefilled_and_the_page_is_not_kept(client: Client, db: None) -> None:
    answer = client.get(SIGN_IN)
    assert "no-store" in answer.headers["Cache-Control"]
    page = answer.content.decode()
    assert 'autocomplete="username"' in page
    assert "value=" not in page.split('name="password"')[1].split(">")[0]
