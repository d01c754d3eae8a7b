"""Typed readers of the environment: the only place that looks at ANONPORTAL_* variables."""

import os
from pathlib import Path

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


class SettingError(Exception):
    """A setting is missing or can't be read; the message names the variable and what to do."""


def env(name: str, default: str | None = None) -> str:
    """Return ANONPORTAL_<name>; raise SettingError where it is missing and has no default."""
    value = os.environ.get(f"ANONPORTAL_{name}", default)
    if value is None:
        raise SettingError(f"ANONPORTAL_{name} is not set; set it in the environment")
    return value


def env_bool(name: str, default: bool) -> bool:
    """Return ANONPORTAL_<name> as a Boolean (1/true/yes/on or 0/false/no/off)."""
    value = env(name, str(int(default))).strip().lower()
    if value in _TRUE or value in _FALSE:
        return value in _TRUE
    raise SettingError(f"ANONPORTAL_{name} must be 1 or 0")


def env_int(name: str, default: int) -> int:
    """Return ANONPORTAL_<name> as a whole number."""
    value = env(name, str(default))
    try:
        return int(value)
    except ValueError:
        raise SettingError(f"ANONPORTAL_{name} must be a whole number") from None


def env_list(name: str, default: str = "") -> list[str]:
    """Return ANONPORTAL_<name> split at commas, without blanks."""
    return [part.strip() for part in env(name, default).split(",") if part.strip()]


def env_secret(name: str, default: str | None = None) -> str:
    """Return a secret from ANONPORTAL_<name>, or from the file ANONPORTAL_<name>_FILE names."""
    path = os.environ.get(f"ANONPORTAL_{name}_FILE")
    if path:
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingError(f"ANONPORTAL_{name}_FILE can't be read: {error.strerror}") from None
    return env(name, default)
