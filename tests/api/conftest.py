"""A hospital, tokens of its scopes, and clients that carry them."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from studies.models import Organization, Scope
from studies.services import tokens
from studies.services.organizations import COMMAND
from tests.studies.hospital import Hospital, make_hospital

MakeHospital = Callable[..., Hospital]


@pytest.fixture(autouse=True)
def _no_calls_counted() -> None:
    cache.clear()


@pytest.fixture
def hospital(tmp_path: Path, settings: Any, transactional_db: None) -> Hospital:
    """Return a hospital whose folders lie below an allowed root."""
    settings.FOLDER_ROOTS = [str(tmp_path)]
    return make_hospital(tmp_path)


@pytest.fixture
def foreign(tmp_path: Path, hospital: Hospital) -> Hospital:
    """Return another hospital."""
    return make_hospital(tmp_path, "south", "SOUTH")


def token_for(organization: Organization, scopes: Iterable[str] = tuple(Scope.values)) -> str:
    """Make a token and return it."""
    return tokens.create(organization, "test machine", list(scopes), COMMAND)[1]


def client_for(organization: Organization, *scopes: str) -> Client:
    """Return a client that carries a token, of all scopes where none is named."""
    secret = token_for(organization, scopes or tuple(Scope.values))
    return Client(headers={"authorization": f"Bearer {secret}"})
