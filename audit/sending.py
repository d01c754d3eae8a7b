"""Send events on to a syslog collector over TLS: RFC 5424 in RFC 5425 framing, DICOM A.5 inside.

The trail itself is the spool: each chain keeps a cursor to the last link that was sent, so an
outage of any length loses nothing and needs no second store. A batch counts as sent when the
collector closed the connection in good order after it; else it is sent again.
"""

import logging
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from audit import conf
from audit.canonical import canonical_time
from audit.chains import archived_head, known_chains
from audit.dicom import audit_message
from audit.models import Event, Forwarding, Link
from audit.recording import record_alone
from audit.terms import SYSTEM_CHAIN, Actor, Outcome

logger = logging.getLogger(__name__)

# Facility 10 (security), severity 5 (notice), as PS3.15 A.6 asks; and its message id.
_PRIORITY, _MESSAGE_ID = 85, "DICOM+RFC3881"
_BOM = b"\xef\xbb\xbf"
_AT_ONCE = 500
_SAY_AGAIN = timedelta(minutes=10)
_PORT = 6514


@dataclass(frozen=True, slots=True)
class Collector:
    """Where events are sent; `settings.AUDIT["SYSLOG"]` holds these keys."""

    host: str
    port: int = _PORT
    ca_file: str = ""
    certificate: str = ""
    key: str = ""
    app_name: str = "audit"
    timeout: float = 10.0

    def context(self) -> ssl.SSLContext:
        """Return a TLS context that always verifies the collector, by name too."""
        context = ssl.create_default_context(cafile=self.ca_file or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.certificate:
            context.load_cert_chain(self.certificate, self.key or None)
        return context


def collector() -> Collector | None:
    """Return the configured collector, if there is one."""
    given: dict[str, Any] | None = conf.option("SYSLOG")
    if not given:
        return None
    try:
        return Collector(**given)
    except TypeError as error:
        raise ImproperlyConfigured(f"settings.AUDIT SYSLOG: {error}") from error


def syslog_message(event: Event, app_name: str) -> bytes:
    """Return one RFC 5424 message with a DICOM audit message inside."""
    host = socket.gethostname() or "-"
    head = f"<{_PRIORITY}>1 {canonical_time(event.at)} {host} {app_name} - {_MESSAGE_ID} - "
    return head.encode("ascii", "replace") + _BOM + audit_message(event)


def framed(message: bytes) -> bytes:
    """Return a message in RFC 5425 framing: its length, a space, itself."""
    return b"%d %b" % (len(message), message)


def send_on(actor: Actor) -> int:
    """Send what every chain has not sent yet; return how many events that were.

    The host's scheduler calls it. An outage is an event and a line in the log, not an exception:
    the scheduler goes on, and the next call begins where this one stopped.
    """
    target = collector()
    if target is None:
        return 0
    sent = 0
    try:
        for chain in known_chains():
            sent += _send_chain(chain, target)
    except OSError as error:  # ssl's errors and time-outs are OSErrors too
        logger.error("sending audit events on stopped: %s", type(error).__name__)
        _say_once(actor, type(error).__name__)
    return sent


def _send_chain(chain: str, target: Collector) -> int:
    cursor, _ = Forwarding.objects.get_or_create(
        chain=chain, defaults={"sequence": archived_head(chain).sequence}
    )
    sent = 0
    while True:
        links = list(
            Link.objects.filter(chain=chain, sequence__gt=cursor.sequence)
            .select_related("event")
            .order_by("sequence")[:_AT_ONCE]
        )
        if not links:
            return sent
        _deliver([syslog_message(link.event, target.app_name) for link in links], target)
        cursor.sequence, cursor.sent_at = links[-1].sequence, timezone.now()
        cursor.save()
        sent += len(links)


def _deliver(messages: Sequence[bytes], target: Collector) -> None:
    """Send a batch on a connection of its own, and wait until the collector has closed it."""
    context = target.context()
    with (
        socket.create_connection((target.host, target.port), timeout=target.timeout) as plain,
        context.wrap_socket(plain, server_hostname=target.host) as secure,
    ):
        for message in messages:
            secure.sendall(framed(message))
        try:
            secure.unwrap()
        except ssl.SSLEOFError:
            # The collector read to our end and closed, without TLS's own farewell.
            logger.info("the syslog collector closed without a TLS farewell")


def _say_once(actor: Actor, error: str) -> None:
    """Record an outage, but not again every second while it lasts."""
    before = Event.objects.filter(
        chain=SYSTEM_CHAIN, action="audit.forwarding", at__gt=timezone.now() - _SAY_AGAIN
    )
    if not before.exists():
        record_alone(
            "audit.forwarding",
            Outcome.FAILED,
            actor=actor,
            chain=SYSTEM_CHAIN,
            detail={"error": error},
        )
