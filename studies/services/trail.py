"""The trail of a batch, the night's work on it, and the proof of one delivered file."""

from typing import Any

from django.db.models import QuerySet

from audit import Actor
from audit.archive import archive_chain
from audit.chains import known_chains
from audit.digest import send_digest
from audit.merkle import keep_leaves, leaf
from audit.models import Event
from audit.proofs import NoProof, instance_proof
from audit.verification import verify_and_record
from studies.faults import PermanentError
from studies.models import Batch, Instance, InstanceState

LATEST = 100
NIGHT = Actor(kind="system", id="scheduler", label="scheduler")


def chains() -> list[str]:
    """Return every chain of the trail."""
    return list(known_chains())


def latest(batch: Batch) -> QuerySet[Event]:
    """Return the newest events of a batch, newest first."""
    return Event.objects.filter(chain=str(batch.organization_id), context=str(batch.pk)).order_by(
        "-at", "-id"
    )[:LATEST]


def look_after(chain: str) -> None:
    """Verify a chain, send its digest, archive what is older than the retention."""
    report = verify_and_record(chain, NIGHT)
    send_digest(chain)
    if report.is_intact:
        archive_chain(chain, NIGHT)


def keep(rows: list[tuple[str, str]], profile_digest: str) -> str:
    """Keep the leaves of (new SOP Instance UID, output SHA-256) pairs; return the tree's root."""
    return keep_leaves([leaf(uid, sha256, profile_digest) for uid, sha256 in rows])


def prove(sop_instance_uid: str) -> dict[str, Any]:
    """Return the proof that a delivered file was produced by a job under a profile.

    `sop_instance_uid` is the new one, as the file carries it. Raises PermanentError where nothing
    of that name was delivered, or the trail doesn't tell of it.
    """
    row = (
        Instance.objects.filter(sop_instance_uid=sop_instance_uid, state=InstanceState.DELIVERED)
        .select_related("batch__profile_version", "study")
        .order_by("-delivered")
        .first()
    )
    if row is None or row.study is None:
        raise PermanentError("unknown-instance", "no delivered instance has this SOP Instance UID")
    digest = row.batch.profile_version.digest
    one = leaf(row.sop_instance_uid, row.output_sha256, digest)
    events = Event.objects.filter(
        chain=str(row.batch.organization_id),
        action="study.deidentified",
        context=str(row.batch_id),
        subject=row.study.cloud_study_id,
    ).order_by("-pk")
    for event in events:
        try:
            return instance_proof(event, one, digest)
        except NoProof:
            continue
    raise PermanentError("no-proof", "no event of the trail tells of this instance")
