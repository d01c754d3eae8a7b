"""Decode and encode text of a data set by Specific Character Set (PS3.3 C.12.1.1.2, PS3.5 6.1).

Every decoding is reversible: what can't be decoded is carried as surrogates, so that cleaning a
name never changes its neighbours. This room knows nothing of tags or of what is identifying.
"""

from __future__ import annotations

from functools import lru_cache

from .expression import late

# Repertoires replaceable by (0008,0005): DICOM term number -> Python codec.
_SINGLE_BYTE = {
    "6": "latin-1",
    "100": "latin-1",
    "101": "iso8859-2",
    "109": "iso8859-3",
    "110": "iso8859-4",
    "144": "iso8859-5",
    "127": "iso8859-6",
    "126": "iso8859-7",
    "138": "iso8859-8",
    "148": "iso8859-9",
    "203": "iso8859-15",
    "13": "cp932",
    "166": "iso8859-11",
}
_WHOLE = {"ISO_IR 192": "utf-8", "GB18030": "gb18030", "GBK": "gbk"}

# ISO 2022 designations (PS3.3 Tables C.12-3 and C.12-4): escape -> (plane, codec of the set).
_ESCAPES: dict[bytes, tuple[int, str]] = {
    b"\x1b(B": (0, "ascii"),
    b"\x1b(J": (0, "jisx0201"),
    b"\x1b)I": (1, "cp932"),
    b"\x1b-A": (1, "latin-1"),
    b"\x1b-B": (1, "iso8859-2"),
    b"\x1b-C": (1, "iso8859-3"),
    b"\x1b-D": (1, "iso8859-4"),
    b"\x1b-L": (1, "iso8859-5"),
    b"\x1b-G": (1, "iso8859-6"),
    b"\x1b-F": (1, "iso8859-7"),
    b"\x1b-H": (1, "iso8859-8"),
    b"\x1b-M": (1, "iso8859-9"),
    b"\x1b-b": (1, "iso8859-15"),
    b"\x1b-T": (1, "iso8859-11"),
    b"\x1b$B": (0, "jisx0208"),
    b"\x1b$(D": (0, "jisx0212"),
    b"\x1b$)C": (1, "euc_kr"),
    b"\x1b$)A": (1, "gb2312"),
}
_ESCAPE = late(rb"\x1b(?:\([BJ]|\)I|-[A-Zb]|\$B|\$\(D|\$\)[CA])")
_G1_ESCAPE = {
    "latin-1": b"\x1b-A",
    "iso8859-2": b"\x1b-B",
    "iso8859-3": b"\x1b-C",
    "iso8859-4": b"\x1b-D",
    "iso8859-5": b"\x1b-L",
    "iso8859-6": b"\x1b-G",
    "iso8859-7": b"\x1b-F",
    "iso8859-8": b"\x1b-H",
    "iso8859-9": b"\x1b-M",
    "iso8859-15": b"\x1b-b",
    "iso8859-11": b"\x1b-T",
    "cp932": b"\x1b)I",
}
_MULTI_BYTE = {"87": "jisx0208", "159": "jisx0212", "149": "euc_kr", "58": "gb2312"}
_MULTI_ESCAPE = {
    "jisx0208": b"\x1b$B",
    "jisx0212": b"\x1b$(D",
    "euc_kr": b"\x1b$)C",
    "gb2312": b"\x1b$)A",
}
_TEXT_VRS = frozenset((b"SH", b"LO", b"ST", b"LT", b"UC", b"UT", b"PN"))
_SINGLE_VALUED = frozenset((b"ST", b"LT", b"UT", b"UR"))
_TERM = late(r"ISO[ _-]?(2022)?[ _-]?IR[ _-]*(\d+)")


def _normal_term(term: str) -> tuple[str, bool]:
    """Return (repertoire, with code extensions); spellings seen in the wild are forgiven."""
    term = term.strip(" \0").upper()
    if not term:
        return "6", False
    if term in ("GB18030", "GBK"):
        return term, False
    match = _TERM.fullmatch(term)
    if match is None:
        return "", False
    return ("ISO_IR 192" if match[2] == "192" else match[2]), match[1] is not None


class Charset:
    """The decoder and encoder of one Specific Character Set value; immutable and shared."""

    __slots__ = ("_codec", "_extended", "_g1", "_multi", "known", "terms")

    known: bool
    terms: tuple[str, ...]

    @classmethod
    def of(cls, specific_character_set: bytes) -> Charset:
        """Return the character set named by the raw value of (0008,0005)."""
        return _charset(specific_character_set)

    def __init__(self, specific_character_set: bytes) -> None:
        text = specific_character_set.decode("latin-1").strip(" \0")
        self.terms = tuple(part.strip(" \0") for part in text.split("\\"))
        repertoires = [_normal_term(term) for term in self.terms]
        names = [name for name, _ in repertoires]
        self.known = all(
            name in _SINGLE_BYTE or name in _MULTI_BYTE or name in _WHOLE for name in names
        )
        whole = next((_WHOLE[name] for name in names if name in _WHOLE), "")
        self._extended = not whole and (len(names) > 1 or any(ext for _, ext in repertoires))
        self._codec = whole or _SINGLE_BYTE.get(names[0], "latin-1")
        self._g1 = tuple(dict.fromkeys(_SINGLE_BYTE[n] for n in names if n in _SINGLE_BYTE))
        self._multi = tuple(dict.fromkeys(_MULTI_BYTE[n] for n in names if n in _MULTI_BYTE))

    def decode(self, raw: bytes, vr: bytes) -> str:
        """Return the text of a value without its padding; never fails and loses nothing."""
        raw = raw.rstrip(b" \0")
        if vr not in _TEXT_VRS:
            return raw.decode("latin-1")
        if raw.isascii() and (not self._extended or b"\x1b" not in raw):
            return raw.decode("ascii")
        if not self._extended:
            return _decode_with(raw, self._codec)
        return self._decode_2022(raw, vr)

    def encode(self, text: str, vr: bytes) -> bytes:
        """Return the bytes of a text, unpadded; a character outside the repertoire becomes `?`."""
        if text.isascii() and "\x1b" not in text:
            return text.encode("ascii")
        if vr not in _TEXT_VRS:
            return text.encode("latin-1", "replace")
        if not self._extended:
            return _encode_with(text, self._codec)
        return self._encode_2022(text, vr)

    def _decode_2022(self, raw: bytes, vr: bytes) -> str:
        """Decode by runs between escapes; delimiters reset the sets (PS3.5 6.1.2.5.3)."""
        delimiters = _delimiters(vr)
        out: list[str] = []
        start = 0
        g0, g1 = "ascii", self._codec
        for match in _ESCAPE.finditer(raw):
            text, was_reset = self._run(raw[start : match.start()], g0, g1, delimiters)
            out.append(text)
            if was_reset:
                g0, g1 = "ascii", self._codec
            plane, codec = _ESCAPES.get(match[0], (2, ""))
            if plane == 0:
                g0 = codec
            elif plane == 1:
                g1 = codec
            start = match.end()
        out.append(self._run(raw[start:], g0, g1, delimiters)[0])
        return "".join(out)

    def _run(self, raw: bytes, g0: str, g1: str, delimiters: bytes) -> tuple[str, bool]:
        """Decode bytes under one pair of sets; say whether a delimiter reset them."""
        out: list[str] = []
        i, was_reset = 0, False
        while i < len(raw):
            double = g0 in ("jisx0208", "jisx0212")
            byte = raw[i]
            if byte < 0x80 and double and 0x21 <= byte <= 0x7E and i + 1 < len(raw):
                out.append(_jis(raw[i : i + 2], g0))
                i += 2
                continue
            j = i + 1
            if byte < 0x80:
                out.append(chr(byte))
                if byte in delimiters:
                    g0, g1, was_reset = "ascii", self._codec, True
            else:
                while j < len(raw) and raw[j] >= 0x80:
                    j += 1
                out.append(_decode_with(raw[i:j], g1))
            i = j
        return "".join(out), was_reset

    def _encode_2022(self, text: str, vr: bytes) -> bytes:
        """Encode by character, designating sets where needed, resetting at delimiters."""
        delimiters = _delimiters(vr)
        out = bytearray()
        g0, g1 = "ascii", self._codec
        for char in text:
            code = ord(char)
            if code < 0x80:
                if g0 != "ascii":
                    out += b"\x1b(B"
                    g0 = "ascii"
                out.append(code)
                if code in delimiters:
                    g1 = self._codec
                continue
            if 0xDC80 <= code <= 0xDCFF:
                out.append(code - 0xDC00)
                continue
            set_name, raw = self._set_for(char, g0, g1)
            if set_name in ("jisx0208", "jisx0212"):
                if g0 != set_name:
                    out += _MULTI_ESCAPE[set_name]
                    g0 = set_name
            elif set_name and set_name != g1:
                out += _MULTI_ESCAPE.get(set_name) or _G1_ESCAPE[set_name]
                g1 = set_name
            elif not set_name and g0 != "ascii":
                out += b"\x1b(B"
                g0 = "ascii"
            out += raw
        if g0 != "ascii":
            out += b"\x1b(B"
        return bytes(out)

    def _set_for(self, char: str, g0: str, g1: str) -> tuple[str, bytes]:
        """Choose a declared set that has the character, the designated ones first."""
        for name in (g0, g1, *self._g1, *self._multi):
            raw = _in_set(char, name)
            if raw:
                return name, raw
        return "", b"?"


def _delimiters(vr: bytes) -> bytes:
    if vr == b"PN":
        return b"\\^=\r\n\f\t"
    return b"\r\n\f\t" if vr in _SINGLE_VALUED else b"\\\r\n\f\t"


def _jis(pair: bytes, name: str) -> str:
    """Decode one two-byte character of JIS X 0208 or JIS X 0212 by way of EUC."""
    high = bytes(byte | 0x80 for byte in pair)
    try:
        return (b"\x8f" + high if name == "jisx0212" else high).decode("euc_jp")
    except UnicodeDecodeError:
        return pair.decode("latin-1")


def _in_set(char: str, name: str) -> bytes:
    """Return the character's bytes in a set, or nothing where the set doesn't have it."""
    if name == "ascii":
        return b""
    try:
        if name in ("jisx0208", "jisx0212"):
            raw = char.encode("euc_jp")
            if name == "jisx0212":
                is_here = len(raw) == 3 and raw[0] == 0x8F
                return bytes(byte & 0x7F for byte in raw[1:]) if is_here else b""
            is_here = len(raw) == 2 and raw[0] != 0x8E
            return bytes(byte & 0x7F for byte in raw) if is_here else b""
        raw = char.encode(name)
    except UnicodeEncodeError:
        return b""
    # Of Shift JIS only the half-width katakana are a set that an escape can designate.
    return b"" if name == "cp932" and len(raw) != 1 else raw


def _decode_with(raw: bytes, codec: str) -> str:
    return raw.decode(codec, "surrogateescape")


def _encode_with(text: str, codec: str) -> bytes:
    try:
        return text.encode(codec, "surrogateescape")
    except UnicodeEncodeError:
        return b"".join(_encode_one(char, codec) for char in text)


def _encode_one(char: str, codec: str) -> bytes:
    try:
        return char.encode(codec, "surrogateescape")
    except UnicodeEncodeError:
        return b"?"


@lru_cache(maxsize=256)
def _charset(specific_character_set: bytes) -> Charset:
    return Charset(specific_character_set)
