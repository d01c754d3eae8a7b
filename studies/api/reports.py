"""Reports over REST: brought in under cloud ids, and what became of them; never their text."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Subquery
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from ninja import Router
from ninja.responses import Status

from studies.api.batches import Cursor, Limit
from studies.api.body import BLOCK, Body, media_type
from studies.api.operations import machine, operation
from studies.api.paging import DEFAULT, newest_first
from studies.api.problems import Problem
from studies.api.schemas import ReportOut, ReportPage, WorkOut, WorkPage
from studies.models import Report, Scope, Study
from studies.services import machines, returning

router = Router(tags=["Reports"])

# What a report may be, as its sender says; what it really is decides the reader of reports.
KINDS = (
    "text/plain",
    "application/pdf",
    "application/dicom",
    "application/fhir+json",
    "application/fhir+xml",
    "application/hl7-v2",
    "x-application/hl7-v2+er7",
    "application/octet-stream",
)
REPORT_BODY = {
    "required": True,
    "content": {kind: {"schema": {"type": "string", "minLength": 1}} for kind in KINDS},
}


@operation(
    router,
    "POST",
    "/reports",
    Scope.REPORTS_WRITE,
    answers={201: ReportOut},
    url_name="reports",
    problems=(415,),
    body=REPORT_BODY,
)
def bring_report(request: HttpRequest, response: HttpResponse) -> Status[Any]:
    """Bring a returned report; it is matched to its study by the cloud ids in it."""
    caller = machine(request)
    kind = media_type(request.headers.get("Content-Type", ""))
    if kind not in KINDS:
        said = _("Send the report as one of: {kinds}.").format(kinds=", ".join(KINDS))
        raise Problem(415, "content-type", said)
    # One byte more than is allowed tells a report that is too large, and puts it in the trail.
    body = _whole(Body(request, settings.REPORT_MAX_BYTES * 2), settings.REPORT_MAX_BYTES + 1)
    row = returning.receive(caller.organization, body, caller.actor, hint=kind, channel="api")
    response["Location"] = reverse("api:report", args=[row.pk])
    return Status(201, _report(row))


def _whole(body: Body, most: int) -> bytes:
    data = bytearray()
    while block := body.read(BLOCK):
        data += block[: most - len(data)]
    return bytes(data)


@operation(
    router,
    "GET",
    "/reports",
    Scope.REPORTS_WRITE,
    answers={200: ReportPage},
    url_name="reports",
)
def list_reports(request: HttpRequest, cursor: Cursor = None, limit: Limit = DEFAULT) -> ReportPage:
    """List returned reports, newest first, without their text."""
    rows = Report.objects.filter(organization=machine(request).organization)
    page, following = newest_first(rows, cursor, limit)
    return ReportPage(items=[_report(row) for row in page], next_cursor=following)


@operation(
    router,
    "GET",
    "/reports/{uuid:report_id}",
    Scope.REPORTS_WRITE,
    answers={200: ReportOut},
    url_name="report",
)
def get_report(request: HttpRequest, report_id: UUID) -> ReportOut:
    """Say what became of a report."""
    return _report(machines.report_of(machine(request), report_id))


def _report(row: Report) -> ReportOut:
    names = (
        *("format", "state", "code", "where", "version", "cloud_study_id", "cloud_patient_id"),
        *("size", "created"),
    )
    return ReportOut(report_id=row.pk, **{name: getattr(row, name) for name in names})


@operation(
    router,
    "GET",
    "/worklist",
    Scope.BATCHES_READ,
    answers={200: WorkPage},
    url_name="worklist",
)
def list_work(request: HttpRequest, cursor: Cursor = None, limit: Limit = DEFAULT) -> WorkPage:
    """List delivered studies, newest first, with the state of their reports."""
    organization = machine(request).organization
    newest = Report.objects.filter(
        organization=organization, cloud_study_id=OuterRef("cloud_study_id")
    ).order_by("-created")
    later = Study.objects.filter(
        organization=organization,
        cloud_study_id=OuterRef("cloud_study_id"),
        delivered__gt=OuterRef("delivered"),
    )
    rows = (
        Study.objects.filter(organization=organization, delivered__isnull=False)
        .exclude(Exists(later))
        .annotate(
            report_state=Subquery(newest.values("state")[:1]),
            report_id=Subquery(newest.values("pk")[:1]),
            priority=F("batch__priority"),
        )
    )
    page, following = newest_first(rows, cursor, limit, "delivered")
    return WorkPage(items=[_work(row) for row in page], next_cursor=following)


def _work(row: Any) -> WorkOut:
    names = (
        *("batch_id", "cloud_study_id", "cloud_patient_id", "priority", "modality"),
        *("body_part", "delivered", "report_id"),
    )
    return WorkOut(
        study_id=row.pk,
        report_state=row.report_state or "waiting",
        **{name: getattr(row, name) for name in names},
    )
