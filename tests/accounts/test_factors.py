"""Second factors: set up, used, lost; sealed in the database, and every change in the trail."""

import base64
import time
from collections.abc import Callable, Iterator

import pytest
from allauth.core import context
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.contrib.sessions.backends.db import SessionStore
from django.core import mail
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client, RequestFactory
from django.urls import reverse

from anonportal.accounts.door import is_open, knock
from anonportal.accounts.mfa import has_second_factor, used_second_factor
from anonportal.accounts.models import User
from audit.models import Event
from tests.accounts.conftest import PASSWORD

Trail = Callable[[], list[Event]]
pytestmark = pytest.mark.usefixtures("db")


def code_of(secret: str) -> str:
    """Return what an app shows now, as RFC 6238 says; a code is good once, so forget it was."""
    cache.clear()
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


@pytest.fixture
def signed_in(alice: User) -> Client:
    """Return Alice's browser, just signed in with her password again confirmed."""
    client = Client()
    client.post(reverse("account_login"), {"login": alice.email, "password": PASSWORD})
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    return client


@pytest.fixture
def secret(signed_in: Client) -> Iterator[str]:
    """Set up an app for Alice; return its secret."""
    page = signed_in.get(reverse("mfa_activate_totp"))
    made = page.context["form"].secret
    answer = signed_in.post(reverse("mfa_activate_totp"), {"code": code_of(made)})
    assert answer["Location"] == reverse("mfa_view_recovery_codes")
    return made


def test_an_app_is_set_up_with_its_first_code_and_the_secret_is_sealed(
    signed_in: Client, alice: User, trail: Trail, django_capture_on_commit_callbacks
) -> None:
    page = signed_in.get(reverse("mfa_activate_totp"))
    secret = page.context["form"].secret
    assert "no-store" in page["Cache-Control"]
    assert secret not in str(dict(signed_in.session))
    wrong = signed_in.post(reverse("mfa_activate_totp"), {"code": "000000"})
    assert wrong.context["form"].secret == secret
    with django_capture_on_commit_callbacks(execute=True):
        signed_in.post(reverse("mfa_activate_totp"), {"code": code_of(secret)})
    with connection.cursor() as cursor:
        cursor.execute("SELECT data FROM mfa_authenticator")
        stored = str(cursor.fetchall())
    assert secret not in stored
    assert base64.b32decode(secret).hex() not in stored
    kinds = set(Authenticator.objects.values_list("type", flat=True))
    assert kinds == {"totp", "recovery_codes"}
    added = [event for event in trail() if event.action == "person.factor_added"]
    assert {event.detail["factor"] for event in added} == kinds
    assert {event.subject for event in added} == {str(alice.pk)}
    assert any("app" in message.subject for message in mail.outbox)


def test_after_the_password_comes_the_code_and_a_wrong_one_is_in_the_trail(
    secret: str, alice: User, trail: Trail
) -> None:
    client = Client()
    first = client.post(reverse("account_login"), {"login": alice.email, "password": PASSWORD})
    assert first["Location"] == reverse("mfa_authenticate")
    assert client.get(reverse("account")).status_code == 302
    client.post(reverse("mfa_authenticate"), {"code": "000000"})
    last = trail()[-1]
    assert (last.action, last.subject) == ("person.sign_in_refused", str(alice.pk))
    assert last.detail == {"reason": "not right", "factor": "code"}
    client.post(reverse("mfa_authenticate"), {"code": code_of(secret)})
    assert client.get(reverse("account")).status_code == 200
    assert trail()[-1].action == "person.signed_in"


def test_a_code_works_once(secret: str, alice: User) -> None:
    code = code_of(secret)
    for expected in (200, 302):
        client = Client()
        client.post(reverse("account_login"), {"login": alice.email, "password": PASSWORD})
        client.post(reverse("mfa_authenticate"), {"code": code})
        assert client.get(reverse("account")).status_code == expected


def test_wrong_codes_lock_even_the_right_one_out(secret: str, alice: User, trail: Trail) -> None:
    client = Client()
    client.post(reverse("account_login"), {"login": alice.email, "password": PASSWORD})
    right = code_of(secret)
    for _try in range(5):
        client.post(reverse("mfa_authenticate"), {"code": "000000"})
    client.post(reverse("mfa_authenticate"), {"code": right})
    assert client.get(reverse("account")).status_code == 302
    assert trail()[-1].detail == {"reason": "locked", "factor": "code"}


def test_recovery_codes_show_once_and_each_works_once(
    signed_in: Client, secret: str, alice: User
) -> None:
    shown = signed_in.get(reverse("mfa_view_recovery_codes"))
    codes = shown.context["unused_codes"]
    assert len(codes) == 10
    assert "no-store" in shown["Cache-Control"]
    again = signed_in.get(reverse("mfa_view_recovery_codes")).content.decode()
    assert not any(code in again for code in codes)
    for expected in (200, 302):
        client = Client()
        client.post(reverse("account_login"), {"login": alice.email, "password": PASSWORD})
        client.post(reverse("mfa_authenticate"), {"code": codes[0]})
        assert client.get(reverse("account")).status_code == expected


def test_an_app_is_removed_by_a_fresh_person_only_and_its_codes_end(
    signed_in: Client, secret: str, alice: User, trail: Trail
) -> None:
    stale = Client()
    stale.force_login(alice)
    answer = stale.post(reverse("mfa_deactivate_totp"))
    assert answer["Location"].startswith(reverse("account_reauthenticate"))
    assert Authenticator.objects.count() == 2
    signed_in.post(reverse("mfa_deactivate_totp"))
    assert not Authenticator.objects.exists()
    removed = [event for event in trail() if event.action == "person.factor_removed"]
    assert {event.detail["factor"] for event in removed} == {"totp", "recovery_codes"}


def test_a_change_that_the_trail_does_not_take_does_not_happen(
    signed_in: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = signed_in.get(reverse("mfa_activate_totp"))
    code = code_of(page.context["form"].secret)

    def full(*_args: object, **_more: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("anonportal.accounts.mfa.record", full)
    with pytest.raises(OSError, match="no space"):
        signed_in.post(reverse("mfa_activate_totp"), {"code": code})
    assert not Authenticator.objects.exists()


def test_a_passkey_that_nobody_has_is_refused_and_in_the_trail(alice: User, trail: Trail) -> None:
    client = Client()
    client.get(reverse("mfa_login_webauthn"), headers={"accept": "application/json"})
    for credential in ("{}", '{"id": "x"}', "[]", "no json"):
        client.post(reverse("mfa_login_webauthn"), {"credential": credential})
        assert client.get(reverse("account")).status_code == 302
    assert {event.action for event in trail()} == {"person.sign_in_refused"}


def test_who_lost_everything_gets_in_again_by_a_command_that_the_trail_keeps(
    secret: str, alice: User, trail: Trail
) -> None:
    with pytest.raises(CommandError, match="no such account"):
        call_command("remove_second_factors", "nobody@example.org")
    call_command("remove_second_factors", alice.email)
    last = trail()[-1]
    assert (last.action, last.actor_id, last.subject) == (
        "person.factor_removed",
        "command",
        str(alice.pk),
    )
    client = Client()
    client.post(reverse("account_login"), {"login": alice.email, "password": PASSWORD})
    assert client.get(reverse("account")).status_code == 200


def test_a_code_at_the_door_counts_as_fresh_and_as_a_second_factor(
    secret: str, alice: User, trail: Trail
) -> None:
    request = RequestFactory().post("/door/")
    request.user = alice
    request.session = SessionStore()
    with context.request_context(request):
        assert not knock(request, "", code="000000").is_open
        assert trail()[-1].detail == {"reason": "not right", "factor": "code"}
        assert not is_open(request)
        assert not used_second_factor(request)
        assert knock(request, "", code=code_of(secret)).is_open
        assert is_open(request)
        assert used_second_factor(request)
        assert trail()[-1].detail == {"by": "totp"}
        assert not knock(request, "", credential='{"id": "no"}').is_open
        assert has_second_factor(alice)


def test_a_person_with_nothing_to_prove_it_with_is_never_fresh(alice: User) -> None:
    alice.set_unusable_password()
    alice.save()
    request = RequestFactory().get("/door/")
    request.user = alice
    request.session = SessionStore()
    with context.request_context(request):
        assert not is_open(request)
        assert not knock(request, "").is_open
