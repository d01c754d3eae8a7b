"""Refuses to start an installation whose settings would expose it: one sentence per danger.

`check --deploy` shows them; web server, workers, scheduler and `up` stop on them.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

INSECURE_KEY = "insecure-key-of-a-checkout-without-settings"
SHORTEST_KEY = 50
FEWEST_DIFFERENT = 10
THIS_MACHINE = {"localhost", "127.0.0.1", "[::1]"}


def dangers(configured: Any) -> list[tuple[str, str]]:
    """Return (id, sentence) for each setting that makes an installation insecure."""
    if getattr(configured, "TESTING", False):
        return []
    found = list(_dangers_everywhere(configured))
    return found + list(
        _dangers_of_a_demo(configured) if configured.DEMO else _dangers_of_production(configured)
    )


def _dangers_everywhere(configured: Any) -> Iterator[tuple[str, str]]:
    if configured.DEBUG:
        yield "anonportal.E001", "ANONPORTAL_DEBUG is on: fault pages would show data; unset it"
    key_file = Path(configured.KEY_FILE)
    for database in configured.DATABASES.values():
        if "sqlite3" in str(database["ENGINE"]) and key_file.is_relative_to(
            Path(database["NAME"]).parent
        ):
            yield (
                "anonportal.E002",
                "ANONPORTAL_KEY_FILE lies in the databases' folder: a backup would hold the keys "
                "beside what they seal; move it elsewhere",
            )
            break
    if key_file.exists() and key_file.stat().st_mode & 0o077:
        yield "anonportal.E003", "the key file can be read by others: chmod 600 it"


def _dangers_of_a_demo(configured: Any) -> Iterator[tuple[str, str]]:
    if not set(configured.ALLOWED_HOSTS) <= THIS_MACHINE:
        yield (
            "anonportal.E004",
            "a demo answers on this machine only: unset ANONPORTAL_HOSTS or ANONPORTAL_DEMO",
        )


def _dangers_of_production(configured: Any) -> Iterator[tuple[str, str]]:
    key = str(configured.SECRET_KEY)
    if key == INSECURE_KEY:
        yield (
            "anonportal.E005",
            "ANONPORTAL_SECRET_KEY isn't set: set it, or ANONPORTAL_SECRET_KEY_FILE, to a random "
            "text of 50 characters or more",
        )
    elif len(key) < SHORTEST_KEY or len(set(key)) < FEWEST_DIFFERENT:
        yield (
            "anonportal.E006",
            "ANONPORTAL_SECRET_KEY is too short or too even: take 50 random characters or more",
        )
    hosts: Sequence[str] = configured.ALLOWED_HOSTS
    if not hosts:
        yield "anonportal.E007", "ANONPORTAL_HOSTS is empty: name the hosts that the portal serves"
    elif "*" in hosts:
        yield "anonportal.E008", "ANONPORTAL_HOSTS holds *: name the hosts one by one"
    if any(not origin.startswith("https://") for origin in configured.CSRF_TRUSTED_ORIGINS):
        yield "anonportal.E009", "ANONPORTAL_ORIGINS holds an address that isn't https://"
    if not str(configured.PUBLIC_URL).startswith("https://"):
        yield (
            "anonportal.E010",
            "ANONPORTAL_PUBLIC_URL isn't set to an https:// address: messages could not link here",
        )


@checks.register(checks.Tags.security, deploy=True)
def check_dangers(app_configs: object, **_: Any) -> list[checks.CheckMessage]:
    """Report every danger to `check --deploy`."""
    return [checks.Error(sentence, id=identifier) for identifier, sentence in dangers(settings)]


def refuse_insecure_start() -> None:
    """Raise with one sentence per danger, before anything is served or worked on."""
    found = dangers(settings)
    if found:
        raise ImproperlyConfigured("refused to start: " + "; ".join(text for _, text in found))
