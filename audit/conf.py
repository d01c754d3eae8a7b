"""settings.AUDIT, read with defaults. The host's callables are dotted paths, loaded when used.

| key | meaning | default |
| --- | --- | --- |
| ACTIONS | dict name -> Action: the closed vocabulary; the trail's own acts are added | none |
| CHAINS | callable(user) -> list of (chain, label) the user may read | nobody reads anything |
| SIGNER | callable() -> an object with sign(bytes), public_key, key_id | none: no checkpoints |
| SINK | callable(name, bytes): stores a checkpoint in a second place | the folder, if one is set |
| CHECKPOINTS | callable(chain) -> iterable of bytes: reads the second place back | the folder |
| QUEUE | callable(export id): runs an export in the background | exports run in the request |
| FOLDER | where exports and archives lie, and checkpoints unless SINK is set | none |
| CHECKPOINT_EVENTS, CHECKPOINT_MINUTES | a checkpoint after so many, or so long | 1000, 15 |
| LATE_SECONDS | an event unlinked for longer raises the alarm | 10 |
| EXPORT_LIMIT | most events in one export made inside a request | 100000 |
| EXPORT_DAYS | how long the file of a background export is kept | 7 |
| OFF_HOURS | (first, last) hour of the quiet time, local | (19, 7) |
| LOOK_UPS_PER_HOUR | more look-ups of one person in an hour are worth a look | 20 |
| DIGEST | callable(chain) -> e-mail addresses that get the digest | nobody |
| RETENTION_DAYS | events older than this may be archived; 0 = never | 0 |
| SOURCE_ID | how this installation names itself in DICOM and FHIR messages | audit |
| SYSLOG | dict host, port, ca_file, certificate, key, app_name; see audit.sending | none |
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from audit.acts import OWN_ACTIONS
from audit.terms import Action

DEFAULTS: dict[str, Any] = {
    "ACTIONS": "",
    "CHAINS": "",
    "SIGNER": "",
    "SINK": "",
    "CHECKPOINTS": "",
    "QUEUE": "",
    "FOLDER": "",
    "CHECKPOINT_EVENTS": 1000,
    "CHECKPOINT_MINUTES": 15,
    "LATE_SECONDS": 10,
    "EXPORT_LIMIT": 100_000,
    "EXPORT_DAYS": 7,
    "OFF_HOURS": (19, 7),
    "LOOK_UPS_PER_HOUR": 20,
    "DIGEST": "",
    "RETENTION_DAYS": 0,
    "SOURCE_ID": "audit",
    "SYSLOG": None,
}


class Signer(Protocol):
    """What signs checkpoints: Ed25519, the private key stays with the host."""

    @property
    def public_key(self) -> bytes:
        """The 32 raw bytes of the public key."""

    @property
    def key_id(self) -> str:
        """A name of the key that outlives rotation."""

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of the signature."""


def option(name: str) -> Any:
    """Return one entry of settings.AUDIT, or its default."""
    given = getattr(settings, "AUDIT", None) or {}
    unknown = set(given) - set(DEFAULTS)
    if unknown:
        raise ImproperlyConfigured(f"settings.AUDIT has unknown keys: {', '.join(sorted(unknown))}")
    return given.get(name, DEFAULTS[name])


def _callable(name: str) -> Callable[..., Any] | None:
    path = option(name)
    if not path:
        return None
    return cast(Callable[..., Any], path if callable(path) else import_string(path))


@lru_cache(maxsize=8)
def _vocabulary(path: str) -> dict[str, Action]:
    host: dict[str, Action] = import_string(path) if path else {}
    for name, action in host.items():
        if name != action.name or name in OWN_ACTIONS:
            raise ImproperlyConfigured(f"audit action {name!r} is misnamed or taken")
    return {**host, **OWN_ACTIONS}


def vocabulary() -> dict[str, Action]:
    """Return every action that may be recorded, the trail's own included."""
    return _vocabulary(option("ACTIONS"))


def visible_chains(user: Any) -> list[tuple[str, str]]:
    """Return the (chain, label) pairs this user may read; without the host's rule, none."""
    rule = _callable("CHAINS")
    return [(str(chain), str(label)) for chain, label in rule(user)] if rule else []


def signer() -> Signer | None:
    """Return the host's signer, or None where none is configured."""
    make = _callable("SIGNER")
    return cast(Signer, make()) if make else None


def folder() -> Path | None:
    """Return the app's own folder, or None where none is configured."""
    path = option("FOLDER")
    return Path(path) if path else None


def sink() -> Callable[[str, bytes], None] | None:
    """Return the host's writer of the second place, if one is configured."""
    return cast("Callable[[str, bytes], None] | None", _callable("SINK"))


def stored_checkpoints() -> Callable[[str], Iterable[bytes]] | None:
    """Return the host's reader of the second place, if one is configured."""
    return cast("Callable[[str], Iterable[bytes]] | None", _callable("CHECKPOINTS"))


def queue() -> Callable[[str], None] | None:
    """Return the host's background queue for exports, if one is configured."""
    return cast("Callable[[str], None] | None", _callable("QUEUE"))


def digest_readers(chain: str) -> list[str]:
    """Return the e-mail addresses that get a chain's digest."""
    rule = _callable("DIGEST")
    return [str(address) for address in rule(chain)] if rule else []
