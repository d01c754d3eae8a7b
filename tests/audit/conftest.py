"""Settings of the trail's tests: a small vocabulary, a fresh signing key, nothing of studies."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import Action, Actor

ALICE = Actor("person", "17", "Alice Sample", role="coordinator", address="192.0.2.7")
BOB = Actor("person", "18", "Dr. Bob Example", role="radiologist")
JOB = Actor("job", "deidentify-7", "Job deidentify 7")

ACTIONS = {
    action.name: action
    for action in (
        Action("batch.started", "Batch started", ("110107", "Import"), icon="down", tone="moving"),
        Action(
            "study.deidentified",
            "Study de-identified",
            ("110100", "Application Activity"),
            fhir_subtype="deidentify",
            icon="shield",
            tone="moving",
        ),
        Action(
            "study.held", "Study held", ("110100", "Application Activity"), icon="hold", tone="held"
        ),
        Action("study.delivered", "Study delivered", ("110106", "Export"), icon="ok", tone="done"),
        Action(
            "report.reidentified",
            "Patient looked up",
            ("110112", "Query"),
            fhir_subtype="reidentify",
            icon="key",
            tone="done",
            is_look_up=True,
        ),
        Action(
            "person.signed_in",
            "Signed in",
            ("110114", "User Authentication"),
            ("110122", "Login"),
            icon="person",
        ),
    )
}


class KeptKey:
    """A signer with its key in memory."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        self.public_key = self._key.public_key().public_bytes_raw()
        self.key_id = "test-1"

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


KEY = KeptKey()


def signer() -> KeptKey:
    return KEY


READERS: dict[str, list[tuple[str, str]]] = {}


def chains(user: Any) -> list[tuple[str, str]]:
    return READERS.get(user.email, [])


SECOND_PLACE: dict[str, bytes] = {}


def keep(name: str, content: bytes) -> None:
    SECOND_PLACE[name] = content


def kept(chain: str) -> list[bytes]:
    return [content for name, content in sorted(SECOND_PLACE.items()) if f"/{chain}/" in f"/{name}"]


@pytest.fixture(autouse=True)
def audit_settings(settings: Any, tmp_path: Any) -> Iterator[Callable[..., None]]:
    """Point settings.AUDIT at this module; call the fixture to change single keys."""
    SECOND_PLACE.clear()
    base = {
        "ACTIONS": "tests.audit.conftest.ACTIONS",
        "CHAINS": "tests.audit.conftest.chains",
        "SIGNER": "tests.audit.conftest.signer",
        "SINK": "tests.audit.conftest.keep",
        "CHECKPOINTS": "tests.audit.conftest.kept",
        "FOLDER": str(tmp_path / "audit"),
    }
    settings.AUDIT = base
    settings.SHELL = ""

    def change(**keys: Any) -> None:
        settings.AUDIT = {**settings.AUDIT, **keys}

    yield change
    SECOND_PLACE.clear()


@contextmanager
def as_default(connection: Any) -> Iterator[None]:
    """Put another database in the place of the default one, for one test."""
    from django.db import connections

    usual = connections["default"]
    connections["default"] = connection
    try:
        yield
    finally:
        connection.close()
        connections["default"] = usual


def empty_postgres(postgres: Any) -> Any:
    """Return a connection to a fresh PostgreSQL database."""
    from django.db import connections
    from django.db.backends.postgresql.base import DatabaseWrapper
    from psycopg.conninfo import conninfo_to_dict

    where = conninfo_to_dict(postgres.create_database())
    return DatabaseWrapper(
        {
            **connections["default"].settings_dict,
            "ENGINE": "django.db.backends.postgresql",
            "OPTIONS": {},
            "NAME": where["dbname"],
            "USER": where.get("user", ""),
            "PASSWORD": where.get("password", ""),
            "HOST": where.get("host", ""),
            "PORT": where.get("port", ""),
        },
        "default",
    )


@pytest.fixture
def on_postgres(postgres: Any, django_db_blocker: Any) -> Iterator[None]:
    """Make the default database a fresh PostgreSQL with the trail's tables, for one test."""
    from django.core.management import call_command

    with django_db_blocker.unblock(), as_default(empty_postgres(postgres)):
        call_command("migrate", "audit", verbosity=0)
        yield


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: Any, transactional_db: None) -> str:
    """Run the test on SQLite with real commits, and on PostgreSQL."""
    if request.param == "postgres":
        request.getfixturevalue("on_postgres")
    return str(request.param)


@pytest.fixture
def carol(db: Any, client: Any) -> Iterator[Any]:
    """Carol, the auditor of org-1, signed in with the test client."""
    from anonportal.accounts.models import User

    user = User.objects.create_user("carol@example.org", None, name="Carol Auditor")
    READERS[user.email] = [("org-1", "Example General Hospital")]
    client.force_login(user)
    yield user
    READERS.clear()
