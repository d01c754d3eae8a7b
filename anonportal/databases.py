"""Which database an app's tables live in, and database URLs."""

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

VAULT_APP = "vault"


class VaultRouter:
    """Send the vault's models to the vault database, and everything else to the default one."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        """Name the database that holds the model's rows."""
        return "vault" if model._meta.app_label == VAULT_APP else "default"

    db_for_write = db_for_read

    def allow_relation(self, first: Any, second: Any, **hints: Any) -> bool:
        """Allow relations inside one database only."""
        return self.db_for_read(first) == self.db_for_read(second)

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        """Create the vault's tables in the vault, and nothing else there."""
        return (db == "vault") == (app_label == VAULT_APP)


def from_url(url: str) -> dict[str, object]:
    """Return Django's settings for a postgresql:// URL."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ValueError("a database URL starts with postgresql://")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        # A Unix socket's folder can stand only in the query, as libpq has it.
        "HOST": unquote(parts.hostname or "") or dict(parse_qsl(parts.query)).get("host", ""),
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 60,
    }
