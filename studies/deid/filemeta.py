"""Preamble and file meta information: read what is there, write our own.

Nothing of the input's group 0002 is copied but the transfer syntax: it may hold AE titles, private
information and a preamble that is a file of another kind.
"""

from functools import lru_cache
from typing import NamedTuple

from .dataset import (
    ELEMENT,
    LENGTH,
    LONG_VRS,
    SHORT_VRS,
    NeedMore,
    StructError,
    encode_element,
    malformed,
)
from .errors import NotDicom, Unsupported

IMPLEMENTATION_CLASS_UID = "2.25.203947293461718823361985511928471036529"
IMPLEMENTATION_VERSION = "ANONPORTAL_1"

IMPLICIT_LE = "1.2.840.10008.1.2"
EXPLICIT_LE = "1.2.840.10008.1.2.1"
DEFLATED_LE = "1.2.840.10008.1.2.1.99"
EXPLICIT_BE = "1.2.840.10008.1.2.2"
_NATIVE = frozenset((IMPLICIT_LE, EXPLICIT_LE, DEFLATED_LE, EXPLICIT_BE))
_DEFLATED_IMAGE_FRAME = "1.2.840.10008.1.2.8.1"
RLE = "1.2.840.10008.1.2.5"
_DIRECTORY_CLASS = b"1.2.840.10008.1.3.10"
_GROUP = b"\2\0"
_INSTANCE_UID = b"\2\0\3\0UI"
_MAX_KNOWN = 256
# What was read of groups 0002: the bytes up to the instance's UID, those behind it, the syntax.
_KNOWN: dict[bytes, tuple[bytes, str]] = {}


class FileMeta(NamedTuple):
    """What the file meta information says, and where the data set begins."""

    start: int
    transfer_syntax: str
    explicit: bool

    @property
    def is_encapsulated(self) -> bool:
        """Tell whether pixel data are in fragments."""
        return self.transfer_syntax not in _NATIVE

    @property
    def is_big_endian(self) -> bool:
        """Tell whether the data set is in the retired big-endian syntax."""
        return self.transfer_syntax == EXPLICIT_BE

    @property
    def is_deflated(self) -> bool:
        """Tell whether the data set is deflated as a whole."""
        return self.transfer_syntax == DEFLATED_LE


def read_file_meta(buf: bytes, *, complete: bool) -> FileMeta:
    """Read preamble and group 0002, or find out the encoding of a data set without them."""
    if buf[128:132] == b"DICM":
        start = 132
    elif buf[:4] == b"DICM":
        start = 4
    elif buf[:2] in (b"\2\0", b"\x08\0") and _looks_like_element(buf):
        start = 0
    elif buf[:2] == b"\0\x08" and _looks_big_endian(buf):
        return FileMeta(0, EXPLICIT_BE, True)
    else:
        raise NotDicom("not-dicom", "This is no DICOM file.", "byte 0")
    try:
        start, syntax = _read_group(buf, start)
    except StructError:
        if not complete:
            raise NeedMore from None
        raise NotDicom("not-dicom", "The file ends inside its file meta information.") from None
    return _encoding(buf, start, syntax)


def _looks_like_element(buf: bytes) -> bool:
    if len(buf) < 16:
        return False
    vr = int.from_bytes(buf[4:6], "little")
    if vr in SHORT_VRS or vr in LONG_VRS:
        return True
    (length,) = LENGTH.unpack_from(buf, 4)
    return buf[:2] == b"\x08\0" and length <= 4096 and length % 2 == 0


def _looks_big_endian(buf: bytes) -> bool:
    return len(buf) >= 16 and int.from_bytes(buf[4:6], "little") in SHORT_VRS


def _read_group(buf: bytes, position: int) -> tuple[int, str]:
    """Return where group 0002 ends and what transfer syntax it names.

    The instances of a series write the same but for their UID: what stands before and behind it
    is remembered, and read again only where a byte is another.
    """
    at = buf.find(_INSTANCE_UID, position, position + 256)
    before = buf[position:at] if at >= 0 else b""
    known = _KNOWN.get(before)
    if known is not None:
        behind, syntax = known
        start = at + 8 + int.from_bytes(buf[at + 6 : at + 8], "little")
        end = start + len(behind)
        if buf.startswith(behind, start) and len(buf) >= end + 8 and buf[end : end + 2] != _GROUP:
            return end, syntax
    end, syntax, uid = _read_elements(buf, position)
    if before and uid == at and end - at < 1024:
        if len(_KNOWN) >= _MAX_KNOWN:
            _KNOWN.clear()
        start = at + 8 + int.from_bytes(buf[at + 6 : at + 8], "little")
        _KNOWN[before] = (buf[start:end], syntax)
    return end, syntax


def _read_elements(buf: bytes, position: int) -> tuple[int, str, int]:
    """Read group 0002: where it ends, the transfer syntax, and where the instance's UID stands."""
    syntax, uid = "", -1
    while buf[position : position + 2] == _GROUP:
        tag, vr, length = ELEMENT.unpack_from(buf, position)
        value = position + 8
        if vr in LONG_VRS:
            (length,) = LENGTH.unpack_from(buf, value)
            value += 4
        elif vr not in SHORT_VRS:
            raise malformed(position, "The file meta information is not in explicit VR")
        if length > 1 << 20:
            raise malformed(position, "The file meta information has an impossible length")
        raw = buf[value : value + length]
        if len(raw) < length:
            raise StructError
        if tag == 0x00100002:
            syntax = raw.decode("latin-1").strip(" \0")
        elif tag == 0x00030002 and uid < 0:
            uid = position
        elif tag == 0x00020002 and raw.strip(b" \0") == _DIRECTORY_CLASS:
            raise Unsupported(
                "dicomdir", "A DICOMDIR lists files with their patients; it is never passed on."
            )
        position = value + length
    if len(buf) < position + 8:
        raise StructError
    return position, syntax, uid


def _encoding(buf: bytes, start: int, syntax: str) -> FileMeta:
    """Decide between implicit and explicit VR by looking, as widely deployed readers do."""
    if syntax == DEFLATED_LE:
        return FileMeta(start, syntax, True)
    if syntax == EXPLICIT_BE:
        return FileMeta(start, syntax, True)
    letters = int.from_bytes(buf[start + 4 : start + 6], "little")
    explicit = letters in SHORT_VRS or letters in LONG_VRS
    if not syntax:
        syntax = EXPLICIT_LE if explicit else IMPLICIT_LE
    elif not syntax.startswith("1.2.840.10008.1.2"):
        raise Unsupported(
            "transfer-syntax",
            "The transfer syntax is private or unknown; nobody can check what it holds.",
            "(0002,0010)",
        )
    elif syntax == _DEFLATED_IMAGE_FRAME:
        raise Unsupported(
            "transfer-syntax", "Deflated image frames can't be checked yet.", "(0002,0010)"
        )
    elif syntax == IMPLICIT_LE and explicit:
        syntax = EXPLICIT_LE  # mis-declared: written as what it is
    elif syntax != IMPLICIT_LE and not explicit:
        if syntax != EXPLICIT_LE:
            raise malformed(start, "The data set is not in the encoding that its meta data name")
        syntax = IMPLICIT_LE
    return FileMeta(start, syntax, explicit)


@lru_cache(maxsize=256)
def _meta_ends(sop_class: str, syntax: str, uid_length: int) -> tuple[bytes, bytes]:
    padded = uid_length + (uid_length & 1)
    before = encode_element(0x00020001, "OB", b"\0\1", True) + encode_element(
        0x00020002, "UI", sop_class.encode(), True
    )
    after = (
        encode_element(0x00020010, "UI", syntax.encode(), True)
        + encode_element(0x00020012, "UI", IMPLEMENTATION_CLASS_UID.encode(), True)
        + encode_element(0x00020013, "SH", IMPLEMENTATION_VERSION.encode(), True)
    )
    size = LENGTH.pack(len(before) + 8 + padded + len(after))
    head = bytes(128) + b"DICM" + encode_element(0x00020000, "UL", size, True) + before
    return head, after


def file_meta(sop_class: str, syntax: str, sop_instance_uid: str) -> bytes:
    """Return a zero preamble and new file meta information."""
    uid = sop_instance_uid.encode("ascii")
    head, after = _meta_ends(sop_class, syntax, len(uid))
    return head + encode_element(0x00020003, "UI", uid, True) + after


def data_set_start(output: bytes) -> int:
    """Return where the data set begins behind file meta that `file_meta` made."""
    start: int = 144 + LENGTH.unpack_from(output, 140)[0]
    return start
