"""De-identifying files by command under an organization's own identities, outside any batch.

What the vault must remember is flushed per chunk of files, in each worker process of its own.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from django.db import connections

from audit import Actor, Outcome, record_alone
from studies.deid import Outcome as FileOutcome
from studies.deid.identities import Scheme
from studies.models import LinkageDomain, Organization
from studies.vault import service as vault


@dataclass
class OrganizationIdentities:
    """The pseudonyms of an organization's linkage domain, opened late: once in each process."""

    domain_id: uuid.UUID
    new_prefix: str
    new_scheme: str
    issuer: str
    run_id: uuid.UUID

    def __post_init__(self) -> None:
        self._opened: vault.DomainIdentities | None = None
        self._chunks = 0

    @property
    def vault(self) -> "vault.DomainIdentities":
        """Return the identities of this process."""
        if self._opened is None:
            self._opened = vault.identities(
                self.domain_id,
                prefix=self.new_prefix,
                scheme=cast(Scheme, self.new_scheme),
                default_issuer=self.issuer,
            )
        return self._opened

    @property
    def prefix(self) -> str:
        """Return the prefix of the study asked for last."""
        return self.vault.prefix

    @property
    def scheme(self) -> Scheme:
        """Return the scheme of the study asked for last."""
        return self.vault.scheme

    def patient(self, patient_id: str, issuer: str) -> str:
        """Return the cloud patient id."""
        return self.vault.patient(patient_id, issuer)

    def study(self, study_uid: str, patient: str) -> str:
        """Return the cloud study id."""
        return self.vault.study(study_uid, patient)

    def uid(self, uid: str) -> str:
        """Return the UID that stands for `uid`."""
        return self.vault.uid(uid)

    def date_shift(self, patient: str) -> int:
        """Return by how many days this patient's dates go back."""
        return self.vault.date_shift(patient)

    def keep(self, outcome: FileOutcome, path: str) -> None:
        """Note what is to be sealed for the way back."""
        self.vault.remember(
            outcome.originals,
            cloud_study_id=outcome.cloud_study_id,
            cloud_patient_id=outcome.cloud_patient_id,
            new_sop_uid=outcome.sop_instance_uid,
            original_path=path,
        )

    def flush(self) -> None:
        """Seal what was noted, in one transaction of the vault."""
        self._chunks += 1
        self.vault.flush(self.run_id, f"{uuid.uuid4().hex}-{self._chunks}")


def identities_for(organization: Organization) -> OrganizationIdentities:
    """Return the identities of an organization's default linkage domain for one run."""
    domain = LinkageDomain.objects.get(organization=organization, name="default")
    return OrganizationIdentities(
        domain.pk,
        organization.prefix,
        organization.identifier_scheme,
        organization.default_issuer,
        uuid.uuid4(),
    )


def audited(
    organization: Organization, actor: Actor, digest: str, run_id: uuid.UUID, act: Callable[[], int]
) -> int:
    """Do a run between two events of the trail; return its exit status.

    The first event commits before any file is read, so a run that dies has left its mark.
    """

    def note(outcome: Outcome, **detail: str | int) -> None:
        record_alone(
            "command.deidentified",
            outcome,
            actor=actor,
            chain=str(organization.pk),
            subject=str(run_id),
            subject_kind="run",
            detail={"profile": digest, **detail},
        )

    note(Outcome.SUCCESS, phase="started")
    # Worker processes are forked: none may share a connection with this one.
    connections.close_all()
    status = act()
    note(Outcome.SUCCESS if status == 0 else Outcome.FAILED, phase="ended", exit_status=status)
    return status
