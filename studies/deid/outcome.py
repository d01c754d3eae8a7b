"""What the engine says about one instance: its state, its new names, and what must be sealed.

`Outcome` may be shown and logged. `Originals` and `Inventory` hold patient data: seal them.
"""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from .pixels.policy import PixelVerdict

State = Literal["deidentified", "held", "refused"]


class Change(NamedTuple):
    """One attribute that was not kept as it came. Holds no value."""

    path: str
    name: str
    action: str
    because: str


# Path of sequences and tag as the scan sees them (swapped), or several tags; action; why.
LogEntry = tuple[tuple[int, ...], "int | list[int]", str, str]


class Changes:
    """What was done, by attribute. Built from a compact log when somebody looks."""

    __slots__ = ("_log",)

    def __init__(self, log: "list[LogEntry] | None" = None) -> None:
        self._log = log if log is not None else []

    def _entries(self) -> "Iterator[tuple[tuple[int, ...], int, str, str]]":
        for path, tags, action, because in self._log:
            for tag in tags if isinstance(tags, list) else (tags,):
                yield path, tag, action, because

    @property
    def counts(self) -> dict[str, int]:
        """How many attributes each action met."""
        return dict(Counter(action for _path, _tag, action, _because in self._entries()))

    def __iter__(self) -> Iterator[Change]:
        from .dataset import swapped
        from .naming import attribute_name, path_text

        for path, tag, action, because in self._entries():
            plain = swapped(tag)
            where = path_text(tuple(map(swapped, path)), plain)
            yield Change(where, attribute_name(plain), action, because)

    def __len__(self) -> int:
        return sum(1 for _ in self._entries())


class Risk(NamedTuple):
    """Why an image may show text: each reason names an attribute and what about it."""

    reasons: tuple[str, ...]


class Originals:
    """What has to be sealed for the way back. Patient data: never show, log or queue it."""

    def __init__(
        self,
        patient: dict[str, tuple[str, ...]] | None = None,
        study: dict[str, tuple[str, ...]] | None = None,
        dates: tuple[tuple[str, str, str], ...] = (),
        uids: dict[str, str] | None = None,
        sop_instance_uid: str = "",
        series_instance_uid: str = "",
        study_instance_uid: str = "",
        frame_of_reference_uids: tuple[str, ...] = (),
    ) -> None:
        self.patient = patient if patient is not None else {}
        self.study = study if study is not None else {}
        self.dates = dates
        self.uids = uids if uids is not None else {}
        self.sop_instance_uid = sop_instance_uid
        self.series_instance_uid = series_instance_uid
        self.study_instance_uid = study_instance_uid
        self.frame_of_reference_uids = frame_of_reference_uids

    def __repr__(self) -> str:
        return "<Originals>"


class Outcome:
    """What became of one instance. Everything but `originals` is free of patient data."""

    sop_instance_uid = ""
    series_instance_uid = ""
    study_instance_uid = ""
    sop_class_uid = ""
    transfer_syntax_uid = ""
    modality = ""
    series_number: int | None = None
    instance_number: int | None = None
    body_part = ""
    cloud_study_id = ""
    cloud_patient_id = ""
    size = 0
    sha256 = ""
    risk: Risk | None = None
    # What became of the pixels; None where there are none.
    pixels: "PixelVerdict | None" = None

    def __init__(
        self, state: State = "deidentified", code: str = "", where: str = "", message: str = ""
    ) -> None:
        self.state: State = state
        self.code, self.where, self.message = code, where, message
        self.originals = Originals()
        self.changes = Changes()

    def __repr__(self) -> str:
        return f"<Outcome {self.state} {self.code}>"

    def take_from(self, like: "Outcome") -> None:
        """Take over what is the same for all instances of a series of one kind."""
        self.transfer_syntax_uid, self.sop_class_uid = like.transfer_syntax_uid, like.sop_class_uid
        self.modality, self.body_part = like.modality, like.body_part
        self.series_number = like.series_number
        self.cloud_patient_id, self.cloud_study_id = like.cloud_patient_id, like.cloud_study_id
        self.study_instance_uid = like.study_instance_uid
        self.series_instance_uid = like.series_instance_uid
        # Only what has no evidence of text is remembered, and its like says the same of itself.
        self.risk, self.pixels = like.risk, like.pixels
        ours, theirs = self.originals, like.originals
        ours.patient, ours.study = theirs.patient, theirs.study
        ours.study_instance_uid = theirs.study_instance_uid
        ours.series_instance_uid = theirs.series_instance_uid
        ours.frame_of_reference_uids = theirs.frame_of_reference_uids
