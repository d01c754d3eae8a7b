"""What the output says about its own de-identification (PS3.15 E.1.1, E.2, E.3; CID 7050).

Earlier marks of the input stay before ours. No stamp here is finer or truer than a shifted date.
"""

import datetime
from functools import lru_cache

from .dataset import encode_element, encode_item
from .dummies import code_item
from .filemeta import IMPLEMENTATION_VERSION
from .plan import CONTRIBUTING_EQUIPMENT, Plan
from .profile import Option
from .tables import codes

IDENTITY_REMOVED = 0x00120062
METHOD = 0x00120063
METHOD_CODES = 0x00120064
TEMPORAL = 0x00280303
_MAX_LO = 64


@lru_cache(maxsize=256)
def mark_elements(
    plan: Plan,
    explicit: bool,
    earlier_method: bytes,
    earlier_codes: bytes,
    temporal_before: bytes,
    pixels_checked: bool = False,
) -> tuple[tuple[int, bytes], ...]:
    """Return the mark elements by tag, for one plan and what the input was marked with."""
    name = f"anonportal {plan.profile.name} {plan.digest[:12]}"[:_MAX_LO].encode("ascii", "replace")
    method = [part for part in earlier_method.strip(b" \0").split(b"\\") if part]
    if name not in method:
        method.append(name)
    removed = b"YES" if plan.is_conformant else b"NO"
    marks = [
        (IDENTITY_REMOVED, encode_element(IDENTITY_REMOVED, "CS", removed, explicit)),
        (METHOD, encode_element(METHOD, "LO", b"\\".join(method), explicit)),
        (TEMPORAL, encode_element(TEMPORAL, "CS", _temporal(plan, temporal_before), explicit)),
    ]
    items = earlier_codes + b"".join(
        code_item(value, "DCM", meaning, explicit)
        for value, meaning in claimed(plan, pixels_checked)
        if value.encode() not in earlier_codes
    )
    if items:
        marks.append((METHOD_CODES, encode_element(METHOD_CODES, "SQ", items, explicit)))
    return tuple(marks)


def claimed(plan: Plan, pixels_checked: bool) -> tuple[tuple[str, str], ...]:
    """Return codes and meanings of what was applied: Clean Pixel Data only where it was."""
    option = Option.CLEAN_PIXEL_DATA
    if not (pixels_checked and option in plan.options and plan.claimed_codes):
        return plan.claimed_codes
    return tuple(sorted((*plan.claimed_codes, (option.code, codes.MEANINGS[option.code]))))


def _temporal(plan: Plan, before: bytes) -> bytes:
    """Return (0028,0303); what an earlier run removed or modified is not unmodified now."""
    if plan.shifts_dates:
        return b"MODIFIED"
    if plan.keeps_dates:
        earlier = before.strip(b" \0")
        return earlier if earlier in (b"REMOVED", b"MODIFIED") else b"UNMODIFIED"
    return b"REMOVED"


@lru_cache(maxsize=32)
def equipment_item(explicit: bool, stamp: datetime.date | None) -> bytes:
    """Return the Contributing Equipment item of this engine (purpose DCM 109104)."""
    purpose = code_item("109104", "DCM", "De-identifying Equipment", explicit)
    content = (
        encode_element(0x00080070, "LO", b"anonportal", explicit)
        + encode_element(0x00081090, "LO", b"studies.deid", explicit)
        + encode_element(0x00181020, "LO", IMPLEMENTATION_VERSION.encode(), explicit)
    )
    if stamp is not None:
        content += encode_element(0x0018A002, "DT", f"{stamp:%Y%m%d}".encode(), explicit)
    return encode_item(content + encode_element(0x0040A170, "SQ", purpose, explicit))


def equipment_element(explicit: bool, stamp: datetime.date | None) -> bytes:
    """Return the whole sequence, for objects that have none."""
    item = equipment_item(explicit, stamp)
    return encode_element(CONTRIBUTING_EQUIPMENT, "SQ", item, explicit)
