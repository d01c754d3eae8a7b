"""What can be the name of a host, so that nothing else is ever looked up or connected to."""

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

_LABEL = r"[A-Za-z0-9_][A-Za-z0-9_-]{0,62}"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*\.?\Z")


def is_host(text: str) -> bool:
    """Say whether a text is a host's name or address; other alphabets go as punycode."""
    try:
        ip_address(text)
    except ValueError:
        return _NAME.match(text) is not None
    return True


def split_address(url: str) -> SplitResult | None:
    """Return the parts of an http(s) address; None where it is none."""
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in ("http", "https") and is_host(parts.hostname or "")
        return parts if is_good and parts.port != 0 else None
    except ValueError:
        # A port or an IPv6 address that is none.
        return None
