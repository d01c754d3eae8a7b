"""Handing out what a batch delivered, exactly as it was signed; written to the trail first."""

from django.db import transaction

from audit import Actor, record
from studies.models import Batch, Manifest


def hand_out(batch: Batch, actor: Actor) -> Manifest | None:
    """Return the newest manifest of a batch, None where nothing was delivered yet."""
    manifest = Manifest.objects.filter(batch=batch).order_by("-revision").first()
    if manifest is None:
        return None
    with transaction.atomic():
        record(
            "manifest.downloaded",
            actor=actor,
            chain=str(batch.organization_id),
            subject=str(batch.pk),
            subject_kind="batch",
            context=str(batch.pk),
            detail={"revision": manifest.revision},
        )
    return manifest
