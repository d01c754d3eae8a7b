"""What a batch's page shows: progress, what is held and why, studies, what comes before it leaves.

It reads and counts; what is decided about a batch stands in `deciding` and `held`.
"""

from typing import Any

from django.db.models import Count, Exists, OuterRef
from django.utils.translation import gettext as _

from studies.models import (
    Batch,
    BatchState,
    Chunk,
    ChunkKind,
    ChunkState,
    Instance,
    InstanceState,
    Manifest,
    PixelCheck,
    PixelState,
)
from studies.services import batches, desk, releasing
from studies.web import batch_studies, happened, reasons, sampling
from studies.web.batch_studies import Asked
from studies.web.home import ledger_parts

STEPS = (
    BatchState.RECEIVING,
    BatchState.QUEUED,
    BatchState.PROCESSING,
    BatchState.REVIEW,
    BatchState.RELEASING,
    BatchState.DELIVERED,
)
SHOWN_BLANKED = 20
SHOWN_FILES, SHOWN_STUDIES, SHOWN_PLACES = 20, 20, 5
POLL_MOVING, POLL_WAITING = 2, 10


def context_of(batch: Batch, wanted: Asked) -> dict[str, object]:
    """Return everything that the page and its moving part draw."""
    counted = batches.ledger(batch)
    retry = _retry(batch)
    images = {
        state: count
        for state, count in counted.counts.items()
        if state not in (InstanceState.SKIPPED, InstanceState.DUPLICATE)
    }
    is_cancelled = batch.state == BatchState.CANCELLED
    is_final = batch.state in (BatchState.CLOSED, BatchState.CANCELLED)
    is_moving = batch.state in (
        BatchState.QUEUED,
        BatchState.PROCESSING,
        BatchState.RELEASING,
    )
    return {
        "batch": batch,
        "counted": counted,
        "parts": ledger_parts(images, batch.state),
        "images": sum(images.values()),
        "progress": batches.progress(batch, counted),
        "steps": _steps(batch),
        # Of a cancelled batch nothing is held any more: nobody can decide, and nothing is left.
        "held": [] if is_cancelled else _groups(batch, InstanceState.HELD),
        "held_count": 0 if is_cancelled else counted[InstanceState.HELD],
        "refused": _groups(batch, InstanceState.REFUSED),
        "excluded": _excluded(batch),
        "skipped": counted[InstanceState.SKIPPED],
        "duplicates": counted[InstanceState.DUPLICATE],
        **batch_studies.context_of(batch, wanted),
        "happened": happened.acts(batch),
        "refusal": releasing.release_refusal(batch) if not is_final else "",
        "can_release": batch.state
        in (BatchState.REVIEW, BatchState.ATTENTION, BatchState.DELIVERED)
        and counted[InstanceState.DEIDENTIFIED] > 0,
        "can_cancel": batch.state
        in (BatchState.QUEUED, BatchState.PROCESSING, BatchState.REVIEW, BatchState.ATTENTION),
        "can_decide": batch.state
        in (BatchState.REVIEW, BatchState.ATTENTION, BatchState.DELIVERED),
        "stopped": reasons.stopped(batch.attention_code)
        if batch.state == BatchState.ATTENTION
        else "",
        "delivery_stopped": batch.state == BatchState.ATTENTION
        and batch.attention_code != "conflict",
        "retrievals": list(batch.retrievals.order_by("study_number", "series_number")[:200]),
        "manifest": Manifest.objects.filter(batch=batch).order_by("-revision").first(),
        "deliveries": list(batch.deliveries.all()),
        "checks": _checks(batch, counted[InstanceState.DEIDENTIFIED]),
        "poll_seconds": 0 if is_final else (POLL_MOVING if is_moving else POLL_WAITING),
        "blanked": _blanked(batch) if batch.is_open else [],
        "sampling": sampling.panel(batch) if not is_final else {},
        "is_final": is_final,
        "is_moving": is_moving,
        "is_releasing": batch.state == BatchState.RELEASING,
        "retry": retry,
        "retry_why": reasons.STOPPED.get(retry.code, "") if retry else "",
        "is_cancelled": is_cancelled,
        "is_supplement": batch.state == BatchState.DELIVERED
        and bool(counted[InstanceState.HELD] or counted[InstanceState.DEIDENTIFIED]),
    }


def _retry(batch: Batch) -> Chunk | None:
    """Return the delivery job that waits for its next try, None while all goes well."""
    if batch.state != BatchState.RELEASING:
        return None
    waiting = Chunk.objects.filter(
        batch=batch, kind=ChunkKind.DELIVER, state=ChunkState.PENDING, not_before__isnull=False
    )
    return waiting.exclude(code="").order_by("not_before").first()


def _checks(batch: Batch, waiting: int) -> list[dict[str, object]]:
    """Return what is done before a batch is over: verification, manifest, destroyed originals."""
    is_gone = not bytes(batch.wrapped_key)
    has_manifest = batch.state in (BatchState.DELIVERED, BatchState.CLOSED)
    closes = None if is_gone else batch.closes
    checks: list[dict[str, object]] = [
        {
            "is_done": bool(waiting) or has_manifest,
            "text": _("Every clean image was verified, each one")
            if waiting or has_manifest
            else _("Every clean image is verified, each one"),
        },
        {
            "is_done": has_manifest,
            "text": _("Manifest and signature were made")
            if has_manifest
            else _("Manifest and signature are made at the end"),
        },
    ]
    if is_gone:
        text = _("Originals here were destroyed")
    elif closes:
        text = _("Originals here are destroyed:")
    elif batch.state == BatchState.CANCELLED:
        text = _("Originals here are being destroyed")
    else:
        text = _("Originals here are destroyed when the batch closes")
    if batch.state == BatchState.CANCELLED:
        checks = []
    return [*checks, {"is_done": is_gone, "text": text, "moment": closes}]


def _steps(batch: Batch) -> list[dict[str, object]]:
    """Return the batch's path; what lies behind it is done."""
    state = BatchState(batch.state)
    at = STEPS.index(state) if state in STEPS else (len(STEPS) - 1)
    if state == BatchState.ATTENTION:
        at = STEPS.index(BatchState.RELEASING if batch.released else BatchState.PROCESSING)
    if state == BatchState.CANCELLED:
        at = -1
    is_over = state in (BatchState.DELIVERED, BatchState.CLOSED)
    return [
        {
            "state": step,
            "is_done": number < at or is_over,
            "is_current": number == at and not is_over,
        }
        for number, step in enumerate(STEPS)
    ]


def _groups(batch: Batch, state: InstanceState) -> list[dict[str, object]]:
    """Return entries of a state grouped by reason, with where and which files."""
    rows = (
        Instance.objects.filter(batch=batch, state=state)
        .values("code")
        .annotate(count=Count("id"), studies=Count("study", distinct=True))
        .order_by("-count")
    )
    return [_group(batch, state, dict(row)) for row in rows]


def _group(batch: Batch, state: InstanceState, row: dict[str, Any]) -> dict[str, object]:
    """Return one reason's card: how many, where, the first files, the studies to decide about."""
    members = Instance.objects.filter(batch=batch, state=state, code=row["code"])
    places = members.exclude(where="").order_by("where").values_list("where", flat=True)
    studies = batch.studies.filter(
        Exists(members.filter(study=OuterRef("pk"))),
    )
    kinds = studies.order_by().values_list("modality", "body_part").distinct()
    return {
        "code": row["code"],
        "count": row["count"],
        "reason": reasons.reason(row["code"]),
        "kinds": ", ".join(sorted({" ".join(filter(None, kind)) for kind in kinds} - {""})),
        "members": members.order_by("number")[:SHOWN_FILES],
        "more_files": row["count"] > SHOWN_FILES,
        "places": places.distinct()[:SHOWN_PLACES],
        "studies": studies.order_by("number")[:SHOWN_STUDIES],
        "more_studies": max(row["studies"] - SHOWN_STUDIES, 0),
        "first_check": _first_check(batch, row["code"]),
    }


def _blanked(batch: Batch) -> list[PixelCheck]:
    """Return images whose text was blanked and that wait here, for a look before they leave."""
    return list(
        PixelCheck.objects.filter(
            batch=batch, state=PixelState.BLANKED, instance__state=InstanceState.DEIDENTIFIED
        )
        .select_related("instance")
        .order_by("instance__number")[:SHOWN_BLANKED]
    )


def _first_check(batch: Batch, code: str) -> PixelCheck | None:
    """Return where the review desk begins with the images of one reason, if it can settle them."""
    if code not in desk.DESK_CODES:
        return None
    return desk.queue(batch.organization).filter(batch=batch, instance__code=code).first()


def _excluded(batch: Batch) -> list[dict[str, Any]]:
    rows = (
        Instance.objects.filter(batch=batch, state=InstanceState.EXCLUDED)
        .values("excluded_by", "excluded_reason")
        .annotate(count=Count("id"))
        .order_by("-count")
    )
    return [dict(row) for row in rows]
