"""STL, OBJ and MTL: numbers are kept, and nothing else that a mesh does not need.

Comments, texture files and the free bytes of a binary STL go; names of objects, groups and
materials stay if they are plain and identify nobody, else they become numbers. The surface of a
face may still be recognised: that is another matter (Clean Recognizable Visual Features).
"""

import re
import struct

from .reading import Reading, unreadable

_HEADER, _FACET = 80, 50
_NUMBER = re.compile(rb"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\Z")
_FACE = re.compile(rb"-?\d+(?:/-?\d*){0,2}\Z")
_PLAIN = re.compile(rb"[A-Za-z][A-Za-z0-9_]{0,31}\Z")
_MAX_LINE = 100_000
# What an OBJ line may start with, and whether names or numbers follow.
_GEOMETRY = frozenset((b"v", b"vt", b"vn", b"vp"))
_FACES = frozenset((b"f", b"l", b"p"))
_NAMED = {b"o": b"object", b"g": b"group", b"usemtl": b"material"}
_COLOURS = frozenset((b"Ka", b"Kd", b"Ks", b"Ke", b"Tf", b"Ns", b"Ni", b"d", b"Tr", b"illum"))


def clean_stl(value: bytes, _reading: Reading) -> bytes:
    """Return a binary STL without its free bytes, or an ASCII one without its name."""
    if len(value) >= _HEADER + 4:
        (count,) = struct.unpack_from("<I", value, _HEADER)
        end = _HEADER + 4 + count * _FACET
        if end <= len(value) <= end + 1 and not value[end:].strip(b"\0"):
            return _binary(value, end, count)
    if value.lstrip()[:5].lower() == b"solid":
        return _ascii(value)
    raise unreadable("The mesh is neither a binary STL of the length that it states nor ASCII.")


def _binary(value: bytes, end: int, count: int) -> bytes:
    out = bytearray(value[:end])
    out[:_HEADER] = bytes(_HEADER)
    start = _HEADER + 4 + 48  # each facet ends with two bytes for anything
    out[start:end:_FACET] = bytes(count)
    out[start + 1 : end : _FACET] = bytes(count)
    return bytes(out)


def _ascii(value: bytes) -> bytes:
    out = [b"solid mesh"]
    for words in _lines(value)[1:]:
        key = words[0].lower()
        if key == b"endsolid":
            out.append(b"endsolid mesh")
            continue
        if key == b"solid":
            out.append(b"solid mesh")
            continue
        rest = words[1:]
        wanted = {b"facet": b"normal", b"outer": b"loop"}.get(key)
        if wanted is not None and (not rest or rest.pop(0).lower() != wanted):
            raise _strange()
        if key not in (b"facet", b"outer", b"vertex", b"endloop", b"endfacet"):
            raise _strange()
        out.append(b" ".join([key, *([wanted] if wanted else []), *_numbers(rest)]))
    return b"\n".join(out) + b"\n"


def clean_obj(value: bytes, reading: Reading) -> bytes:
    """Return an OBJ of its vertices, faces and harmless names."""
    out: list[bytes] = []
    names = _Names(reading)
    for words in _lines(value):
        key, rest = words[0], words[1:]
        if key in _GEOMETRY:
            out.append(b" ".join([key, *_numbers(rest)]))
        elif key in _FACES:
            if not all(map(_FACE.match, rest)):
                raise _strange()
            out.append(b" ".join(words))
        elif key in _NAMED:
            out.append(key + b" " + names.of(_NAMED[key], rest))
        elif key == b"s":
            out.append(b"s " + (rest[0] if rest and rest[0].isdigit() else b"off"))
        elif key != b"mtllib" and not key.startswith(b"#"):
            raise _strange()
    return b"\n".join(out) + b"\n"


def clean_mtl(value: bytes, reading: Reading) -> bytes:
    """Return an MTL of its colours and harmless names."""
    out: list[bytes] = []
    names = _Names(reading)
    for words in _lines(value):
        key, rest = words[0], words[1:]
        if key == b"newmtl":
            out.append(b"newmtl " + names.of(b"material", rest))
        elif key in _COLOURS:
            out.append(b" ".join([key, *_numbers(rest)]))
        elif not key.startswith((b"#", b"map_", b"bump", b"disp", b"decal", b"refl")):
            raise _strange()
    return b"\n".join(out) + b"\n"


def _lines(value: bytes) -> list[list[bytes]]:
    """Return the words of every line; a comment ends one, a backslash joins two."""
    lines = value.rstrip(b"\0").replace(b"\\\r\n", b" ").replace(b"\\\n", b" ").splitlines()
    if any(len(line) > _MAX_LINE for line in lines):
        raise unreadable("A line of the mesh is too long.")
    return [words for line in lines if (words := line.partition(b"#")[0].split())]


def _numbers(words: list[bytes]) -> list[bytes]:
    if not all(map(_NUMBER.match, words)):
        raise _strange()
    return words


class _Names:
    """The names of one mesh: kept, or numbered in the order that they stand in."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._known: dict[tuple[bytes, bytes], bytes] = {}

    def of(self, stem: bytes, words: list[bytes]) -> bytes:
        """Return what stands for a name: the same for the same name."""
        name = b" ".join(words)
        known = self._known.get((stem, name))
        if known is None:
            is_free = bool(_PLAIN.match(name)) and not self._reading.identifies(
                name.decode("ascii").replace("_", " ")
            )
            known = name if is_free else b"%s%d" % (stem, len(self._known) + 1)
            self._known[stem, name] = known
        return known


def _strange() -> Exception:
    return unreadable("The mesh holds a line that is none of its format.")
