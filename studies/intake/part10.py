"""Looks at the very beginning of a DICOM file: which object it says it is, and in which syntax.

No more than group 0002 is read; whatever the data set holds is the engine's to read.
"""

import struct
from dataclasses import dataclass

PEEKED = 4096
_LONG = frozenset({b"OB", b"OW", b"OD", b"OF", b"OL", b"OV", b"SQ", b"UC", b"UN", b"UR", b"UT"})
_CLASS, _INSTANCE, _SYNTAX = 0x0002, 0x0003, 0x0010


@dataclass(frozen=True)
class Named:
    """What the file meta information says of the object; UIDs of the source, never to be logged."""

    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    transfer_syntax_uid: str = ""


def peek(data: bytes) -> Named | None:
    """Read the file meta information at the start of a file; None if this is no such file."""
    if data[128:132] != b"DICM":
        return None
    values: dict[int, str] = {}
    at = 132
    while at + 8 <= len(data):
        group, element = struct.unpack_from("<HH", data, at)
        if group != 2:
            break
        vr = data[at + 4 : at + 6]
        if vr in _LONG:
            if at + 12 > len(data):
                break
            start, length = at + 12, int.from_bytes(data[at + 8 : at + 12], "little")
        else:
            start, length = at + 8, int.from_bytes(data[at + 6 : at + 8], "little")
        if vr == b"UI" and start + length <= len(data):
            value = data[start : start + length].rstrip(b"\0 ").decode("ascii", "replace")
            values[element] = value if is_uid(value) else ""
        at = start + length
    return Named(values.get(_CLASS, ""), values.get(_INSTANCE, ""), values.get(_SYNTAX, ""))


def is_uid(value: str) -> bool:
    """Say whether a text is a UID: 1 to 64 digits and dots."""
    return 0 < len(value) <= 64 and not value.strip("0123456789.")
