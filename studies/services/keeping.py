"""Keeping the vault: rotating keys, destroying, moving and verifying, each act audited.

The event of asking commits before the vault is touched, the event of the end after it: what
stands between is finished by running the same act again, or by the scheduler. Rows of the portal
whose keys the key ring wraps are rotated here too.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from django.db import transaction
from django.utils.translation import gettext as _

from audit import SYSTEM_CHAIN, Actor, Outcome, record, record_alone
from audit.terms import JSON
from studies.deid.cloudid import parse_cloud_id
from studies.faults import PermanentError
from studies.models import Batch, Instance, LinkageDomain, Organization, Study, UploadPart
from studies.models.states import OPEN_STATES
from studies.sealing import keyring
from studies.services import wrapped
from studies.vault import erasure, ledger, mapping, rotation, shredding, transfer, verification
from studies.vault import service as vault

Progress = Callable[[int, int], None]


@contextmanager
def _audited(
    action: str,
    *,
    actor: Actor,
    chain: str,
    detail: Mapping[str, JSON],
    subject: str = "",
    subject_kind: str,
) -> Iterator[dict[str, JSON]]:
    """Record that an act was asked for, then how it ended; its results go into what is given."""
    results: dict[str, JSON] = {}

    def tell(step: str, outcome: Outcome = Outcome.SUCCESS) -> None:
        record_alone(
            action,
            outcome,
            actor=actor,
            chain=chain,
            subject=subject,
            subject_kind=subject_kind,
            context=subject if subject_kind == "batch" else "",
            detail={**detail, **results, "step": step},
        )

    tell("requested")
    try:
        yield results
    except BaseException as error:
        # Recorded and raised again: an act that fails or is broken off leaves its trace.
        results["error"] = type(error).__name__
        tell("stopped", Outcome.FAILED)
        raise
    tell("done")


# --- keys --------------------------------------------------------------------------------------


def rotate_kek(
    on_progress: Progress, *, actor: Actor, is_added: bool = False, forget_old: bool = False
) -> int:
    """Wrap every key of the installation under a fresh key-encryption key; return its version.

    A rotation that was interrupted is finished before another is begun. `is_added`: the operator
    added the key, to the environment or to AWS KMS. `forget_old` destroys the older versions in
    the key file, after which older backups can't be read.
    """
    ring = keyring()
    detail: dict[str, JSON] = {"added": is_added, "forget_old": forget_old}
    with _audited(
        "vault.key_rotated", actor=actor, chain=SYSTEM_CHAIN, detail=detail, subject_kind="key"
    ) as results:
        version = ring.current_version
        if not is_added and not keys_wrapped_before(version):
            version = ring.add_version()
        count = rotation.rewrap_domains(on_progress) + wrapped.rewrap(on_progress)
        if forget_old:
            if keys_wrapped_before(version):
                raise PermanentError(
                    "key-in-use",
                    _("Keys were made under the old version meanwhile; run the rotation again."),
                )
            for old in ring.versions:
                if old < version:
                    ring.forget(old)
        results.update(version=version, count=count)
    return version


def keys_wrapped_before(version: int) -> int:
    """Count the keys of vault and portal that an older key-encryption key wraps."""
    return rotation.domains_wrapped_before(version) + wrapped.count_before(version)


def rotate_domain(domain: LinkageDomain, on_progress: Progress, *, actor: Actor) -> int:
    """Seal and index a domain's rows under fresh keys; return their version."""
    with _domain_act("vault.domain_rotated", domain, actor, {}) as results:
        version = rotation.rotate_domain(domain.pk, on_progress)
        results["version"] = version
    return version


def create_domain(organization: Organization, name: str, *, actor: Actor) -> LinkageDomain:
    """Make a linkage domain; the vault commits first, a domain that nobody uses harms nobody."""
    domain = LinkageDomain(organization=organization, name=name)
    domain.full_clean()
    vault.create_domain(domain.pk, organization.pk, name)
    with transaction.atomic():
        domain.save()
        record(
            "vault.domain_created",
            actor=actor,
            chain=str(organization.pk),
            subject=str(domain.pk),
            subject_kind="domain",
            detail={"name": name},
        )
    return domain


# --- destruction -------------------------------------------------------------------------------


def shred_patient(
    organization: Organization, cloud_patient_id: str, *, reason: str, actor: Actor
) -> None:
    """Destroy the mapping of one patient of an organization."""
    cloud_id = parse_cloud_id(cloud_patient_id)
    domain_ids = list(organization.domains.values_list("pk", flat=True))
    domain_id = mapping.domain_of_patient(domain_ids, cloud_id) if cloud_id else None
    if cloud_id is None or domain_id is None:
        raise PermanentError("unknown-patient", _("No cloud patient of this organization."))
    _require_closed(Study.objects.filter(organization=organization, cloud_patient_id=cloud_id))
    with _audited(
        "vault.patient_shredded",
        actor=actor,
        chain=str(organization.pk),
        detail={"reason": reason},
        subject=cloud_id,
        subject_kind="patient",
    ):
        _erase_closed()
        shredding.shred_patient(domain_id, cloud_id)


def shred_domain(domain: LinkageDomain, *, reason: str, actor: Actor) -> None:
    """Destroy all mappings of a domain; its row stays in the portal, for what refers to it."""
    _require_closed(Study.objects.filter(batch__destination__domain=domain))
    with _domain_act("vault.domain_shredded", domain, actor, {"reason": reason}):
        _erase_closed()
        shredding.shred_domain(domain.pk)


def finish_shreddings(*, actor: Actor) -> int:
    """Finish the destructions that were interrupted; return how many. For the scheduler."""
    return _record_shredded(shredding.finish_shreddings(), "finished", actor)


def reapply_shreddings(*, actor: Actor) -> int:
    """After a restore: destroy again what came back of what had been destroyed; return how many."""
    return _record_shredded(shredding.reapply_ledger(), "re-applied", actor)


def _record_shredded(done: Sequence[Any], step: str, actor: Actor) -> int:
    for row in done:
        record_alone(
            f"vault.{row.kind}_shredded",
            actor=actor,
            chain=str(row.organization_id),
            subject=row.subject or str(row.domain_id),
            subject_kind=row.kind,
            detail={"step": step},
        )
    return len(done)


def _erase_closed() -> None:
    """Erase from the portal's files what closed batches left there: their keys, above all.

    First of all, so that a destruction that stops here can simply be asked for again.
    """
    erasure.erase_freed("default", (Batch, Study, Instance, UploadPart))


def _require_closed(studies: Any) -> None:
    """Refuse while an open batch still holds the original: it would map back."""
    open_ = studies.filter(batch__state__in=OPEN_STATES).exclude(batch__wrapped_key=b"")
    if open_.exists():
        raise PermanentError(
            "batch-open",
            _(
                "A batch that isn't closed yet holds originals of this: close or cancel it first,"
                " then run this again."
            ),
        )


# --- export and import -------------------------------------------------------------------------


def export_domain(
    domain: LinkageDomain,
    public: X25519PublicKey,
    raw: BinaryIO,
    on_progress: Progress,
    *,
    reason: str,
    actor: Actor,
) -> None:
    """Write a whole domain, sealed to a public key."""
    detail: dict[str, JSON] = {"reason": reason, "what": "domain"}
    with _domain_act("vault.exported", domain, actor, detail) as results:
        results["count"] = transfer.export_domain(domain.pk, public, raw, on_progress)


def import_domain(
    organization: Organization,
    private: X25519PrivateKey,
    raw: BinaryIO,
    on_progress: Progress,
    *,
    actor: Actor,
) -> LinkageDomain:
    """Read a domain that was exported, and give it to an organization."""
    with _audited(
        "vault.imported",
        actor=actor,
        chain=str(organization.pk),
        detail={},
        subject_kind="domain",
    ) as results:
        domain_id = transfer.import_domain(
            private, raw, on_progress, organization_id=organization.pk
        )
        shredding.reapply_ledger()
        domain, _made = LinkageDomain.objects.get_or_create(
            pk=domain_id,
            defaults={"organization": organization, "name": f"imported-{str(domain_id)[:8]}"},
        )
        results["domain"] = str(domain_id)
    return domain


@contextmanager
def batch_export(batch: Batch, *, reason: str, form: str, actor: Actor) -> Iterator["BatchMapping"]:
    """Give a batch's mapping to be written by the caller; audited before it is read."""
    with _audited(
        "vault.exported",
        actor=actor,
        chain=str(batch.organization_id),
        detail={"reason": reason, "what": "batch", "form": form},
        subject=str(batch.pk),
        subject_kind="batch",
    ):
        yield BatchMapping(batch)


class BatchMapping:
    """The mapping of one batch, in the two forms that it leaves in."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._files = list(vault.batch_mapping(batch.destination.domain_id, batch.pk))

    def to_json(self) -> dict[str, Any]:
        """Return the mapping with every study and file."""
        keys = dict(
            self._batch.instances.exclude(object_key="").values_list(
                "sop_instance_uid", "object_key"
            )
        )
        studies = {file.cloud_study_id: file for file in self._files}
        return {
            "BatchId": str(self._batch.pk),
            "SubmittedAt": (self._batch.submitted or self._batch.created).isoformat(),
            "StudyMappings": [
                {
                    "OriginalStudyUID": file.original_study_uid,
                    "OriginalPatientId": file.original_patient_id,
                    "CloudStudyId": file.cloud_study_id,
                    "CloudPatientId": file.cloud_patient_id,
                    "CloudStudyUID": file.new_study_uid,
                }
                for file in studies.values()
            ],
            "FileMappings": [
                {
                    "OriginalPath": file.original_path,
                    "CloudPath": keys.get(file.new_sop_uid, ""),
                    "OriginalStudyUID": file.original_study_uid,
                    "OriginalSOPInstanceUID": file.original_sop_uid,
                    "CloudSOPInstanceUID": file.new_sop_uid,
                    "CloudStudyId": file.cloud_study_id,
                    "OriginalPatientId": file.original_patient_id,
                }
                for file in self._files
            ],
        }

    def patient_ids(self) -> dict[str, str]:
        """Return original and new Patient IDs."""
        return {file.original_patient_id: file.new_patient_id for file in self._files}

    def uids(self) -> dict[str, str]:
        """Return original and new study, series and SOP Instance UIDs."""
        pairs: dict[str, str] = {}
        for file in self._files:
            pairs[file.original_study_uid] = file.new_study_uid
            pairs[file.original_series_uid] = file.new_series_uid
            pairs[file.original_sop_uid] = file.new_sop_uid
        return pairs


# --- verification ------------------------------------------------------------------------------


def verify(on_progress: Progress, *, actor: Actor) -> list[str]:
    """Open every row of the vault, and look for every study that the portal sent out."""
    findings = verification.verify(on_progress) + _lost()
    record_alone(
        "vault.verified",
        Outcome.FAILED if findings else Outcome.SUCCESS,
        actor=actor,
        chain=SYSTEM_CHAIN,
        detail={"findings": len(findings)},
    )
    return findings


def _lost() -> list[str]:
    """Name what the portal refers to and the vault doesn't have, but for what was destroyed."""
    shredded = {(entry.domain_id, entry.subject) for entry in ledger.entries()}
    gone = {domain for domain, subject in shredded if not subject}
    findings = [
        f"linkage domain {pk} isn't in the vault; restore the vault from a backup that has it"
        for pk in LinkageDomain.objects.values_list("pk", flat=True)
        if pk not in gone and not vault.has_domain(pk)
    ]
    rows = (
        Study.objects.exclude(cloud_study_id="")
        .exclude(batch__destination__domain__in=gone)
        .exclude(cloud_patient_id__in=[subject for _domain, subject in shredded if subject])
        .values_list("cloud_study_id", flat=True)
        .distinct()
    )
    ids = list(rows)
    for start in range(0, len(ids), 500):
        findings += [
            f"cloud study {cloud_id} isn't in the vault; restore a backup of it that is as young"
            " as the portal's"
            for cloud_id in mapping.missing_studies(ids[start : start + 500])
        ]
    return findings


@contextmanager
def _domain_act(
    action: str, domain: LinkageDomain, actor: Actor, detail: Mapping[str, JSON]
) -> Iterator[dict[str, JSON]]:
    with _audited(
        action,
        actor=actor,
        chain=str(domain.organization_id),
        detail=detail,
        subject=str(domain.pk),
        subject_kind="domain",
    ) as results:
        yield results
