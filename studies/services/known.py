"""Which studies an organization sent out, by cloud id: out of its batches, or by other ways.

What went through the gateway or the command has no row in the portal; the vault knows it. Nothing
sealed is opened here.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from studies.models import LinkageDomain, Organization, Study
from studies.vault import service as vault

_AT_ONCE = 500


@dataclass(frozen=True)
class KnownStudy:
    """A study by its cloud ids; `batch_id` is the newest batch it went out with, if any."""

    cloud_study_id: str
    cloud_patient_id: str
    batch_id: uuid.UUID | None = None

    @property
    def context(self) -> str:
        """The batch as the trail names it, "" without one."""
        return str(self.batch_id) if self.batch_id else ""


def known_studies(
    organization: Organization,
    by: Literal["cloud_study_id", "cloud_patient_id"],
    values: Iterable[str],
) -> dict[str, KnownStudy]:
    """Return for each cloud study id, or cloud patient id, a study of the organization."""
    found: dict[str, KnownStudy] = {}
    wanted = sorted({value for value in values if value})
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        rows = Study.objects.filter(organization=organization, **{f"{by}__in": some})
        for row in rows.order_by("batch__created"):
            known = KnownStudy(row.cloud_study_id, row.cloud_patient_id, row.batch_id)
            found[getattr(row, by)] = known
    missing = [value for value in wanted if value not in found]
    if missing:
        domains = list(
            LinkageDomain.objects.filter(organization=organization).values_list("pk", flat=True)
        )
        for owner in vault.owners_of_cloud_ids(domains, missing):
            known = KnownStudy(owner.cloud_study_id, owner.cloud_patient_id)
            found.setdefault(getattr(known, by), known)
    return {value: found[value] for value in wanted if value in found}


def known_study(organization: Organization, cloud_study_id: str) -> KnownStudy | None:
    """Return a study of the organization, or None."""
    return known_studies(organization, "cloud_study_id", [cloud_study_id]).get(cloud_study_id)
