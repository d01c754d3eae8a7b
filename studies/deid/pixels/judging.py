"""The verdict on the pixels of one instance: by its attributes, and by what was found in them.

Loads what looks at pixels only for an image at risk.
"""

from ..outcome import Risk
from ..survey import Survey
from .policy import PixelVerdict


def by_attributes(found: Survey, risk: Risk | None) -> PixelVerdict:
    """Return the verdict before anybody looked at the pixels."""
    return PixelVerdict(
        state="not-at-risk" if risk is None else "unchecked",
        because=() if risk is None else risk.reasons,
        frames=found.integer(0x00280008) or 1,
        rows=found.number(0x00280010) or 0,
        columns=found.number(0x00280011) or 0,
    )
