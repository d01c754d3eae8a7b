"""Passwords: asked again, changed, reset by mail; both the act and its event, or neither."""

import re
from collections.abc import Callable

import pytest
from django.core import mail
from django.test import Client

from anonportal.accounts.models import User
from audit.models import Event
from tests.accounts.conftest import PASSWORD

Trail = Callable[[], list[Event]]
NEW = "another long passphrase"
AGAIN, CHANGE, RESET = (
    "/account/re-authenticate/",
    "/account/password/",
    "/account/password/reset/",
)


def test_the_password_again_opens_the_door_and_is_recorded(
    client: Client, alice: User, trail: Trail
) -> None:
    client.force_login(alice)
    answer = client.post(f"{AGAIN}?next=/reports/", {"password": PASSWORD})
    assert answer.headers["Location"] == "/reports/"
    assert [event.action for event in trail()] == ["person.reauthenticated"]


def test_a_wrong_password_at_the_door_says_how_many_tries_are_left(
    client: Client, alice: User, trail: Trail
) -> None:
    client.force_login(alice)
    answer = client.post(AGAIN, {"password": "wrong"})
    assert "4 tries left, then this account waits 15 minutes." in answer.content.decode()
    (event,) = trail()
    assert event.action == "person.reauthentication_refused"
    assert (event.outcome, event.actor_id) == ("refused", str(alice.pk))


def test_a_person_changes_the_password_and_stays_signed_in(
    client: Client, alice: User, trail: Trail
) -> None:
    client.force_login(alice)
    fields = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    assert client.post(CHANGE, fields).status_code == 302
    alice.refresh_from_db()
    assert alice.check_password(NEW)
    assert client.get("/account/").status_code == 200
    assert [event.action for event in trail()] == [
        "person.reauthenticated",
        "person.password_changed",
    ]
    (message,) = mail.outbox
    assert message.to == [alice.email]
    assert message.subject == "Your password was changed"


def test_the_old_password_must_be_right(client: Client, alice: User, trail: Trail) -> None:
    client.force_login(alice)
    fields = {"oldpassword": "wrong", "password1": NEW, "password2": NEW}
    page = client.post(CHANGE, fields).content.decode()
    assert "The current password is not right." in page
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)
    assert [event.action for event in trail()] == ["person.reauthentication_refused"]


@pytest.mark.parametrize("weak", ["short", "Alice Sample 1", "1q2w3e4r5t6y"])
def test_a_weak_password_is_not_taken(client: Client, alice: User, weak: str) -> None:
    client.force_login(alice)
    client.post(CHANGE, {"oldpassword": PASSWORD, "password1": weak, "password2": weak})
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_no_password_changes_when_the_event_cannot_be_written(
    client: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise OSError("no room for the event")

    client.force_login(alice)
    monkeypatch.setattr("anonportal.accounts.adapter.record", broken)
    with pytest.raises(OSError, match="no room"):
        client.post(CHANGE, {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW})
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_a_mailed_link_works_once(client: Client, alice: User, trail: Trail) -> None:
    assert client.post(RESET, {"email": "Alice@example.org"}).status_code == 302
    (message,) = mail.outbox
    assert message.to[0].lower() == alice.email
    link = re.findall(r"https?://testserver(\S+)", str(message.body))[0]
    form = client.get(link, follow=True)
    page = form.content.decode()
    assert "Choose a new password" in page
    assert "key" not in form.request["QUERY_STRING"]
    action = re.findall(r'action="(/account/password/reset/[^"]+)"', page)[0]
    done = client.post(action, {"password1": NEW, "password2": NEW}, follow=True)
    assert "Every open session of this account has ended." in done.content.decode()
    alice.refresh_from_db()
    assert alice.check_password(NEW)
    (event,) = trail()
    assert (event.action, event.detail) == ("person.password_changed", {"by": "mailed link"})
    assert "This link no longer works" in client.get(link, follow=True).content.decode()


def test_asking_for_a_link_tells_nothing_about_who_has_an_account(
    client: Client, alice: User
) -> None:
    known = client.post(RESET, {"email": alice.email}, follow=True).content
    unknown = client.post(RESET, {"email": "nobody@example.org"}, follow=True).content
    token = rb'name="csrfmiddlewaretoken" value="[^"]+"'
    assert re.sub(token, b"", known) == re.sub(token, b"", unknown)
    assert len(mail.outbox) == 1
