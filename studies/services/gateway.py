"""One instance through the gateway: in, de-identified, verified, out; outside any batch.

Nothing is kept but the mapping and an audit event. The vault commits first, then the event, and
only then is anything answered.
"""

import contextlib
import uuid
from functools import lru_cache
from typing import BinaryIO, cast

from django.db import transaction
from django.utils.translation import gettext as _

from audit import Outcome as Act
from audit import record, record_alone
from studies.deid import EngineError, Outcome, deidentify
from studies.deid.identities import Scheme
from studies.deid.plan import Plan
from studies.faults import PermanentError
from studies.models import LinkageDomain, Organization, Priority, ProfileVersion
from studies.services import finders, pixels, processing
from studies.services.tokens import Machine
from studies.vault import service as vault

# What the vault files such instances under, in place of a batch: one name per organization.
_NAMESPACE = uuid.UUID("6f5f0f0e-6c0b-5c0e-9d7b-2f6d1d6e9f51")
DEFAULT_DOMAIN = "default"


class Unknown(PermanentError):
    """Something was named that the organization doesn't have, or that is another one's."""


@lru_cache(maxsize=64)
def _plan(version_id: uuid.UUID) -> tuple[Plan, str]:
    """Return plan and digest of a profile version; a version never changes."""
    version = ProfileVersion.objects.get(pk=version_id)
    return processing.plan_of(version), version.digest


def choose_profile(organization: Organization, named: str) -> uuid.UUID:
    """Return the profile version that a request names by name or id, or the default one."""
    if not named:
        if organization.default_profile_id is None:
            raise PermanentError("no-profile", _("The organization has no default profile."))
        return organization.default_profile_id
    rows = ProfileVersion.objects.filter(profile__organization=organization)
    key = _uuid(named)
    rows = rows.filter(pk=key) if key else rows.filter(profile__name=named)
    found = rows.order_by("-number").values_list("pk", flat=True).first()
    if found is None:
        raise Unknown("profile-unknown", _("The organization has no such profile."))
    return found


def choose_domain(organization: Organization, named: str) -> uuid.UUID:
    """Return the linkage domain that a request names by name or id, or the default one."""
    return _domain(organization.pk, named)


@lru_cache(maxsize=256)
def _domain(organization: uuid.UUID, named: str) -> uuid.UUID:
    """Find a linkage domain; neither its name nor its organization ever changes."""
    rows = LinkageDomain.objects.filter(organization=organization)
    key = _uuid(named)
    rows = rows.filter(pk=key) if key else rows.filter(name=named or DEFAULT_DOMAIN)
    found = rows.values_list("pk", flat=True).first()
    if found is None:
        raise Unknown("domain-unknown", _("The organization has no such linkage domain."))
    return found


def deidentify_instance(
    machine: Machine, reader: BinaryIO, writer: BinaryIO, version: uuid.UUID, domain: uuid.UUID
) -> Outcome:
    """De-identify one instance from reader to writer; the trail has it when this returns.

    Unless the outcome says "deidentified", the caller throws away what was written.
    """
    organization = machine.organization
    plan, digest = _plan(version)
    if not plan.is_conformant:
        raise PermanentError(
            "profile-not-allowed",
            _("This profile keeps more than the standard allows; it serves only destinations."),
        )
    identities = _identities(organization, domain)
    # Somebody waits for the answer: pictures that come this way are looked at first.
    with contextlib.closing(finders.client(Priority.STAT)) as finder:
        outcome = deidentify(
            reader,
            writer,
            plan,
            identities,
            pixels=pixels.policy(organization, finder, pixels.templates_of(organization)),
        )
    if outcome.state == "deidentified":
        outcome = _remember(organization, identities, outcome)
    _record(machine, outcome, digest)
    return outcome


def _identities(organization: Organization, domain: uuid.UUID) -> "vault.DomainIdentities":
    try:
        return vault.identities(
            domain,
            prefix=organization.prefix,
            scheme=cast(Scheme, organization.identifier_scheme),
            default_issuer=organization.default_issuer,
        )
    except vault.UnknownDomain:
        # Its row is there, its keys were destroyed: nobody can be told apart in it any more.
        raise Unknown("domain-unknown", _("The organization has no such linkage domain.")) from None


def _remember(
    organization: Organization, identities: "vault.DomainIdentities", outcome: Outcome
) -> Outcome:
    """Seal what leads back, under the instance's own name: sent twice, it is kept once."""
    try:
        identities.remember(
            outcome.originals,
            cloud_study_id=outcome.cloud_study_id,
            cloud_patient_id=outcome.cloud_patient_id,
            new_sop_uid=outcome.sop_instance_uid,
            original_path="",
        )
    except EngineError as error:
        return Outcome("held", code=error.code, where=error.where, message=error.message)
    identities.flush(uuid.uuid5(_NAMESPACE, str(organization.pk)), outcome.sop_instance_uid)
    return outcome


def _record(machine: Machine, outcome: Outcome, digest: str) -> None:
    chain = str(machine.organization.pk)
    if outcome.state != "deidentified":
        record_alone(
            "gateway.deidentified",
            Act.REFUSED,
            actor=machine.actor,
            chain=chain,
            subject=outcome.cloud_study_id,
            subject_kind="study" if outcome.cloud_study_id else "",
            detail={"code": outcome.code, "where": outcome.where[:200], "profile": digest},
        )
        return
    with transaction.atomic():
        record(
            "gateway.deidentified",
            actor=machine.actor,
            chain=chain,
            subject=outcome.cloud_study_id,
            subject_kind="study",
            detail={
                "instance": outcome.sop_instance_uid,
                "size": outcome.size,
                "sha256": outcome.sha256,
                "profile": digest,
            },
        )


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
