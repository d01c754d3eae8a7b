"""The encoding of data sets: tags as little-endian integers, VRs as 16-bit integers, lengths.

The scan loops of `survey.py` and `rewrite.py` read `tag, vr, length` with one unpack and compare
one dict entry; what they share stands here. Nothing here knows what an attribute means.
"""

import struct
from functools import lru_cache
from struct import Struct

from .errors import Held
from .tables import dictionary

ELEMENT = Struct("<IHH")  # explicit VR: tag, VR, 16-bit length
TAG_LENGTH = Struct("<II")  # implicit VR and items: tag, 32-bit length
LENGTH = Struct("<I")

StructError = struct.error  # raised where data end inside an element

UNDEFINED = 0xFFFFFFFF
MAX_HEADER = 64 * 1024 * 1024
MAX_DEPTH = 48


def swapped(tag: int) -> int:
    """Turn a tag into the integer that its four little-endian bytes read as, and back."""
    return (tag & 0xFFFF) << 16 | tag >> 16


def vr_code(vr: str | bytes) -> int:
    """Return the two letters of a VR as the integer the scan loops see."""
    return int.from_bytes(vr.encode() if isinstance(vr, str) else vr, "little")


def vr_name(code: int) -> str:
    """Return the letters of a VR code."""
    return code.to_bytes(2, "little").decode("ascii", "replace")


_SHORT = [
    "AE",
    "AS",
    "AT",
    "CS",
    "DA",
    "DS",
    "DT",
    "FD",
    "FL",
    "IS",
    "LO",
    "LT",
    "PN",
    "SH",
    "SL",
    "SS",
    "ST",
    "TM",
    "UI",
    "UL",
    "US",
]
_LONG = ["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"]
SHORT_VRS = frozenset(vr_code(vr) for vr in _SHORT)
LONG_VRS = frozenset(vr_code(vr) for vr in _LONG)
SQ = vr_code("SQ")
UN = vr_code("UN")
UI = vr_code("UI")
OB = vr_code("OB")
CS = vr_code("CS")
TEXT_VRS = frozenset(
    vr_code(vr) for vr in ["AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"]
)

# Added to the VR in a plan's entries: kept, and noted for the second net.
TEXT = 1 << 16

ITEM = swapped(0xFFFEE000)
ITEM_END = swapped(0xFFFEE00D)
SEQUENCE_END = swapped(0xFFFEE0DD)
ITEM_END_BYTES = b"\xfe\xff\x0d\xe0\0\0\0\0"
SEQUENCE_END_BYTES = b"\xfe\xff\xdd\xe0\0\0\0\0"

PIXEL_DATA = frozenset(swapped(tag) for tag in (0x7FE00008, 0x7FE00009, 0x7FE00010))


def _swapped_tags(tags: str) -> tuple[int, ...]:
    """Read tags in hexadecimal, many at once: the dictionary is read at each start."""
    raw = bytearray.fromhex(tags)
    raw[0::2], raw[1::2] = raw[1::2], raw[0::2]
    return Struct(f"<{len(raw) // 4}I").unpack(raw)


@lru_cache(maxsize=1)
def public_vrs() -> dict[int, int]:
    """Return VR code by swapped tag for every public attribute of the data dictionary."""
    known: dict[int, int] = {}
    for vr, tags in dictionary.BY_VR.items():
        known.update(dict.fromkeys(_swapped_tags(tags), vr_code(vr)))
    for group in range(0x6000, 0x6020, 2):  # PS3.5 7.6
        for element, vr in dictionary.OVERLAY.items():
            known[swapped(group << 16 | int(element, 16))] = vr_code(vr)
    return known


@lru_cache(maxsize=1)
def retired_tags() -> frozenset[int]:
    """Return the retired public attributes, swapped."""
    return frozenset(_swapped_tags(dictionary.RETIRED))


class NeedMore(Exception):
    """The header goes on beyond what has been read so far."""


def truncated(position: int) -> Held:
    """Return the error for data that end inside an element."""
    return Held(
        "truncated",
        "The data end inside an element; the file is cut off or a length lies. Send it again.",
        f"byte {position}",
    )


def malformed(position: int, what: str) -> Held:
    """Return the error for data that cannot be read as DICOM with certainty."""
    return Held(
        "malformed",
        f"{what}; the file can't be read with certainty. Have the source write it anew.",
        f"byte {position}",
    )


def skip_undefined(buf: bytes, position: int, end: int, explicit: bool) -> int:
    """Return the position after a sequence of undefined length whose items start here.

    Iterative, because the depth comes from the file. Raises IndexError-free: StructError at
    the end of the buffer, Held for what no sequence can hold.
    """
    stack = [True]  # True: between items of a sequence; False: inside an item
    modes = [explicit]
    while stack:
        if len(stack) > 2 * MAX_DEPTH:
            raise too_deep(position)
        tag, length = TAG_LENGTH.unpack_from(buf, position)
        if stack[-1]:
            position += 8
            if tag == SEQUENCE_END:
                stack.pop()
                modes.pop()
            elif tag != ITEM:
                raise malformed(position - 8, "A sequence holds something other than items")
            elif length == UNDEFINED:
                stack.append(False)
                modes.append(modes[-1])
            else:
                position += length
        elif tag == ITEM_END:
            position += 8
            stack.pop()
            modes.pop()
        else:
            position = _skip_element(buf, position, stack, modes)
        if position > end:
            raise StructError
    return position


def _skip_element(buf: bytes, position: int, stack: list[bool], modes: list[bool]) -> int:
    """Step over one element inside an item, opening a level for an undefined length."""
    if not modes[-1]:
        length: int = TAG_LENGTH.unpack_from(buf, position)[1]
        head, inner = 8, False
    else:
        _tag, vr, length = ELEMENT.unpack_from(buf, position)
        head, inner = 8, True
        if vr in LONG_VRS:
            (length,) = LENGTH.unpack_from(buf, position + 8)
            head, inner = 12, vr != UN  # PS3.5 6.2.2: UN of undefined length is implicit VR
        elif vr not in SHORT_VRS:
            raise malformed(position, "An element has no valid VR")
    if length != UNDEFINED:
        return position + head + length
    stack.append(True)
    modes.append(inner)
    return position + head


def too_deep(position: int) -> Held:
    """Return the error for sequences nested beyond reason."""
    return Held(
        "nesting-too-deep",
        f"Sequences are nested more than {MAX_DEPTH} deep; no known object needs that.",
        f"byte {position}",
    )


def encode_element(tag: int, vr: str, value: bytes, explicit: bool) -> bytes:
    """Return one element's bytes; the value is padded to even length as its VR wants."""
    if len(value) & 1:
        value += b"\0" if vr in ("UI", "OB", "UN") else b" "
    if not explicit:
        return TAG_LENGTH.pack(swapped(tag), len(value)) + value
    code = vr_code(vr)
    if code in LONG_VRS:
        return ELEMENT.pack(swapped(tag), code, 0) + LENGTH.pack(len(value)) + value
    return ELEMENT.pack(swapped(tag), code, len(value)) + value


def encode_item(content: bytes) -> bytes:
    """Return a sequence item of defined length."""
    return TAG_LENGTH.pack(ITEM, len(content)) + content
