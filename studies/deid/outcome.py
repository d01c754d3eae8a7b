"""What the engine says about one instance: its state, its new names, and what must be sealed.

`Outcome` may be shown and logged. `Originals` and `Inventory` hold patient data: seal them.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

State = Literal["deidentified", "held", "refused"]


class Change(NamedTuple):
    """One attribute that was not kept as it came. Holds no value."""

    path: str
    name: str
    action: str
    because: str


class Changes:
    """What was done, by attribute. Built from a compact log when somebody looks."""

    __slots__ = ("_log",)

    def __init__(self, log: "list[tuple[tuple[int, ...], int, str, str]] | None" = None) -> None:
        self._log = log if log is not None else []

    @property
    def counts(self) -> dict[str, int]:
        """How many attributes each action met."""
        return dict(Counter(action for _path, _tag, action, _because in self._log))

    def __iter__(self) -> Iterator[Change]:
        from .naming import attribute_name, path_text

        for path, tag, action, because in self._log:
            yield Change(path_text(path, tag), attribute_name(tag), action, because)

    def __len__(self) -> int:
        return len(self._log)


@dataclass(frozen=True)
class Risk:
    """Why an image may show text: each reason names an attribute and what about it."""

    reasons: tuple[str, ...]


@dataclass
class Originals:
    """What has to be sealed for the way back. Patient data: never show, log or queue it."""

    patient: dict[str, tuple[str, ...]] = field(default_factory=dict)
    study: dict[str, tuple[str, ...]] = field(default_factory=dict)
    dates: tuple[tuple[str, str, str], ...] = ()
    uids: dict[str, str] = field(default_factory=dict)
    sop_instance_uid: str = ""
    series_instance_uid: str = ""
    study_instance_uid: str = ""
    frame_of_reference_uids: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "<Originals>"


@dataclass
class Outcome:
    """What became of one instance. Everything but `originals` is free of patient data."""

    state: State = "deidentified"
    code: str = ""
    where: str = ""
    message: str = ""
    sop_instance_uid: str = ""
    series_instance_uid: str = ""
    study_instance_uid: str = ""
    sop_class_uid: str = ""
    transfer_syntax_uid: str = ""
    modality: str = ""
    series_number: int | None = None
    instance_number: int | None = None
    body_part: str = ""
    cloud_study_id: str = ""
    cloud_patient_id: str = ""
    size: int = 0
    sha256: str = ""
    originals: Originals = field(default_factory=Originals, repr=False)
    changes: Changes = field(default_factory=Changes, repr=False)
    risk: Risk | None = None
