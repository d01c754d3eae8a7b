"""People who sign in, and what the trail says about them."""

from collections.abc import Callable, Iterator

import pytest
from django.core.cache import cache
from pytest_django import Settings

from anonportal.accounts.models import User
from audit.models import Event

PASSWORD = "a long enough passphrase"


@pytest.fixture(autouse=True)
def _plain_frame(settings: Settings) -> Iterator[None]:
    """Serve the account's pages alone, in the plain frame, and forget earlier tries."""
    settings.ROOT_URLCONF = "tests.accounts.urls"
    settings.SHELL = ""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def alice(db: None) -> User:
    """Return Alice, who has an account."""
    return User.objects.create_user("alice@example.org", PASSWORD, name="Alice Sample")


@pytest.fixture
def trail(db: None) -> Callable[[], list[Event]]:
    """Return a function that lists the events so far, oldest first."""
    return lambda: list(Event.objects.order_by("pk"))
