"""POST /api/anonymize-stream: an instance in, the same instance de-identified and verified out.

The body is read in a stream; small instances stay in memory, larger ones pass sealed spools. Only
what was verified whole is answered, and nothing of either side stays.
"""

from typing import BinaryIO, cast

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _

from studies.api.auth import plain_view
from studies.api.body import BLOCK, Body, media_type, parameter
from studies.api.problems import Problem
from studies.deid import Outcome
from studies.intake.multipart import MultipartReader, boundary_of
from studies.models import Scope
from studies.services import gateway
from studies.services.spooling import Spool
from studies.services.tokens import Machine

DICOM = "application/dicom"
# A form's own field, as `profile`: a name or an id, no more.
MAX_FIELD = 200
# What says that the bytes are none of ours, and not that something is wrong with an instance.
NOT_DICOM = {"not-dicom"}


@plain_view(Scope.ANONYMIZE, "POST")
def anonymize_stream(request: HttpRequest, machine: Machine) -> HttpResponseBase:
    """De-identify one instance."""
    chosen = {name: request.GET.get(name, "") for name in ("profile", "domain")}
    with Spool() as received:
        _receive(request, received, chosen)
        version = gateway.choose_profile(machine.organization, chosen["profile"])
        domain = gateway.choose_domain(machine.organization, chosen["domain"])
        made = Spool()
        try:
            outcome = gateway.deidentify_instance(
                machine, received.rewind(), cast(BinaryIO, made), version, domain
            )
            if outcome.state != "deidentified":
                raise _refused(outcome)
            return _answer(made, outcome)
        except BaseException:
            made.close()
            raise


def _receive(request: HttpRequest, spool: Spool, chosen: dict[str, str]) -> None:
    """Read the instance into the spool, and the form's fields where there is a form."""
    content_type = request.headers.get("Content-Type", "")
    kind = media_type(content_type)
    body = Body(request)
    if body.length == 0:
        raise _no_file()
    if kind == DICOM:
        while block := body.read(BLOCK):
            spool.write(block)
        if not spool.size:
            raise _no_file()
        return
    if kind != "multipart/form-data":
        raise Problem(
            415,
            "content-type",
            _("Send application/dicom, or multipart/form-data with a part named “file”."),
        )
    has_file = False
    for part in MultipartReader(body, boundary_of(content_type)):
        name = parameter(part.headers.get("content-disposition", ""), "name")
        if name == "file" and not has_file:
            has_file = True
            for block in part.blocks():
                spool.write(block)
        elif name in chosen:
            chosen[name] = part.read(MAX_FIELD).decode("utf-8", "replace").strip()
    if not has_file or not spool.size:
        raise _no_file()


def _no_file() -> Problem:
    return Problem(400, "file-missing", _("There is no instance in the request."))


def _refused(outcome: Outcome) -> Problem:
    status = 415 if outcome.code in NOT_DICOM else 422
    return Problem(status, outcome.code, outcome.message, where=outcome.where)


def _answer(made: Spool, outcome: Outcome) -> HttpResponseBase:
    headers = {
        "Content-Disposition": f'attachment; filename="{outcome.cloud_study_id}.dcm"',
        "Content-Length": str(made.size),
        "X-Cloud-Study-Id": outcome.cloud_study_id,
        "X-Processed-At": timezone.now().isoformat(timespec="milliseconds"),
        "Cache-Control": "no-store",
    }
    if made.is_in_memory:
        with made:
            return HttpResponse(made.rewind().read(), content_type=DICOM, headers=headers)
    return StreamingHttpResponse(made.blocks(), content_type=DICOM, headers=headers)
