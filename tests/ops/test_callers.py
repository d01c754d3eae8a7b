"""Whose address a request has: the caller's, which proxies say and callers can't make up."""

import pytest
from django.http import HttpRequest, HttpResponse

from anonportal.middleware import CallerAddressMiddleware


def address_seen(settings, proxies: int, forwarded: str | None) -> str:
    """Return REMOTE_ADDR behind the middleware, for a request from 192.0.2.1."""
    settings.TRUSTED_PROXIES = proxies
    request = HttpRequest()
    request.META = {"REMOTE_ADDR": "192.0.2.1"}
    if forwarded is not None:
        request.META["HTTP_X_FORWARDED_FOR"] = forwarded
    CallerAddressMiddleware(lambda request: HttpResponse())(request)
    assert "HTTP_X_FORWARDED_FOR" not in request.META
    return str(request.META["REMOTE_ADDR"])


@pytest.mark.parametrize(
    ("proxies", "forwarded", "seen"),
    [
        (0, None, "192.0.2.1"),
        (0, "198.51.100.7", "192.0.2.1"),
        (1, None, "192.0.2.1"),
        (1, "198.51.100.7", "198.51.100.7"),
        (1, "203.0.113.9, 198.51.100.7", "198.51.100.7"),
        (2, "203.0.113.9, 198.51.100.7, 198.51.100.8", "198.51.100.7"),
        (2, "198.51.100.7", "192.0.2.1"),
        (1, "2001:DB8::0007", "2001:db8::7"),
        (1, "unknown", "192.0.2.1"),
        (1, "<script>", "192.0.2.1"),
        (1, "", "192.0.2.1"),
    ],
)
def test_the_address_is_what_the_outermost_trusted_proxy_saw(settings, proxies, forwarded, seen):
    assert address_seen(settings, proxies, forwarded) == seen
