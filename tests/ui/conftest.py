"""The gallery's address and frame for tests of the page kit."""

from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from anonportal.accounts.models import User

PASSWORD = "a long enough passphrase"


@pytest.fixture
def gallery(settings: Settings) -> str:
    """Serve the gallery beside the portal's own addresses; return where it is."""
    settings.ROOT_URLCONF = "tests.ui.gallery"
    settings.SHELL = "tests.ui.gallery.shell"
    engine: dict[str, Any] = dict(settings.TEMPLATES[0])
    engine["DIRS"] = [*engine["DIRS"], Path(__file__).parent / "templates"]
    settings.TEMPLATES = [engine]
    return "/gallery/"


@pytest.fixture
def alice(db: None) -> User:
    """Return Alice, who has an account and a name for its menu."""
    return User.objects.create_user("alice@example.org", PASSWORD, name="Alice Sample")
