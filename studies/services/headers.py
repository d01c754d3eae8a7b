"""Two headers side by side: an original's and its output's, with what was done and why.

The engine runs again on the sealed original, into memory, and nothing is kept. The values are for
the coordinators of an open batch: never logged, never cached.
"""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from django.utils.translation import gettext as _

from studies.deid import deidentify
from studies.deid.naming import attribute_name, path_text
from studies.deid.pixels import PixelPolicy
from studies.faults import PermanentError
from studies.models import PixelCheck, PixelState
from studies.services import desk, inventory, keys, pixels, processing

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement
    from pydicom.dataset import Dataset

LONGEST_VALUE = 200
MOST_ROWS = 2000
# More of an output than this is pixels.
HEADER_BYTES = 64 * 2**20
_FAULTS = (ValueError, KeyError, TypeError, EOFError, NotImplementedError,
           AttributeError, OverflowError, LookupError, RecursionError)  # fmt: skip
# The engine names an attribute inside a sequence for all its items at once.
_ITEM = re.compile(r"\[\d+\]")
_PIXELS = frozenset((0x7FE00010, 0x7FE00008, 0x7FE00009))


@dataclass(frozen=True)
class Line:
    """One attribute before and after; `None` where it isn't there."""

    path: str
    name: str
    before: str | None
    after: str | None
    action: str
    because: str

    @property
    def is_changed(self) -> bool:
        """Say whether the copy that leaves differs here."""
        return self.action != "kept"


@dataclass(frozen=True)
class Difference:
    """All lines of an instance; `stopped` is the code that kept the engine from finishing."""

    lines: tuple[Line, ...]
    stopped: str = ""
    is_cut: bool = False

    @property
    def changed(self) -> int:
        """Return how many attributes differ."""
        return sum(line.is_changed for line in self.lines)


class _Head:
    """A writer that keeps the beginning of what is written and forgets the rest."""

    def __init__(self) -> None:
        self.kept = io.BytesIO()

    def write(self, data: bytes) -> int:
        """Write a block."""
        room = HEADER_BYTES - self.kept.tell()
        if room > 0:
            self.kept.write(data[:room])
        return len(data)


def difference(check: PixelCheck) -> Difference:
    """Return header and header of one image; runs the engine as if a person had approved it."""
    batch, row = check.batch, check.instance
    sealer = keys.batch_sealer(batch)
    patient = inventory.entered_patient(row.study, sealer) if row.study else None
    head = _Head()
    with desk.original(check) as reader:
        outcome = deidentify(
            reader,
            cast(BinaryIO, head),
            processing.plan_of(batch.profile_version),
            inventory.identities_of(batch),
            patient=patient,
            pixels=_as_approved(check),
        )
    if outcome.state != "deidentified":
        return Difference((), stopped=outcome.code)
    with desk.original(check) as reader:
        before = values_of(read_header(reader))
    head.kept.seek(0)
    after = values_of(read_header(head.kept))
    said = {change.path: (change.action, change.because) for change in outcome.changes}
    lines = tuple(_lines(before, after, said))
    return Difference(lines[:MOST_ROWS], is_cut=len(lines) > MOST_ROWS)


def _as_approved(check: PixelCheck) -> PixelPolicy:
    """Return the policy that blanks the boxes as they stand, and looks for nothing."""
    if check.person_boxes is None and check.state in ("", PixelState.NOT_AT_RISK):
        return PixelPolicy(finder=None)
    boxes = check.boxes if check.person_boxes is None else check.person_boxes
    return PixelPolicy(finder=None, person_boxes=pixels.boxes_of(boxes), approved=True)


def _lines(
    before: dict[str, tuple[str, str]],
    after: dict[str, tuple[str, str]],
    said: dict[str, tuple[str, str]],
) -> list[Line]:
    found = []
    for path in sorted({*before, *after}):
        name = (before.get(path) or after[path])[0]
        old = before[path][1] if path in before else None
        new = after[path][1] if path in after else None
        letter, because = said.get(path) or said.get(_ITEM.sub("", path), ("", ""))
        found.append(Line(path, name, old, new, _action(old, new, letter, because), because))
    return found


def _action(old: str | None, new: str | None, letter: str, because: str) -> str:
    """Name what was done by what is there now; only the kind of a change is the engine's word."""
    if old == new:
        return "kept"
    if new is None:
        return "removed"
    if not new:
        return "emptied"
    if because in ("retain-modified-dates", "retain-full-dates"):
        return "date-shifted"
    return "text-cleaned" if letter == "C" else "replaced"


# --- reading -------------------------------------------------------------------------------------


class _Nameless:
    """A sealed stream for pydicom, which asks buffered readers for the name of their file."""

    def __init__(self, raw: BinaryIO) -> None:
        self.read, self.seek, self.tell = raw.read, raw.seek, raw.tell


def read_header(reader: BinaryIO) -> Dataset:
    """Read a data set up to its pixels; raise PermanentError where it can't be read so."""
    # Loaded when the first header is shown: most web processes never need it.
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom's warnings quote values
            return dcmread(_Nameless(reader), stop_before_pixels=True, force=True)
    except (InvalidDicomError, *_FAULTS):
        raise PermanentError(
            "header-unreadable", _("The header can't be shown: it can't be read with certainty.")
        ) from None


def values_of(dataset: Dataset) -> dict[str, tuple[str, str]]:
    """Return name and value of every attribute by its path, nested ones too, as text."""
    found: dict[str, tuple[str, str]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _collect(dataset, (), found)
    return found


def _collect(dataset: Dataset, path: tuple[int, ...], found: dict[str, tuple[str, str]]) -> None:
    for tag in sorted(dataset.keys()):
        if len(found) > 2 * MOST_ROWS or tag in _PIXELS:
            return
        where = path_text(path, int(tag))
        name = attribute_name(int(tag))
        try:
            element = dataset[tag]
        except _FAULTS:
            found[where] = (name, "?")
            continue
        if element.VR == "SQ":
            for number, item in enumerate(element.value or (), 1):
                _collect(item, (*path, int(tag), -number), found)
        else:
            found[where] = (name, _shown(element))


def _shown(element: DataElement) -> str:
    value: Any = element.value
    if isinstance(value, bytes):
        text = value.rstrip(b" \0").decode("ascii", "replace")
        is_text = text.isprintable() and "\ufffd" not in text
        return text[:LONGEST_VALUE] if is_text else f"{len(value)} bytes"
    if value is None:
        return ""
    many = getattr(element, "VM", 1) > 1 and not isinstance(value, str)
    text = "\\".join(str(one) for one in value) if many else str(value)
    return text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "…"
