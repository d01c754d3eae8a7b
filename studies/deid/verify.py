"""Verify: a second pair of eyes on the bytes that are about to leave.

It knows what was identifying in the input and reads the output with an element walk of its own; it
never sees the plan or what was changed. Any finding holds the instance and names tag and rule,
never the value.
"""

from __future__ import annotations

import bisect
import re
import struct
import zlib
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from . import leaks
from .charset import Charset
from .clinical import ORDINARY_WORDS, is_term
from .errors import LeakFound
from .expression import late
from .layout import Layout, Layouts
from .walk import LONG_VRS, PIXEL_TAGS, Element, Span, TopLevel, Walk, swapped, tag_text

DEFLATED = frozenset(("1.2.840.10008.1.2.1.99",))
_IMPLICIT, _EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_MAX_INFLATED = 1 << 30
_TEXT = frozenset(
    (b"SH", b"LO", b"ST", b"LT", b"UC", b"UT", b"PN", b"CS", b"AE", b"UR", b"UN", b"OB")
)
_NUMERIC = frozenset(
    (b"DS", b"IS", b"TM", b"AS", b"US", b"SS", b"UL", b"SL", b"FL", b"FD", b"AT", b"OF", b"OD")
)
_META_ELEMENT = struct.Struct("<HH2sH").unpack_from
# Elements of file meta that name programs, places and private makers.
_ORIGINS = frozenset((0x16, 0x17, 0x18, 0x26, 0x27, 0x28, 0x35, 0x100, 0x102))
_BINARY = frozenset((b"OB", b"OW", b"OL", b"OV", b"UN"))
_UID = late(rb"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))+")
_SOP_INSTANCE_UID = swapped(0x00080018)
_SENTENCES = {
    "name": "Part of a person's name from the original is still in the output.",
    "short-name": "A short name from the original is still in the output.",
    "full-name": "A full name from the original is still in the output.",
    "foreign-name": "A name from the original, in its own script, is still in the output.",
    "number": "An identifying number from the original is still in the output.",
    "short-number": "An identifying number from the original is still in the output.",
    "date": "A date from the original is still in the output.",
    "uid": "A UID from the original is still in the output.",
}


class Expectation(NamedTuple):
    """What must not, and what must, be in the output.

    `values` are those that the options do not retain; instances of a series should share them, as
    their search is prepared once. `uids` are the original UIDs that had to be replaced, `own` the
    values that de-identification wrote (cloud ids, names), which are never findings.
    """

    values: tuple[tuple[str, str], ...]
    uids: frozenset[str] = frozenset()
    allowed_dates: frozenset[str] = frozenset()  # YYYYMMDD sent out on purpose
    own: frozenset[str] = frozenset()
    marks: tuple[tuple[int, str], ...] = ()  # tag and value, "" for any that isn't empty
    type1: frozenset[int] = frozenset()
    type2: frozenset[int] = frozenset()
    uids_retained: bool = False
    private_allowed: bool = True
    sop_instance_uid: str = ""
    charset: bytes = b""


def verify(
    expect: Expectation,
    *,
    header: bytes,
    tail: bytes = b"",
    encapsulated: Iterable[bytes] = (),
    transfer_syntax: str,
    object_key: str = "",
) -> None:
    """Raise LeakFound if the output holds what it must not or lacks what it must have.

    `header` is the whole output up to the pixel value, file meta included; `tail` what follows it.
    A deflated data set comes whole as `header` and is inflated here.
    """
    start = _known_layout(expect, header, transfer_syntax)
    regions = [_Region(header, start, transfer_syntax)]
    if not start:
        start, own = _file_meta(header, expect.sop_instance_uid)
        regions = [_Region(header, start, transfer_syntax)]
        if transfer_syntax in DEFLATED:
            regions[0] = _Region(header[:start], start, _EXPLICIT)
            header, tail = _inflated(header[start:] + tail)
            start, own, transfer_syntax = 0, [], _EXPLICIT
            regions.append(_Region(header, 0, transfer_syntax))
        _check_required(expect, header, start, transfer_syntax, own)
    if tail:
        regions.append(_Region(tail, 0, transfer_syntax))
    regions += [_Region(marker, -1, "", "the markers of the pixel data") for marker in encapsulated]
    if object_key:
        regions.append(_Region(object_key.encode("utf-8"), -1, "", "the name of the object"))
    suspects = leaks.suspects(expect.values)
    for region in regions:
        _check_uids(expect, region)
        is_clear, has_foreign_text = suspects.first_look(region.data)
        if not is_clear:
            _Search(expect, suspects, region).run(has_foreign_text)


def _found(rule: str, where: str) -> LeakFound:
    return LeakFound("leak-found", f"{_SENTENCES[rule]} (rule {rule})", where)


def _file_meta(header: bytes, sop_instance_uid: str) -> tuple[int, list[Span]]:
    """Check preamble and file meta; return where the data set begins and the UID stands."""
    if len(header) < 140 or header[128:132] != b"DICM":
        raise LeakFound("verify-structure", "The output has no DICOM prefix.", "byte 128")
    if header.count(0, 0, 128) != 128:
        raise LeakFound("verify-preamble", "The preamble of the output is not empty.", "byte 0")
    position, size = 132, len(header)
    own: list[Span] = []
    while position + 8 <= size:
        group, element, vr, length = _META_ELEMENT(header, position)
        if group != 2:
            break
        position += 8
        if vr in LONG_VRS and position + 4 <= size:
            (length,) = struct.unpack_from("<I", header, position)
            position += 4
        if element == 3 and sop_instance_uid:
            own.append((position, length))
            value = header[position : position + length].rstrip(b"\0 ")
            if value.decode("latin-1") != sop_instance_uid:
                raise LeakFound(
                    "verify-marks",
                    "File meta and data set name different instances.",
                    "(0002,0003)",
                )
        elif element in _ORIGINS:
            raise LeakFound(
                "verify-meta", "File meta names where the file came from.", f"(0002,{element:04X})"
            )
        position += length
    if position > size:
        raise LeakFound("verify-structure", "The file meta of the output has no end.", "byte 132")
    return position, own


def _inflated(raw: bytes) -> tuple[bytes, bytes]:
    """Inflate a data set and part it at its pixel value: up to it, and behind it."""
    try:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        data = inflater.decompress(raw, _MAX_INFLATED)
    except zlib.error as error:
        raise LeakFound("verify-structure", "The output can not be inflated.") from error
    if not inflater.eof or inflater.unused_data.strip(b"\0"):
        raise LeakFound("verify-structure", "Bytes stand behind the deflated data set.")
    for element in Walk(data).run(0, len(data)):
        if element.tag in PIXEL_TAGS and not element.path:
            return data[: element.start], data[element.end :]
    return data, b""


class _Wanted(NamedTuple):
    """What is looked up in the top level, by swapped tag."""

    tags: frozenset[int]
    marks: tuple[tuple[int, bytes], ...]
    type1: tuple[int, ...]
    types: tuple[int, ...]
    layouts: Layouts


@lru_cache(maxsize=256)
def _wanted(
    marks: tuple[tuple[int, str], ...], type1: frozenset[int], type2: frozenset[int]
) -> _Wanted:
    tags = {tag for tag, _ in marks} | type1 | type2 | {0x00080018, 0x0020000D, 0x0020000E}
    return _Wanted(
        frozenset(map(swapped, tags)),
        tuple((swapped(tag), value.encode("latin-1")) for tag, value in marks),
        tuple(map(swapped, type1)),
        tuple(map(swapped, (*type1, *type2))),
        Layouts(),
    )


def _known_layout(expect: Expectation, header: bytes, syntax: str) -> int:
    """Return where the data set begins if all but UIDs is as in a header in order, else 0.

    Whatever is not as it was is left to the whole check, which says what and where.
    """
    layouts = _wanted(expect.marks, expect.type1, expect.type2).layouts
    layout = layouts.find(header, (len(header), syntax, expect.private_allowed))
    if layout is None:
        return 0
    own = expect.sop_instance_uid.encode("latin-1", "replace")
    for at, length in layout.instance:
        if header[at : at + length].rstrip(b"\0 ") != own:
            return 0
    _check_uid_forms(header, layout.uids)
    return layout.start


def _check_required(
    expect: Expectation, header: bytes, start: int, syntax: str, own: list[Span]
) -> None:
    """Check structure, marks, Type 1 and 2 attributes, form of UIDs and private attributes."""
    wanted = _wanted(expect.marks, expect.type1, expect.type2)
    top = TopLevel.read(header, start, syntax, wanted.tags)
    found = top.found
    if top.has_private and not expect.private_allowed:
        raise LeakFound("verify-private", "A private attribute is in the output.")
    for tag, value in wanted.marks:
        at, length = found.get(tag, (0, 0))
        text = header[at : at + length].rstrip(b" \0")
        if not text or (value and text != value):
            raise LeakFound(
                "verify-marks", "A required mark is missing or wrong.", tag_text(swapped(tag))
            )
    if len(found) < len(wanted.tags):
        pixels = {swapped(tag) for tag in PIXEL_TAGS} if top.pixels_at >= 0 else set()
        missing = wanted.tags - found.keys() - pixels
        for tag in wanted.types:
            if tag in missing:
                raise LeakFound(
                    "verify-type", "A required attribute is missing.", tag_text(swapped(tag))
                )
    for tag in wanted.type1:
        if not found.get(tag, (0, 1))[1]:
            raise LeakFound("verify-type", "A Type 1 attribute is empty.", tag_text(swapped(tag)))
    _check_uid_forms(header, top.uids)
    if expect.sop_instance_uid:
        at, length = found.get(_SOP_INSTANCE_UID, (0, 0))
        if header[at : at + length].rstrip(b"\0 ").decode("latin-1") != expect.sop_instance_uid:
            raise LeakFound("verify-marks", "The instance has not the new UID.", "(0008,0018)")
        key = (len(header), syntax, expect.private_allowed)
        if own and top.heads and wanted.layouts.is_worth_learning(key):
            marks = [found[tag] for tag, _value in wanted.marks]
            own.append((at, length))
            wanted.layouts.learn(key, Layout.of(header, start, top, marks, own))


_GOOD_UIDS: set[bytes] = set()


def _check_uid_forms(header: bytes, uids: Iterable[tuple[int, int, int]]) -> None:
    for tag, at, length in uids:
        raw = header[at : at + length]
        if raw and raw not in _GOOD_UIDS:
            _check_uid_form(swapped(tag), raw)


def _check_uid_form(tag: int, raw: bytes) -> None:
    """Check that every UID is one (PS3.5 9.1); well-formed ones are remembered."""
    for uid in raw.split(b"\\"):
        uid = uid.rstrip(b"\0 ")
        if uid and (len(uid) > 64 or not _UID.fullmatch(uid)):
            raise LeakFound("verify-uid", "A UID is not well formed.", tag_text(tag))
    if len(_GOOD_UIDS) > 8192:
        _GOOD_UIDS.clear()
    _GOOD_UIDS.add(raw)


def _check_uids(expect: Expectation, region: _Region) -> None:
    """Look for original UIDs as bytes, wherever they may stand."""
    if not expect.uids or expect.uids_retained:
        return
    data = region.data
    if len(expect.uids) > 24:  # one pass that gathers all UIDs is cheaper then
        for match in leaks.UID_IN_BYTES.finditer(data):
            uid = match.group().decode("latin-1")
            is_known = uid in expect.uids or (
                uid[:-1] in expect.uids and _ends_before_tag(region, match.start(), match.end() - 1)
            )
            if is_known:
                raise _found("uid", region.where(match.start()))
        return
    root = min(expect.uids)[:16]
    if len(root) == 16 and max(expect.uids).startswith(root) and root.encode() not in data:
        return  # originals of one device have one root: mostly one search answers for all
    for uid in expect.uids:
        needle = uid.encode("latin-1", "replace")
        at = data.find(needle)
        while at >= 0:
            end = at + len(needle)
            is_inside = data[max(at - 1, 0) : at] in _DIGITS or (
                data[end : end + 1] in _DIGITS and not _ends_before_tag(region, at, end)
            )
            if not is_inside and not _IN_CHAIN.search(data[max(at - 2, 0) : at]):
                raise _found("uid", region.where(at))
            at = data.find(needle, end)


def _ends_before_tag(region: _Region, start: int, end: int) -> bool:
    """Tell whether what looks like one more digit is the first byte of the tag that follows."""
    if region.data[end + 1 : end + 2] != b"\0":
        return False
    element = region.element_at(start)
    if element is None or element.end <= end:
        return True
    value = region.data[element.start : element.end].rstrip(b"\0 ")
    return not all(_UID.fullmatch(uid.strip(b" \0")) for uid in value.split(b"\\"))


_DIGITS = frozenset(bytes((byte,)) for byte in b"0123456789")
_IN_CHAIN = late(rb"[0-9]\.$")


class _Region:
    """Bytes to search, and the element that holds a place in them."""

    def __init__(self, data: bytes, start: int, syntax: str, name: str = "") -> None:
        self.data = data
        self.name = name
        self._start = start
        self._syntax = syntax
        self._elements: list[Element] | None = None
        self._starts: list[int] = []

    def elements(self) -> list[Element]:
        """Return every element with a value of its own, file meta first."""
        if self._elements is None:
            self._elements = sorted(self._walk(), key=lambda element: element.start)
            self._starts = [element.start for element in self._elements]
        return self._elements

    def _walk(self) -> list[Element]:
        if self._start < 0:
            return [Element(0, b"UN", 0, len(self.data), self.name)]
        elements: list[Element] = []
        if self._start >= 132:
            elements = Walk(self.data).run(132, self._start)
        walk = Walk(self.data, explicit=self._syntax != _IMPLICIT, big=self._syntax == _BIG_ENDIAN)
        return elements + walk.run(self._start, len(self.data))

    def element_at(self, position: int) -> Element | None:
        """Return the element whose value holds the position."""
        elements = self.elements()
        found = (
            elements[max(bisect.bisect_right(self._starts, position) - 1, 0)] if elements else None
        )
        return found if found and found.start <= position < found.end else None

    def where(self, position: int) -> str:
        """Return the place as people read it."""
        if self.name:
            return self.name
        element = self.element_at(position)
        return element.where if element else f"byte {position}"


class _Search:
    """One search of one region by all rules."""

    def __init__(self, expect: Expectation, suspects: leaks.Suspects, region: _Region) -> None:
        self._expect = expect
        self._suspects = suspects
        self._region = region
        self._charset = Charset.of(expect.charset)
        self._judged: set[tuple[int, str]] = set()  # values that a rule has judged as a whole

    def run(self, has_foreign_text: bool) -> None:
        """Raise LeakFound at the first leak."""
        data = self._region.data
        for hit in self._suspects.hits(data):
            self._judge(hit)
        if has_foreign_text and not self._region.name:
            self._foreign_text()

    def _judge(self, hit: leaks.Hit) -> None:
        """Decide about one hit by what stands around it, else by the element that holds it."""
        if self._suspects.is_innocent(hit, self._region.data):
            return
        element = self._region.element_at((hit.start + hit.end) // 2)
        if element is None:
            return  # between values there are only tags, VRs and lengths
        if (element.start, hit.rule) in self._judged:
            return
        self._judged.add((element.start, hit.rule))
        raw = self._region.data[element.start : element.end]
        if raw.rstrip(b" \0").decode("latin-1") in self._expect.own:
            return
        if self._is_leak(hit, element, raw):
            raise _found(hit.rule, element.path if self._region.name else element.where)

    def _is_leak(self, hit: leaks.Hit, element: Element, raw: bytes) -> bool:
        plain = raw.replace(b"\0", b"")
        vr = element.vr if _is_number(element.vr, raw) else b"LO"
        if hit.rule == "foreign-name":
            return True
        if hit.rule == "name":
            return self._holds_name(plain)
        if hit.rule in ("short-name", "full-name"):
            if vr not in _TEXT or not _is_printable(raw):
                return False
            return self._suspects.breaks_word(self._charset.decode(raw, vr))
        if vr in _NUMERIC:
            return False
        if hit.rule == "date":
            return not (vr == b"UI" and self._expect.uids_retained) and self._holds_date(plain)
        if vr == b"UI" and self._expect.uids_retained:
            return False
        if hit.rule == "short-number":
            return vr in _TEXT and _is_printable(raw) and self._holds_short_number(plain)
        return any(
            leaks.is_whole_number(plain, match.start(), match.end())
            for token in self._suspects.numbers
            for match in re.finditer(token.encode("ascii"), plain)
        )

    def _holds_name(self, plain: bytes) -> bool:
        """Tell whether a run of letters holds a name and isn't a word of the field."""
        text = leaks.without_phrases(plain.decode("latin-1")).encode("latin-1")
        for match in leaks.ASCII_RUN.finditer(text):
            run = match[0].lower().decode("ascii")
            for token in self._suspects.long:
                if token not in run:
                    continue
                is_word = run in ORDINARY_WORDS and match[0].islower()
                if not is_word and (run == token or not is_term(run)):
                    return True
        return False

    def _holds_date(self, plain: bytes) -> bool:
        return any(
            leaks.render(day) not in self._expect.allowed_dates
            for day in self._suspects.dates_in(plain)
        )

    def _holds_short_number(self, plain: bytes) -> bool:
        return any(
            leaks.is_short_number(plain, match.start(), match.end())
            for token in self._suspects.short_numbers
            for match in re.finditer(token.encode("ascii"), plain)
        )

    def _foreign_text(self) -> None:
        """Compare texts outside ASCII as texts: accents and composition may differ.

        Runs of text that were found clean before, as a series repeats them, need no walk.
        """
        checked = self._suspects.checked
        charset = self._expect.charset
        runs = {(charset, run) for run in leaks.foreign_runs(self._region.data)}
        if runs <= checked:
            return
        for element in self._region.elements():
            if element.vr in _TEXT:
                self._check_text(element)
        if len(checked) + len(runs) > 8192:
            checked.clear()
        checked |= runs

    def _check_text(self, element: Element) -> None:
        raw = self._region.data[element.start : element.end]
        if raw.isascii() and b"\x1b" not in raw:
            return
        if element.vr in _BINARY and len(raw) > 4096:
            return  # no text; its bytes were searched in every encoding
        vr = b"LO" if element.vr in _BINARY else element.vr
        rule = self._rule_in_text(raw, vr)
        if rule and raw.rstrip(b" \0").decode("latin-1") not in self._expect.own:
            raise _found(rule, element.where)

    def _rule_in_text(self, raw: bytes, vr: bytes) -> str:
        """Read a value in the declared character set and, as that may be wrong, as UTF-8."""
        rule = self._suspects.is_in_text(self._charset.decode(raw, vr))
        return rule or self._suspects.is_in_text(raw.decode("utf-8", "replace"))


def _is_number(vr: bytes, raw: bytes) -> bool:
    """Tell whether a value is what its VR of numbers says; a name or an id under one is none."""
    form = _WRITTEN_NUMBERS.get(vr)
    if form is None:  # text where binary numbers should stand: no chance makes 6 bytes of it
        return vr not in _NUMERIC or len(raw) < 6 or not _is_printable(raw)
    return all(form.fullmatch(part) for part in raw.split(b"\\"))


_DECIMAL = late(rb"[ \0]*[-+]?[0-9]{0,16}\.?[0-9]{0,16}(?:[eE][-+]?[0-9]{1,3})?[ \0]*")
_WRITTEN_NUMBERS = {
    b"DS": _DECIMAL,
    b"IS": _DECIMAL,
    b"TM": late(rb"[0-9]{0,6}(?:\.[0-9]{1,6})?[ \0]*"),
    b"AS": late(rb"[0-9]{0,4}[DWMY]?[ \0]*"),
    b"DA": late(rb"[0-9.-]*[ \0]*"),
    b"DT": late(rb"[0-9.+-]*[ \0]*"),
}


def _is_printable(raw: bytes) -> bool:
    """Tell whether a value is text: no control characters but line ends, tabs and escapes."""
    return not raw.rstrip(b"\0").translate(None, _TEXT_BYTES)


_TEXT_BYTES = bytes(byte for byte in range(256) if byte >= 32 or byte in b"\t\n\f\r\x1b")
