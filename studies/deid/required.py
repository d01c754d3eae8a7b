"""What has to be in every output: the marks, cloud ids where the input had none, our equipment.

Gives the rewriter encoded elements to put at their places. What the marks say stands in `marks.py`.
"""

import datetime
from functools import lru_cache

from .dataset import encode_element
from .marks import (
    IDENTITY_REMOVED,
    METHOD,
    TEMPORAL,
    equipment_element,
    equipment_item,
    mark_elements,
)
from .plan import CONTRIBUTING_EQUIPMENT, FIXED, Plan
from .private import CHARACTERISTICS
from .rewrite import Rewriter
from .survey import Survey

_VRS = {0x00080050: "SH", 0x00080080: "LO", 0x00100010: "PN", 0x00100020: "LO", 0x00200010: "SH"}
TYPE_1 = frozenset((0x00080016, 0x00080018, 0x0020000D, 0x0020000E, 0x00100020))
TYPE_2 = frozenset((0x00100010, 0x00080050, 0x00200010))


def require(
    run: Rewriter,
    plan: Plan,
    found: Survey,
    stamp: datetime.date | None,
    *,
    pixels_checked: bool = False,
) -> None:
    """Hand the rewriter what it has to write although the input does not have it.

    `pixels_checked` says that somebody looked for text in the pixels, so that a mark may say it.
    """
    explicit, raw = run.is_explicit, found.raw
    run.pending = list(
        mark_elements(
            plan,
            explicit,
            raw.get(0x00120063, b""),
            raw.get(0x00120064, b""),
            raw.get(0x00280303, b""),
            pixels_checked,
        )
    )
    for tag in FIXED:
        if tag not in raw and not (tag == 0x00080080 and plan.keeps_institution):
            element = encode_element(tag, _VRS[tag], run.fixed[tag], explicit)
            run.pending.append((tag, element))
    if plan.keeps_safe_private or plan.private_rules:
        run.pending.append((CHARACTERISTICS, b""))
    if CONTRIBUTING_EQUIPMENT in raw:
        run.equipment_item = equipment_item(explicit, stamp)
    else:
        run.pending.append((CONTRIBUTING_EQUIPMENT, equipment_element(explicit, stamp)))


@lru_cache(maxsize=4096)
def fixed_values(prefix: str, shown: str, cloud_study: str) -> dict[int, bytes]:
    """Return what the portal writes in place of patient, study and institution."""
    return {
        0x00080050: cloud_study.encode(),
        0x00080080: prefix.encode(),
        0x00100010: f"CloudStudy^{shown}".encode(),
        0x00100020: f"{prefix}-{shown}".encode(),
        0x00200010: cloud_study.encode(),
    }


@lru_cache(maxsize=64)
def required_marks(plan: Plan) -> tuple[tuple[int, str], ...]:
    """Return the marks that the output must have, "" for any value."""
    removed = "YES" if plan.is_conformant else "NO"
    return ((IDENTITY_REMOVED, removed), (METHOD, ""), (TEMPORAL, ""))
