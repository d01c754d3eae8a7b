"""STOW-RS in (PS3.18 10.5): objects of a multipart body into a listener rule's batch.

Each part goes from the request straight into sealing; an object is named as stored only when it is
sealed, on disk and recorded. Whatever a request was cut off from, none of it was received.
"""

import io
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any
from xml.sax.saxutils import escape

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from studies.api.auth import plain_view
from studies.api.body import Body, media_type, parameter
from studies.api.problems import Problem
from studies.intake.multipart import MultipartReader, Part, boundary_of
from studies.intake.part10 import PEEKED, Named, is_uid, peek
from studies.models import Scope
from studies.services import listening, returning
from studies.services.listening import Received
from studies.services.tokens import Machine

DICOM = "application/dicom"
JSON, XML = "application/dicom+json", "application/dicom+xml"
# Failure reasons of PS3.18 I.2.2 and PS3.7 C.
CANNOT_UNDERSTAND, OUT_OF_RESOURCES, OTHER_STUDY = 0xC000, 0xA700, 0xA900
REASONS = {listening.NOT_DICOM: CANNOT_UNDERSTAND, listening.TOO_LARGE: OUT_OF_RESOURCES}
# How far into an object its Study Instance UID is looked for.
STUDY_WITHIN = 1 << 20


@plain_view(Scope.STOW, "POST")
def store(
    request: HttpRequest, machine: Machine, study: str = "", rule_name: str = ""
) -> HttpResponseBase:
    """Take objects in, and say of each whether it is stored."""
    if study and not is_uid(study):
        raise Problem(400, "uid-invalid", _("The study in the address isn't a UID."))
    accepted = _answer_type(request)
    kind = _related(request)
    rule = listening.require_rule(
        listening.stow_rule(machine.organization, machine.address, rule_name)
    )
    reader = MultipartReader(Body(request, settings.BATCH_MAX_BYTES), boundary_of(kind))
    sorted_out = _Sorting(reader, study)
    taken = listening.receive(rule, sorted_out.objects(), actor=machine.actor)
    return _answer([*taken, *sorted_out.failed], accepted)


@plain_view(Scope.REPORTS_WRITE, "POST")
def store_reports(request: HttpRequest, machine: Machine) -> HttpResponseBase:
    """Take in what was made of delivered studies: reports as DICOM objects, under cloud ids."""
    accepted = _answer_type(request)
    kind = _related(request)
    results: list[Received] = []
    for part in MultipartReader(Body(request), boundary_of(kind)):
        data = part.read(settings.REPORT_MAX_BYTES + 1)
        named = peek(data[:PEEKED])
        if named is None:
            results.append(Received("", "", 0, listening.NOT_DICOM))
            continue
        returning.receive(machine.organization, data, machine.actor, hint=DICOM, channel="stow")
        results.append(Received(named.sop_class_uid, named.sop_instance_uid, len(data)))
    return _answer(results, accepted)


def _related(request: HttpRequest) -> str:
    """Return the content type of a body of DICOM objects, or refuse any other."""
    kind = request.headers.get("Content-Type", "")
    wanted = parameter(kind, "type") or DICOM
    if media_type(kind) != "multipart/related" or media_type(wanted) != DICOM:
        raise Problem(
            415, "content-type", _("Send multipart/related with parts of application/dicom.")
        )
    return kind


class _Sorting:
    """Gives on the parts that may be stored, and keeps what failed before that."""

    def __init__(self, parts: Iterable[Part], study: str) -> None:
        self._parts = parts
        self._study = study
        self.failed: list[Received] = []

    def objects(self) -> Iterator[Iterable[bytes]]:
        """Give on each object's blocks."""
        for part in self._parts:
            if part.content_type not in ("", DICOM):
                self.failed.append(Received("", "", 0, listening.NOT_DICOM))
            elif not self._study:
                yield part.blocks()
            else:
                start, rest = _start(part)
                if study_of(start) == self._study:
                    yield chain([start], rest)
                else:
                    self._fail(start)

    def _fail(self, start: bytes) -> None:
        named = peek(start[:PEEKED]) or Named()
        self.failed.append(Received(named.sop_class_uid, named.sop_instance_uid, 0, "other-study"))


def _start(part: Part) -> tuple[bytes, Iterator[bytes]]:
    blocks, start = part.blocks(), b""
    for block in blocks:
        start += block
        if len(start) >= STUDY_WITHIN:
            break
    return start, blocks


def study_of(start: bytes) -> str:
    """Return the Study Instance UID that stands near the beginning of an object, or nothing."""
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    try:
        found = dcmread(io.BytesIO(start), stop_before_pixels=True, specific_tags=[0x0020000D])
    except (InvalidDicomError, OSError, ValueError, KeyError, AttributeError, NotImplementedError):
        return ""
    return str(found.get("StudyInstanceUID", ""))


def _answer_type(request: HttpRequest) -> str:
    """Return what the sender wants the answer in: JSON, or XML where it takes nothing else."""
    accept = request.headers.get("Accept", "*/*")
    wanted = {media_type(entry) for entry in accept.split(",")}
    if wanted & {JSON, "application/json", "application/*", "*/*", ""}:
        return JSON
    if wanted & {XML, "application/xml", "text/xml"}:
        return XML
    raise Problem(406, "not-acceptable", _("The answer is application/dicom+json or +xml."))


def _answer(results: list[Received], accepted: str) -> HttpResponse:
    if not results:
        raise Problem(400, "file-missing", _("There is no object in the request."))
    stored = [_reference(result) for result in results if not result.code]
    failed = [_reference(result) | _reason(result) for result in results if result.code]
    answer: dict[str, Any] = {}
    if stored:
        answer["00081199"] = {"vr": "SQ", "Value": stored}
    if failed:
        answer["00081198"] = {"vr": "SQ", "Value": failed}
    status = 200 if not failed else 202 if stored else 409
    if accepted == XML:
        return HttpResponse(_xml(answer), status=status, content_type=XML)
    return JsonResponse(answer, status=status, content_type=JSON)


def _reference(result: Received) -> dict[str, Any]:
    """Name an object by the UIDs under which its own sender knows it."""
    uids = {"00081150": result.sop_class_uid, "00081155": result.sop_instance_uid}
    return {tag: {"vr": "UI", **({"Value": [uid]} if uid else {})} for tag, uid in uids.items()}


def _reason(result: Received) -> dict[str, Any]:
    reason = REASONS.get(result.code, OTHER_STUDY)
    return {"00081197": {"vr": "US", "Value": [reason]}}


_KEYWORDS = {
    "00081150": "ReferencedSOPClassUID",
    "00081155": "ReferencedSOPInstanceUID",
    "00081197": "FailureReason",
    "00081198": "FailedSOPSequence",
    "00081199": "ReferencedSOPSequence",
}


def _xml(answer: dict[str, Any]) -> str:
    """Return the same answer as Native DICOM Model (PS3.19 A.1)."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<NativeDicomModel>'
        f"{_xml_attributes(answer)}</NativeDicomModel>"
    )


def _xml_attributes(attributes: dict[str, Any]) -> str:
    parts = []
    for tag, attribute in attributes.items():
        values = "".join(
            f'<Item number="{number}">{_xml_attributes(value)}</Item>'
            if attribute["vr"] == "SQ"
            else f'<Value number="{number}">{escape(str(value))}</Value>'
            for number, value in enumerate(attribute.get("Value", []), 1)
        )
        parts.append(
            f'<DicomAttribute tag="{tag}" vr="{attribute["vr"]}" keyword="{_KEYWORDS[tag]}">'
            f"{values}</DicomAttribute>"
        )
    return "".join(parts)
