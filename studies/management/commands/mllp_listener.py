"""Take in returning HL7 reports over MLLP, until it is told to stop.

`up` starts it where ANONPORTAL_MLLP_PORT is set. Beyond this machine it speaks TLS only.
"""

import signal
import ssl
import sys
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from studies.intake.mllp import MllpServer
from studies.services import acknowledging

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class Command(BaseCommand):
    """Listen for returning reports."""

    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until a stop signal; messages in work are answered first."""
        if not settings.MLLP_PORT:
            raise CommandError("ANONPORTAL_MLLP_PORT is not set: there is no port to listen on")
        server = make_server()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: threading.Thread(target=server.stop).start())
        with server:
            host, port = server.server_address[:2]
            sys.stdout.write(f"listening for reports on {host!s}:{port}\n")
            sys.stdout.flush()
            server.serve_forever(poll_interval=0.5)


def make_server() -> MllpServer:
    """Return the listener that the settings describe, bound to its port."""
    context = tls_context()
    if context is None and settings.MLLP_BIND not in _LOOPBACK:
        raise CommandError(
            "without ANONPORTAL_MLLP_TLS_CERTIFICATE the listener is bound to this machine only;"
            " set it, or ANONPORTAL_MLLP_BIND=127.0.0.1"
        )
    try:
        return MllpServer(
            (settings.MLLP_BIND, settings.MLLP_PORT),
            acknowledging.answer,
            limit=settings.REPORT_MAX_BYTES,
            too_large=acknowledging.too_large,
            context=context,
            allowed=settings.MLLP_ALLOW,
            connections=settings.MLLP_CONNECTIONS,
            silent_seconds=settings.MLLP_SILENT_SECONDS,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "an address can't be read"
        raise CommandError(f"the listener can't start: {reason}") from None


def tls_context() -> ssl.SSLContext | None:
    """Return the context of an encrypted listener; senders show a certificate if asked."""
    if not settings.MLLP_TLS_CERTIFICATE:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.MLLP_TLS_CERTIFICATE, settings.MLLP_TLS_KEY or None)
        if settings.MLLP_TLS_ISSUERS:
            context.load_verify_locations(settings.MLLP_TLS_ISSUERS)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError):
        raise CommandError("the certificate, key or issuers of MLLP can't be read") from None
    return context
