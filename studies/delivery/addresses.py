"""Which connections a destination may make: encrypted and verified, and whom it trusts.

Without TLS only hosts that the installation names (ANONPORTAL_PLAIN_HOSTS), and this machine.
"""

import os
import ssl
import tempfile
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from studies.delivery.base import DeliveryRefused, key_segments
from studies.hosts import split_address

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
CONNECT_SECONDS = 10
ANSWER_SECONDS = 60


def incomplete(what: str) -> DeliveryRefused:
    """Return the fault of a destination whose settings lack something."""
    return DeliveryRefused(
        "destination-incomplete",
        _("The destination's settings aren't complete: %(what)s.") % {"what": what},
    )


def checked_url(url: str) -> str:
    """Return an http(s) address without a slash at its end, or refuse it."""
    parts = split_address(url.strip())
    if parts is None or not parts.hostname:
        raise incomplete(_("the address has to begin with https://"))
    if parts.username or parts.password or parts.query or parts.fragment:
        # They would be shown and logged; credentials have fields of their own.
        raise incomplete(_("the address may hold no credentials and no query"))
    if parts.scheme == "http":
        require_plain_allowed(parts.hostname)
    return url.strip().rstrip("/")


def require_plain_allowed(host: str) -> None:
    """Refuse to speak without TLS to a host that the settings don't name."""
    if host not in _LOOPBACK and host not in settings.PLAIN_HOSTS:
        raise DeliveryRefused(
            "plain-connection",
            _(
                "Without TLS nothing is sent to this host. Use TLS, or have the installation's "
                "administrator name the host in ANONPORTAL_PLAIN_HOSTS."
            ),
        )


def require_machine_identity() -> None:
    """Refuse the machine's own cloud identity where the installation doesn't lend it."""
    if not settings.MACHINE_IDENTITY:
        raise DeliveryRefused(
            "machine-identity",
            _(
                "This installation doesn't lend its own cloud identity to destinations. Enter "
                "credentials, or have its administrator set ANONPORTAL_MACHINE_IDENTITY."
            ),
        )


class Trust:
    """Whose certificates are believed: the system's authorities, and one given for this place."""

    def __init__(self, pem: str) -> None:
        self._pem = pem.strip()
        self._path: Path | None = None
        if self._pem:
            try:
                ssl.create_default_context(cadata=self._pem)
            except (ssl.SSLError, ValueError, TypeError):  # TypeError: not ASCII
                raise incomplete(
                    _("the certificate of its authority isn't readable as PEM")
                ) from None

    @property
    def verify(self) -> str | bool:
        """Return what boto3, requests and the Azure SDK take: True, or a file of authorities."""
        if not self._pem:
            return True
        if self._path is None:
            # A certificate is public; the libraries take it as a file only.
            descriptor, name = tempfile.mkstemp(suffix=".pem")
            os.close(descriptor)
            self._path = Path(name)
            self._path.write_text(self._pem + "\n", encoding="ascii")
        return str(self._path)

    def context(self) -> ssl.SSLContext:
        """Return a context that verifies certificate and name."""
        return ssl.create_default_context(cadata=self._pem or None)

    def close(self) -> None:
        """Remove the file."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            self._path = None


def checked_prefix(prefix: str) -> str:
    """Return a folder inside a bucket, ending in a slash if there is one."""
    plain = prefix.strip().strip("/")
    if not plain:
        return ""
    try:
        key_segments(plain)
    except ValueError:
        raise incomplete(_("the folder is letters, digits, '.', '_' and '-' only")) from None
    return f"{plain}/"


def test_key(prefix: str, token: str) -> str:
    """Return the key of a test object; it names the portal, so that nobody wonders about it."""
    return f"{prefix}anonportal-test-{token}"
