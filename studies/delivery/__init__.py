"""Where de-identified studies go: one protocol, one module per kind of destination."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from studies.delivery.base import DeliveryRefused, DeliveryUnavailable, Destination

if TYPE_CHECKING:
    from studies.models import Destination as DestinationRow

__all__ = ["DeliveryRefused", "DeliveryUnavailable", "Destination", "open_destination"]


def open_destination(row: "DestinationRow", credentials: Mapping[str, Any]) -> Destination:
    """Return the destination that a row describes; raises DeliveryRefused where it can't be."""
    from studies.delivery.folder import FolderDestination
    from studies.models.places import DestinationKind

    if row.kind == DestinationKind.FOLDER:
        return FolderDestination(row.config)
    raise DeliveryRefused(
        "destination-kind", _("This kind of destination isn't known to this version.")
    )
