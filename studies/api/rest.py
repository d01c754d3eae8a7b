"""The REST part of the API: its routers, and what an exception is over HTTP."""

import re
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from studies.api import (
    batches,
    desk,
    devices,
    filling,
    finding,
    people,
    place_changes,
    reports,
    set_up,
    trail,
)
from studies.api.auth import unauthorized
from studies.api.problems import Problem, not_found
from studies.faults import Fault
from studies.models import IllegalTransition

api = NinjaAPI(
    title="anonportal",
    version="1.0.0",
    urls_namespace="api",
    openapi_url=None,
    docs_url=None,
)
for _router in (
    batches.router,
    filling.router,
    finding.router,
    desk.router,
    place_changes.router,
    devices.router,
    set_up.router,
    people.router,
    reports.router,
    trail.router,
):
    api.add_router("", _router)

_PLACE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}\Z")


@api.exception_handler(Problem)
def _problem(request: HttpRequest, problem: Any) -> HttpResponse:
    found: HttpResponse = problem.response()
    return found


@api.exception_handler(Fault)
def _fault(request: HttpRequest, fault: Any) -> HttpResponse:
    return Problem.of_fault(fault).response()


@api.exception_handler(IllegalTransition)
def _conflict(request: HttpRequest, error: Any) -> HttpResponse:
    said = _("This can't be done in its present state. Read it again.")
    return Problem(409, "state", said).response()


@api.exception_handler(Http404)
def _missing(request: HttpRequest, error: Any) -> HttpResponse:
    return not_found().response()


@api.exception_handler(AuthenticationError)
def _stranger(request: HttpRequest, error: Any) -> HttpResponse:
    return unauthorized("token-missing").response()


@api.exception_handler(HttpError)
def _http(request: HttpRequest, error: Any) -> HttpResponse:
    return Problem(error.status_code, "bad-request", _("The request can't be read.")).response()


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: Any) -> HttpResponse:
    """Say which field is wrong and how, by the names of the documentation; never what was sent."""
    wrong = sorted({_where(entry) for entry in error.errors})
    said = _("The request isn't as the documentation says: {fields}.")
    return Problem(422, "invalid", said.format(fields=", ".join(wrong[:10]))).response()


def _where(entry: dict[str, Any]) -> str:
    kind = str(entry.get("type", ""))
    loc = [str(part) for part in entry.get("loc", ())]
    if kind == "extra_forbidden":
        # The name of a field that nobody knows is the caller's own text.
        loc = loc[:-1]
    # Inside a body the field stands behind the name of the whole.
    named = loc[2:] if loc[:1] == ["body"] else loc[1:]
    place = ".".join(part for part in named if _PLACE.match(part) or part.isdigit())
    return f"{place} ({kind})" if place else kind
