"""/healthz tells which part is away, to anybody, and nothing else."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django_rq
import pytest
from django.conf import settings
from django.db import DatabaseError, connections
from django.test import Client

from anonportal import health
from anonportal.worker import PortalWorker
from studies.services import leases
from tests.studies.finders import Told, text_finder

pytestmark = pytest.mark.django_db(databases=["default", "vault"])


@pytest.fixture
def finder(settings: Any) -> Iterator[None]:
    """Let a text finder answer."""
    with text_finder(settings, Told()):
        yield


@pytest.fixture
def living(redis: Any, finder: None) -> None:
    """Let a worker and the scheduler show themselves."""
    queue = django_rq.get_queue("routine")
    PortalWorker([queue], connection=queue.connection).register_birth()
    assert leases.hold("scheduler", uuid.uuid4(), 60)


def ask() -> tuple[int, dict[str, Any]]:
    response = Client().get("/healthz")
    assert "no-store" in response.headers["Cache-Control"]
    return response.status_code, json.loads(response.content)


@pytest.mark.usefixtures("living")
def test_all_parts_are_alive() -> None:
    assert ask() == (200, {"status": "ok", "parts": dict.fromkeys(health.PARTS, "ok")})


@pytest.mark.usefixtures("redis", "finder")
def test_without_worker_and_scheduler_it_says_so() -> None:
    status, told = ask()
    assert status == 503
    assert {name for name, state in told["parts"].items() if state == "failing"} == {
        "workers",
        "scheduler",
    }


@pytest.mark.usefixtures("living")
def test_without_a_text_finder_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(settings, "TEXT_FINDER_SOCKETS", [tmp_path / "none.sock"])
    status, told = ask()
    assert status == 503
    assert told["parts"]["text-finder"] == "failing"
    monkeypatch.setattr(settings, "TEXT_FINDER", ["127.0.0.1:9"])
    monkeypatch.setattr(settings, "TEXT_FINDER_KEY", "short")
    assert ask()[1]["parts"]["text-finder"] == "failing", "a network without a secret is none"


@pytest.mark.usefixtures("living")
def test_without_redis_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(settings, "REDIS_URL", f"unix://{tmp_path}/none.sock")
    status, told = ask()
    assert status == 503
    assert told["parts"]["redis"] == told["parts"]["workers"] == "failing"


@pytest.mark.usefixtures("living")
@pytest.mark.parametrize(("alias", "part"), [("default", "portal"), ("vault", "vault")])
def test_without_a_database_it_says_so(
    monkeypatch: pytest.MonkeyPatch, alias: str, part: str
) -> None:
    def away() -> None:
        raise DatabaseError("away")

    monkeypatch.setattr(connections[alias], "cursor", away)
    status, told = ask()
    assert (status, told["parts"][part]) == (503, "failing")


@pytest.mark.usefixtures("living")
def test_a_key_file_that_others_can_read_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key_file = tmp_path / "keyring.json"
    key_file.write_text("{}")
    key_file.chmod(0o640)
    monkeypatch.setattr(settings, "KEY_FILE", key_file)
    status, told = ask()
    assert (status, told["parts"]["keys"]) == (503, "failing")


@pytest.mark.usefixtures("living")
def test_a_worker_that_was_silent_too_long_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "WORKER_LIFE", health.WORKER_LIFE * 0)
    assert ask()[1]["parts"]["workers"] == "failing"


def test_it_is_read_only() -> None:
    assert Client().post("/healthz").status_code == 405
