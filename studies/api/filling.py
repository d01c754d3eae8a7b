"""Filling a batch over REST, and deciding about what is held in it."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Router

from studies import jobs
from studies.api.body import BLOCK, Body, media_type, parameter
from studies.api.operations import Declare, machine, operation
from studies.api.problems import Problem
from studies.api.schemas import (
    AnnouncedOut,
    AnnounceIn,
    ChosenIn,
    ExcludeIn,
    MovedOut,
    NumbersIn,
    PartOut,
    PartsOut,
    PatientIn,
    SelectedOut,
    SelectIn,
    UploadOut,
)
from studies.intake.limits import BODY_BYTES, PART_BYTES
from studies.intake.multipart import MultipartReader, boundary_of
from studies.models import Batch, Instance, InstanceState, Scope
from studies.models.places import SourceKind
from studies.services import choosing, machines, review
from studies.services.uploads import (
    PartPack,
    PartResult,
    Wanted,
    announce,
    receive_frames,
    upload_status,
)

router = Router(tags=["Filling and deciding"])

FRAMES = "application/octet-stream"
WHOLE = ("application/dicom", "application/zip")
_BINARY = {"schema": {"type": "string", "format": "binary", "contentMediaType": FRAMES}}
FILES_BODY = {
    "required": True,
    "content": {
        "application/dicom": _BINARY,
        "application/zip": _BINARY,
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {"type": "array", "items": {"type": "string", "format": "binary"}}
                },
            }
        },
    },
}
FRAMES_BODY = {"required": True, "content": {FRAMES: _BINARY}}


@operation(
    router,
    "POST",
    "/batches/{uuid:batch_id}/files",
    Scope.BATCHES_WRITE,
    answers={200: PartsOut},
    url_name="batch_files",
    problems=(415,),
    body=FILES_BODY,
)
def add_files(request: HttpRequest, batch_id: UUID) -> PartsOut:
    """Add whole files, or a zip, to a batch; each is sealed as it arrives."""
    batch = machines.batch_of(machine(request), batch_id)
    with PartPack(batch) as pack:
        for name, blocks in _files(request):
            part = pack.begin(name)
            for block in blocks:
                part.write(block)
        return _parts(pack.finish())


def _files(request: HttpRequest) -> Iterator[tuple[str, Iterator[bytes]]]:
    kind = request.headers.get("Content-Type", "")
    body = Body(request, settings.BATCH_MAX_BYTES)
    if body.length == 0:
        raise _nothing()
    if media_type(kind) in WHOLE:
        yield "file", _blocks(body)
        return
    if media_type(kind) != "multipart/form-data":
        raise Problem(
            415,
            "content-type",
            _("Send application/dicom, application/zip, or multipart/form-data with files."),
        )
    has_file = False
    for part in MultipartReader(body, boundary_of(kind)):
        said = part.headers.get("content-disposition", "")
        if parameter(said, "name") == "file":
            has_file = True
            yield parameter(said, "filename") or "file", part.blocks()
    if not has_file:
        raise _nothing()


def _blocks(body: Body) -> Iterator[bytes]:
    while block := body.read(BLOCK):
        yield block


def _nothing() -> Problem:
    return Problem(400, "file-missing", _("There is no file in the request."))


@operation(
    router,
    "POST",
    "/batches/{uuid:batch_id}/upload/announce",
    Scope.BATCHES_WRITE,
    answers={200: AnnouncedOut},
    url_name="batch_announce",
)
def announce_files(request: HttpRequest, batch_id: UUID, said: AnnounceIn) -> AnnouncedOut:
    """Say which files are meant to come in parts; the answer numbers them."""
    batch = machines.batch_of(machine(request), batch_id)
    wanted = [Wanted(entry.path, entry.size, entry.modified) for entry in said.files]
    found = announce(batch, wanted, machine(request).actor)
    return AnnouncedOut(numbers=found.files, part_bytes=PART_BYTES)


@operation(
    router,
    "PUT",
    "/batches/{uuid:batch_id}/upload/parts",
    Scope.BATCHES_WRITE,
    answers={200: PartsOut},
    url_name="batch_parts",
    problems=(415,),
    body=FRAMES_BODY,
)
def put_parts(request: HttpRequest, batch_id: UUID) -> PartsOut:
    """Send framed parts of announced files: resumable, in any order, as docs/upload.md has them."""
    batch = machines.batch_of(machine(request), batch_id)
    if media_type(request.headers.get("Content-Type", "")) != FRAMES:
        raise Problem(415, "content-type", _("Send application/octet-stream."))
    body = Body(request, BODY_BYTES)
    if not body.length:
        raise _nothing()
    return _parts(receive_frames(batch, body, body.length))


def _parts(results: list[PartResult]) -> PartsOut:
    names = ("file", "offset", "length", "sha256", "problem")
    return PartsOut(
        parts=[PartOut(**{name: getattr(result, name) for name in names}) for result in results]
    )


@operation(
    router,
    "GET",
    "/batches/{uuid:batch_id}/upload",
    Scope.BATCHES_READ,
    answers={200: UploadOut},
    url_name="batch_upload",
)
def get_upload(request: HttpRequest, batch_id: UUID) -> UploadOut:
    """Say what of an upload is there."""
    status = upload_status(machines.batch_of(machine(request), batch_id))
    return UploadOut(
        announced_files=status.announced_files,
        announced_bytes=status.announced_bytes,
        received_bytes=status.received_bytes,
        whole_files=len(status.whole),
        missing_files=status.missing,
    )


@operation(
    router,
    "POST",
    "/batches/{uuid:batch_id}/select",
    Scope.BATCHES_WRITE,
    answers={200: SelectedOut},
    url_name="batch_select",
    idempotent=True,
)
def select_entries(request: HttpRequest, batch_id: UUID, said: SelectIn) -> SelectedOut:
    """Choose files of a folder source. It is never listed: its names may be patients'."""
    caller = machine(request)
    batch = machines.batch_of(caller, batch_id)
    source = machines.source_of(caller, said.source)
    if source.kind != SourceKind.FOLDER or not source.is_active:
        raise Problem(422, "source-kind", _("Only an active folder source is chosen from here."))
    return SelectedOut(files=choosing.select_from(batch, source, said.entries, caller.actor))


# --- deciding ------------------------------------------------------------------------------------


def _decision(path: str, name: str) -> Declare[Any]:
    return operation(
        router,
        "POST",
        f"/batches/{{uuid:batch_id}}/instances/{path}",
        Scope.BATCHES_WRITE,
        answers={200: MovedOut},
        url_name=name,
        idempotent=True,
    )


@_decision("exclude", "instances_exclude")
def exclude_instances(request: HttpRequest, batch_id: UUID, said: ExcludeIn) -> MovedOut:
    """Leave entries out, with a reason (no patient data); it can be undone."""
    states = (InstanceState.HELD, InstanceState.REFUSED)
    return _decide(
        request,
        batch_id,
        lambda batch: review.exclude(
            batch, _chosen(batch, said, states), said.reason, machine(request).actor
        ),
    )


@_decision("retry", "instances_retry")
def retry_instances(request: HttpRequest, batch_id: UUID, said: ChosenIn) -> MovedOut:
    """Process held entries again."""
    states = (InstanceState.HELD,)
    return _decide(
        request,
        batch_id,
        lambda batch: review.retry(batch, _chosen(batch, said, states), machine(request).actor),
    )


@_decision("keep-first", "instances_keep_first")
def keep_first_instances(request: HttpRequest, batch_id: UUID) -> MovedOut:
    """Of entries with one SOP Instance UID and two contents, keep the one that came first."""
    said = ChosenIn(code="same-uid-other-bytes")
    states = (InstanceState.HELD,)
    return _decide(
        request,
        batch_id,
        lambda batch: review.keep_first(
            batch, _chosen(batch, said, states), machine(request).actor
        ),
    )


@_decision("restore", "instances_restore")
def restore_instances(request: HttpRequest, batch_id: UUID, said: NumbersIn) -> MovedOut:
    """Undo exclusions."""
    return _decide(
        request,
        batch_id,
        lambda batch: review.restore(batch, said.numbers, machine(request).actor),
    )


@operation(
    router,
    "POST",
    "/studies/{uuid:study_id}/patient",
    Scope.BATCHES_WRITE,
    answers={200: MovedOut},
    url_name="study_patient",
    idempotent=True,
)
def enter_patient(request: HttpRequest, study_id: UUID, said: PatientIn) -> MovedOut:
    """Say whose a study is, where its files don't say or disagree; it is sealed at once."""
    study = machines.study_of(machine(request), study_id)
    count = review.enter_patient(
        study.batch, study, said.patient_id, said.issuer, machine(request).actor
    )
    jobs.continue_batch(study.batch)
    return MovedOut(count=count)


def _chosen(batch: Batch, said: ChosenIn, states: tuple[InstanceState, ...]) -> list[int]:
    """Return the entries an act is about: those that are named, else all with the code."""
    if said.numbers is not None:
        return said.numbers
    if said.code is None:
        raise Problem(422, "nothing-chosen", _("Say which: by numbers or by code."))
    rows = Instance.objects.filter(batch=batch, code=said.code, state__in=states)
    return list(rows.values_list("number", flat=True))


def _decide(request: HttpRequest, batch_id: UUID, act: Callable[[Batch], int]) -> MovedOut:
    batch = machines.batch_of(machine(request), batch_id)
    count = act(batch)
    jobs.continue_batch(batch)
    return MovedOut(count=count)
