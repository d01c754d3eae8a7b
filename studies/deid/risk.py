"""Which images may show text: by evidence in the attributes, never by what a sender promises.

BurnedInAnnotation NO is no proof: modality, image type and conversion type are asked first.
"""

from functools import lru_cache

from .outcome import Risk
from .pixels.policy import Box
from .survey import Survey
from .tables.device_regions import ROWS

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
_DIGITIZERS = ("VIDAR", "LUMISYS", "HOWTEK", "ARRAY CORP", "RADLINK", "IMATION LASER FILM")
OVERLAY_IN_PIXELS = "(60xx,0102) An overlay lies in unused bits of the pixels"
# Burned In Annotation, Modality, SOP Class, Image Type, Conversion Type, Series Description,
# Manufacturer, Manufacturer's Model Name, Protocol Name.
ASKED = (
    *(0x00280301, 0x00080060, 0x00080016, 0x00080008, 0x00080064, 0x0008103E),
    *(0x00080070, 0x00081090, 0x00181030),
)
OVERLAY_BITS = tuple(group << 16 | 0x0102 for group in range(0x6000, 0x6020, 2))
_OVERLAY_BITS_SET = frozenset(OVERLAY_BITS)
SIZE = (0x00280010, 0x00280011)  # Rows, Columns


def evidence(survey: Survey) -> Risk | None:
    """Return why an image with pixel data may show text, or None if nothing says so."""
    if survey.pixel is None:
        return None
    get = survey.raw.get
    raws = tuple([get(tag, b"") for tag in (*ASKED, *SIZE)])
    return _evidence_of(raws, _has_overlay_in_pixels(survey))


def device_boxes(survey: Survey) -> tuple[Box, ...]:
    """Return where the device that made the image is known to write text."""
    get = survey.raw.get
    said = tuple(get(tag, b"").decode("latin-1").strip(" \0").upper() for tag in ASKED)
    return _regions(said, (survey.number(0x00280010) or 0, survey.number(0x00280011) or 0))


@lru_cache(maxsize=1024)
def _evidence_of(raws: tuple[bytes, ...], has_overlay: bool) -> Risk | None:
    """Judge what an image says of itself; a series says the same thousand times."""
    said = tuple(raw.decode("latin-1").strip(" \0").upper() for raw in raws[: len(ASKED)])
    rows, columns = (
        int.from_bytes(raw, "little") if len(raw) == 2 else 0 for raw in raws[len(ASKED) :]
    )
    return _evidence(said, (rows, columns), has_overlay)


def _evidence(said: tuple[str, ...], size: tuple[int, int], has_overlay: bool) -> Risk | None:
    burned, modality, sop_class, image_type, conversion, description, maker, *_ = said
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
    if any(word in maker for word in _DIGITIZERS):
        reasons.append("(0008,0070) Manufacturer makes film digitizers")
    if _regions(said, size):
        reasons.append("(0008,1090) The device is known to write text into its images")
    if has_overlay:
        reasons.append(OVERLAY_IN_PIXELS)
    return Risk(tuple(reasons)) if reasons else None


@lru_cache(maxsize=256)
def _regions(said: tuple[str, ...], size: tuple[int, int]) -> tuple[Box, ...]:
    """Return the regions of the table whose every condition holds."""
    values = dict(zip(ASKED, said, strict=True))
    found: dict[Box, None] = {}
    for modality, maker, models, rows, columns, conditions, *box, _source in ROWS:
        is_it = (
            modality in ("", values[0x00080060])
            and maker in values[0x00080070]
            and any(model in values[0x00081090] for model in models)
            and (not rows or size[0] in rows)
            and columns in (0, size[1])
            and all(any(word in values[tag] for tag, word in one_of) for one_of in conditions)
        )
        if is_it:
            x, y, width, height = box
            clipped = Box(x, y, width, height, because="device").clipped(*size)
            if clipped is not None:
                found[clipped] = None
    return tuple(found)


def _has_overlay_in_pixels(survey: Survey) -> bool:
    raw = survey.raw
    if _OVERLAY_BITS_SET.isdisjoint(raw):
        return False
    return any(tag in raw and raw[tag].strip(b"\0") for tag in OVERLAY_BITS)
