"""The kinds of destination: which one a row is, and which secrets each way of signing in has."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeGuard

from django.utils.translation import gettext as _

from studies.delivery.base import Archive, DeliveryRefused, Destination, Store

if TYPE_CHECKING:
    from studies.models import Destination as DestinationRow

# By kind, then by way of signing in.
SECRETS: dict[str, dict[str, tuple[str, ...]]] = {
    "folder": {"": ()},
    "s3": {"keys": ("access_key", "secret_key", "session_token"), "role": ("external_id",)},
    "azure": {"connection": ("connection_string",), "sas": ("sas",), "identity": ()},
    "stow": {"none": (), "basic": ("user", "password"), "bearer": ("token",)},
    "dimse": {"": ("client_certificate",)},
}
DEFAULT_PARALLEL = {"folder": 1, "s3": 10, "azure": 4, "stow": 2, "dimse": 1}
MOST_PARALLEL = 32
ARCHIVES = {"stow", "dimse"}


def open_destination(row: "DestinationRow", credentials: Mapping[str, Any]) -> Destination:
    """Return the destination that a row describes; raises DeliveryRefused where it can't be."""
    # Each module brings libraries of its own, so it is imported when it is needed.
    if row.kind == "folder":
        from studies.delivery.folder import FolderDestination

        return FolderDestination(row.config)
    if row.kind == "s3":
        from studies.delivery.s3 import S3Destination

        return S3Destination(row.config, credentials)
    if row.kind == "azure":
        from studies.delivery.azure import AzureDestination

        return AzureDestination(row.config, credentials)
    if row.kind == "stow":
        from studies.delivery.stow import StowDestination

        return StowDestination(row.config, credentials)
    if row.kind == "dimse":
        from studies.delivery.dimse import DimseDestination

        return DimseDestination(row.config, credentials)
    raise DeliveryRefused(
        "destination-kind", _("This kind of destination isn't known to this version.")
    )


def secret_names(kind: str, config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return which secrets a destination has by the way it signs in."""
    return SECRETS.get(kind, {}).get(str(config.get("auth", "")), ())


def is_archive(place: Destination) -> TypeGuard[Archive]:
    """Say whether a destination takes DICOM objects only, and keeps no manifest."""
    return hasattr(place, "store")


def is_store(place: Destination) -> TypeGuard[Store]:
    """Say whether a destination keeps objects under keys."""
    return hasattr(place, "put")


def parallel(kind: str, config: Mapping[str, Any]) -> int:
    """Return how many connections a destination takes at once."""
    wanted = int(config.get("parallel") or DEFAULT_PARALLEL.get(kind, 1))
    return min(max(wanted, 1), MOST_PARALLEL)


def megabits(config: Mapping[str, Any]) -> float:
    """Return a destination's bandwidth in Mbit/s, 0 for no limit."""
    return max(float(config.get("megabits") or 0), 0)
