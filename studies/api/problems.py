"""Errors of the API as problem+json (RFC 9457): a stable code and a sentence, no patient data."""

import contextlib
import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.request import RawPostDataException
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from studies.faults import Fault, TransientError

CONTENT_TYPE = "application/problem+json"
RETRY_SECONDS = 30
# A refused body up to here is read to its end; behind more the web server closes the connection.
READ_ON = 1 << 20

# What isn't a conflict with the present state of things, which is 409.
_STATUS_OF_CODE = {
    "multipart-unreadable": 400,
    "multipart-cut": 400,
    "bad-frame": 400,
    "upload-cut": 400,
    "cursor-invalid": 400,
    "file-missing": 400,
    "idempotency-key-invalid": 400,
    "content-type": 415,
    "body-too-large": 413,
    "too-many-files": 413,
    "too-many-bytes": 413,
    "report-too-long": 413,
    "report-too-large": 413,
    "too-many-requests": 429,
    "profile-unknown": 404,
    "domain-unknown": 404,
    "organization-unknown": 404,
    "directory-unknown": 404,
    "not-found": 404,
    "changed-meanwhile": 412,
    "patient-id-invalid": 422,
    "reason-missing": 422,
    "report-empty": 422,
    "foreign-object": 404,
    "profile-not-allowed": 422,
    "nothing-selected": 422,
}


class Problem(Exception):
    """An answer of the API that isn't success."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: object,
        *,
        where: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = str(detail)
        self.where = where
        self.headers = dict(headers or {})

    @classmethod
    def of_fault(cls, fault: Fault) -> "Problem":
        """Return what a service's fault is over HTTP."""
        if isinstance(fault, TransientError):
            headers = {"Retry-After": str(RETRY_SECONDS)}
            return cls(503, fault.code, fault.message, headers=headers)
        return cls(_STATUS_OF_CODE.get(fault.code, 409), fault.code, fault.message)

    def response(self) -> HttpResponse:
        """Return the answer itself."""
        said: dict[str, Any] = {
            "type": f"urn:anonportal:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }
        if self.where:
            said["where"] = self.where
        return HttpResponse(
            json.dumps(said, ensure_ascii=False),
            status=self.status,
            content_type=CONTENT_TYPE,
            headers={"Cache-Control": "no-store", **self.headers},
        )


_PLAIN = {
    400: ("bad-request", "The request can't be read."),
    403: ("forbidden", "This isn't allowed."),
    404: ("not-found", "There is no such thing in this organization."),
    405: ("method-not-allowed", "This address doesn't take this method."),
    413: ("body-too-large", "The request is too large."),
    500: ("fault", "The portal met a fault; the log has its reference."),
}


class ProblemMiddleware:
    """Make of every error below /api/ a problem+json, wherever it came from."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a request; replace what Django says of an error by what machines read."""
        response = self.get_response(request)
        if not request.path.startswith("/api/"):
            return response
        response.headers.setdefault("Cache-Control", "no-store")
        if response.status_code >= 400 and hasattr(request, "_machine"):
            _read_rest(request)
        if response.status_code < 400 or response.headers.get("Content-Type") == CONTENT_TYPE:
            return response
        code, detail = _PLAIN.get(response.status_code, ("error", "The request failed."))
        kept = {name: response.headers[name] for name in _KEPT if name in response.headers}
        return Problem(response.status_code, code, detail, headers=kept).response()


def _read_rest(request: HttpRequest) -> None:
    """Read the rest of a small body that was refused, so that its connection can be used again."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > READ_ON:
        return
    with contextlib.suppress(OSError, RawPostDataException):
        while request.read(64 << 10):
            pass


_KEPT = ("Allow", "Retry-After", "X-Request-Id", "WWW-Authenticate")


def not_found() -> Problem:
    """Return the answer for what isn't there, or is another organization's: both look alike."""
    return Problem(404, "not-found", _("There is no such thing in this organization."))
