"""The portal's storage SCP: C-STORE and C-ECHO from senders that a rule lets in, and nobody else.

An object is sealed from its first fragment on, and answered with success only when it is on disk
and recorded. While there is no room its sender is told to come back (0xA700).
"""

import logging
import ssl
import threading
import time
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connections
from pynetdicom import AE, evt
from pynetdicom.sop_class import Verification

from anonportal.logs import Word
from audit import Actor
from studies.faults import Fault, PermanentError
from studies.intake.dimse_receiving import listen
from studies.intake.dimse_stream import PDU_BYTES, StreamingProvider, arriving, stream
from studies.intake.part10 import PEEKED, peek
from studies.models import ListenerRule
from studies.services.listening import (
    TOO_LARGE,
    Reception,
    dimse_rule,
    label_of,
    refuse_sender,
)

log = logging.getLogger(__name__)

SUCCESS = 0x0000
OUT_OF_RESOURCES = 0xA700
CANNOT_UNDERSTAND = 0xC000
# A-ASSOCIATE-RJ (PS3.8 9.3.4): result, source, reason.
UNKNOWN_SENDER = (0x01, 0x01, 0x03)
TRY_LATER = (0x02, 0x03, 0x01)
RENEW_SECONDS = 15.0


class ObjectTooLarge(PermanentError):
    """An object larger than a listener takes."""

    def __init__(self) -> None:
        super().__init__(TOO_LARGE, "The object is larger than this listener takes.")


class Listener:
    """The server, and what it knows of each association."""

    def __init__(self) -> None:
        self._senders: dict[Any, _Sender] = {}
        self._lock = threading.Lock()
        self._ae = AE(ae_title="ANONPORTAL")
        self._ae.maximum_associations = settings.DICOM_ASSOCIATIONS
        self._ae.maximum_pdu_size = PDU_BYTES
        self._ae.network_timeout = settings.DICOM_SILENT_SECONDS
        self._ae.acse_timeout = settings.DICOM_SILENT_SECONDS
        self._ae.dimse_timeout = None
        self._ae.add_supported_context(Verification)
        self._server: Any = None

    def start(self, address: tuple[str, int], context: ssl.SSLContext | None) -> None:
        """Listen, in threads of its own."""
        self._server = listen(
            self._ae,
            address,
            context,
            [
                (evt.EVT_REQUESTED, self._requested),
                (evt.EVT_C_STORE, self._store),
                (evt.EVT_RELEASED, self._ended),
                (evt.EVT_ABORTED, self._ended),
            ],
        )

    @property
    def port(self) -> int:
        """Return the port that it listens on."""
        return int(self._server.server_address[1])

    def stop(self, patience: float = 5.0) -> None:
        """Take no new sender, let those that are here finish for a moment, then end."""
        self._server.shutdown()
        end = time.monotonic() + patience
        while self._ae.active_associations and time.monotonic() < end:
            time.sleep(0.02)
        self._ae.shutdown()

    def _requested(self, event: Any) -> None:
        """Let a sender in that a rule knows; whatever goes wrong, let nobody in."""
        association = event.assoc
        asked = association.requestor.primitive
        calling, called = asked.calling_ae_title.strip(), asked.called_ae_title.strip()
        address = str(association.requestor.address)
        try:
            rule = dimse_rule(calling, called, address)
            if rule is None:
                # The trail knows of it before the sender does.
                refuse_sender(calling, called, address)
                _reject(association, UNKNOWN_SENDER)
                return
        except (DatabaseError, ValueError) as error:
            log.warning("a sender could not be looked up: %s", Word(type(error).__name__))
            _reject(association, TRY_LATER)
            return
        finally:
            connections.close_all()
        sender = _Sender(rule, Actor(kind="device", id=calling, label=calling, address=address))
        with self._lock:
            self._senders[association] = sender
        stream(association, sender.open)

    def _store(self, event: Any) -> int:
        """Answer a C-STORE request whose data set has arrived whole."""
        try:
            if not isinstance(event.assoc.dimse, StreamingProvider):
                return OUT_OF_RESOURCES
            arriving(event).finish()
        except PermanentError as fault:
            log.warning("an object was refused: %s", Word(fault.code))
            return OUT_OF_RESOURCES if fault.code == TOO_LARGE else CANNOT_UNDERSTAND
        except (Fault, DatabaseError, OSError, ValueError) as error:
            code = error.code if isinstance(error, Fault) else type(error).__name__
            log.warning("an object could not be taken now: %s", Word(code))
            return OUT_OF_RESOURCES
        return SUCCESS

    def _ended(self, event: Any) -> None:
        """Forget a sender that left, and what of it hadn't arrived whole."""
        if isinstance(event.assoc.dimse, StreamingProvider):
            event.assoc.dimse.close()
        with self._lock:
            sender = self._senders.pop(event.assoc, None)
        try:
            if sender is not None:
                sender.reception.close()
        except DatabaseError as error:
            # Its lease runs out by itself, and the batch starts then.
            log.warning("a sender's leaving was not noted: %s", Word(type(error).__name__))
        finally:
            connections.close_all()


def _reject(association: Any, reason: tuple[int, int, int]) -> None:
    association.acse.send_reject(*reason)
    association.kill()


class _Sender:
    """One association: its rule, and the batch that its objects go into."""

    def __init__(self, rule: ListenerRule, actor: Actor) -> None:
        self.reception = Reception(rule, actor)

    def open(self, _association: Any) -> "_Object":
        """Begin an object; runs in the thread that reads from the network."""
        try:
            return _Object(self.reception)
        finally:
            connections.close_all()


class _Object:
    """One object on its way into a sealed part of its batch."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception
        self._pack = reception.begin()
        self._part = self._pack.begin("object")
        self._start = b""
        self._renewed = time.monotonic()

    def write(self, block: bytes) -> None:
        """Seal a block; keep the sender's lease alive while a large object arrives."""
        if self._part.entry.length + len(block) > settings.OBJECT_MAX_BYTES:
            raise ObjectTooLarge
        if len(self._start) < PEEKED:
            self._start += block[: PEEKED - len(self._start)]
        self._part.write(block)
        if time.monotonic() - self._renewed > RENEW_SECONDS:
            self._renewed = time.monotonic()
            try:
                self._reception.renew()
            finally:
                connections.close_all()

    def done(self) -> bool:
        """Make the object durable; only then may its sender hear of success."""
        self._part.label = label_of(peek(self._start))
        self._reception.finish(self._pack)
        return True

    def drop(self) -> None:
        """Forget an object that didn't come whole."""
        self._pack.abandon()
