"""Exports as background jobs: the row is the truth, the host's queue only brings an id here.

A job may run twice: each run writes a file of its own and the row names the one that finished.
"""

import hashlib
import logging
from datetime import timedelta
from pathlib import Path

from django.db import DEFAULT_DB_ALIAS, transaction
from django.utils import timezone

from audit import conf
from audit.chains import head
from audit.exports import FORMATS
from audit.models import Export
from audit.recording import record
from audit.terms import Actor
from audit.timeline import Filters, told

logger = logging.getLogger(__name__)

_SHOWN = 10
_EVERY = 1000


def runs_in_background() -> bool:
    """Tell whether the host gives a queue and a folder."""
    return bool(conf.option("QUEUE")) and conf.folder() is not None


def request_export(chain: str, name: str, filters: Filters, actor: Actor) -> Export:
    """Record that an export was asked for, and queue it once that is committed."""
    queue = conf.queue()
    kept = told(chain, filters).as_dict()
    with transaction.atomic(using=DEFAULT_DB_ALIAS):
        made = Export.objects.create(
            chain=chain,
            format=name,
            filters=kept,
            actor_id=actor.id,
            actor_label=actor.label,
        )
        record(
            "audit.exported",
            actor=actor,
            chain=chain,
            detail={"format": name, "export": str(made.pk), **kept},
        )
        if queue is not None:
            transaction.on_commit(lambda: queue(str(made.pk)))
    _expire()
    return made


def run_export(export_id: str) -> None:
    """Write an export's file; the entry point of the host's queue."""
    made = Export.objects.get(pk=export_id)
    path = path_of(made)
    if made.state in {Export.State.DONE, Export.State.FAILED} or path is None:
        return
    Export.objects.filter(pk=made.pk).update(state=Export.State.WRITING)
    part = path.with_suffix(f".{timezone.now().timestamp():.6f}.part")
    part.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        events, size, digest = _write(made, part)
        part.replace(path)
    except Exception:
        Export.objects.filter(pk=made.pk).update(
            state=Export.State.FAILED, finished_at=timezone.now()
        )
        part.unlink(missing_ok=True)
        raise
    Export.objects.filter(pk=made.pk).update(
        state=Export.State.DONE,
        events=events,
        size=size,
        sha256=digest,
        finished_at=timezone.now(),
    )


def _write(made: Export, part: Path) -> tuple[int, int, str]:
    filters = Filters.from_query(made.filters)
    limit = head(made.chain).sequence + _EVERY
    digest, size, events = hashlib.sha256(), 0, 0
    with part.open("xb") as target:
        part.chmod(0o600)
        for events, line in enumerate(FORMATS[made.format].write(made.chain, filters, limit), 1):
            target.write(line)
            digest.update(line)
            size += len(line)
            if events % _EVERY == 0:
                Export.objects.filter(pk=made.pk).update(events=events)
    return events, size, digest.hexdigest()


def path_of(made: Export) -> Path | None:
    """Return where an export's file lies."""
    below = conf.folder()
    return below / "exports" / f"{made.pk}.{FORMATS[made.format].suffix}" if below else None


def newest(chain: str) -> list[Export]:
    """Return a chain's newest exports."""
    return list(Export.objects.filter(chain=chain).order_by("-created_at")[:_SHOWN])


def _expire() -> None:
    """Remove files that were kept long enough; the events that tell of them stay."""
    before = timezone.now() - timedelta(days=int(conf.option("EXPORT_DAYS")))
    for old in Export.objects.filter(created_at__lt=before):
        path = path_of(old)
        if path is not None:
            path.unlink(missing_ok=True)
        old.delete()
