"""TLS towards sources: always verified, against the system's issuers or a hospital's own.

There is no switch that turns verification off.
"""

import ssl

from django.utils.translation import gettext as _

from studies.faults import PermanentError


def client_context(issuers: str = "", certificate: str = "") -> ssl.SSLContext:
    """Return a context that checks name and chain; `issuers` in PEM replace the system's.

    `certificate` names a PEM file with our own certificate and key, where a peer asks for one.
    """
    try:
        context = ssl.create_default_context(cadata=issuers or None)
        if certificate:
            context.load_cert_chain(certificate)
    except (ssl.SSLError, OSError, ValueError, TypeError):  # TypeError: text that is not ASCII
        raise PermanentError(
            "certificate-unreadable",
            _("A certificate in the settings can't be read. It has to be PEM text."),
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
