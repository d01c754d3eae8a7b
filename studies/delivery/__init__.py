"""Where de-identified studies go: one protocol, one module per kind of destination."""

from studies.delivery.base import DeliveryRefused, DeliveryUnavailable, Destination, Outgoing
from studies.delivery.kinds import open_destination

__all__ = [
    "DeliveryRefused",
    "DeliveryUnavailable",
    "Destination",
    "Outgoing",
    "open_destination",
]
