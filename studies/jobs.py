"""What the workers run: an id in, a service called, the outcome on the row; then what comes next.

The only room that queues. Payloads are ids. A job may be started twice, or die at any line: the
services below work under leases, so that only one run of a chunk counts.
"""

import logging
import time
import uuid

import django_rq
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from anonportal.logs import batch_context
from audit.exporting import run_export
from studies.faults import Fault, PermanentError, TransientError
from studies.models import Batch, BatchState, Chunk, ChunkKind, ChunkState
from studies.services import (
    alerts,
    batches,
    choosing,
    delivering,
    inventory,
    leases,
    listening,
    preparing,
    processing,
    receiving,
    releasing,
    sending_on,
    trail,
)
from studies.services.chunks import MAX_ATTEMPTS, Claim, LostLease, claim, waiting

log = logging.getLogger(__name__)

CHUNK_TIMEOUT = 1800
# A slow line, or a limit of the destination, may let one large object take hours.
DELIVERY_TIMEOUT = 12 * 3600
NIGHT_HOURS = range(2, 5)
NIGHTLY_SECONDS = 12 * 3600
ALERT_TIMEOUT = 60
SENDING_TIMEOUT = 540
BACK_OFF = (2, 5, 15, 60, 120, 300)
RESULT_TTL = 60
FAILURE_TTL = 24 * 3600


# --- queueing ----------------------------------------------------------------------------------


def start(batch: Batch) -> None:
    """Queue the first work on a submitted batch: collecting its selection, else its inventory."""
    kind = ChunkKind.COLLECT if batch.sealed_selection else ChunkKind.INVENTORY
    chunk, _made = Chunk.objects.get_or_create(batch=batch, kind=kind, number=1)
    enqueue(chunk)


def enqueue(chunk: Chunk) -> None:
    """Queue one chunk of work, on the queue of its batch's priority, once the row is committed."""
    Chunk.objects.filter(pk=chunk.pk).update(queued=timezone.now())
    queue = django_rq.get_queue(chunk.batch.queue)
    job_id = f"chunk-{chunk.pk}-{uuid.uuid4().hex[:8]}"
    queue.enqueue(
        run_chunk,
        chunk.pk,
        job_id=job_id,
        job_timeout=DELIVERY_TIMEOUT if chunk.kind == ChunkKind.DELIVER else CHUNK_TIMEOUT,
        result_ttl=RESULT_TTL,
        failure_ttl=FAILURE_TTL,
        description=f"{chunk.kind} {chunk.pk}",
    )


def enqueue_pending(batch: Batch, *kinds: ChunkKind) -> int:
    """Queue what waits of a batch and never was queued; return how many chunks."""
    rows = list(
        Chunk.objects.filter(
            batch=batch,
            kind__in=kinds or list(ChunkKind),
            state=ChunkState.PENDING,
            queued__isnull=True,
        ).select_related("batch")
    )
    for chunk in rows:
        enqueue(chunk)
    return len(rows)


def continue_batch(batch: Batch) -> None:
    """Take up whatever a person's decision made possible."""
    batch.refresh_from_db()
    if batch.state == BatchState.PROCESSING and not processing.unfinished(
        batch, ChunkKind.COLLECT, ChunkKind.INVENTORY, ChunkKind.DEIDENTIFY
    ):
        _conclude(batch.pk)
    enqueue_pending(batch)
    manifest = releasing.begin_manifest(batch.pk)
    if manifest is not None:
        enqueue(manifest)


def _alert(batch_id: uuid.UUID) -> None:
    django_rq.get_queue("stat").enqueue(
        send_alert,
        batch_id,
        job_timeout=ALERT_TIMEOUT,
        result_ttl=RESULT_TTL,
        failure_ttl=FAILURE_TTL,
        description="alert",
    )


def enqueue_export(export_id: str) -> None:
    """Queue the writing of a large export of the trail."""
    django_rq.get_queue("routine").enqueue(
        run_export,
        str(export_id),
        job_timeout=CHUNK_TIMEOUT,
        result_ttl=RESULT_TTL,
        failure_ttl=FAILURE_TTL,
        description="export",
    )


def look_after_trails() -> int:
    """Queue the night's work on every chain of the trail, once a day; return how many chains."""
    if timezone.localtime().hour not in NIGHT_HOURS:
        return 0
    if not leases.hold("nightly", uuid.uuid4(), NIGHTLY_SECONDS):
        return 0
    chains = trail.chains()
    for chain in chains:
        django_rq.get_queue("routine").enqueue(
            look_after_trail,
            chain,
            job_timeout=CHUNK_TIMEOUT,
            result_ttl=RESULT_TTL,
            failure_ttl=FAILURE_TTL,
            description="trail",
        )
    return len(chains)


def enqueue_sending(sending_id: uuid.UUID) -> None:
    """Queue the sending of one report to a system of the hospital."""
    django_rq.get_queue("high").enqueue(
        send_report,
        sending_id,
        job_id=f"sending-{sending_id}-{uuid.uuid4().hex[:8]}",
        job_timeout=SENDING_TIMEOUT,
        result_ttl=RESULT_TTL,
        failure_ttl=FAILURE_TTL,
        description="sending",
    )


def requeue_sendings() -> int:
    """Queue again what waited long enough, or what the dead left; return how many."""
    waiting_jobs = django_rq.get_queue("high").job_ids
    queued = {job_id.removeprefix("sending-")[:36] for job_id in waiting_jobs}
    due = [sending for sending in sending_on.due() if str(sending) not in queued]
    for sending in due:
        enqueue_sending(sending)
    return len(due)


# --- entry points ------------------------------------------------------------------------------


def send_alert(batch_id: uuid.UUID) -> None:
    """Mail the coordinators of a STAT batch of which something is held."""
    alerts.alert_if_held(batch_id)


def send_report(sending_id: uuid.UUID) -> None:
    """Send one re-identified report on, if it is still to be sent."""
    try:
        sending_on.run(sending_id)
    except Exception as error:
        # Its lease runs out and it is tried again, so often as a sending may be.
        reference = str(uuid.uuid4())
        log.exception("sending %s failed, reference %s", sending_id, reference)
        raise JobFailed(type(error).__name__, reference) from None


def look_after_trail(chain: str) -> None:
    """Verify a chain, tell its auditors about the day, archive what is old enough."""
    trail.look_after(chain)


def run_chunk(chunk_id: int) -> None:
    """Do one chunk of work, if it is still to be done, and queue what comes next."""
    held = claim(chunk_id)
    if held is None:
        return
    with batch_context(held.chunk.batch_id):
        _run(held)


def _run(held: Claim) -> None:
    chunk_id = held.chunk.pk
    try:
        if held.chunk.batch.state == BatchState.CANCELLED:
            held.give_up("cancelled")
            return
        _WORK[ChunkKind(held.chunk.kind)](held)
    except LostLease:
        log.info("chunk %s was taken over by another run", chunk_id)
    except TransientError as fault:
        _later(held, fault)
    except PermanentError as fault:
        _stop(held, fault)
    except Exception as error:
        # Whatever it is, a person must see it: never its text, which may quote a data set.
        reference = str(uuid.uuid4())
        log.exception("chunk %s failed, reference %s", chunk_id, reference)
        _broken(held, reference)
        raise JobFailed(type(error).__name__, reference) from None


class JobFailed(Exception):
    """A job ended on an unexpected fault: its class and the reference of the log line, no more."""


def _later(held: Claim, fault: TransientError) -> None:
    attempts = held.chunk.attempts
    if attempts >= releasing.MAX_DELIVERY_ATTEMPTS:
        _stop(held, fault)
        return
    held.pause(seconds=BACK_OFF[min(attempts, len(BACK_OFF)) - 1], code=fault.code)


def _stop(held: Claim, fault: Fault) -> None:
    if held.chunk.kind in (ChunkKind.DELIVER, ChunkKind.MANIFEST):
        delivering.delivery_stopped(held, fault)
        return
    with transaction.atomic():
        held.give_up(fault.code)
        _attention(held.chunk.batch_id, fault.code)


def _broken(held: Claim, reference: str) -> None:
    """Try a chunk that met an unexpected fault a few times, then put its batch before a person."""
    if held.chunk.attempts < MAX_ATTEMPTS:
        held.pause(seconds=BACK_OFF[min(held.chunk.attempts, len(BACK_OFF)) - 1], code="fault")
        return
    with transaction.atomic():
        held.give_up("fault", reference)
        _attention(held.chunk.batch_id, "fault", reference)


def _attention(batch_id: uuid.UUID, code: str, reference: str = "") -> None:
    batch = Batch.objects.select_for_update().get(pk=batch_id)
    if batch.state == BatchState.QUEUED:
        # Its files could not even be collected: that is work that began and stopped, too.
        batches.move(batch, BatchState.PROCESSING, processing_started=timezone.now())
    if batch.state in (BatchState.PROCESSING, BatchState.RELEASING):
        batches.needs_attention(batch, code, reference)


# --- what each kind of chunk does, and what follows it -------------------------------------------


def _collect(held: Claim) -> None:
    batch = held.chunk.batch
    until = time.monotonic() + settings.JOB_SECONDS
    collected = receiving.collect(batch, deadline=until, beat=held.renew)
    if collected.files:
        # What counts are tries in vain: a long retrieval is taken up again many times.
        Chunk.objects.filter(pk=held.chunk.pk).update(attempts=0)
    if collected.remaining:
        held.pause()
        enqueue(held.chunk)
        return
    with transaction.atomic():
        inventory_chunk = batches.new_chunk(batch, ChunkKind.INVENTORY)
        held.finish()
    enqueue(inventory_chunk)


def _inventory(held: Claim) -> None:
    batch = held.chunk.batch
    if not inventory.take_inventory(held):
        enqueue(held.chunk)
        return
    enqueue_pending(batch, ChunkKind.DEIDENTIFY)
    _alert_if_stat(batch)
    _conclude(batch.pk)


def _deidentify(held: Claim) -> None:
    batch = held.chunk.batch
    is_done = processing.deidentify_chunk(held)
    if not is_done:
        enqueue(held.chunk)
    _alert_if_stat(batch)
    for chunk in releasing.send_ready_studies(batch.pk):
        enqueue(chunk)
    _conclude(batch.pk)


def _deliver(held: Claim) -> None:
    delivering.deliver_chunk(held)
    manifest = releasing.begin_manifest(held.chunk.batch_id)
    if manifest is not None:
        enqueue(manifest)


def _manifest(held: Claim) -> None:
    delivering.publish_manifest(held)


_WORK = {
    ChunkKind.COLLECT: _collect,
    ChunkKind.INVENTORY: _inventory,
    ChunkKind.DEIDENTIFY: _deidentify,
    ChunkKind.DELIVER: _deliver,
    ChunkKind.MANIFEST: _manifest,
}


def _alert_if_stat(batch: Batch) -> None:
    if batch.queue == "stat" and batch.alerted is None:
        _alert(batch.pk)


def _conclude(batch_id: uuid.UUID) -> None:
    if processing.conclude(batch_id):
        release_by_policy(batch_id)
    batch = Batch.objects.get(pk=batch_id)
    enqueue_pending(batch, ChunkKind.DEIDENTIFY, ChunkKind.DELIVER)


def release_by_policy(batch_id: uuid.UUID) -> None:
    """Release a batch whose policy lets it go by itself; what is in the way goes to a person."""
    batch = Batch.objects.select_related(
        "organization", "destination", "profile_version__profile"
    ).get(pk=batch_id)
    try:
        releasing.release(batch, batches.JOB)
    except PermanentError as fault:
        with transaction.atomic():
            batch.refresh_from_db()
            if batch.state == BatchState.PROCESSING:
                batches.needs_attention(batch, fault.code)
        return
    enqueue_pending(batch, ChunkKind.DELIVER)
    manifest = releasing.begin_manifest(batch.pk)
    if manifest is not None:
        enqueue(manifest)


# --- the scheduler's round ---------------------------------------------------------------------


def requeue_lost() -> int:
    """Queue again what the dead left and what waited long enough; return how many chunks."""
    count = 0
    queued = _queued_chunks()
    for chunk in waiting(timezone.now()):
        if chunk.pk not in queued and chunk.batch.state != BatchState.CANCELLED:
            enqueue(chunk)
            count += 1
    return count


def _queued_chunks() -> set[int]:
    """Return the chunks that stand in a queue already."""
    found: set[int] = set()
    for name in ("stat", "high", "routine"):
        queue = django_rq.get_queue(name)
        for job_id in queue.job_ids:
            parts = job_id.split("-")
            if parts[0] == "chunk" and parts[1].isdigit():
                found.add(int(parts[1]))
    return found


def take_up_stalled() -> None:
    """Let batches go on whose last job died between its work and queueing what comes next."""
    for batch in Batch.objects.filter(state=BatchState.QUEUED):
        if not Chunk.objects.filter(batch=batch).exists():
            start(batch)
    for batch in Batch.objects.filter(state=BatchState.PROCESSING):
        _conclude(batch.pk)
    for batch in Batch.objects.filter(state=BatchState.RELEASING):
        manifest = releasing.begin_manifest(batch.pk)
        if manifest is not None:
            enqueue(manifest)


def start_quiet() -> int:
    """Start the batches that listeners filled and nothing came to for a while; return how many."""
    started = listening.start_quiet()
    for batch in started:
        start(batch)
    return len(started)


def close_due() -> int:
    """Close delivered batches whose retention has passed, and purge cancelled ones."""
    due = releasing.due_to_close()
    for batch in due:
        releasing.close(batch)
    choosing.drop_untouched()
    releasing.sweep_staging()
    preparing.remove_closed()
    return len(due) + releasing.purge_cancelled()
