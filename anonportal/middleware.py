"""Gives each request an id and one line in the log: route, status, time; no path, query or body."""

import logging
import time
from collections.abc import Callable

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


_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
