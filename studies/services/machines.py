"""What a machine may reach: every query starts at the organization of its token.

An object of another organization doesn't exist for it; the caller gets the same fault as for an id
that nobody has.
"""

from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext as _

from studies.faults import PermanentError
from studies.models import (
    ApiToken,
    Batch,
    Destination,
    DestinationState,
    ListenerRule,
    Membership,
    PixelCheck,
    Priority,
    ProfileVersion,
    ReleasePolicy,
    Report,
    ReportTarget,
    Source,
    Study,
)
from studies.models.places import SourceKind
from studies.services import choosing, gateway, receiving
from studies.services.tokens import Machine

Row = TypeVar("Row", bound=Model)


class NotFound(PermanentError):
    """It isn't there, or it is another organization's: both look alike."""

    def __init__(self) -> None:
        super().__init__("not-found", _("There is no such thing in this organization."))


def batches_of(machine: Machine) -> QuerySet[Batch]:
    """Return the organization's batches."""
    return Batch.objects.filter(organization=machine.organization).select_related(
        "organization", "destination", "source", "profile_version__profile"
    )


def batch_of(machine: Machine, batch_id: UUID) -> Batch:
    """Return a batch of the organization."""
    return _one(batches_of(machine).filter(pk=batch_id))


def study_of(machine: Machine, study_id: UUID) -> Study:
    """Return a study of the organization."""
    rows = Study.objects.filter(organization=machine.organization, pk=study_id)
    return _one(rows.select_related("batch__organization"))


def report_of(machine: Machine, report_id: UUID) -> Report:
    """Return a report of the organization."""
    return _one(Report.objects.filter(organization=machine.organization, pk=report_id))


def profile_of(machine: Machine, version_id: UUID) -> ProfileVersion:
    """Return a profile version of the organization."""
    rows = ProfileVersion.objects.filter(profile__organization=machine.organization, pk=version_id)
    return _one(rows.select_related("profile"))


def destination_of(machine: Machine, named: str) -> Destination:
    """Return a destination of the organization, by name or id."""
    rows = Destination.objects.filter(organization=machine.organization)
    return _one(rows.filter(_named(named)))


def rule_of(machine: Machine, rule_id: UUID) -> ListenerRule:
    """Return a listener rule of the organization."""
    rows = ListenerRule.objects.filter(organization=machine.organization, pk=rule_id)
    return _one(rows.select_related("source"))


def source_of(machine: Machine, named: str) -> Source:
    """Return a source of the organization, by name or id."""
    rows = Source.objects.filter(organization=machine.organization)
    return _one(rows.filter(_named(named)))


def check_of(machine: Machine, check_id: UUID) -> PixelCheck:
    """Return an image at the review desk of the organization."""
    rows = PixelCheck.objects.filter(batch__organization=machine.organization, pk=check_id)
    return _one(rows.select_related("batch__organization", "instance__study"))


def membership_of(machine: Machine, membership_id: int) -> Membership:
    """Return a role that somebody has in the organization."""
    rows = Membership.objects.filter(organization=machine.organization, pk=membership_id)
    return _one(rows.select_related("user", "organization"))


def token_of(machine: Machine, token_id: UUID) -> ApiToken:
    """Return a token of the organization."""
    return _one(ApiToken.objects.filter(organization=machine.organization, pk=token_id))


def target_of(machine: Machine, target_id: UUID) -> ReportTarget:
    """Return a system of the hospital that takes reports."""
    rows = ReportTarget.objects.filter(organization=machine.organization, pk=target_id)
    return _one(rows.select_related("organization"))


def _named(named: str) -> Q:
    try:
        return Q(pk=UUID(named)) | Q(name=named)
    except ValueError:
        return Q(name=named)


def _one(rows: QuerySet[Row]) -> Row:
    found = rows.first()
    if found is None:
        raise NotFound
    return found


def open_batch(
    machine: Machine,
    *,
    priority: str = Priority.ROUTINE,
    profile: str = "",
    destination: str = "",
    release: str = "",
    waits_for_held: bool = True,
) -> Batch:
    """Open a batch for a machine; what isn't said is the organization's default."""
    organization = machine.organization
    version = profile_of(machine, gateway.choose_profile(organization, profile))
    place = destination_of(machine, destination) if destination else _default_place(machine)
    require_allowed(version, place)
    return receiving.open_batch(
        organization,
        None,
        Source.objects.get(organization=organization, kind=SourceKind.UPLOAD),
        place,
        version,
        Priority(priority),
        ReleasePolicy(release or organization.release_policy),
        waits_for_held,
        actor=machine.actor,
    )


def _default_place(machine: Machine) -> Destination:
    usable = Destination.objects.filter(organization=machine.organization).exclude(
        state=DestinationState.PAUSED
    )
    found = usable.filter(state=DestinationState.READY).first() or usable.first()
    if found is None:
        raise PermanentError(
            "no-destination",
            _("There is no destination to send to yet. An administrator adds one first."),
        )
    return found


def require_allowed(version: ProfileVersion, destination: Destination) -> None:
    """Refuse a profile that keeps too much for a destination."""
    if not version.is_conformant and not destination.allows_nonconformant:
        raise PermanentError(
            "profile-not-allowed",
            _("This profile keeps more than the standard allows; the destination refuses that."),
        )


def change_batch(machine: Machine, batch: Batch, values: dict[str, Any]) -> None:
    """Change how a batch is to be sent, while it still takes files."""
    now = choosing.chosen(batch)
    version, place = batch.profile_version, batch.destination
    if values.get("profile"):
        found = gateway.choose_profile(machine.organization, values["profile"])
        version = profile_of(machine, found)
    if values.get("destination"):
        place = destination_of(machine, values["destination"])
    waits = values.get("wait_for_held")
    held = now["held"] if waits is None else "wait" if waits else "clean"
    choosing.choose(
        batch,
        {
            "priority": values.get("priority") or now["priority"],
            "release": values.get("release") or now["release"],
            "profile": version,
            "destination": place,
            "held": held,
        },
    )
