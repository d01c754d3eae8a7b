"""The door: a fresh password opens it for five minutes, five wrong ones close it for fifteen."""

import time
from collections.abc import Callable, Iterator

import pytest
from allauth.core import context
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest
from django.test import RequestFactory

from anonportal.accounts.door import Answer, is_open, knock
from anonportal.accounts.models import User
from audit.models import Event
from tests.accounts.conftest import PASSWORD

Trail = Callable[[], list[Event]]


@pytest.fixture
def request_of_alice(alice: User) -> Iterator[HttpRequest]:
    """Return a request by Alice, as allauth's middleware would pass it on."""
    request = RequestFactory().post("/door/")
    request.user = alice
    request.session = SessionStore()
    with context.request_context(request):
        yield request


def test_the_right_password_opens_for_five_minutes(
    request_of_alice: HttpRequest, trail: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not is_open(request_of_alice)
    assert knock(request_of_alice, PASSWORD) == Answer(is_open=True, tries_left=5)
    assert is_open(request_of_alice)
    assert [event.action for event in trail()] == ["person.reauthenticated"]
    now = time.time()
    monkeypatch.setattr(
        "allauth.account.internal.flows.reauthentication.time.time", lambda: now + 301
    )
    assert not is_open(request_of_alice)


def test_wrong_passwords_count_down_then_even_the_right_one_waits(
    request_of_alice: HttpRequest, trail: Trail
) -> None:
    left = [knock(request_of_alice, "wrong").tries_left for _ in range(5)]
    assert left == [4, 3, 2, 1, 0]
    answer = knock(request_of_alice, PASSWORD)
    assert answer.is_locked
    assert not is_open(request_of_alice)
    assert {event.action for event in trail()} == {"person.reauthentication_refused"}
    assert len(trail()) == 6


def test_an_empty_password_is_no_try(request_of_alice: HttpRequest, trail: Trail) -> None:
    assert knock(request_of_alice, "") == Answer(is_open=False, tries_left=5)
    assert trail() == []
