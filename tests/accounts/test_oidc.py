"""The hospital's identity provider vouches for accounts that are there, and for nothing else."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from anonportal.accounts.models import User
from audit.models import Event
from tests.accounts import provider
from tests.accounts.provider import Provider

Trail = Callable[[], list[Event]]


@pytest.fixture
def hospital(settings: Settings, alice: User) -> Iterator[Provider]:
    """Run a provider and let the portal use it."""
    with provider.running() as server:
        app: dict[str, Any] = {
            "provider_id": "hospital",
            "name": "Hospital sign-on",
            "client_id": provider.CLIENT_ID,
            "secret": provider.SECRET,
            "settings": {"server_url": server.url},
        }
        settings.SOCIALACCOUNT_PROVIDERS = {
            "openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}
        }
        settings.OIDC_URL, settings.OIDC_NAME = server.url, "Hospital sign-on"
        yield server


def go_there(client: Client, server: Provider) -> dict[str, str]:
    """Go to the provider as a browser does; return what it brings back."""
    answer = client.post(reverse("openid_connect_login", args=["hospital"]))
    assert answer["Location"].startswith(f"{server.url}/authorization")
    return server.authorize(answer["Location"])


def come_back(client: Client, brought: dict[str, str]) -> Any:
    """Come back from the provider."""
    return client.get(reverse("openid_connect_callback", args=["hospital"]), brought)


def test_a_verified_address_of_an_account_signs_in_and_nothing_of_it_is_kept(
    hospital: Provider, alice: User, trail: Trail
) -> None:
    hospital.claims = {"email": "Alice@Example.org", "email_verified": True}
    client = Client()
    assert b"Sign in with Hospital sign-on" in client.get(reverse("account_login")).content
    come_back(client, go_there(client, hospital))
    assert client.get(reverse("account")).status_code == 200
    assert trail()[-1].action == "person.signed_in"
    assert not SocialAccount.objects.exists()
    assert not SocialToken.objects.exists()


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"email": "alice@example.org", "email_verified": False}, "address not verified"),
        ({"email": "alice@example.org"}, "address not verified"),
        ({"email": "alice@example.org", "email_verified": "true"}, "address not verified"),
        ({"email": "mallory@example.org", "email_verified": True}, "no such account"),
        ({"email_verified": True}, "no such account"),
        ({}, "no such account"),
    ],
)
def test_any_other_word_opens_nothing_and_is_in_the_trail(
    hospital: Provider, trail: Trail, claims: dict[str, Any], reason: str
) -> None:
    hospital.claims = claims
    client = Client()
    answer = come_back(client, go_there(client, hospital))
    assert answer["Location"] == reverse("account_login")
    assert client.get(reverse("account")).status_code == 302
    last = trail()[-1]
    assert last.action == "person.sign_in_refused"
    assert last.detail == {"reason": reason, "by": "identity provider"}
    assert "mallory" not in str(last.subject)
    assert User.objects.count() == 1


def test_an_account_that_was_switched_off_stays_closed(hospital: Provider, alice: User) -> None:
    User.objects.update(is_active=False)
    hospital.claims = {"email": alice.email, "email_verified": True}
    client = Client()
    come_back(client, go_there(client, hospital))
    assert client.get(reverse("account")).status_code == 302


def test_an_answer_that_this_browser_never_asked_for_is_refused(
    hospital: Provider, alice: User, trail: Trail
) -> None:
    hospital.claims = {"email": alice.email, "email_verified": True}
    brought = go_there(Client(), hospital)
    other = Client()
    answer = come_back(other, brought)
    assert b"did not answer as it should" in answer.content
    assert other.get(reverse("account")).status_code == 302
    assert trail()[-1].detail == {"reason": "provider failed", "by": "identity provider"}
    come_back(other, {"error": "access_denied", "state": brought["state"]})
    assert other.get(reverse("account")).status_code == 302
