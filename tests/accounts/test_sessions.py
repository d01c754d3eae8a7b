"""A session ends after rest and after a working day; polling pages don't keep it alive."""

import time
from collections.abc import Callable

import pytest
from django.test import Client

from anonportal.accounts.models import User
from audit.models import Event

Trail = Callable[[], list[Event]]


class Clock:
    """A clock that tests set forward."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.real = time.time

    def __call__(self) -> float:
        """Return the time."""
        return self.real() + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Let the session's clock be set forward."""
    clock = Clock()
    monkeypatch.setattr("anonportal.accounts.sessions.time.time", clock)
    return clock


def is_in(client: Client, **headers: str) -> bool:
    """Tell whether the account page opens."""
    return client.get("/account/", headers=headers).status_code == 200


def test_a_session_that_rests_for_half_an_hour_ends_and_says_so(
    client: Client, alice: User, clock: Clock, trail: Trail
) -> None:
    client.force_login(alice)
    assert is_in(client)
    clock.ahead += 29 * 60
    assert is_in(client)
    clock.ahead += 31 * 60
    assert not is_in(client)
    (event,) = trail()
    assert (event.action, event.detail) == ("person.signed_out", {"reason": "rested too long"})


def test_a_page_that_polls_does_not_count_as_a_person(
    client: Client, alice: User, clock: Clock
) -> None:
    client.force_login(alice)
    assert is_in(client)
    for _ in range(3):
        clock.ahead += 9 * 60
        assert is_in(client, **{"X-Poll": "1"})
    clock.ahead += 9 * 60
    assert not is_in(client, **{"X-Poll": "1"})


def test_a_session_ends_after_twelve_hours_even_in_use(
    client: Client, alice: User, clock: Clock, trail: Trail
) -> None:
    client.force_login(alice)
    for _ in range(36):
        assert is_in(client)
        clock.ahead += 20 * 60
    assert not is_in(client)
    assert trail()[0].detail == {"reason": "lasted too long"}


def test_a_partial_that_meets_the_sign_in_page_becomes_it(client: Client, db: None) -> None:
    answer = client.get(
        "/account/",
        headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/batches/1/?tab=held"},
    )
    assert answer.status_code == 200
    assert answer.headers["HX-Redirect"] == ("/account/sign-in/?next=/batches/1/%3Ftab%3Dheld")
    assert answer.content == b""
