"""Profiles, destinations and sources over REST. No address and no credential comes out."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router
from ninja.responses import Status

from studies.api.operations import machine, operation
from studies.api.problems import Problem
from studies.api.schemas import (
    DestinationOut,
    PauseIn,
    ProfileDetailOut,
    ProfileIn,
    ProfileOut,
    SourceOut,
)
from studies.faults import PermanentError, TransientError
from studies.models import Destination, ProfileVersion, Scope, Source
from studies.services import machines, places, profiles

router = Router(tags=["Profiles, destinations, sources"])


@operation(
    router,
    "GET",
    "/profiles",
    Scope.BATCHES_READ,
    answers={200: list[ProfileOut]},
    url_name="profiles",
)
def list_profiles(request: HttpRequest) -> list[ProfileOut]:
    """List the newest version of each profile, the default first."""
    organization = machine(request).organization
    return [
        ProfileOut(**_profile(row, organization.default_profile_id))
        for row in profiles.newest(organization)
    ]


@operation(
    router,
    "POST",
    "/profiles",
    Scope.SETTINGS_WRITE,
    answers={201: ProfileDetailOut},
    url_name="profiles",
    idempotent=True,
)
def make_profile_version(request: HttpRequest, said: ProfileIn) -> Status[Any]:
    """Make the next version of a profile of the organization's own; errors name line and key."""
    caller = machine(request)
    try:
        row = profiles.save_version(caller.organization, said.name, said.text, caller.actor)
    except PermanentError as error:
        raise Problem(422, error.code, error.message) from None
    return Status(201, _detail(row, caller.organization.default_profile_id))


@operation(
    router,
    "GET",
    "/profiles/{uuid:version_id}",
    Scope.BATCHES_READ,
    answers={200: ProfileDetailOut},
    url_name="profile",
)
def get_profile(request: HttpRequest, version_id: UUID) -> ProfileDetailOut:
    """Show one version of a profile, exactly as it is used."""
    caller = machine(request)
    row = machines.profile_of(caller, version_id)
    return _detail(row, caller.organization.default_profile_id)


def _profile(row: ProfileVersion, default: UUID | None) -> dict[str, Any]:
    return {
        "version_id": row.pk,
        "name": row.profile.name,
        "number": row.number,
        "digest": row.digest,
        "is_builtin": row.profile.is_builtin,
        "is_default": row.pk == default,
        "is_conformant": row.is_conformant,
    }


def _detail(row: ProfileVersion, default: UUID | None) -> ProfileDetailOut:
    return ProfileDetailOut(**_profile(row, default), definition=row.definition)


@operation(
    router,
    "GET",
    "/destinations",
    Scope.BATCHES_READ,
    answers={200: list[DestinationOut]},
    url_name="destinations",
)
def list_destinations(request: HttpRequest) -> list[DestinationOut]:
    """List where studies go, and whether each can be used."""
    rows = Destination.objects.filter(organization=machine(request).organization)
    return [destination_out(row) for row in rows]


@operation(
    router,
    "POST",
    "/destinations/{uuid:destination_id}/test",
    Scope.SETTINGS_WRITE,
    answers={200: DestinationOut},
    url_name="destination_test",
)
def test_destination(request: HttpRequest, destination_id: UUID) -> DestinationOut:
    """Put, read back and delete a probe object."""
    caller = machine(request)
    row = machines.destination_of(caller, str(destination_id))
    try:
        places.try_destination(row, caller.actor)
    except TransientError as fault:
        # It is the destination that failed, not the portal: nothing to wait for here.
        raise Problem(409, fault.code, fault.message) from None
    return destination_out(machines.destination_of(caller, str(destination_id)))


@operation(
    router,
    "POST",
    "/destinations/{uuid:destination_id}/pause",
    Scope.SETTINGS_WRITE,
    answers={200: DestinationOut},
    url_name="destination_pause",
)
def pause_destination(request: HttpRequest, destination_id: UUID, said: PauseIn) -> DestinationOut:
    """Switch a destination off, or on again: then it has to be tested."""
    caller = machine(request)
    row = machines.destination_of(caller, str(destination_id))
    places.pause(row, caller.actor, paused=said.paused)
    return destination_out(machines.destination_of(caller, str(destination_id)))


def destination_out(row: Destination) -> DestinationOut:
    """Return what comes out of a destination."""
    names = ("name", "kind", "region", "operator", "agreement", "state", "tested")
    return DestinationOut(destination_id=row.pk, **{name: getattr(row, name) for name in names})


@operation(
    router,
    "GET",
    "/sources",
    Scope.BATCHES_READ,
    answers={200: list[SourceOut]},
    url_name="sources",
)
def list_sources(request: HttpRequest) -> list[SourceOut]:
    """List where studies come from."""
    rows = Source.objects.filter(organization=machine(request).organization)
    return [source_out(row) for row in rows]


def source_out(row: Source) -> SourceOut:
    """Return what comes out of a source."""
    names = ("name", "kind", "is_active", "tested")
    return SourceOut(source_id=row.pk, **{name: getattr(row, name) for name in names})
