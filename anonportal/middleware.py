"""Gives each request an id, its caller's address and one line in the log: route, status, time.

No path, query or body is logged.
"""

import ipaddress
import logging
import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from anonportal.logs import UNLOGGED, Word, new_reference, request_id, route_of

logger = logging.getLogger("anonportal.requests")


class RequestLogMiddleware:
    """Stand outermost: everything logged while a request is served carries its id."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a request under a fresh id; a caller's own id isn't taken over."""
        token = request_id.set(new_reference())
        started = time.perf_counter()
        try:
            response = self.get_response(request)
            response.headers["X-Request-Id"] = request_id.get()
            if request.path not in UNLOGGED:
                self._log(request, response, time.perf_counter() - started)
            return response
        finally:
            request_id.reset(token)

    def _log(self, request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
        logger.info(
            "%s %s %d",
            Word(request.method if request.method in _METHODS else "OTHER"),
            Word(route_of(request)),
            response.status_code,
            extra={"milliseconds": round(seconds * 1000)},
        )


class CallerAddressMiddleware:
    """Put the caller's address into REMOTE_ADDR where proxies stand in front.

    Each trusted proxy appends who called it to X-Forwarded-For; what stands further left came from
    the caller and is not believed. Everything behind reads REMOTE_ADDR alone: limits, the trail.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a request whose REMOTE_ADDR is the caller's, as far as that can be known."""
        forwarded = request.META.pop("HTTP_X_FORWARDED_FOR", "").split(",")
        proxies = settings.TRUSTED_PROXIES
        if 0 < proxies <= len(forwarded) and (address := _address(forwarded[-proxies])):
            request.META["REMOTE_ADDR"] = address
        return self.get_response(request)


def _address(text: str) -> str:
    """Return an IP address as it's written canonically, or nothing."""
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        return ""


_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
