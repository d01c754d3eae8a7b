"""Who is calling: the token of the Authorization header, its scope, its limits. No cookies."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from allauth.account.adapter import get_adapter
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods
from ninja.security import HttpBearer

from studies.api import limits
from studies.api.problems import Problem
from studies.faults import Fault
from studies.services import tokens
from studies.services.tokens import Machine, TokenRefused

# A longer one is no token of ours; it is refused without being hashed or recorded at length.
MAX_HEADER = 256
JSON_BYTES = 1 << 20


def machine_of(request: HttpRequest) -> Machine:
    """Return the machine whose token the request carries; raise the problem it has otherwise."""
    known: Machine | None = getattr(request, "_machine", None)
    if known is not None:
        return known
    kind, _space, secret = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not secret.strip() or len(secret) > MAX_HEADER:
        raise unauthorized("token-missing")
    address = get_adapter().get_client_ip(request)
    try:
        found = tokens.authenticate(secret.strip(), address, lambda: limits.count_refusal(address))
    except TokenRefused as refusal:
        raise unauthorized(refusal.code) from None
    limits.count_call(found)
    request._machine = found  # type: ignore[attr-defined]
    return found


def require(request: HttpRequest, scope: str) -> Machine:
    """Return the calling machine; refuse one whose token lacks the scope."""
    machine = machine_of(request)
    try:
        tokens.require(machine, scope)
    except TokenRefused as refusal:
        said = _("The token isn't made for this: it lacks the scope {scope}.").format(scope=scope)
        raise Problem(403, refusal.code, said) from None
    return machine


def unauthorized(code: str) -> Problem:
    """Return the answer to a request without a good token."""
    said = _("Send a valid token of your organization as “Authorization: Bearer …”.")
    return Problem(401, code, said, headers={"WWW-Authenticate": 'Bearer realm="anonportal"'})


class Token(HttpBearer):
    """The rule of a REST operation: a token with a scope."""

    openapi_description = "A token of one organization, made by its administrator."

    def __init__(self, scope: str = "") -> None:
        super().__init__()
        self.scope = scope

    def __call__(self, request: HttpRequest) -> Machine:
        """Return the machine, which ninja keeps as request.auth."""
        found = require(request, self.scope) if self.scope else machine_of(request)
        if request.method != "GET" and not getattr(request, "_streams", False):
            _bound_json(request)
        return found

    def authenticate(self, request: HttpRequest, token: str) -> Machine:
        """Return the machine; the header was looked at already."""
        return machine_of(request)


def _bound_json(request: HttpRequest) -> None:
    text = request.META.get("CONTENT_LENGTH") or "0"
    if not text.isdigit() or int(text) > JSON_BYTES:
        raise Problem(413, "body-too-large", _("A JSON body is at most 1 MiB."))


_View = Callable[..., HttpResponseBase]


def plain_view(scope: str, *methods: str) -> Callable[[_View], _View]:
    """Make of a function (request, machine, …) a view that answers problems as problem+json.

    Exempt from the check of forms, because it never looks at a cookie.
    """

    def decorate(function: _View) -> _View:
        @csrf_exempt
        @require_http_methods(list(methods))
        @wraps(function)
        def view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            try:
                return function(request, require(request, scope), *args, **kwargs)
            except Problem as problem:
                return problem.response()
            except Fault as fault:
                return Problem.of_fault(fault).response()

        return cast(_View, view)

    return decorate


def answer(status: int = 204) -> HttpResponse:
    """Return an answer without a body."""
    return HttpResponse(status=status)
