"""Shapes made to cost time or memory or to hide something: each ends at once, with its reason."""

import io
import struct
import subprocess
import sys
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.uid import JPEG2000Lossless

from studies.deid import EngineError, Outcome, deidentify, inventory
from studies.deid.deflated import Inflater
from studies.deid.source import Source
from tests import datasets
from tests.counts import count
from tests.fuzz import corpus
from tests.fuzz.corpus import MARKERS, objects
from tests.fuzz.mutations import nested, syntax_named
from tests.fuzz.target import IDENTITIES, PLANS, Reader, Writer, check

CT = objects()["ct"]
BIRTH_DATE = CT.index(b"\x10\0\x30\0DA")
STUDY_UID = CT.index(b"\x20\0\x0d\0UI")
ITEM, END = b"\xfe\xff\0\xe0", b"\xfe\xff\xdd\xe0\0\0\0\0"
POLYGLOTS = {
    "tiff": b"II*\0\x08\0\0\0\0\0",
    "pdf": b"%PDF-1.7\n1 0 obj<</Author(Qubaredilo)>>",
    "elf": b"\x7fELF\2\1\1" + bytes(9) + b"\2\0>\0",
    "zip": b"PK\3\4\x14\0\0\0\0\0",
    "html": b"<html><script>Qubaredilo</script>",
    "shell": b"#!/bin/sh\necho Qubaredilo\nexit\n",
}


def outcome_of(data: bytes, plan: str = "basic") -> tuple[Outcome, bytes]:
    writer = Writer(1 << 26)
    outcome = deidentify(Reader(data, 1 << 20), writer, PLANS[plan], IDENTITIES)  # type: ignore[arg-type]
    return outcome, writer.getvalue()


def fragment(content: bytes) -> bytes:
    return ITEM + struct.pack("<I", len(content)) + content


def with_fragments(*parts: bytes) -> bytes:
    data = objects()["ct-jpeg"]
    return data[: data.index(b"\xe0\x7f\x10\0OB") + 12] + b"".join(parts)


def jpeg() -> bytes:
    frame = corpus.jpeg()
    return frame + b"\0" * (len(frame) & 1)


def with_text(text: bytes) -> bytes:
    element = b"\x20\0\0\x40UT\0\0" + struct.pack("<I", len(text)) + text
    return CT[:STUDY_UID] + element + CT[STUDY_UID:]


def test_a_tile_that_ends_inside_itself_is_not_read_without_end() -> None:
    """Its length points at a comment's length, which looks like the start of data."""
    frame = corpus.jpeg_2000(bytes(0xFF93 - 4), tile_length=14)
    outcome, _out = outcome_of(corpus.compressed(frame, JPEG2000Lossless))
    assert (outcome.state, outcome.code) == ("held", "frame-unreadable")


def test_fragments_without_content_do_not_multiply_the_work() -> None:
    data = with_fragments(fragment(b""), fragment(jpeg()), fragment(b"") * 200_000, END)
    assert outcome_of(data)[0].code == "frame-unreadable"


def test_an_offset_table_is_no_place_for_text() -> None:
    data = with_fragments(fragment(b"Qubaredilo  "), fragment(jpeg()), END)
    assert outcome_of(data)[0].code == "frame-unreadable"
    true = with_fragments(fragment(bytes(4)), fragment(jpeg()), END)
    assert outcome_of(true)[0].state == "deidentified"


@pytest.mark.parametrize("length", [0xFFFFFFFC, 0x7FFFFFFC, 0x10000000])
def test_an_offset_table_of_4_gib_is_not_read(length: int) -> None:
    data = with_fragments(ITEM + struct.pack("<I", length) + bytes(64))
    assert outcome_of(data)[0].code == "frame-unreadable"


@pytest.mark.parametrize("is_open", [True, False])
@pytest.mark.parametrize("tag", [b"\x08\0\x40\x11", b"\x08\0\x18\x22", b"\x40\0\x30\xa7"])
def test_nesting_without_end_is_held_or_removed(tag: bytes, is_open: bool) -> None:
    inner = nested(CT[BIRTH_DATE:STUDY_UID], tag, 20_000, explicit=True, is_open=is_open)
    outcome, out = outcome_of(CT[:BIRTH_DATE] + inner + CT[BIRTH_DATE:])
    assert outcome.code == "nesting-too-deep" or (outcome.state == "deidentified" and not is_open)
    assert MARKERS.family.encode() not in out


@pytest.mark.parametrize("tag", [b"\x08\0\x18\x22", b"\x40\0\x75\x02", b"\x40\0\x30\xa7"])
def test_100000_items_are_read_once(tag: bytes) -> None:
    items = fragment(b"\x10\0\x20\0LO\x0c\0" + MARKERS.patient_id.encode()) * 100_000
    sequence = tag + b"SQ\0\0" + struct.pack("<I", len(items)) + items
    outcome, out = outcome_of(CT[:BIRTH_DATE] + sequence + CT[BIRTH_DATE:])
    assert outcome.state == "deidentified"
    assert MARKERS.patient_id.encode() not in out


def test_more_names_than_can_be_looked_for_are_held() -> None:
    names = b"\\".join(b"Family%05d^Given%05d" % (n, n) for n in range(2400))
    element = b"\x10\0\x01\x10PN" + struct.pack("<H", len(names)) + names
    outcome, out = outcome_of(CT[:BIRTH_DATE] + element + CT[BIRTH_DATE:])
    assert (outcome.state, outcome.code) == ("held", "identity-too-large")
    assert not out


def test_a_chain_of_ids_costs_its_length_not_its_square() -> None:
    outcome, out = outcome_of(with_text(b"7302918465." * 20_000), "teleradiology")
    assert outcome.state == "deidentified"
    assert b"7302918465" not in out


@pytest.mark.parametrize("kind", sorted(POLYGLOTS))
def test_a_preamble_of_another_kind_is_not_passed_on(kind: str) -> None:
    head = POLYGLOTS[kind]
    data = head + CT[len(head) :] + head
    assert check(data) == "deidentified"
    _outcome, out = outcome_of(data)
    assert out[:128] == bytes(128)
    assert head not in out


def test_another_patients_object_behind_the_pixels_never_leaves() -> None:
    """Elements that say whose it is hold the object; bytes that are no elements are dropped."""
    other = datasets.part10(datasets.ct(size=8))
    outcome, out = outcome_of(CT + other)
    assert (outcome.state, out) == ("deidentified", outcome_of(CT)[1])
    outcome, _out = outcome_of(CT + other[corpus.end_of_meta(other) :])
    assert (outcome.state, outcome.code) == ("held", "attributes-behind-pixels")


def test_a_name_behind_the_pixels_holds_what_was_said_of_it_before_them() -> None:
    ds = datasets.ct(MARKERS, ImageComments=f"seen with {MARKERS.family}")
    name = ds["PatientName"]
    del ds.PatientName
    spelled = name.value.encode("ascii") + b" " * (len(str(name.value)) % 2)
    behind = struct.pack("<HH2sH", 0x10, 0x10, b"PN", len(spelled)) + spelled
    outcome, _out = outcome_of(datasets.part10(ds) + behind)
    assert (outcome.state, outcome.code) == ("held", "attributes-behind-pixels")


@pytest.mark.parametrize(
    "ending", [b"\xff" * 40, b"\x06\0\xff\xff\0\0\0\0", b"\xb3\x50\x61\xb0\0\0\0\0"]
)
def test_damaged_deflated_data_are_held_by_both_looks(ending: bytes) -> None:
    start = corpus.end_of_meta(CT)
    data = syntax_named(CT[:start], b"1.2.840.10008.1.2.1.99") + ending
    outcome, _out = outcome_of(data)
    assert outcome.code in ("deflate-damaged", "truncated")
    with pytest.raises(EngineError) as raised:
        inventory(io.BytesIO(data))
    assert raised.value.code == outcome.code


@settings(max_examples=count(40, 2000))
@given(st.integers(0, 3), st.integers(1, 1200), st.integers(1, 300))
def test_deflated_data_come_out_whole_in_pieces_of_any_size(
    fill: int, size: int, piece: int
) -> None:
    """The last piece may be inflated when all input is already taken in."""
    data = bytes(n % (fill + 1) for n in range(size))
    coder = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    inflater = Inflater(Source(io.BytesIO(coder.compress(data) + coder.flush())), 0)
    assert b"".join(iter(lambda: inflater.read(piece), b"")) == data


@pytest.mark.parametrize("vr", [b"AT", b"US", b"OB", b"LO"])
def test_identity_under_a_wrong_vr_is_written_under_the_right_one(vr: bytes) -> None:
    for tag, right in (
        (b"\x08\0\x18\0", b"UI"),
        (b"\x10\0\x20\0", b"LO"),
        (b"\x10\0\x10\0", b"PN"),
    ):
        at = CT.index(tag + right)
        size = CT[at + 6 : at + 8]
        head = vr + (b"\0\0" + size + b"\0\0" if vr == b"OB" else size)
        outcome, out = outcome_of(CT[:at] + tag + head + CT[at + 8 :])
        assert outcome.state == "deidentified"
        assert tag + right in out or (right, vr) == (b"PN", b"LO")


def test_an_id_under_age_or_a_number_is_no_age_and_no_number() -> None:
    for tag, vr in (
        (b"\x10\0\x10\x10", b"AS"),
        (b"\x10\0\x30\x10", b"DS"),
        (b"\x18\0\x50\0", b"DS"),
    ):
        at = CT.index(tag + vr)
        (length,) = struct.unpack_from("<H", CT, at + 6)
        element = tag + vr + b"\x0c\0" + MARKERS.patient_id.encode()
        outcome, out = outcome_of(CT[:at] + element + CT[at + 8 + length :], "teleradiology")
        assert outcome.state == "held" or MARKERS.patient_id.encode() not in out


MEMORY = """
import re, sys
from pathlib import Path
from studies.deid import KeyedIdentities, builtin_profile, compile_plan, deidentify

class Zeros:
    def __init__(self, head, count):
        self.head, self.left = head, count
    def read(self, count):
        part, self.head = self.head[:count], self.head[count:]
        more = min(count - len(part), self.left)
        self.left -= more
        return part + bytes(more)

class Nowhere:
    def write(self, data):
        return len(data)

head, size = sys.stdin.buffer.read(), int(sys.argv[1])
plan, ids = compile_plan(builtin_profile("basic")), KeyedIdentities(b"0" * 32)
outcome = deidentify(Zeros(head, size), Nowhere(), plan, ids)
peak = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]
print(outcome.state, outcome.code or "-", peak)
"""


def in_a_process_of_its_own(head: bytes, size: int) -> tuple[str, str, int]:
    """Return state, code and the most memory in KiB of a stream of a head and many zeros."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(size)], input=head, capture_output=True, check=True
    )
    state, code, peak = done.stdout.decode().split()
    return state, code, int(peak)


def test_a_multi_frame_file_of_2_gb_passes_in_150_mb() -> None:
    frames = count(96, 1800)
    size = frames * 1024 * 1024
    ds = datasets.ct(
        MARKERS, size=8, Rows=1024, Columns=512, NumberOfFrames=frames, BitsAllocated=16
    )
    data = datasets.part10(ds)
    at = data.index(b"\xe0\x7f\x10\0OW")
    head = data[: at + 8] + struct.pack("<I", size)
    state, code, peak = in_a_process_of_its_own(head, size)
    assert (state, code) == ("deidentified", "-")
    assert peak < 150 * 1024


def test_a_header_beyond_64_mib_is_held_before_it_fills_memory() -> None:
    endless = CT[:BIRTH_DATE] + b"\x20\0\0\x40UT\0\0" + struct.pack("<I", 200 << 20)
    state, code, peak = in_a_process_of_its_own(endless, 200 << 20)
    assert (state, code) == ("held", "header-too-large")
    assert peak < 220 * 1024
