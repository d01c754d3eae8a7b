"""A hospital's HL7 interface as target: one message over MLLP, and its acknowledgement.

AA is the only success. AE means that a person has to look at the message; AR is tried again.
"""

import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from django.utils.translation import gettext as _

from studies.delivery import addresses, faults
from studies.delivery.base import DeliveryRefused, DeliveryUnavailable
from studies.hosts import is_host

_START, _END = b"\x0b", b"\x1c\r"
_MOST_ANSWER = 1 << 20


class MllpTarget:
    """Sends HL7 messages by MLLP, with TLS unless the settings name the host as plain."""

    def __init__(self, config: Mapping[str, Any], credentials: Mapping[str, Any]) -> None:
        self._host = str(config.get("host", "")).strip()
        self._port = int(config.get("port") or 0)
        if not is_host(self._host) or not 0 < self._port < 65536:
            raise addresses.incomplete("host, port")
        self._trust = addresses.Trust(str(config.get("ca", "")))
        self._is_encrypted = bool(config.get("tls"))
        if not self._is_encrypted:
            addresses.require_plain_allowed(self._host)

    def send(self, message: bytes) -> bytes:
        """Send one message and return its acknowledgement; raise where it isn't accepted."""
        control = _control_id(message)
        with self._connection() as connection:
            try:
                connection.sendall(_START + message + _END)
                answer = _answer(connection)
            except (OSError, ssl.SSLError) as error:
                raise faults.by_cause(error) from None
        _require_accepted(answer, control)
        return answer

    def check(self) -> None:
        """Connect, with TLS where it is set; no message is sent."""
        with self._connection():
            pass

    def close(self) -> None:
        """Remove what was kept for connections."""
        self._trust.close()

    @contextmanager
    def _connection(self) -> Iterator[socket.socket]:
        try:
            plain = socket.create_connection(
                (self._host, self._port), timeout=addresses.CONNECT_SECONDS
            )
        except OSError as error:
            raise faults.by_cause(error) from None
        with closing(plain):
            connection = plain
            if self._is_encrypted:
                try:
                    connection = self._trust.context().wrap_socket(
                        plain, server_hostname=self._host
                    )
                except (OSError, ssl.SSLError) as error:
                    raise faults.by_cause(error) from None
            with closing(connection):
                connection.settimeout(addresses.ANSWER_SECONDS)
                yield connection


def _answer(connection: socket.socket) -> bytes:
    data = bytearray()
    while _END not in data:
        block = connection.recv(65536)
        if not block:
            raise faults.lost()
        data += block
        if len(data) > _MOST_ANSWER:
            raise faults.wrong_address()
    return bytes(data[: data.index(_END)]).lstrip(_START)


def _control_id(message: bytes) -> bytes:
    fields = message.split(b"\r", 1)[0].split(message[3:4])
    return fields[9] if len(fields) > 9 else b""


def _require_accepted(answer: bytes, control: bytes) -> None:
    """Raise unless the answer says AA (or CA) for the message that was sent."""
    lines = re.split(rb"[\r\n]+", answer)
    found = [line.split(b"|") for line in lines if line.startswith(b"MSA")]
    if not found or len(found[0]) < 3:
        raise faults.wrong_address()
    code, about = found[0][1].strip(), found[0][2].strip()
    if about != control:
        raise faults.unconfirmed()
    if code in (b"AA", b"CA"):
        return
    if code in (b"AR", b"CR"):
        raise DeliveryUnavailable(
            "message-rejected",
            _("The hospital's system rejects messages now. It is tried again by itself."),
        )
    raise DeliveryRefused(
        "message-refused",
        _("The hospital's system found an error in the message. Ask its administrator."),
    )
