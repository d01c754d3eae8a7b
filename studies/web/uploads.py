"""Uploads: what static/upload.js speaks to, and a plain form for a browser without script.

Bodies are read from the request's own stream straight into sealed objects; Django parses nothing
but the form, whose files go to a handler that seals them. No path is ever part of a URL.
"""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import TooManyFilesSent
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from studies.faults import Fault, PermanentError, TransientError
from studies.intake.frames import MAX_FILE_NUMBER, MAX_SIZE, BadFrame, text, whole_number
from studies.intake.limits import PART_BYTES
from studies.models import Batch
from studies.services import access
from studies.services.uploads import (
    PartPack,
    Wanted,
    announce,
    receive_frames,
)
from studies.services.uploads import upload_status as status_of

# A list of 200,000 files with long paths.
ANNOUNCEMENT_BYTES = 64 << 20
_STATUS_OF_CODE = {
    "batch-not-receiving": 409,
    "already-submitted": 409,
    "body-too-large": 413,
    "too-many-files": 413,
    "too-many-bytes": 413,
}

_View = Callable[[HttpRequest, UUID], HttpResponse]


@login_required
@never_cache
@require_POST
def upload_announce(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Take the list of files that are meant to come; answer numbers, and what is there."""
    batch = access.batch_for(request, batch_id)
    try:
        said = _announcement(request)
        wanted = [_wanted(entry) for entry in _list(said.get("files"))]
        removed = [whole_number(number, MAX_FILE_NUMBER) for number in _list(said.get("removed"))]
        answer = announce(batch, wanted, access.viewer(request).actor, removed)
    except Fault as fault:
        return _refusal(fault)
    return JsonResponse(
        {
            "part_bytes": PART_BYTES,
            "numbers": answer.files,
            "received": {str(number): parts for number, parts in answer.received.items()},
        }
    )


@login_required
@never_cache
@require_http_methods(["PUT"])
def upload_parts(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Seal the parts in the body; answer the digest of each, and what was wrong with it."""
    batch = access.batch_for(request, batch_id)
    try:
        length = int(request.headers.get("Content-Length") or 0)
        results = receive_frames(batch, request, length)
    except ValueError:
        return _refusal(BadFrame())
    except Fault as fault:
        return _refusal(fault)
    return JsonResponse(
        {
            "parts": [
                {
                    "file": result.file,
                    "offset": result.offset,
                    "length": result.length,
                    "sha256": result.sha256,
                    "problem": result.problem,
                }
                for result in results
            ]
        }
    )


@login_required
@never_cache
@require_GET
def upload_status(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Say what of an upload is there: whole files as ranges of numbers, others as byte ranges."""
    status = status_of(access.batch_for(request, batch_id))
    return JsonResponse(
        {
            "announced": {"files": status.announced_files, "bytes": status.announced_bytes},
            "received": {"files": len(status.whole), "bytes": status.received_bytes},
            "whole": status.whole_ranges,
            "partial": {str(file): ranges for file, ranges in status.partial.items()},
        }
    )


class SealingUploadHandler(FileUploadHandler):
    """Seals the files of a form as they arrive; nothing of them is kept in clear."""

    def __init__(self, pack: PartPack, request: HttpRequest) -> None:
        super().__init__(request)
        self._pack = pack
        self.files = 0

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Begin a file."""
        super().new_file(*args, **kwargs)
        self._part = self._pack.begin(self.file_name or "unnamed")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Seal a block; no other handler gets it."""
        self._part.write(raw_data)

    def file_complete(self, file_size: int) -> None:
        """Count the file; request.FILES stays empty."""
        self.files += 1


@csrf_exempt
@login_required
@never_cache
@require_POST
def upload_form(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Take files from a plain form.

    Exempt only out here: the token is checked by `_form` once the handler that seals is in place,
    since checking it parses the body.
    """
    batch = access.batch_for(request, batch_id)
    try:
        with PartPack(batch) as pack:
            handler = SealingUploadHandler(pack, request)
            request.upload_handlers = [handler]
            response = _Form(batch, pack, handler).post(request)
            if response.status_code != 302:
                pack.abandon()
            return response
    except TooManyFilesSent:
        messages.error(
            request, _("Too many files for one form. Send fewer at a time, or a zip of them.")
        )
    except (PermanentError, TransientError) as fault:
        messages.error(request, fault.message)
    return redirect("batch", batch_id=batch.pk)


class _Form:
    """The part of `upload_form` that runs under the check of the form's token."""

    def __init__(self, batch: Batch, pack: PartPack, handler: SealingUploadHandler) -> None:
        self._batch = batch
        self._pack = pack
        self._handler = handler

    @method_decorator(csrf_protect)
    def post(self, request: HttpRequest) -> HttpResponse:
        """Record what the handler has sealed."""
        # Touching the form makes Django parse it, where the check hasn't yet.
        request.POST.get("csrfmiddlewaretoken")
        self._pack.finish()
        count = self._handler.files
        if count:
            said = ngettext("{count} file received", "{count} files received", count)
            messages.success(request, said.format(count=count))
        else:
            messages.error(request, _("No file was chosen."))
        return redirect("batch", batch_id=self._batch.pk)


def _announcement(request: HttpRequest) -> dict[str, Any]:
    body = request.read(ANNOUNCEMENT_BYTES + 1)
    if len(body) > ANNOUNCEMENT_BYTES:
        raise PermanentError("body-too-large", _("The list of files is too long for one batch."))
    try:
        said = json.loads(body)
    except ValueError:
        raise BadFrame from None
    if not isinstance(said, dict):
        raise BadFrame
    return said


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadFrame
    return value


def _wanted(entry: Any) -> Wanted:
    if not isinstance(entry, dict):
        raise BadFrame
    number = entry.get("file")
    return Wanted(
        path=text(entry.get("path")),
        size=whole_number(entry.get("size"), MAX_SIZE),
        modified=whole_number(entry.get("modified", 0), MAX_SIZE),
        file=None if number is None else whole_number(number, MAX_FILE_NUMBER),
    )


def _refusal(fault: Fault) -> JsonResponse:
    """Say why an upload was refused, for the script to show; a transient fault is worth a retry."""
    status = 503 if isinstance(fault, TransientError) else _STATUS_OF_CODE.get(fault.code, 400)
    return JsonResponse({"code": fault.code, "message": str(fault.message)}, status=status)
