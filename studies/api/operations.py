"""How a REST operation is declared: scope, answers, errors, whether a key makes it repeatable."""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponse
from ninja import Router
from ninja.decorators import decorate_view
from pydantic.alias_generators import to_camel

from studies.api.auth import Token, machine_of
from studies.api.problems import Problem
from studies.faults import Fault
from studies.services.replaying import Answer, Replaying
from studies.services.tokens import Machine

PROBLEMS = (400, 401, 403, 404, 409, 413, 422, 429, 503)
# What of an answer is worth repeating.
_KEPT_HEADERS = ("Content-Type", "Location")
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same request under the same key is answered again, and not done again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}

View = TypeVar("View", bound=Callable[..., Any])
Declare = Callable[[View], View]


def machine(request: HttpRequest) -> Machine:
    """Return the machine that calls."""
    return machine_of(request)


def operation(
    router: Router,
    method: str,
    path: str,
    scope: str,
    *,
    answers: dict[int, Any],
    url_name: str,
    problems: tuple[int, ...] = (),
    parameters: tuple[dict[str, Any], ...] = (),
    body: dict[str, Any] | None = None,
    idempotent: bool = False,
) -> Callable[[View], View]:
    """Declare a function as an operation of the API; its docstring is what the pages say of it."""
    extra: dict[str, Any] = {"x-scope": scope}
    wanted = [*parameters, *([IDEMPOTENCY_KEY] if idempotent else [])]
    if wanted:
        extra["parameters"] = [dict(entry) for entry in wanted]
    if body is not None:
        extra["requestBody"] = body

    def declare(function: View) -> View:
        if idempotent:
            function = decorate_view(repeatable)(function)
        if body is not None:
            function = decorate_view(_streaming)(function)
        declared = router.api_operation(
            [method],
            path,
            auth=Token(scope),
            # What a problem holds is described once for all of them (openapi.py).
            response={**answers, **dict.fromkeys((*PROBLEMS, *problems), None)},
            by_alias=True,
            operation_id=to_camel(function.__name__),
            url_name=url_name,
            summary=(function.__doc__ or "").strip().partition("\n")[0],
            description=" ",
            openapi_extra=extra,
        )
        return declared(function)

    return declare


def _streaming(run: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Mark a request whose body is read by the operation itself, and may be large."""

    @wraps(run)
    def streaming(request: HttpRequest, **values: Any) -> HttpResponse:
        request._streams = True  # type: ignore[attr-defined]
        return run(request, **values)

    return streaming


def repeatable(run: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Answer a request again that came already under its Idempotency-Key."""

    @wraps(run)
    def repeated(request: HttpRequest, *args: Any, **values: Any) -> HttpResponse:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return run(request, *args, **values)
        try:
            replaying = Replaying(machine_of(request), key, _fingerprint(request))
            before = replaying.begin()
        except Problem as problem:
            return problem.response()
        except Fault as fault:
            return Problem.of_fault(fault).response()
        if before is not None:
            response = HttpResponse(before.body, status=before.status, headers=before.headers)
            response["Idempotent-Replayed"] = "true"
            return response
        return _first(replaying, partial(run, request, *args, **values))

    return repeated


def _first(replaying: Replaying, run: Callable[[], HttpResponse]) -> HttpResponse:
    try:
        response = run()
    except BaseException:
        replaying.forget()
        raise
    if 200 <= response.status_code < 300:
        kept = {name: response[name] for name in _KEPT_HEADERS if name in response}
        replaying.keep(Answer(response.status_code, kept, response.content))
    else:
        replaying.forget()
    return response


def _fingerprint(request: HttpRequest) -> bytes:
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > (1 << 20):
        raise Problem(413, "body-too-large", "A JSON body is at most 1 MiB.")
    return f"{request.method} {request.get_full_path()}\n".encode() + request.body
