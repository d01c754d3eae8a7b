"""Each role's home, the organization switcher, and finding a batch or study by its id."""

from datetime import timedelta
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db.models import Count, Exists, OuterRef, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from studies.deid.cloudid import parse_cloud_id
from studies.models import (
    Batch,
    BatchState,
    Destination,
    Instance,
    InstanceState,
    Priority,
    Role,
    Study,
)
from studies.services import access, batches
from studies.services.access import Viewer
from studies.web import reasons

IN_FLIGHT = (
    BatchState.RECEIVING,
    BatchState.QUEUED,
    BatchState.PROCESSING,
    BatchState.REVIEW,
    BatchState.RELEASING,
    BatchState.ATTENTION,
)
URGENCY = {BatchState.ATTENTION: 0, BatchState.REVIEW: 1, BatchState.PROCESSING: 2}
NEEDS = 50


@login_required
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Show a coordinator what needs them; take the others to where they work."""
    if not access.memberships(request.user).exists():
        return render(request, "studies/no_membership.html", status=403)
    caller = access.viewer(request)
    if caller.has(Role.COORDINATOR):
        return render(request, "studies/dashboard.html", _dashboard(caller))
    if caller.has(Role.RADIOLOGIST):
        return redirect("worklist")
    if caller.has(Role.AUDITOR):
        return redirect("audit:home")
    return redirect("organization")


@login_required
@require_GET
def in_flight(request: HttpRequest) -> HttpResponse:
    """Return the table of batches on their way, for polling."""
    caller = access.require(request, Role.COORDINATOR)
    return render(request, "studies/_in_flight.html", {"rows": _in_flight(caller)})


def _dashboard(caller: Viewer) -> dict[str, object]:
    needs = _needs(caller)
    today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    return {
        "needs": needs,
        "rows": _in_flight(caller),
        "today": _ledger_since(caller, today),
        "per_hour": _per_hour(caller),
        "held_reasons": _held_reasons(caller),
        "destinations": Destination.objects.filter(organization=caller.organization),
        "now": timezone.localtime(),
        "turn_around": _turn_around(caller),
        "held_rate": _held_rate(caller),
    }


def _needs(caller: Viewer) -> list[dict[str, object]]:
    """Return what waits for a person, most urgent first."""
    held = Instance.objects.filter(batch=OuterRef("pk"), state=InstanceState.HELD)
    rows = list(
        Batch.objects.filter(organization=caller.organization)
        .filter(
            Q(state__in=[BatchState.ATTENTION, BatchState.REVIEW])
            | Q(state__in=[BatchState.PROCESSING, BatchState.DELIVERED]) & Exists(held)
        )
        .order_by(Priority.rank(), "created")[:NEEDS]
    )
    sizes = batches.sizes(rows)
    needs = []
    for batch in rows:
        codes = list(
            Instance.objects.filter(batch=batch, state=InstanceState.HELD)
            .values("code")
            .annotate(count=Count("id"))
            .order_by("-count")
        )
        needs.append(
            {
                "batch": batch,
                "held": sizes[batch.pk][1],
                "reasons": [(reasons.reason(row["code"]).title, row["count"]) for row in codes],
                "stopped": reasons.stopped(batch.attention_code) if batch.attention_code else "",
                "since": batch.processed or batch.submitted or batch.created,
            }
        )
    needs.sort(
        key=lambda row: (
            list(Priority).index(row["batch"].priority),  # type: ignore[attr-defined]
            URGENCY.get(row["batch"].state, 3),  # type: ignore[attr-defined]
        )
    )
    return needs


def _in_flight(caller: Viewer) -> list[dict[str, object]]:
    rows = (
        Batch.objects.filter(
            ~batches.not_begun(), organization=caller.organization, state__in=IN_FLIGHT
        )
        .select_related("source")
        .order_by("-created")[:20]
    )
    return [{"batch": batch, "progress": batches.progress(batch)} for batch in rows]


def _ledger_since(caller: Viewer, since: object) -> dict[str, object]:
    counts = dict(
        Instance.objects.filter(batch__organization=caller.organization, batch__created__gte=since)
        .exclude(state__in=[InstanceState.SKIPPED, InstanceState.DUPLICATE])
        .values_list("state")
        .annotate(count=Count("id"))
        .order_by()
    )
    return {"parts": ledger_parts(counts), "total": sum(counts.values())}


def ledger_parts(counts: dict[str, int], state: str = "") -> list[tuple[object, int, str]]:
    """Return the parts of a ledger; together they are the whole, whatever is in work."""
    clean = _("clean, waiting for release")
    if state == BatchState.RELEASING:
        clean = _("clean, on the way")
    elif state in (BatchState.CANCELLED, BatchState.CLOSED):
        clean = _("clean, not sent")
    parts = [
        (_("delivered"), counts.get(InstanceState.DELIVERED, 0), "done"),
        (clean, counts.get(InstanceState.DEIDENTIFIED, 0), "moving"),
        (_("held"), counts.get(InstanceState.HELD, 0), "held"),
        (_("refused"), counts.get(InstanceState.REFUSED, 0), "stop"),
        (_("excluded"), counts.get(InstanceState.EXCLUDED, 0), "idle"),
        (_("in work"), counts.get(InstanceState.RECEIVED, 0), "rest"),
    ]
    return [part for part in parts if part[1]]


def _per_hour(caller: Viewer) -> list[tuple[str, int]]:
    """Return the images processed in each of the last 24 hours."""
    now = timezone.localtime().replace(minute=0, second=0, microsecond=0)
    start = now - timedelta(hours=23)
    slots = {start + timedelta(hours=n): 0 for n in range(24)}
    moments = Instance.objects.filter(
        batch__organization=caller.organization, processed__gte=start
    ).values_list("processed", flat=True)
    for moment in moments.iterator(chunk_size=5000):
        if moment is not None:
            hour = timezone.localtime(moment).replace(minute=0, second=0, microsecond=0)
            slots[hour] = slots.get(hour, 0) + 1
    return [(f"{hour:%H:%M}", count) for hour, count in sorted(slots.items())]


def _held_reasons(caller: Viewer) -> list[tuple[object, int]]:
    week = timezone.now() - timedelta(days=7)
    rows = (
        Instance.objects.filter(batch__organization=caller.organization, processed__gte=week)
        .exclude(code="")
        .filter(state__in=[InstanceState.HELD, InstanceState.EXCLUDED])
        .values("code")
        .annotate(count=Count("id"))
        .order_by("-count")[:6]
    )
    return [(reasons.reason(row["code"]).title, row["count"]) for row in rows]


def _turn_around(caller: Viewer) -> float | None:
    """Return the median seconds from submission to delivery over seven days, None without any."""
    week = timezone.now() - timedelta(days=7)
    rows = Batch.objects.filter(
        organization=caller.organization, delivered__gte=week, submitted__isnull=False
    ).values_list("submitted", "delivered")
    spans = sorted((end - begin).total_seconds() for begin, end in rows if begin and end)
    return spans[len(spans) // 2] if spans else None


def _held_rate(caller: Viewer) -> float | None:
    """Return which share of the images of seven days was held, in percent, None without any."""
    week = timezone.now() - timedelta(days=7)
    rows = Instance.objects.filter(
        batch__organization=caller.organization, processed__gte=week
    ).exclude(state__in=[InstanceState.SKIPPED, InstanceState.DUPLICATE])
    counted = rows.aggregate(every=Count("id"), held=Count("id", filter=~Q(code="")))
    return 100 * counted["held"] / counted["every"] if counted["every"] else None


@login_required
@require_POST
def switch(request: HttpRequest) -> HttpResponse:
    """Put the caller to work in another of their organizations, on their role's home there."""
    try:
        organization_id = UUID(request.POST.get("organization", ""))
    except ValueError:
        raise Http404 from None
    access.switch(request, organization_id)
    return redirect("home")


@login_required
@require_POST
def find(request: HttpRequest) -> HttpResponse:
    """Find a batch or study by its id; a POST, so no URL holds what was typed."""
    caller = access.viewer(request)
    typed = request.POST.get("q", "").strip()
    batch = _find_batch(caller, typed)
    cloud_id = parse_cloud_id(typed)
    if batch is None and cloud_id:
        study = (
            Study.objects.filter(organization=caller.organization)
            .filter(Q(cloud_study_id=cloud_id) | Q(cloud_patient_id=cloud_id))
            .order_by("-batch__created")
            .first()
        )
        batch = study.batch if study else None
        if study and caller.has(Role.RADIOLOGIST) and not caller.has(Role.COORDINATOR):
            return redirect("worklist_study", study_id=study.pk)
    if batch is not None and caller.has(Role.COORDINATOR):
        return redirect("batch", batch_id=batch.pk)
    return render(request, "studies/nothing_found.html", status=404)


def _find_batch(caller: Viewer, typed: str) -> Batch | None:
    rows = Batch.objects.filter(organization=caller.organization)
    try:
        return rows.filter(pk=UUID(typed)).first()
    except ValueError:
        pass
    short = typed.lower()
    if len(short) != 8 or not all(letter in "0123456789abcdef" for letter in short):
        return None
    low, high = UUID(short + "0" * 24), UUID(short + "f" * 24)
    return rows.filter(pk__gte=low, pk__lte=high).first()
