"""What must hold for any bytes: an outcome with its reason, bounded work, and no identity in it.

Work is counted, not timed: how often and for how much the reader is asked, and how much is
written. A driver that wants to stop at endless loops sets a limit of CPU time around `check`.
"""

import io
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pydicom
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataset import Dataset

from studies.deid import (
    EngineError,
    KeyedIdentities,
    Outcome,
    builtin_profile,
    compile_plan,
    deidentify,
    inventory,
)
from studies.deid.plan import Plan
from tests.fuzz.corpus import MARKERS

PLANS: dict[str, Plan] = {
    name: compile_plan(builtin_profile(name)) for name in ("basic", "teleradiology", "cloud")
}
IDENTITIES = KeyedIdentities(b"a key for fuzzing, of 32 bytes..", prefix="FUZZ")
TOKENS = {
    "PatientName": (MARKERS.family, MARKERS.given),
    "PatientID": (MARKERS.patient_id,),
    "AccessionNumber": (MARKERS.accession,),
    "StudyInstanceUID": (MARKERS.study_uid,),
}
MOST_AT_ONCE = 256 << 20  # the largest frame that is read as a whole
MOST_INFLATED = 80 << 20  # a header and a block, whatever a bomb promises
_CODE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_STRUCTURE = frozenset(("not-dicom", "malformed", "truncated", "unreadable"))


class Reader(io.RawIOBase):
    """A stream that can't be rewound, gives little at a time, and counts what it is asked."""

    def __init__(self, data: bytes, at_once: int = 1 << 16) -> None:
        self._stream = io.BytesIO(data)
        self._most_calls = 64 + len(data)
        self._at_once = at_once
        self.calls = 0

    def read(self, count: int = -1, /) -> bytes:
        self.calls += 1
        assert self.calls <= self._most_calls, "the reader is asked without end"
        assert 0 <= count <= MOST_AT_ONCE, "a length in the file decides how much is read at once"
        return self._stream.read(min(count, self._at_once))


class Writer(io.BytesIO):
    """A stream that takes no more than an output of that size can be."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def write(self, data: object, /) -> int:
        written = super().write(data)  # type: ignore[arg-type]
        assert self.tell() <= self._most, "the output grows beyond its input"
        return written


def check(data: bytes) -> str:
    """Assert what must hold for these bytes; return the state under the basic profile."""
    known = _identity_in(data)
    _check_inventory(data)
    states = []
    for name, plan in PLANS.items():
        writer = Writer(_most_written(data))
        outcome = deidentify(Reader(data), writer, plan, IDENTITIES)  # type: ignore[arg-type]
        check_outcome(outcome, writer.getvalue(), known, plan)
        states.append(outcome.state)
        if name == "basic":
            _check_as_file(data, outcome, writer.getvalue(), plan)
    return states[0]


def check_outcome(outcome: Outcome, out: bytes, known: list[str], plan: Plan) -> None:
    """Assert that an outcome gives its reason, and that what passed is whole and anonymous."""
    assert outcome.state in ("deidentified", "held", "refused")
    said = f"{outcome.code} {outcome.where} {outcome.message}"
    for token in known:
        assert token not in said, "identity in what is shown"
    if outcome.state != "deidentified":
        assert _CODE.fullmatch(outcome.code), outcome.code
        assert outcome.message[:1].isupper(), outcome
        assert outcome.message.endswith((".", ")")), outcome
        return
    assert not outcome.code
    assert not outcome.message
    assert outcome.size == len(out)
    pixels = _readable(out, outcome)
    _check_no_identity(out, pixels, known)
    again = deidentify(io.BytesIO(out), io.BytesIO(), plan, IDENTITIES)
    assert again.code not in _STRUCTURE, f"the engine can't read its own output: {again}"


def _check_inventory(data: bytes) -> None:
    try:
        inventory(Reader(data))  # type: ignore[arg-type]
    except EngineError as error:
        assert _CODE.fullmatch(error.code)
        assert error.message[:1].isupper()
        assert error.message.endswith((".", ")"))


def _check_as_file(data: bytes, streamed: Outcome, out: bytes, plan: Plan) -> None:
    """Assert that a plain file, which the kernel copies, comes out as the stream did."""
    with _file(data) as reader, _file(b"") as writer:
        outcome = deidentify(reader, writer, plan, IDENTITIES)
        assert (outcome.state, outcome.code) == (streamed.state, streamed.code)
        if outcome.state == "deidentified":
            writer.seek(0)
            assert writer.read() == out


def _file(data: bytes) -> io.FileIO:
    """Return a plain file in memory."""
    stream = io.FileIO(os.memfd_create("fuzz"), "r+")
    stream.write(data)
    stream.seek(0)
    return stream


def _most_written(data: bytes) -> int:
    """Return how large an output may be: new UIDs and dummies are longer than what they replace."""
    deflated = MOST_INFLATED if b"1.2.840.10008.1.2.1.99" in data[:4096] else 0
    return (64 << 10) + 48 * len(data) + deflated


def _identity_in(data: bytes) -> list[str]:
    """Return the marker tokens that stand where identity stands, as another reader sees it.

    A mutation can turn a name into a value that nobody can know for one; those don't count.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ds = pydicom.dcmread(io.BytesIO(data), force=True, stop_before_pixels=True)
            elements = {name: ds.get_item(name) for name in TOKENS}
    except Exception:  # noqa: BLE001 - another reader's failure on hostile bytes says nothing
        return []
    found = []
    for name, tokens in TOKENS.items():
        value = getattr(elements[name], "value", None)
        raw = value if isinstance(value, bytes) else str(value or "").encode("latin-1", "replace")
        parts = re.split(rb"[\^=\\ \0]", raw)
        found += [token for token in tokens if token.encode() in parts]
    return found


def _readable(out: bytes, outcome: Outcome) -> bytes:
    """Assert that another reader finds a whole instance; return its native pixel values."""
    assert out[:132] == bytes(128) + b"DICM"
    with _tolerant():
        ds = pydicom.dcmread(io.BytesIO(out))
        count = sum(1 for _ in _elements(ds))
        assert count > 5
        assert str(ds.SOPInstanceUID) == outcome.sop_instance_uid
        assert str(ds.file_meta.MediaStorageSOPInstanceUID) == outcome.sop_instance_uid
        for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"):
            if name in ds and not ds.file_meta.TransferSyntaxUID.is_encapsulated:
                value = ds.get_item(name).value
                return value if isinstance(value, bytes) else b""
    return b""


@contextmanager
def _tolerant() -> Iterator[None]:
    """Let the other reader read values that were wrong in the input, too, and stay wrong."""
    before = pydicom.config.convert_wrong_length_to_UN
    pydicom.config.convert_wrong_length_to_UN = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        pydicom.config.convert_wrong_length_to_UN = before


def _elements(ds: Dataset) -> Iterator[object]:
    """Yield every element, those in sequences included; values other than sequences stay raw."""
    for tag in tuple(ds.keys()):
        raw = ds.get_item(tag)
        yield raw
        if raw.VR == "SQ" or (raw.VR is None and _is_sequence(tag)):
            for item in ds[tag].value or ():
                yield from _elements(item)


def _is_sequence(tag: int) -> bool:
    return bool(dictionary_has_tag(tag)) and str(dictionary_VR(tag)) == "SQ"


def _check_no_identity(out: bytes, pixels: bytes, known: list[str]) -> None:
    if pixels:
        at = out.find(pixels)
        out = out[:at] + out[at + len(pixels) :] if at >= 0 else out
    for token in known:
        for form in (token, token.upper(), token.lower()):
            assert form.encode() not in out, "identity in the output"
