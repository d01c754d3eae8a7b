"""The receiving side of a retrieval by C-GET or C-MOVE: each C-STORE that follows from it.

A lease is kept alive while a request runs, and a source that falls silent is let go.
"""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self

from django.conf import settings
from django.utils.translation import gettext as _
from pynetdicom import AE, evt
from pynetdicom.sop_class import Verification
from pynetdicom.transport import ThreadedAssociationServer

from studies.faults import Fault, PermanentError, TransientError
from studies.intake.dimse_stream import PDU_BYTES, StreamingProvider, arriving, stream
from studies.intake.remote import Beat, Begin, Incoming

CONNECT_SECONDS = 10
SILENT_SECONDS = 60
BEAT_SECONDS = 2.0
NO_RESOURCES = 0xA700


def _ignore() -> None:
    """Ask nobody."""


class MovePortBusy(TransientError):
    """Another worker of this machine is retrieving by C-MOVE."""

    def __init__(self) -> None:
        super().__init__(
            "move-port-busy",
            _("Another retrieval uses the port of C-MOVE now. This one follows by itself."),
        )


class Fetching:
    """The receiving side of one request: every C-STORE that follows from it."""

    def __init__(self, begin: Begin, beat: Beat) -> None:
        self._begin = begin
        self._stop_asked: Callable[[], None] = _ignore
        self.beat = beat
        self.watch: Watch | None = None
        self.is_stopped = False
        self.fault: Exception | None = None

    def open(self, _association: Any) -> Incoming:
        """Begin an instance."""
        return self._begin()

    def touch(self) -> None:
        """Say that something arrived."""
        if self.watch is not None:
            self.watch.touch()

    def store(self, event: Any) -> int:
        """Answer a C-STORE request, whose data set has arrived whole."""
        self.touch()
        try:
            goes_on = arriving(event).finish()
        except (Fault, OSError, ValueError) as fault:
            self.fault = fault
            self._stop()
            return NO_RESOURCES
        if not goes_on and not self.is_stopped:
            self._stop()
        return 0

    def raise_fault(self) -> None:
        """Raise what kept an instance from being sealed."""
        if self.fault is not None:
            raise self.fault

    def _stop(self) -> None:
        self.is_stopped = True
        self._stop_asked()

    def when_stopped(self, ask: Callable[[], None]) -> None:
        """Say how the source is asked to stop the request in hand."""
        self._stop_asked = ask


class Watch:
    """Keeps a lease alive while a request runs, and ends an association that fell silent."""

    def __init__(self, association: Any, beat: Beat) -> None:
        self._association = association
        self._beat = beat
        self._last = time.monotonic()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self.is_silent = False
        self.fault: Exception | None = None

    def touch(self) -> None:
        """Say that something arrived."""
        self._last = time.monotonic()

    def _run(self) -> None:
        while not self._end.wait(BEAT_SECONDS):
            try:
                self._beat()
            except Exception as fault:  # noqa: BLE001 - kept, and raised by whoever waits
                self.fault = fault
                self._association.abort()
                return
            if time.monotonic() - self._last > SILENT_SECONDS:
                self.is_silent = True
                self._association.abort()
                return

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end.set()
        self._thread.join()
        if kind is not None and self._association.is_established:
            self._association.abort()


class AssociationServer(ThreadedAssociationServer):  # type: ignore[misc]
    """Accepts connections, and does the TLS handshake of each in that connection's own thread.

    pynetdicom does it in the loop that accepts, without a limit: whoever connects and stays silent
    would keep out everybody else.
    """

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection, and nothing more."""
        near, address = self.socket.accept()
        return near, address

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Agree on TLS with whoever called, in time, then begin the association."""
        near: socket.socket = request
        if self.ssl_context is not None:
            near.settimeout(CONNECT_SECONDS)
            try:
                near = self.ssl_context.wrap_socket(near, server_side=True)
            except OSError:
                # Nobody's fault but the caller's, who may call again.
                near.close()
                return
            near.settimeout(None)
        super().finish_request(near, client_address)


def listen(ae: AE, address: tuple[str, int], context: ssl.SSLContext | None, handlers: Any) -> Any:
    """Run an association server in threads of its own; `shutdown` of it and of the AE ends it."""
    server = ae.make_server(
        address,
        ssl_context=context,
        evt_handlers=handlers,
        server_class=AssociationServer,
    )
    threading.Thread(target=server.serve_forever, name="associations", daemon=True).start()
    ae._servers.append(server)
    return server


@contextlib.contextmanager
def storage_scp(ae_title: str, fetching: Fetching, *, over_tls: bool) -> Iterator[None]:
    """Be a storage SCP for one C-MOVE: one association at a time, from whoever was told to send."""
    ae = AE(ae_title=ae_title)
    ae.require_called_aet = True
    ae.maximum_associations = 1
    ae.maximum_pdu_size = PDU_BYTES
    ae.add_supported_context(Verification)
    ae.dimse_timeout = None
    ae.network_timeout = SILENT_SECONDS

    def requested(event: Any) -> None:
        stream(event.assoc, fetching.open, fetching.touch)

    def ended(event: Any) -> None:
        if isinstance(event.assoc.dimse, StreamingProvider):
            event.assoc.dimse.close()

    handlers = [
        (evt.EVT_REQUESTED, requested),
        (evt.EVT_C_STORE, fetching.store),
        (evt.EVT_RELEASED, ended),
        (evt.EVT_ABORTED, ended),
    ]
    try:
        server = listen(
            ae,
            (settings.DICOM_BIND, settings.DICOM_MOVE_PORT),
            server_context() if over_tls else None,
            handlers,
        )
    except OSError:
        raise MovePortBusy from None
    try:
        yield
    finally:
        # A source may close its association a moment after it has answered the C-MOVE.
        end = time.monotonic() + CONNECT_SECONDS
        while ae.active_associations and time.monotonic() < end:
            time.sleep(0.02)
        server.shutdown()
        ae.shutdown()


def server_context() -> ssl.SSLContext | None:
    """Return the TLS context of what listens here, None where no certificate is set."""
    if not settings.DICOM_TLS_CERTIFICATE:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.DICOM_TLS_CERTIFICATE, settings.DICOM_TLS_KEY or None)
        if settings.DICOM_TLS_ISSUERS:
            context.load_verify_locations(settings.DICOM_TLS_ISSUERS)
            context.verify_mode = ssl.CERT_REQUIRED
    except (ssl.SSLError, OSError):
        raise PermanentError(
            "certificate-unreadable",
            _("A certificate in the settings can't be read. It has to be PEM text."),
        ) from None
    return context
