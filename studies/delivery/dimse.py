"""A DICOM node as destination: C-STORE, each object in the transfer syntax that it has.

An association proposes one context per SOP class and transfer syntax of what is sent, so that
nothing is converted on the way. Objects are read while they are sent, never as a whole.
"""

import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any
from uuid import UUID

from studies.delivery import addresses, faults
from studies.delivery.base import DeliveryRefused, DeliveryUnavailable, Outgoing
from studies.delivery.dimse_object import DimseObject, read_object, send_object
from studies.delivery.statuses import by_dicom_status, is_duplicate, is_stored
from studies.hosts import is_host

MOST_CONTEXTS = 128
_CALLED_UNKNOWN, _CALLING_UNKNOWN = 7, 3
# What nearly every archive stores: one of them has to be accepted for the test to pass.
_USUAL = (
    "1.2.840.10008.5.1.4.1.1.2",
    "1.2.840.10008.5.1.4.1.1.4",
    "1.2.840.10008.5.1.4.1.1.1",
    "1.2.840.10008.5.1.4.1.1.7",
)
_EXPLICIT_LITTLE, _IMPLICIT_LITTLE = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
_VERIFICATION = "1.2.840.10008.1.1"


class DimseDestination:
    """Delivers by C-STORE."""

    together = 200

    def __init__(self, config: Mapping[str, Any], credentials: Mapping[str, Any]) -> None:
        self._host = str(config.get("host", "")).strip()
        self._port = int(config.get("port") or 0)
        if not is_host(self._host) or not 0 < self._port < 65536:
            raise addresses.incomplete("host, port")
        self._called = _ae_title(config.get("called_ae"))
        self._calling = _ae_title(config.get("calling_ae") or "ANONPORTAL")
        self._trust = addresses.Trust(str(config.get("ca", "")))
        self._is_encrypted = bool(config.get("tls"))
        self._certificate = str(credentials.get("client_certificate") or "")
        if not self._is_encrypted:
            addresses.require_plain_allowed(self._host)

    def store(self, objects: Sequence[Outgoing], stored: Callable[[Outgoing], None]) -> None:
        """Send objects over one association, and tell which ones the node confirmed."""
        found = [(one, read_object(one)) for one in objects]
        contexts = sorted({known.context for _one, known in found})[:MOST_CONTEXTS]
        fault: faults.DeliveryFault | None = None
        with _Association(self, contexts) as association:
            for one, known in found:
                try:
                    association.send(one, known)
                except DeliveryRefused as refused:
                    fault = refused
                except _OneLater as later:
                    fault = fault or later.fault
                else:
                    stored(one)
        if fault is not None:
            raise fault

    def check(self) -> None:
        """C-ECHO, and ask whether the usual kinds of image would be taken; nothing is stored."""
        contexts = [(_VERIFICATION, _IMPLICIT_LITTLE)]
        contexts += [(kind, _EXPLICIT_LITTLE) for kind in _USUAL]
        with _Association(self, contexts) as association:
            association.echo()

    def uri(self, batch_id: UUID) -> str:
        """Return the node's address; a batch has no place of its own there."""
        return f"dicom://{self._called}@{self._host}:{self._port}"

    def close(self) -> None:
        """Remove what was kept for connections."""
        self._trust.close()

    def tls_context(self) -> ssl.SSLContext | None:
        """Return the context of an encrypted connection, None for a plain one."""
        if not self._is_encrypted:
            return None
        context = self._trust.context()
        if self._certificate:
            _load_certificate(context, self._certificate)
        return context

    def why_unreachable(self) -> faults.DeliveryFault:
        """Connect once more without DICOM, to say what is in the way."""
        try:
            plain = socket.create_connection(
                (self._host, self._port), timeout=addresses.CONNECT_SECONDS
            )
            with closing(plain):
                context = self.tls_context()
                if context is not None:
                    context.wrap_socket(plain, server_hostname=self._host).close()
        except (OSError, ssl.SSLError) as error:
            return faults.by_cause(error)
        return faults.lost()


class _Association:
    """An association that is released at the end, or aborted where something went wrong."""

    def __init__(self, place: DimseDestination, contexts: Sequence[tuple[str, str]]) -> None:
        # Imported here: a quarter of a second that only DIMSE has to pay.
        from pynetdicom import AE

        entity = AE(ae_title=place._calling)
        entity.connection_timeout = addresses.CONNECT_SECONDS
        entity.acse_timeout = entity.dimse_timeout = addresses.ANSWER_SECONDS
        entity.network_timeout = addresses.ANSWER_SECONDS
        for kind, syntax in contexts:
            entity.add_requested_context(kind, [syntax])
        context = place.tls_context()
        self._made: Any = entity.associate(
            place._host,
            place._port,
            ae_title=place._called,
            tls_args=(context, place._host) if context else None,
        )
        if not self._made.is_established:
            raise _why_not(self._made, place)
        # pynetdicom forgets the socket of a connection that broke, without closing it.
        self._socket: socket.socket | None = getattr(self._made.dul.socket, "socket", None)

    def send(self, one: Outgoing, known: DimseObject) -> None:
        """Send one object; raise a fault of it alone, or one of the whole association."""
        context = self._accepted(known.context)
        if context is None:
            raise faults.object_refused("0122")
        status = send_object(self._made, context, one, known)
        if is_stored(status) or (is_duplicate(status) and one.was_begun):
            return
        if is_duplicate(status):
            raise faults.kept_another()
        fault = by_dicom_status(status)
        if isinstance(fault, DeliveryUnavailable):
            raise _OneLater(fault)
        raise fault

    def echo(self) -> None:
        """Verify the connection, and that some usual kind of image would be taken."""
        if self._accepted((_VERIFICATION, _IMPLICIT_LITTLE)) is not None:
            answer = self._made.send_c_echo()
            if "Status" not in answer or answer.Status != 0:
                raise faults.broken()
        if not any(self._accepted((kind, _EXPLICIT_LITTLE)) for kind in _USUAL):
            raise faults.object_refused("0122")

    def _accepted(self, wanted: tuple[str, str]) -> int | None:
        for context in self._made.accepted_contexts:
            if (context.abstract_syntax, context.transfer_syntax[0]) == wanted:
                return int(context.context_id)
        return None

    def __enter__(self) -> "_Association":
        return self

    def __exit__(self, kind: object, *_exception: object) -> None:
        try:
            if self._made.is_established:
                self._made.release() if kind is None else self._made.abort()
        finally:
            if self._socket is not None:
                self._socket.close()


class _OneLater(Exception):
    """One object can't be taken now; the others may still be."""

    def __init__(self, fault: DeliveryUnavailable) -> None:
        super().__init__(fault.code)
        self.fault = fault


def _why_not(association: Any, place: DimseDestination) -> faults.DeliveryFault:
    """Say why no association came about."""
    if not association.is_rejected:
        return place.why_unreachable()
    answer = association.acceptor.primitive
    if answer.result == 2 or answer.result_source == 3:
        return faults.busy()
    if answer.result_source == 1 and answer.diagnostic in (_CALLED_UNKNOWN, _CALLING_UNKNOWN):
        return faults.unknown_ae_title(answer.diagnostic == _CALLED_UNKNOWN)
    return faults.denied()


def _ae_title(value: object) -> str:
    title = str(value or "").strip()
    if not 0 < len(title) <= 16 or not title.isascii() or "\\" in title or not title.isprintable():
        raise addresses.incomplete("AE title")
    return title


def _load_certificate(context: ssl.SSLContext, pem: str) -> None:
    """Load this side's certificate and key; the ssl module takes files only, here one in memory."""
    import os

    descriptor = os.memfd_create("anonportal")
    try:
        os.write(descriptor, pem.encode("ascii", "replace"))
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    except (ssl.SSLError, OSError):
        raise faults.bad_client_certificate() from None
    finally:
        os.close(descriptor)
