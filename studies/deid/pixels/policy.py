"""What is asked of the pixels of one instance, and what became of them: plain data.

No text that was read from an image is ever part of a box or a verdict. Nothing here loads numpy,
so that images without any risk pay nothing for the check.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    import numpy as np

Because = Literal["text", "identifier", "device", "template", "region", "person", "mark"]
State = Literal["not-at-risk", "clean", "blanked", "review", "unchecked"]


class Box(NamedTuple):
    """A rectangle of pixels, in columns and rows from the top left corner.

    `frames` are the first and the last frame it is meant for, from 0; None is all of them. `kept`
    says that it was found, judged to be a clinical mark, and left as it is.
    """

    x: int
    y: int
    width: int
    height: int
    frames: tuple[int, int] | None = None
    because: Because = "text"
    kept: bool = False

    def is_in(self, frame: int) -> bool:
        """Tell whether the box is meant for a frame."""
        return self.frames is None or self.frames[0] <= frame <= self.frames[1]

    def clipped(self, rows: int, columns: int) -> Box | None:
        """Return what of the box lies in an image of this size, or None."""
        left, top = max(self.x, 0), max(self.y, 0)
        right, bottom = min(self.x + self.width, columns), min(self.y + self.height, rows)
        if right <= left or bottom <= top:
            return None
        return self._replace(x=left, y=top, width=right - left, height=bottom - top)


class FoundText(NamedTuple):
    """Text found in an image. `text` stays in memory: it may be the patient's name.

    `text` is "" where there is text that could not be read; `score` is how sure its reading is.
    """

    x: int
    y: int
    width: int
    height: int
    text: str
    score: float


class TextFinder(Protocol):
    """Who finds text in images: here in the process, or behind a socket."""

    def find(self, image: np.ndarray, *, enlarged: bool = False) -> list[FoundText]:
        """Return the text in a grey image (uint8, rows by columns), in its coordinates.

        `enlarged` asks for a second, slower look for small and faint text.
        """
        ...


class Template(NamedTuple):
    """Boxes that a person drew for one device and matrix size; they are always blanked.

    Manufacturer and model compare as wholes, without regard to case; "" stands for any.
    """

    manufacturer: str
    model: str
    rows: int
    columns: int
    boxes: tuple[Box, ...]


class PixelPolicy(NamedTuple):
    """How the pixels of an instance are judged.

    `person_boxes` is a person's verdict on this instance: these boxes are blanked, whatever else
    was found, and nothing else is. `approved` lets an image pass that waited for a person.
    `documents`: an encapsulated document that is not shown to be free of identity holds the
    instance, or is dropped from it.
    """

    finder: TextFinder | None
    templates: tuple[Template, ...] = ()
    unsure: Literal["blank", "review"] = "blank"
    person_boxes: tuple[Box, ...] | None = None
    approved: bool = False
    documents: Literal["hold", "drop"] = "hold"


class PixelVerdict(NamedTuple):
    """What became of the pixels. `because` names attributes and devices, never a value of a person.

    `frames_looked` is the number of frames that were searched for text; where it is less than
    `frames`, the rest was proved to differ nowhere that text could be. `lossy` says that pixels
    outside the boxes went through lossy compression once more.
    """

    state: State
    because: tuple[str, ...] = ()
    boxes: tuple[Box, ...] = ()
    frames: int = 0
    frames_looked: int = 0
    rows: int = 0
    columns: int = 0
    lossy: bool = False
