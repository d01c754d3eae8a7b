"""Whose studies an open batch holds: for its own coordinators, and in the trail first."""

from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from audit import Actor, record
from studies.faults import PermanentError
from studies.models import Batch, Study
from studies.services import inventory, keys


@dataclass(frozen=True)
class Named:
    """A study as the files in the batch name it; never stored in clear, never cached."""

    study: Study
    patients: list[dict[str, str]]
    description: str
    accession: str
    date: str
    is_entered: bool


def show_names(batch: Batch, actor: Actor) -> list[Named]:
    """Return what the sealed inventory says; the event commits before anything is opened."""
    if not batch.is_open:
        raise PermanentError(
            "batch-closed", _("This batch is closed: its identifiers were destroyed here.")
        )
    with transaction.atomic():
        record(
            "identifiers.viewed",
            actor=actor,
            chain=str(batch.organization_id),
            subject=str(batch.pk),
            subject_kind="batch",
            context=str(batch.pk),
        )
    sealer = keys.batch_sealer(batch)
    rows = []
    for study in batch.studies.order_by("number"):
        known = inventory.sealed_inventory(study, sealer)
        rows.append(
            Named(
                study=study,
                patients=known.get("patients", []),
                description=known.get("description", ""),
                accession=known.get("accession", ""),
                date=known.get("date", ""),
                is_entered=bool(study.sealed_patient),
            )
        )
    return rows
