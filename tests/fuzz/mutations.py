"""What broken and hostile senders do to an object, one function for each way.

Every function takes a file and a source of chance, and returns other bytes. A few keep all
identity where it stood; those are in `HARMLESS_TO_IDENTITY` and their outputs can be searched for
every token.
"""

import struct
import zlib
from collections.abc import Callable
from random import Random

from tests.fuzz.corpus import end_of_meta, objects

Mutation = Callable[[bytes, Random], bytes]
_LONG = frozenset(
    (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
)
_VRS = (
    b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"IS", b"LO", b"LT", b"OB", b"OW",
    b"PN", b"SH", b"SQ", b"ST", b"TM", b"UC", b"UI", b"UL", b"UN", b"UR", b"US", b"UT", b"ZZ",
)  # fmt: skip
_LENGTHS = (0, 1, 2, 7, 8, 0xFE, 0xFFFE, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)
_CHARSETS = (
    b"ISO_IR 192", b"ISO_IR 100", b"ISO_IR 13", b"GB18030", b"GBK", b"ISO_IR 999",
    b"\\ISO 2022 IR 87",     b"ISO 2022 IR 6\\ISO 2022 IR 149", b"\\\\\\\\", b"", b"\xff\xfe",
    b"ISO 2022 IR 13\\ISO 2022 IR 159",
)  # fmt: skip
_SYNTAXES = (
    b"1.2.840.10008.1.2", b"1.2.840.10008.1.2.1", b"1.2.840.10008.1.2.2", b"1.2.840.10008.1.2.5",
    b"1.2.840.10008.1.2.1.99", b"1.2.840.10008.1.2.4.50", b"1.2.840.10008.1.2.4.90",
    b"1.2.840.10008.1.2.4.110", b"1.2.840.10008.1.2.4.102", b"1.2.840.10008.1.2.8.1", b"1.2.3", b"",
)  # fmt: skip
_POLYGLOTS = (
    b"%PDF-1.4\n%\xe2\xe3\n", b"\x7fELF\2\1\1", b"PK\3\4\x14\0", b"II*\0\x10\0\0\0", b"MZ\x90\0\3",
    b"#!/bin/sh\nexit 0\n", b"<html><script>", b"GIF89a", b"MM\0*\0\0\0\x10",
)  # fmt: skip
_PIECES = (
    b"\\", b"^", b"=", b"\0", b" ", b"\x1b$B", b"\x1b(J", b"\xff", b"1.2.", b"999999999999", b"-1",
    b"\xc3\x28", b"20240314", b"2024-03-14", b"A", b"e", b".", b"\xb2", b"\x81",
)  # fmt: skip
_ITEM, _ITEM_END, _END = b"\xfe\xff\0\xe0", b"\xfe\xff\x0d\xe0\0\0\0\0", b"\xfe\xff\xdd\xe0\0\0\0\0"
_OPEN = b"\xff\xff\xff\xff"

Element = tuple[int, int, int]  # where it starts, where its value starts, where it ends


def elements(data: bytes) -> list[Element]:
    """Return the top-level elements of a little-endian file, as far as they can be followed."""
    if data[128:132] != b"DICM":
        return []
    position = end_of_meta(data) if len(data) > 144 else 132
    explicit = data[position + 4 : position + 6].isalpha()
    found: list[Element] = []
    while position + 12 <= len(data):
        value = position + 8
        if not explicit:
            (length,) = struct.unpack_from("<I", data, position + 4)
        elif data[position + 4 : position + 6] in _LONG:
            (length,) = struct.unpack_from("<I", data, value)
            value += 4
        else:
            (length,) = struct.unpack_from("<H", data, position + 6)
        end = value + length
        if length == 0xFFFFFFFF:
            end = data.find(_END, value) + 8
        if end > len(data) or end < value:
            break
        found.append((position, value, end))
        position = end
    return found


def _one(data: bytes, chance: Random) -> Element | None:
    found = elements(data)
    return chance.choice(found) if found else None


def _length_field(data: bytes, element: Element) -> tuple[int, str]:
    """Return where an element's length stands, and how it is packed."""
    start, value, _end = element
    if value - start == 12 or not data[start + 4 : start + 6].isalpha():
        return value - 4, "<I"
    return value - 2, "<H"


def truncated(data: bytes, chance: Random) -> bytes:
    """Cut the file off anywhere."""
    return data[: chance.randrange(len(data) + 1)]


def other_bytes(data: bytes, chance: Random) -> bytes:
    """Change a few bytes anywhere."""
    out = bytearray(data)
    for _ in range(chance.randint(1, 8) if out else 0):
        out[chance.randrange(len(out))] = chance.randrange(256)
    return bytes(out)


def lying_length(data: bytes, chance: Random) -> bytes:
    """Let one element claim another length, up to 4 GiB."""
    element = _one(data, chance)
    if element is None:
        return data
    at, form = _length_field(data, element)
    length = chance.choice(_LENGTHS) if chance.random() < 0.5 else chance.randrange(1 << 32)
    most = 0xFFFF if form == "<H" else 0xFFFFFFFF
    return data[:at] + struct.pack(form, length & most) + data[at + struct.calcsize(form) :]


def lying_item(data: bytes, chance: Random) -> bytes:
    """Let one item or delimiter claim another length."""
    places = [n for n in range(len(data)) if data.startswith(b"\xfe\xff", n)]
    if not places:
        return data
    at = chance.choice(places) + 4
    return data[:at] + struct.pack("<I", chance.choice(_LENGTHS)) + data[at + 4 :]


def odd_length(data: bytes, chance: Random) -> bytes:
    """Take or add one byte of a value, its length with it."""
    element = _one(data, chance)
    if element is None:
        return data
    at, form = _length_field(data, element)
    (length,) = struct.unpack_from(form, data, at)
    end = element[2]
    if chance.random() < 0.5 and 0 < length < 0xFFFF:
        return _with_length(data, at, form, length - 1)[: end - 1] + data[end:]
    if length < 0xFFFE:
        return _with_length(data, at, form, length + 1)[:end] + b"X" + data[end:]
    return data


def _with_length(data: bytes, at: int, form: str, length: int) -> bytes:
    return data[:at] + struct.pack(form, length) + data[at + struct.calcsize(form) :]


def wrong_vr(data: bytes, chance: Random) -> bytes:
    """Give one element another VR, its header left as long as it was."""
    element = _one(data, chance)
    if element is None:
        return data
    at = element[0] + 4
    return data[:at] + chance.choice(_VRS) + data[at + 2 :]


def wrong_vr_in_form(data: bytes, chance: Random) -> bytes:
    """Give one element another VR and the header that goes with it."""
    element = _one(data, chance)
    if element is None or not data[element[0] + 4 : element[0] + 6].isalpha():
        return data
    start, value, end = element
    vr, raw = chance.choice(_VRS), data[value:end]
    is_long = vr in _LONG
    if not is_long and len(raw) > 0xFFFF:
        return data
    length = b"\0\0" + struct.pack("<I", len(raw)) if is_long else struct.pack("<H", len(raw))
    return data[: start + 4] + vr + length + raw + data[end:]


def other_tag(data: bytes, chance: Random) -> bytes:
    """Give one element the tag of another one, or none that anybody knows."""
    first, second = _one(data, chance), _one(data, chance)
    if first is None or second is None:
        return data
    tag = data[second[0] : second[0] + 4] if chance.random() < 0.7 else chance.randbytes(4)
    return data[: first[0]] + tag + data[first[0] + 4 :]


def other_value(data: bytes, chance: Random) -> bytes:
    """Let one element have the value of another."""
    first, second = _one(data, chance), _one(data, chance)
    if first is None or second is None:
        return data
    raw = data[second[1] : second[2]]
    at, form = _length_field(data, first)
    if len(raw) > 0xFFFF:
        return data
    return _with_length(data, at, form, len(raw))[: first[1]] + raw + data[first[2] :]


def other_text(data: bytes, chance: Random) -> bytes:
    """Give one element a value made of what parsers trip over."""
    element = _one(data, chance)
    if element is None:
        return data
    raw = b"".join(chance.choice(_PIECES) for _ in range(chance.randint(0, 40)))
    raw += b" " * (len(raw) & 1)
    at, form = _length_field(data, element)
    return _with_length(data, at, form, len(raw))[: element[1]] + raw + data[element[2] :]


def twice(data: bytes, chance: Random) -> bytes:
    """Repeat one element, behind itself or anywhere."""
    element, other = _one(data, chance), _one(data, chance)
    if element is None or other is None:
        return data
    raw, at = data[element[0] : element[2]], chance.choice((element[2], other[0]))
    return data[:at] + raw * chance.choice((1, 1, 1, 40)) + data[at:]


def out_of_order(data: bytes, chance: Random) -> bytes:
    """Shuffle the top level."""
    found = elements(data)
    if not found:
        return data
    parts = [data[start:end] for start, _value, end in found]
    chance.shuffle(parts)
    return data[: found[0][0]] + b"".join(parts) + data[found[-1][2] :]


def left_out(data: bytes, chance: Random) -> bytes:
    """Leave one element out."""
    element = _one(data, chance)
    return data if element is None else data[: element[0]] + data[element[2] :]


def put_in_sequence(data: bytes, chance: Random) -> bytes:
    """Wrap one element into sequences, a few deep or thousands."""
    element = _one(data, chance)
    if element is None:
        return data
    start, _value, end = element
    depth = chance.choice((1, 2, 10, 47, 48, 49, 50, 200, 4000))
    tag = chance.choice(
        (b"\x08\0\x40\x11", b"\x40\0\x75\x02", b"\x40\0\x30\xa7", b"\x09\0\x01\x10")
    )
    explicit = data[start + 4 : start + 6].isalpha()
    raw = nested(data[start:end], tag, depth, explicit=explicit, is_open=chance.random() < 0.5)
    return data[:start] + raw + data[end:]


def nested(inner: bytes, tag: bytes, depth: int, *, explicit: bool, is_open: bool) -> bytes:
    """Return sequences in sequences around some elements."""
    vr = b"SQ\0\0" if explicit else b""
    if is_open:
        head = tag + vr + _OPEN + _ITEM + _OPEN
        return head * depth + inner + (_ITEM_END + _END) * depth
    parts: list[bytes] = []
    size = len(inner)
    for _ in range(depth):
        parts.append(tag + vr + struct.pack("<I", size + 8) + _ITEM + struct.pack("<I", size))
        size += len(parts[-1])
    return b"".join(reversed(parts)) + inner


def without_meta(data: bytes, chance: Random) -> bytes:
    """Take the preamble, the prefix or all file meta information away."""
    if data[128:132] != b"DICM" or len(data) < 144:
        return data
    return data[chance.choice((128, 132, end_of_meta(data), 4, 64)) :]


def other_syntax(data: bytes, chance: Random) -> bytes:
    """Name another transfer syntax than the one in use."""
    at = data.find(b"\2\0\x10\0UI", 132, 1024)
    if at < 0:
        return data
    (length,) = struct.unpack_from("<H", data, at + 6)
    syntax = chance.choice(_SYNTAXES)
    syntax += b"\0" * (len(syntax) & 1)
    return data[: at + 6] + struct.pack("<H", len(syntax)) + syntax + data[at + 8 + length :]


def wrong_charset(data: bytes, chance: Random) -> bytes:
    """Name another character set, before the first element."""
    found = elements(data)
    if not found:
        return data
    start = found[0][0]
    raw = chance.choice(_CHARSETS)
    raw += b" " * (len(raw) & 1)
    explicit = data[start + 4 : start + 6].isalpha()
    head = b"CS" + struct.pack("<H", len(raw)) if explicit else struct.pack("<I", len(raw))
    return data[:start] + b"\x08\0\x05\0" + head + raw + data[start:]


def deflated(data: bytes, chance: Random) -> bytes:
    """Deflate the data set, honestly or not: cut off, followed by junk, or a bomb."""
    if data[128:132] != b"DICM" or len(data) < 144:
        return data
    start = end_of_meta(data)
    way = chance.randrange(4)
    body = data[start:]
    if way == 3:
        body += struct.pack("<HH2sHI", 0x0050, 0x0010, b"UT", 0, 3 << 20) + bytes(3 << 20)
    coder = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    raw = coder.compress(body) + coder.flush()
    if way == 1:
        raw = raw[: chance.randrange(len(raw))]
    elif way == 2:
        raw += chance.randbytes(chance.randrange(64))
    return syntax_named(data[:start], b"1.2.840.10008.1.2.1.99") + raw


def syntax_named(meta: bytes, syntax: bytes) -> bytes:
    """Return file meta information that names a transfer syntax and has a true length."""
    at = meta.find(b"\2\0\x10\0UI", 132)
    if at < 0:
        return meta
    (length,) = struct.unpack_from("<H", meta, at + 6)
    syntax += b"\0" * (len(syntax) & 1)
    named = meta[: at + 6] + struct.pack("<H", len(syntax)) + syntax + meta[at + 8 + length :]
    return named[:140] + struct.pack("<I", len(named) - 144) + named[144:]


def polyglot(data: bytes, chance: Random) -> bytes:
    """Let the preamble be the beginning of a file of another kind."""
    if data[128:132] != b"DICM":
        return data
    head = chance.choice(_POLYGLOTS)
    return head + data[len(head) :]


def junk_behind(data: bytes, chance: Random) -> bytes:
    """Put junk, padding or another object behind the file."""
    way = chance.randrange(4)
    if way == 0:
        return data + bytes(chance.randrange(600))
    if way == 1:
        return data + chance.randbytes(chance.randrange(600))
    other = chance.choice(sorted(objects().values()))
    return data + (other if way == 2 else other[end_of_meta(other) if len(other) > 144 else 0 :])


def spliced(data: bytes, chance: Random) -> bytes:
    """Go over into another object at some place."""
    other = objects()[chance.choice(sorted(objects()))]
    return data[: chance.randrange(len(data) + 1)] + other[chance.randrange(len(other)) :]


def repeated_part(data: bytes, chance: Random) -> bytes:
    """Repeat some bytes many times, wherever they stand."""
    at = chance.randrange(len(data) + 1)
    part = data[at : at + chance.choice((1, 2, 8, 16, 100))]
    return data[:at] + part * chance.choice((2, 10, 300)) + data[at:]


HARMLESS_TO_IDENTITY: tuple[Mutation, ...] = (
    truncated, put_in_sequence, wrong_charset, deflated, polyglot, twice, out_of_order,
)  # fmt: skip
ALL: tuple[Mutation, ...] = (
    *HARMLESS_TO_IDENTITY, other_bytes, lying_length, lying_item, odd_length, wrong_vr,
    wrong_vr_in_form, other_tag, other_value, other_text, left_out, without_meta, other_syntax,
    junk_behind, spliced, repeated_part,
)  # fmt: skip


def mutated(data: bytes, chance: Random, most: int = 4) -> bytes:
    """Apply one or a few mutations."""
    for _ in range(chance.randint(1, most)):
        data = chance.choice(ALL)(data, chance)
    return data
