"""What every format reads out of a report and gives back: plain values, no library's model.

A fault names a code and a place, never a value. What a format parsed stays inside its module.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["preliminary", "final", "corrected", "addendum", ""]
FoundKind = Literal["study", "patient", "any", "uid", "reference"]


class ReportError(Exception):
    """A report that can't be read or can't be put back; it stays sealed until a person decides."""

    def __init__(self, code: str, where: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.where = where


@dataclass(frozen=True)
class Found:
    """A pseudonym that stands in a report: a cloud id in its stored form, or a UID.

    `kind` is what its place says it is (`reference`: a UID of something the report is about);
    `is_certain` is False where it may be chance that it looks like a cloud id.
    """

    value: str
    kind: FoundKind
    place: str
    is_certain: bool = True

    @property
    def is_in_field(self) -> bool:
        """Say whether it stands in a field of its own, not in running text."""
        return self.place != "text"


@dataclass(frozen=True)
class Mark:
    """Something that the reader of a re-identified report must know. It holds no value."""

    code: str
    where: str


@dataclass(frozen=True)
class Piece:
    """A run of a re-identified text: put back, doubtful, or as it came."""

    text: str
    is_restored: bool = False
    is_marked: bool = False


@dataclass(frozen=True, repr=False)
class Section:
    """A part of a report as a page shows it: a heading, and text that must be escaped."""

    heading: str
    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """The section's words without their marks."""
        return "".join(piece.text for piece in self.pieces)


@dataclass(frozen=True, repr=False)
class ReturnedReport:
    """A report that came back, as its format's module read it: still under cloud ids."""

    format: str
    body: bytes
    content_type: str
    extension: str
    status: Status = ""
    found: tuple[Found, ...] = ()
    # Places where a cloud id was meant but its check character is wrong.
    mistyped: tuple[str, ...] = ()
    # The report's own name (filler number, identifier, SOP Instance UID) and those it follows.
    own_id: str = ""
    follows: tuple[str, ...] = ()
    # The sender's number of the message, where the format has one.
    control_id: str = ""
    sections: tuple[Section, ...] = ()
    marks: tuple[Mark, ...] = ()
    document: Any = field(default=None, compare=False)

    def plain_text(self) -> str:
        """Return the words of the report, as it came."""
        return "\n\n".join(section.text for section in self.sections)


@dataclass(frozen=True, repr=False)
class ReidentifiedReport:
    """The same report in the same format, with the hospital's own identifiers.

    `file_name` holds no identifier; `display` is text for a page, to be escaped there; `own_id` is
    the name that the report had when it came.
    """

    format: str
    body: bytes
    content_type: str
    file_name: str
    display: tuple[Section, ...]
    marks: tuple[Mark, ...] = ()
    own_id: str = ""


def unique(items: Iterable[Any]) -> tuple[Any, ...]:
    """Return items in order, each once."""
    return tuple(dict.fromkeys(items))
