"""The radiologist's worklist: delivered studies by priority and age, and where their reports are.

Nothing here shows a patient: rows are cloud ids.
"""

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_GET

from studies.models import Priority, Report, ReportState, Role, Study
from studies.models.report import ReportStatus
from studies.services import access, bulk, turnaround
from studies.services.access import Viewer
from studies.web.reasons import reason
from studies.web.typed import typed_uuid

PAGE = 50


@login_required
@require_GET
def worklist(request: HttpRequest) -> HttpResponse:
    """List delivered studies, STAT first and the longest waiting on top."""
    caller = access.require(request, Role.RADIOLOGIST)
    shown = request.GET.get("s", "all")
    rows = _delivered(caller)
    waiting = rows.filter(report_state__isnull=True)
    arrived = rows.filter(report_state=ReportState.ARRIVED)
    attention = Report.objects.filter(
        organization=caller.organization, state=ReportState.ATTENTION
    ).order_by("created")
    counts = {
        "all": rows.count(),
        "waiting": waiting.count(),
        "arrived": arrived.count(),
        "attention": attention.count(),
    }
    chosen = {"waiting": waiting, "arrived": arrived}.get(shown, rows)
    page = list(_after(chosen, request.GET.get("after", ""))[: PAGE + 1])
    context = {
        "rows": page[:PAGE],
        "older": _mark(page[PAGE - 1]) if len(page) > PAGE else "",
        "is_first": "after" not in request.GET,
        "shown": shown,
        "counts": counts,
        "versions": dict(ReportStatus.choices),
        "attention": [
            {"report": report, "reason": reason(report.code)} for report in attention[:PAGE]
        ],
        "attention_left": max(counts["attention"] - PAGE, 0),
        "turnaround": turnaround.minutes_by_priority(caller.organization),
        "consents": bulk.waiting(caller),
    }
    return render(request, "studies/worklist.html", context)


def _delivered(caller: Viewer) -> QuerySet[Any]:
    newest = Report.objects.filter(
        organization=caller.organization, cloud_study_id=OuterRef("cloud_study_id")
    ).order_by("-created")
    later = Study.objects.filter(
        organization=caller.organization,
        cloud_study_id=OuterRef("cloud_study_id"),
        delivered__gt=OuterRef("delivered"),
    )
    return (
        Study.objects.filter(organization=caller.organization, delivered__isnull=False)
        .exclude(Exists(later))
        .annotate(
            rank=Priority.rank("batch__priority"),
            report_state=Subquery(newest.values("state")[:1]),
            report_version=Subquery(newest.values("version")[:1]),
        )
        .select_related("batch")
        .order_by("rank", "delivered", "pk")
    )


def _mark(study: Any) -> str:
    """Return where the next page begins: rank, time, and row, as many share rank and time."""
    return f"{study.rank}~{study.delivered.isoformat()}~{study.pk}"


def _after(rows: QuerySet[Any], mark: str) -> QuerySet[Any]:
    rank, _sign, rest = mark.partition("~")
    text, _sign, row = rest.partition("~")
    last = typed_uuid(row)
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or last is None or rank not in {"0", "1", "2"}:
        return rows
    later = Q(delivered__gt=moment) | Q(delivered=moment, pk__gt=last)
    return rows.filter(Q(later, rank=int(rank)) | Q(rank__gt=int(rank)))


@login_required
@require_GET
def worklist_study(request: HttpRequest, study_id: UUID) -> HttpResponse:
    """Show one delivered study and its reports, without the patient."""
    study = access.study_for(request, study_id, (Role.RADIOLOGIST,))
    reports = Report.objects.filter(
        organization=study.organization_id, cloud_study_id=study.cloud_study_id
    ).order_by("-created")
    context = {"study": study, "reports": reports}
    return render(request, "studies/worklist_study.html", context)
