"""Sources and destinations of an organization: adding, changing, testing, their credentials."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audit import Actor, Outcome, record, record_alone
from studies import delivery
from studies.delivery import kinds
from studies.faults import Fault, PermanentError
from studies.folders import checked_root
from studies.intake.sources import SEARCHABLE, open_source
from studies.models import Destination, DestinationState, LinkageDomain, Organization, Source
from studies.models.places import SourceKind
from studies.services import keys

CREDENTIALS_PURPOSE = "credentials"


def credentials(place: Source | Destination) -> dict[str, Any]:
    """Open the credentials of a source or destination."""
    if not place.sealed_credentials:
        return {}
    sealer = keys.organization_sealer(place.organization)
    opened = sealer.open(f"{CREDENTIALS_PURPOSE}/{place.pk}", bytes(place.sealed_credentials))
    known: dict[str, Any] = json.loads(opened)
    return known


def save_destination(
    organization: Organization,
    actor: Actor,
    *,
    destination: Destination | None = None,
    values: dict[str, Any],
    secrets: dict[str, str] | None = None,
) -> Destination:
    """Add or change a destination; a change means it has to be tested again."""
    is_new = destination is None
    row = destination or Destination(organization=organization)
    if values.get("region") not in organization.allowed_regions:
        raise PermanentError(
            "region-not-allowed",
            _("This region isn't among those that the organization allows."),
        )
    before = (row.kind, row.config)
    for name, value in values.items():
        setattr(row, name, value)
    if is_new:
        row.domain = LinkageDomain.objects.get(organization=organization, name="default")
    _seal_credentials(row, secrets or {})
    if row.state != DestinationState.PAUSED:
        row.state = DestinationState.NOT_TESTED
    with _named_once(), transaction.atomic():
        row.save()
        if (row.kind, row.config) != before:
            # What another archive confirmed says nothing of this one.
            row.receipts.all().delete()
        record(
            "destination.created" if is_new else "destination.changed",
            actor=actor,
            chain=str(organization.pk),
            subject=str(row.pk),
            subject_kind="destination",
            detail={"name": row.name, "kind": row.kind, "region": row.region},
        )
    return row


def _seal_credentials(row: Destination, secrets: dict[str, str]) -> None:
    """Seal what was entered over what was known; what the way of signing in lacks is dropped."""
    known = credentials(row) | {name: value for name, value in secrets.items() if value}
    names = kinds.secret_names(row.kind, row.config)
    kept = {name: known[name] for name in names if name in known}
    # Refuses what could never be opened, before it is kept; nothing is connected to.
    delivery.open_destination(row, kept).close()
    if not kept:
        row.sealed_credentials = None
        return
    _seal(row, kept)


def _seal(row: Source | Destination, secrets: dict[str, str]) -> None:
    sealer = keys.organization_sealer(row.organization)
    row.sealed_credentials = sealer.seal(
        f"{CREDENTIALS_PURPOSE}/{row.pk}", json.dumps(secrets).encode()
    )


def has_credentials(row: Destination) -> bool:
    """Say whether credentials are kept for a destination; never which."""
    return bool(row.sealed_credentials)


def pause(destination: Destination, actor: Actor, *, paused: bool) -> None:
    """Switch a destination off, or on again."""
    with transaction.atomic():
        Destination.objects.filter(pk=destination.pk).update(
            state=DestinationState.PAUSED if paused else DestinationState.NOT_TESTED
        )
        record(
            "destination.changed",
            actor=actor,
            chain=str(destination.organization_id),
            subject=str(destination.pk),
            subject_kind="destination",
            detail={"name": destination.name, "paused": paused},
        )


def save_source(
    organization: Organization,
    actor: Actor,
    *,
    source: Source | None = None,
    values: dict[str, Any],
    secrets: dict[str, str] | None = None,
) -> Source:
    """Add or change a source; a secret that is left empty stays as it was."""
    is_new = source is None
    row = source or Source(organization=organization)
    for name, value in values.items():
        setattr(row, name, value)
    _check_source(row)
    if entered := {name: value for name, value in (secrets or {}).items() if value}:
        _seal(row, entered)
    row.tested, row.last_error = None, ""
    with _named_once(), transaction.atomic():
        row.save()
        record(
            "source.created" if is_new else "source.changed",
            actor=actor,
            chain=str(organization.pk),
            subject=str(row.pk),
            subject_kind="source",
            detail={"name": row.name, "kind": row.kind},
        )
    return row


def _check_source(row: Source) -> None:
    """Refuse what could never be opened, before it is kept; nothing is connected to."""
    if row.kind == SourceKind.FOLDER:
        checked_root(str(row.config.get("root", "")))
    elif row.kind in SEARCHABLE:
        open_source(row, {})


@contextmanager
def _named_once() -> Iterator[None]:
    """Say which name is taken, where the database finds that it is."""
    try:
        yield
    except IntegrityError:
        raise PermanentError(
            "name-taken", _("This name is taken in the organization. Choose another one.")
        ) from None


def try_destination(destination: Destination, actor: Actor) -> None:
    """Put, read back and delete a probe object; remember the outcome, and raise a Fault of it."""
    chain = str(destination.organization_id)
    try:
        with closing(delivery.open_destination(destination, credentials(destination))) as place:
            place.check()
    except Fault as fault:
        with transaction.atomic():
            Destination.objects.filter(pk=destination.pk).update(
                state=DestinationState.FAILING,
                tested=timezone.now(),
                last_error=str(fault.message)[:300],
                last_error_at=timezone.now(),
            )
        record_alone(
            "destination.tested",
            Outcome.FAILED,
            actor=actor,
            chain=chain,
            subject=str(destination.pk),
            subject_kind="destination",
            detail={"code": fault.code},
        )
        raise
    with transaction.atomic():
        Destination.objects.filter(pk=destination.pk).update(
            state=DestinationState.READY, tested=timezone.now(), last_error=""
        )
        record(
            "destination.tested",
            actor=actor,
            chain=chain,
            subject=str(destination.pk),
            subject_kind="destination",
        )
