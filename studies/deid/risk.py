"""Which images may show text: by evidence in the attributes, never by what a sender promises.

BurnedInAnnotation NO is no proof: modality, image type and conversion type are asked first.
"""

from functools import lru_cache

from .outcome import Risk
from .survey import Survey

_MODALITIES = frozenset(
    [
        "US",
        "IVUS",
        "XA",
        "RF",
        "ES",
        "OT",
        "XC",
        "SC",
        "GM",
        "SM",
        "DMS",
        "DG",
        "OP",
        "OPT",
        "OCT",
        "SR2",
        "BDUS",
        "EPS",
        "HC",
        "IO",
        "PX",
        "DOC",
        "AR",
        "ST",
        "TG",
        "VF",
    ]
)
_SECONDARY_CLASSES = (
    "1.2.840.10008.5.1.4.1.1.7",  # Secondary Capture, all kinds
    "1.2.840.10008.5.1.4.1.1.3.1",  # Ultrasound multi-frame
    "1.2.840.10008.5.1.4.1.1.6",  # Ultrasound
    "1.2.840.10008.5.1.4.1.1.12",  # XA, XRF
    "1.2.840.10008.5.1.4.1.1.77",  # Visible light, photographs, video
)
_SCREENS = ("SCREEN", "DOSE", "CAPTURE", "REPORT", "DISPLAY", "PROTOCOL", "LOCALIZER CAPTURE")
_DIGITIZED = frozenset(("DF", "DV", "SD", "SI", "WSD", "DRW", "SYN"))
_SCREEN_DESCRIPTIONS = ("DOSE REPORT", "SCREEN SAVE", "SCREENSAVE", "SECONDARY CAPTURE")
# Burned In Annotation, Modality, SOP Class, Image Type, Conversion Type, Series Description.
_ASKED = (0x00280301, 0x00080060, 0x00080016, 0x00080008, 0x00080064, 0x0008103E)
_OVERLAY_BITS = tuple(group << 16 | 0x0102 for group in range(0x6000, 0x6020, 2))


def evidence(survey: Survey) -> Risk | None:
    """Return why an image with pixel data may show text, or None if nothing says so."""
    if survey.pixel is None:
        return None
    get = survey.raw.get
    said = tuple(get(tag, b"").decode("latin-1").strip(" \0").upper() for tag in _ASKED)
    return _evidence(said, _has_overlay_in_pixels(survey))


@lru_cache(maxsize=1024)
def _evidence(said: tuple[str, ...], has_overlay: bool) -> Risk | None:
    """Judge what an image says of itself; a series says the same thousand times."""
    burned, modality, sop_class, image_type, conversion, description = said
    reasons: list[str] = []
    if burned not in ("", "NO"):
        reasons.append("(0028,0301) Burned In Annotation is not NO")
    if modality in _MODALITIES:
        reasons.append("(0008,0060) Modality commonly shows text")
    if any((sop_class + ".").startswith(root + ".") for root in _SECONDARY_CLASSES):
        reasons.append("(0008,0016) SOP Class of captured or annotated images")
    if any(word in image_type for word in _SCREENS):
        reasons.append("(0008,0008) Image Type names a screen or a dose report")
    if conversion in _DIGITIZED:
        reasons.append("(0008,0064) Conversion Type is a capture, a drawing or a digitized film")
    if any(word in description for word in _SCREEN_DESCRIPTIONS):
        reasons.append("(0008,103E) Series Description names a screen or a dose report")
    if has_overlay:
        reasons.append("(60xx,0102) An overlay lies in unused bits of the pixels")
    return Risk(tuple(reasons)) if reasons else None


def _has_overlay_in_pixels(survey: Survey) -> bool:
    raw = survey.raw
    return any(tag in raw and raw[tag].strip(b"\0") for tag in _OVERLAY_BITS)
