"""What the attributes say of pixels afterwards: no text, derived, lossy or not, which colours.

Edits the top level of the rewritten header. Claims nothing that did not happen.
"""

from collections.abc import Callable

from ..dataset import (
    ELEMENT,
    LENGTH,
    LONG_VRS,
    SQ,
    TAG_LENGTH,
    UN,
    UNDEFINED,
    encode_element,
    skip_undefined,
    swapped,
)
from .blanking import PixelWork
from .codecs import J2K, J2K_LOSSLESS
from .image import Image

IMAGE_TYPE, BURNED_IN = 0x00080008, 0x00280301
_PHOTOMETRIC, _PLANAR = 0x00280004, 0x00280006
_LOSSY, _RATIO, _METHOD = 0x00282110, 0x00282112, 0x00282114
_OFFSETS, _LENGTHS = 0x7FE00001, 0x7FE00002
_MAX_VALUES = 1024
_VRS = {
    IMAGE_TYPE: "CS", BURNED_IN: "CS", _PHOTOMETRIC: "CS", _PLANAR: "US", _LOSSY: "CS",
    _RATIO: "DS", _METHOD: "CS",
}  # fmt: skip

# From the value as it stands ("" where there is none) to the new one; None removes the attribute.
Change = Callable[[bytes], bytes | None]


def _always(value: bytes) -> Change:
    return lambda _before: value


def _derived(before: bytes) -> bytes:
    values = before.strip(b" \0").split(b"\\")
    rest = values[1:] or [b"PRIMARY"]
    return b"\\".join([b"DERIVED", *rest])


def _appended(value: bytes) -> Change:
    def change(before: bytes) -> bytes:
        values = [part for part in before.strip(b" \0").split(b"\\") if part]
        return b"\\".join([*values, value][-_MAX_VALUES:])

    return change


def changes(work: PixelWork | None, *, is_checked: bool) -> dict[int, Change]:
    """Return what changes in an image whose pixels were looked at, or written anew."""
    made: dict[int, Change] = {BURNED_IN: _always(b"NO")} if is_checked else {}
    if work is None:
        return made
    image = work.image
    if work.boxes:
        made[IMAGE_TYPE] = _derived
    if work.is_lossy:
        made[_LOSSY] = _always(b"01")
        made[_RATIO] = _appended(f"{work.ratio():.2f}".encode())
        made[_METHOD] = _appended(b"ISO_10918_1")
    if image.is_encapsulated:
        made[_OFFSETS] = made[_LENGTHS] = lambda _before: None
        photometric = _photometric(work)
        if photometric != image.photometric:
            made[_PHOTOMETRIC] = _always(photometric.encode())
        if image.samples == 3:
            made[_PLANAR] = _always(b"\0\0")
    return made


def _photometric(work: PixelWork) -> str:
    """Return Photometric Interpretation of what is written."""
    image = work.image
    if not work.is_compressed:
        return decompressed(image)
    if image.syntax in (J2K, J2K_LOSSLESS) and image.samples == 3:
        return "YBR_RCT"  # what the encoder makes of three components
    return image.photometric


def decompressed(image: Image) -> str:
    """Return Photometric Interpretation of decoded frames."""
    if image.photometric in ("YBR_ICT", "YBR_RCT"):
        return "RGB"
    if image.photometric in ("YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420"):
        return "YBR_FULL"
    return image.photometric


def edited(header: bytes, made: dict[int, Change], *, explicit: bool) -> bytearray:
    """Return the header with changed, added and removed attributes, each at its place."""
    out, position, end = bytearray(), 0, len(header)
    todo = sorted(made.items(), reverse=True)
    while position < end:
        tag, value, after = _element(header, position, end, explicit)
        while todo and todo[-1][0] < tag:
            out += _encoded(*todo.pop(), b"", explicit)
        if todo and todo[-1][0] == tag:
            out += _encoded(*todo.pop(), header[value:after], explicit)
        else:
            out += header[position:after]
        position = after
    while todo:
        out += _encoded(*todo.pop(), b"", explicit)
    return out


def _encoded(tag: int, change: Change, before: bytes, explicit: bool) -> bytes:
    value = change(before)
    return b"" if value is None else encode_element(tag, _VRS[tag], value, explicit)


def _element(header: bytes, position: int, end: int, explicit: bool) -> tuple[int, int, int]:
    """Return tag, offset of the value and offset behind one element of the top level."""
    if explicit:
        tag, vr, length = ELEMENT.unpack_from(header, position)
        value = position + 8
        if vr in LONG_VRS:
            (length,) = LENGTH.unpack_from(header, value)
            value += 4
    else:
        (tag, length), vr = TAG_LENGTH.unpack_from(header, position), UN
        value = position + 8
    if length == UNDEFINED:
        return swapped(tag), value, skip_undefined(header, value, end, explicit and vr == SQ)
    return swapped(tag), value, value + length
