"""What the statuses of a DICOM store mean for a delivery (PS3.4 B.2.3, PS3.7 C)."""

from studies.delivery import faults

_WARNINGS = {0xB000, 0xB006, 0xB007}
_DUPLICATE = 0x0111
_NOT_AUTHORISED = 0x0124


def is_stored(status: int) -> bool:
    """Say whether the recipient has the object, with or without a warning."""
    return status == 0 or status in _WARNINGS


def is_duplicate(status: int) -> bool:
    """Say whether the recipient has had an object of this UID before."""
    return status == _DUPLICATE


def by_dicom_status(status: int) -> faults.DeliveryFault:
    """Return the fault that a status means."""
    if 0xA700 <= status <= 0xA7FF:
        return faults.full()
    if status == _NOT_AUTHORISED:
        return faults.denied()
    return faults.object_refused(f"{status:04X}")
