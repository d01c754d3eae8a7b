"""Listener rules: adding and changing them; each has a source of its own for its batches."""

from ipaddress import ip_network
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from audit import Actor, record
from studies.faults import PermanentError
from studies.models import ListenerKind, ListenerRule, Organization, Source
from studies.models.places import SourceKind


def save_rule(
    organization: Organization,
    actor: Actor,
    *,
    rule: ListenerRule | None = None,
    values: dict[str, Any],
) -> ListenerRule:
    """Add or change a rule."""
    is_new = rule is None
    row = rule or ListenerRule(organization=organization)
    for name, value in values.items():
        setattr(row, name, value)
    _check(row)
    try:
        with transaction.atomic():
            _save(row, is_new=is_new)
            record(
                "listener.created" if is_new else "listener.changed",
                actor=actor,
                chain=str(organization.pk),
                subject=str(row.pk),
                subject_kind="listener",
                detail={
                    "name": row.name,
                    "kind": row.kind,
                    "calling": row.calling_ae,
                    "called": row.called_ae,
                    "active": row.is_active,
                },
            )
    except IntegrityError:
        raise PermanentError(
            "rule-exists",
            _("This name, or this pair of AE titles, already has a rule. Change that one."),
        ) from None
    return row


def _save(row: ListenerRule, *, is_new: bool) -> None:
    source = Source(organization=row.organization) if is_new else row.source
    source.name, source.kind = f"{row.get_kind_display()}: {row.name}"[:80], SourceKind.LISTENER
    source.save()
    row.source = source
    row.save()


def _check(row: ListenerRule) -> None:
    places = {row.destination.organization_id, row.profile_version.profile.organization_id}
    if places != {row.organization_id}:
        raise PermanentError(
            "foreign-object", _("Destination and profile must be of this organization.")
        )
    if not row.profile_version.is_conformant and not row.destination.allows_nonconformant:
        raise PermanentError(
            "profile-not-allowed",
            _("This profile keeps more than the standard allows; the destination refuses that."),
        )
    if row.kind == ListenerKind.STOW:
        row.calling_ae = row.called_ae = ""
    elif not (is_ae_title(row.calling_ae) and is_ae_title(row.called_ae)):
        raise PermanentError(
            "ae-title-invalid",
            _("An AE title has 1 to 16 letters, digits or signs, without backslash."),
        )
    try:
        # 10.1.2.3/16 is in 10.1.0.0/16: what is kept, and shown, is the network itself.
        row.networks = [str(ip_network(text, strict=False)) for text in row.networks]
    except ValueError:
        raise PermanentError(
            "network-invalid", _("A network is written like 10.1.0.0/16, or as one address.")
        ) from None


def is_ae_title(value: str) -> bool:
    """Say whether a text can be an AE title (PS3.5 6.2, VR AE)."""
    return (
        0 < len(value) <= 16
        and value == value.strip()
        and value.isascii()
        and value.isprintable()
        and "\\" not in value
    )
