"""Which images may show text: by evidence in the attributes, never by what a sender promises.

BurnedInAnnotation NO is no proof: modality, image type and conversion type are asked first.
"""

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
_NO_PIXELS = frozenset(("SR", "KO", "PR", "RTSTRUCT", "RTPLAN", "RTRECORD", "ECG", "AU", "SEG"))


def evidence(survey: Survey) -> Risk | None:
    """Return why an image with pixel data may show text, or None if nothing says so."""
    text = survey.text
    modality = text(0x00080060).upper()
    if modality in _NO_PIXELS and survey.pixel is None:
        return None
    reasons: list[str] = []
    burned = text(0x00280301).upper()
    if burned not in ("", "NO"):
        reasons.append("(0028,0301) Burned In Annotation is not NO")
    if modality in _MODALITIES:
        reasons.append("(0008,0060) Modality commonly shows text")
    sop_class = text(0x00080016) + "."
    if any(sop_class.startswith(root + ".") for root in _SECONDARY_CLASSES):
        reasons.append("(0008,0016) SOP Class of captured or annotated images")
    image_type = text(0x00080008).upper()
    if any(word in image_type for word in _SCREENS):
        reasons.append("(0008,0008) Image Type names a screen or a dose report")
    if text(0x00080064).upper() in _DIGITIZED:
        reasons.append("(0008,0064) Conversion Type is a capture, a drawing or a digitized film")
    description = text(0x0008103E).upper()
    if any(
        word in description
        for word in ("DOSE REPORT", "SCREEN SAVE", "SCREENSAVE", "SECONDARY CAPTURE")
    ):
        reasons.append("(0008,103E) Series Description names a screen or a dose report")
    if _has_overlay_in_pixels(survey):
        reasons.append("(60xx,0102) An overlay lies in unused bits of the pixels")
    return Risk(tuple(reasons)) if reasons else None


def _has_overlay_in_pixels(survey: Survey) -> bool:
    return any(
        survey.raw.get(group << 16 | 0x0102, b"\0\0").strip(b"\0")
        for group in range(0x6000, 0x6020, 2)
    )
