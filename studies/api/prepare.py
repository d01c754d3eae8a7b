"""POST /api/batch-prepare: the studies of a folder, de-identified into a folder, with a manifest.

Answers at once with 202 and where to ask; with `Prefer: wait=N` it waits up to N seconds.
"""

import json
import re
import threading
import time
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from pydantic import ValidationError

from studies import jobs
from studies.api.auth import JSON_BYTES, plain_view
from studies.api.body import BLOCK, Body, media_type
from studies.api.operations import repeatable
from studies.api.problems import Problem, not_found
from studies.api.schemas import PreparedOut, PrepareIn
from studies.models import Batch, Scope
from studies.services import machines, preparing
from studies.services.preparing import Prepared
from studies.services.tokens import Machine

LONGEST_WAIT = 60
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,4})\"?(?:$|[,;\s])", re.IGNORECASE)
# Waiting takes a thread of the web server: only some of them, whatever callers prefer.
_waiting = threading.BoundedSemaphore(settings.API_WAITING)


@plain_view(Scope.BATCHES_WRITE, "POST")
@repeatable
def batch_prepare(request: HttpRequest, machine: Machine) -> HttpResponse:
    """Prepare a folder."""
    said = _read(request)
    if said.organization_id != machine.organization.slug:
        raise Problem(404, "organization-unknown", _("There is no such organization."))
    batch = preparing.prepare(machine, said.study_directory, said.priority, said.destination or "")
    jobs.start(batch)
    now, waited = _wait(batch, _preferred(request))
    return _answer(now, waited)


@plain_view(Scope.BATCHES_READ, "GET")
def batch_prepared(request: HttpRequest, machine: Machine, batch_id: UUID) -> HttpResponseBase:
    """Say how far a prepared batch is."""
    batch = machines.batches_of(machine).filter(pk=batch_id, prepared__isnull=False).first()
    if batch is None:
        raise not_found()
    now, waited = _wait(batch, _preferred(request))
    return _answer(now, waited, is_asked_again=True)


def _read(request: HttpRequest) -> PrepareIn:
    if media_type(request.headers.get("Content-Type", "")) != "application/json":
        raise Problem(415, "content-type", _("Send application/json."))
    body, text = Body(request, JSON_BYTES), b""
    while block := body.read(BLOCK):
        text += block
    try:
        return PrepareIn.model_validate(json.loads(text))
    except ValidationError as error:
        wrong = ", ".join(sorted({entry["type"] for entry in error.errors()}))
        said = _("The request isn't as the documentation says: {fields}.").format(fields=wrong)
        raise Problem(422, "invalid", said) from None
    except (ValueError, RecursionError):
        raise Problem(400, "bad-request", _("The body isn't JSON.")) from None


def _preferred(request: HttpRequest) -> int:
    found = _WAIT.search(request.headers.get("Prefer", ""))
    return min(int(found.group(1)), LONGEST_WAIT) if found else 0


def _wait(batch: Batch, seconds: int) -> tuple[Prepared, int]:
    """Wait until the batch goes no further by itself, or the time is over."""
    now = preparing.progress_of(batch)
    if not seconds or now.is_finished or not _waiting.acquire(blocking=False):
        return now, 0
    try:
        until, pause = time.monotonic() + seconds, 0.05
        while not now.is_finished and time.monotonic() < until:
            time.sleep(min(pause, max(until - time.monotonic(), 0)))
            pause = min(pause * 1.5, 0.5)
            now = preparing.progress_of(batch)
    finally:
        _waiting.release()
    return now, seconds


def _answer(now: Prepared, waited: int, *, is_asked_again: bool = False) -> HttpResponse:
    said = PreparedOut(
        batch_id=now.batch.pk,
        success=now.success,
        state=now.batch.state,
        total_files=now.total,
        successful_files=now.successful,
        manifest_path=now.manifest,
        staging_directory=now.folder,
    )
    headers = {"Location": reverse("api:batch_prepared", args=[now.batch.pk])}
    if waited:
        headers["Preference-Applied"] = f"wait={waited}"
    if not now.is_finished:
        headers["Retry-After"] = "2"
    status = 200 if now.is_finished or is_asked_again else 202
    return HttpResponse(
        said.model_dump_json(by_alias=True),
        status=status,
        content_type="application/json",
        headers=headers,
    )
