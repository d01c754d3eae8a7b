"""Faults of networks and recipients, each as a code with a sentence that says what to do.

What a library raised is looked through to its cause and never quoted: it may hold addresses,
credentials or what a server chose to answer.
"""

import socket
import ssl
from collections.abc import Iterator
from http.client import HTTPException

from django.utils.translation import gettext as _

from studies.delivery.base import DeliveryRefused, DeliveryUnavailable

DeliveryFault = DeliveryRefused | DeliveryUnavailable
# OpenSSL's codes of verification.
_NAME_MISMATCH, _IP_MISMATCH = 62, 64
_EXPIRED, _NOT_YET = 10, 9
_LOST = (ConnectionResetError, BrokenPipeError, ConnectionAbortedError, HTTPException, EOFError)


def refused_connection() -> DeliveryUnavailable:
    """Nobody listens at the address."""
    return DeliveryUnavailable(
        "connection-refused",
        _(
            "Nobody answers at the destination's address. Check address and port, and that its "
            "service runs; the delivery is tried again by itself."
        ),
    )


def name_unknown() -> DeliveryUnavailable:
    """The host's name has no address."""
    return DeliveryUnavailable(
        "host-unknown",
        _("The destination's host name isn't known. Check its spelling and this machine's DNS."),
    )


def unreachable() -> DeliveryUnavailable:
    """No way leads there."""
    return DeliveryUnavailable(
        "host-unreachable",
        _("The destination can't be reached from here. Check network and firewall."),
    )


def lost() -> DeliveryUnavailable:
    """The connection broke in the middle."""
    return DeliveryUnavailable(
        "connection-lost",
        _(
            "The connection to the destination broke off. What arrived whole is kept; only what "
            "is missing is sent again, by itself."
        ),
    )


def too_slow() -> DeliveryUnavailable:
    """No answer in time."""
    return DeliveryUnavailable(
        "destination-slow",
        _(
            "The destination didn't answer in time. The delivery is tried again by itself; if "
            "this stays, ask its operator, or lower its parallel connections."
        ),
    )


def busy() -> DeliveryUnavailable:
    """The recipient says: later."""
    return DeliveryUnavailable(
        "destination-busy",
        _(
            "The destination is overloaded and asks to come later. The delivery is tried again "
            "by itself; if this stays, lower its parallel connections or bandwidth."
        ),
    )


def broken() -> DeliveryUnavailable:
    """The recipient has a fault of its own."""
    return DeliveryUnavailable(
        "destination-error",
        _(
            "The destination reports a fault of its own. The delivery is tried again by itself; "
            "if this stays, ask its operator."
        ),
    )


def full() -> DeliveryUnavailable:
    """No room there."""
    return DeliveryUnavailable(
        "destination-full",
        _("The destination has no room left. Free some; the delivery goes on by itself."),
    )


def checksum_differs() -> DeliveryUnavailable:
    """Other bytes arrived than were sent."""
    return DeliveryUnavailable(
        "checksum-differs",
        _(
            "An object arrived with another checksum than it was sent with. It is sent again by "
            "itself; if this stays, something on the way changes data: ask the network's people."
        ),
    )


def unconfirmed() -> DeliveryUnavailable:
    """The recipient didn't say what became of an object."""
    return DeliveryUnavailable(
        "object-unconfirmed",
        _("The destination didn't confirm every object. What is missing is sent again by itself."),
    )


def denied() -> DeliveryRefused:
    """The account may not do this."""
    return DeliveryRefused(
        "destination-denied",
        _(
            "The destination doesn't let this account write, read or delete there. Give it these "
            "rights, then test the destination again."
        ),
    )


def wrong_credentials() -> DeliveryRefused:
    """The account isn't known, or its secret is another."""
    return DeliveryRefused(
        "credentials-wrong",
        _("The destination doesn't accept the credentials. Enter them again on its page."),
    )


def expired_credentials() -> DeliveryRefused:
    """The credentials were right once."""
    return DeliveryRefused(
        "credentials-expired",
        _("The credentials have expired. Enter new ones on the destination's page."),
    )


def missing_credentials() -> DeliveryRefused:
    """There is nothing to sign in with."""
    return DeliveryRefused(
        "credentials-missing",
        _("The destination has no credentials. Enter them on its page."),
    )


def clock_differs() -> DeliveryRefused:
    """This machine's clock is off."""
    return DeliveryRefused(
        "clock-differs",
        _("This machine's clock differs too much from the destination's. Set it right."),
    )


def no_bucket() -> DeliveryRefused:
    """The bucket or container isn't there."""
    return DeliveryRefused(
        "bucket-missing",
        _(
            "The bucket or container doesn't exist. Make it, correct its name, or let the portal "
            "make it, on the destination's page."
        ),
    )


def no_encryption_key() -> DeliveryRefused:
    """The key that the recipient should encrypt with can't be used."""
    return DeliveryRefused(
        "encryption-key",
        _("The destination can't use the encryption key that is set for it. Check the key's id."),
    )


def wrong_address() -> DeliveryRefused:
    """Somebody answers, but not such a service."""
    return DeliveryRefused(
        "address-wrong",
        _(
            "Somebody answers at this address, but not as this kind of destination does. Check "
            "the address on its page."
        ),
    )


def too_large() -> DeliveryRefused:
    """An object is beyond what the recipient takes."""
    return DeliveryRefused(
        "object-too-large",
        _("An object is larger than the destination takes. Ask its operator to raise the limit."),
    )


def object_refused(codes: str) -> DeliveryRefused:
    """The recipient doesn't take an object, whatever is tried; `codes` are those of DICOM."""
    return DeliveryRefused(
        "object-refused",
        _(
            "The recipient refused objects, with code %(codes)s. Ask its operator what this code "
            "means there, or leave these objects out."
        )
        % {"codes": codes},
    )


def unknown_ae_title(is_called: bool) -> DeliveryRefused:
    """One of the two AE titles isn't known there."""
    if is_called:
        return DeliveryRefused(
            "ae-title-unknown",
            _("The node doesn't go by the called AE title. Correct it on the destination's page."),
        )
    return DeliveryRefused(
        "ae-title-unknown",
        _(
            "The node doesn't know the portal's AE title. Have its operator add it, with this "
            "machine's address."
        ),
    )


def bad_client_certificate() -> DeliveryRefused:
    """The certificate that this side should show can't be used."""
    return DeliveryRefused(
        "client-certificate",
        _("The portal's own certificate or key isn't readable as PEM. Enter both again."),
    )


def kept_another() -> DeliveryRefused:
    """The recipient holds other bytes under the same UID and keeps them."""
    return DeliveryRefused(
        "object-kept",
        _(
            "The recipient keeps an earlier version of an object and refuses the new one. Ask it "
            "to delete the earlier version or to allow overwriting."
        ),
    )


def staged_changed() -> DeliveryRefused:
    """What waits here isn't what was de-identified."""
    return DeliveryRefused(
        "staged-object-changed",
        _("An object isn't what was de-identified. Process its batch again."),
    )


def tls_name() -> DeliveryRefused:
    """The certificate is somebody else's."""
    return DeliveryRefused(
        "tls-wrong-name",
        _(
            "The certificate at the destination's address is for another name, so nothing was "
            "sent. Check the address, or have its operator renew the certificate."
        ),
    )


def tls(error: ssl.SSLError) -> DeliveryRefused:
    """Say which part of TLS's verification failed; there is no way around it."""
    code = getattr(error, "verify_code", 0)
    if code in (_NAME_MISMATCH, _IP_MISMATCH):
        return tls_name()
    if code in (_EXPIRED, _NOT_YET):
        return DeliveryRefused(
            "tls-expired",
            _(
                "The destination's certificate isn't valid today, so nothing was sent. Have its "
                "operator renew it, and check this machine's clock."
            ),
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return DeliveryRefused(
            "tls-untrusted",
            _(
                "The destination's certificate is from nobody this machine trusts, so nothing was "
                "sent. For a private certificate authority, enter its certificate on the page."
            ),
        )
    return DeliveryRefused(
        "tls-failed",
        _("No encrypted connection came about. Check that TLS is spoken at this address."),
    )


def by_cause(error: BaseException) -> DeliveryFault:
    """Return the fault that lies at the root of what a library raised."""
    causes = list(_causes(error))
    for cause in causes:
        if type(cause).__name__ == "CertificateError":
            return tls_name()  # urllib3 compares names by itself
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
            return tls(cause)
    for cause in causes:
        found = _by_type(cause)
        if found is not None:
            return found
    return lost()


def _by_type(cause: BaseException) -> DeliveryFault | None:
    name = type(cause).__name__
    if isinstance(cause, socket.gaierror) or name == "NameResolutionError":
        return name_unknown()
    if isinstance(cause, ConnectionRefusedError):
        return refused_connection()
    if isinstance(cause, TimeoutError) or name in (
        "ReadTimeout",
        "ReadTimeoutError",
        "ConnectTimeoutError",
    ):
        return too_slow()
    if isinstance(cause, (*_LOST, ssl.SSLEOFError)):
        return lost()
    if isinstance(cause, OSError) and cause.errno in (101, 110, 113):
        return too_slow() if cause.errno == 110 else unreachable()
    return None


def _causes(error: BaseException, depth: int = 8) -> Iterator[BaseException]:
    """Walk through what an exception was raised from, or wraps in its own ways."""
    yield error
    if not depth:
        return
    wrapped = [error.__cause__, error.__context__, getattr(error, "reason", None)]
    wrapped += [getattr(error, "inner_exception", None), *error.args]
    wrapped.append(getattr(error, "kwargs", {}).get("error"))
    for inner in wrapped:
        if isinstance(inner, BaseException) and inner is not error:
            yield from _causes(inner, depth - 1)


def by_status(status: int) -> DeliveryFault:
    """Return the fault that an HTTP status means, where nothing better is known."""
    if status == 401:
        return wrong_credentials()
    if status == 403:
        return denied()
    if status == 413:
        return too_large()
    if status == 507:
        return full()
    if status in (408, 425, 429, 502, 503, 504):
        return busy()
    return broken() if status >= 500 else wrong_address()
