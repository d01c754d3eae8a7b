"""Destinations and sources over REST: adding, changing, testing. Their secrets go in only."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Body
from ninja.responses import Status

from studies.api.operations import machine, operation
from studies.api.place_schemas import DestinationIn, SourceIn
from studies.api.places import destination_out, router, source_out
from studies.api.problems import Problem
from studies.api.schemas import DestinationOut, SourceOut
from studies.faults import PermanentError, TransientError
from studies.models import Destination, Scope, Source
from studies.services import machines, places, searching
from studies.services.tokens import Machine

# An address belongs to one router: these go into that of `places`, which lists what is there.
__all__ = ["router"]


@operation(
    router,
    "POST",
    "/destinations",
    Scope.SETTINGS_WRITE,
    answers={201: DestinationOut},
    url_name="destinations",
    idempotent=True,
)
def add_destination(request: HttpRequest, said: Body[DestinationIn]) -> Status[Any]:
    """Add a destination; it is used once a test has passed."""
    return Status(201, _save_destination(machine(request), said, None))


@operation(
    router,
    "PUT",
    "/destinations/{uuid:destination_id}",
    Scope.SETTINGS_WRITE,
    answers={200: DestinationOut},
    url_name="destination",
)
def change_destination(
    request: HttpRequest, destination_id: UUID, said: Body[DestinationIn]
) -> DestinationOut:
    """Change a destination, to be tested again; secrets that are left out stay as they are."""
    caller = machine(request)
    return _save_destination(caller, said, machines.destination_of(caller, str(destination_id)))


def _save_destination(caller: Machine, said: Any, row: Destination | None) -> DestinationOut:
    _same_kind(row, said)
    values = {
        name: getattr(said, name)
        for name in ("name", "kind", "operator", "region", "agreement", "allows_nonconformant")
    }
    try:
        saved = places.save_destination(
            caller.organization,
            caller.actor,
            destination=row,
            values=values | {"config": said.config.kept},
            secrets=said.secrets.kept,
        )
    except PermanentError as fault:
        raise _refused(fault) from None
    return destination_out(saved)


@operation(
    router,
    "POST",
    "/sources",
    Scope.SETTINGS_WRITE,
    answers={201: SourceOut},
    url_name="sources",
    idempotent=True,
)
def add_source(request: HttpRequest, said: Body[SourceIn]) -> Status[Any]:
    """Add a source: a folder, a DICOMweb service or a PACS."""
    return Status(201, _save_source(machine(request), said, None))


@operation(
    router,
    "PUT",
    "/sources/{uuid:source_id}",
    Scope.SETTINGS_WRITE,
    answers={200: SourceOut},
    url_name="source",
)
def change_source(request: HttpRequest, source_id: UUID, said: Body[SourceIn]) -> SourceOut:
    """Change a source; secrets that are left out stay as they are."""
    caller = machine(request)
    return _save_source(caller, said, machines.source_of(caller, str(source_id)))


def _save_source(caller: Machine, said: Any, row: Source | None) -> SourceOut:
    _same_kind(row, said)
    try:
        saved = places.save_source(
            caller.organization,
            caller.actor,
            source=row,
            values={"name": said.name, "kind": said.kind, "config": said.config.kept},
            secrets=said.secrets.kept,
        )
    except PermanentError as fault:
        raise _refused(fault) from None
    return source_out(saved)


@operation(
    router,
    "POST",
    "/sources/{uuid:source_id}/test",
    Scope.SETTINGS_WRITE,
    answers={200: SourceOut},
    url_name="source_test",
)
def test_source(request: HttpRequest, source_id: UUID) -> SourceOut:
    """Ask a PACS for the least that shows that it answers."""
    caller = machine(request)
    row = machines.source_of(caller, str(source_id))
    try:
        searching.try_source(row, caller.actor)
    except TransientError as fault:
        # It is the source that failed, not the portal: nothing to wait for here.
        raise Problem(409, fault.code, fault.message) from None
    return source_out(machines.source_of(caller, str(source_id)))


def _same_kind(row: Destination | Source | None, said: Any) -> None:
    if row is not None and row.kind != said.kind:
        detail = _("A place stays of its kind. Add another one for another kind.")
        raise Problem(409, "kind-fixed", detail)


def _refused(fault: PermanentError) -> Problem:
    """Return what a service's refusal is: a conflict of names, or a body that can't be used."""
    return Problem(409 if fault.code == "name-taken" else 422, fault.code, fault.message)
