"""Look at the frames of an image at risk: where there is text, in which frames, and what may stay.

All frames are read once. Frames whose fine structure is nowhere stronger than in those searched
need no search of their own; where that can't be shown, every frame is searched.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from ..identifying import IdentifyingValues
from .display import chroma, for_finder, other_views
from .frames import Frames
from .image import Image
from .policy import Box, FoundText, TextFinder
from .ultrasound import is_inside
from .wording import because, is_unsure

_BLOCK = 16
_STRONGER = 1.6  # times the structure of searched frames, from which on a frame is searched too
_FAINT = 3.0  # grey levels of structure that no text is
_STILL = 12  # grey levels by which a still pixel may change; lossy compression does as much
_COLOURS_EVERY = 8  # frames
_MOST_EXTRA = 24  # frames searched for being different, before every frame is


@dataclass(frozen=True)
class Seen:
    """What was seen: boxes, how many frames were searched, doubts, and bits that are no pixels."""

    boxes: tuple[Box, ...]
    looked: int
    unsure: bool
    has_unused_bits: bool


class Look:
    """One look at all frames of one instance."""

    def __init__(
        self,
        frames: Frames,
        finder: TextFinder,
        known: IdentifyingValues,
        areas: tuple[Box, ...] = (),
    ) -> None:
        self._areas = areas
        self._frames = frames
        self._finder = finder
        self._known = known
        self._found: list[FoundText] = []
        self._has_unused = False

    def run(self) -> Seen:
        """Search one frame, or as many as it takes, and judge what was found."""
        count = len(self._frames)
        still: np.ndarray | None = None
        if count == 1:
            self._search(0)
            looked = 1
        else:
            looked, still = self._search_cine()
        boxes = merged(self._judged(still))
        doubts = any(is_unsure(found) and self._is_in_area(found) for found in self._found)
        return Seen(boxes, looked, doubts, self._has_unused)

    def _is_in_area(self, found: FoundText) -> bool:
        """Tell whether text stands where anatomy may be; outside there is only writing."""
        return is_inside(self._areas, found.x + found.width / 2, found.y + found.height / 2)

    def _values(self, frame: int) -> np.ndarray:
        values = self._frames.values(frame)
        self._has_unused = self._has_unused or has_unused_bits(values, self._frames.image)
        return values

    def _search(self, frame: int) -> None:
        """Look at a frame as it is, and enlarged; what the first view can't show, enlarged only."""
        values, image = self._values(frame), self._frames.image
        grey = for_finder(values, image)
        looks = [(grey, False), (grey, True)]
        looks += [(view, True) for view in other_views(values, image)]
        for view, enlarged in looks:
            for found in self._finder.find(view, enlarged=enlarged):
                self._add(found)

    def _add(self, found: FoundText) -> None:
        """Add found text, or join it with the same text found before: the surer reading counts."""
        for index, other in enumerate(self._found):
            if _is_same(found, other):
                left, top = min(found.x, other.x), min(found.y, other.y)
                right = max(found.x + found.width, other.x + other.width)
                bottom = max(found.y + found.height, other.y + other.height)
                surer = max(found, other, key=lambda text: text.score)
                self._found[index] = FoundText(
                    left, top, right - left, bottom - top, surer.text, surer.score
                )
                return
        self._found.append(found)

    def _search_cine(self) -> tuple[int, np.ndarray]:
        """Search the first frame and those that differ; return also what is still.

        Every frame is read to be compared with those that were searched.
        """
        low = high = self._compared(0)[0]
        known: dict[str, np.ndarray] = {}
        looked = 0
        for frame in range(len(self._frames)):
            grey, planes = self._compared(frame)
            low, high = np.minimum(low, grey), np.maximum(high, grey)
            strengths = {name: structure(plane) for name, plane in planes.items()}
            if looked > _MOST_EXTRA or _is_new(strengths, known):
                self._search(frame)
                looked += 1
                known |= {name: _strongest(known.get(name), at) for name, at in strengths.items()}
        return looked, (high - low) <= _STILL

    def _compared(self, frame: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return a frame in grey, and the planes by which it is compared with others.

        Of deep pixels the narrowest range shows structure that the whole of them hides. Where the
        codec gives luma for less, colours are compared now and then only.
        """
        image, luma = self._frames.image, self._frames.luma(frame)
        if luma is not None and frame % _COLOURS_EVERY:
            return luma, {"luma": luma}
        values = self._values(frame)
        grey = for_finder(values, image) if luma is None else luma
        if not image.is_monochrome:
            red, blue = chroma(values, image)
            return grey, {"luma": grey, "red": red, "blue": blue}
        views = other_views(values, image) or [grey]
        return grey, {"luma": grey, "finest": views[-1]}

    def _judged(self, still: np.ndarray | None) -> list[Box]:
        """Return a box for each found text; a mark stays only where nothing else ever stands."""
        boxes = []
        for found in self._found:
            box = Box(found.x, found.y, found.width, found.height)
            reason = because(found, self._known)
            if reason == "mark" and still is not None:
                part = still[box.y : box.y + box.height, box.x : box.x + box.width]
                reason = "mark" if part.all() else "text"
            elif is_unsure(found) and not self._is_in_area(found):
                reason = "region"
            boxes.append(box._replace(because=reason, kept=reason == "mark"))
        return boxes


def _is_new(strengths: dict[str, np.ndarray], known: dict[str, np.ndarray]) -> bool:
    """Tell whether a frame shows anywhere more fine structure than was searched there."""
    return any(
        name not in known or bool((strength > known[name] * _STRONGER + _FAINT).any())
        for name, strength in strengths.items()
    )


def _is_same(found: FoundText, other: FoundText) -> bool:
    """Tell whether two places cover each other for the most part."""
    width = min(found.x + found.width, other.x + other.width) - max(found.x, other.x)
    height = min(found.y + found.height, other.y + other.height) - max(found.y, other.y)
    if width <= 0 or height <= 0:
        return False
    larger = max(found.width * found.height, other.width * other.height)
    return width * height > 0.6 * larger


def structure(grey: np.ndarray) -> np.ndarray:
    """Return how much fine structure is in each block of a frame, in grey levels."""
    across = cv2.absdiff(grey[:, 1:], grey[:, :-1])
    right, bottom = -across.shape[1] % _BLOCK, -across.shape[0] % _BLOCK
    across = cv2.copyMakeBorder(across, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=0)
    size = across.shape[1] // _BLOCK, across.shape[0] // _BLOCK
    return np.asarray(cv2.resize(across, size, interpolation=cv2.INTER_AREA).astype(np.float32))


def _strongest(known: np.ndarray | None, strength: np.ndarray) -> np.ndarray:
    """Return the strongest structure so far, each block with its neighbours'."""
    wide = np.asarray(cv2.dilate(strength, np.ones((3, 3), np.uint8)))
    return wide if known is None else np.maximum(known, wide)


def has_unused_bits(values: np.ndarray, image: Image) -> bool:
    """Tell whether anything stands in the bits above Bits Stored but the sign."""
    if values.dtype.kind == "i" or image.bits_stored == image.bits_allocated:
        return False
    above = np.right_shift(values, image.bits_stored)
    if not above.any():
        return False
    if not image.is_signed:
        return True
    sign = np.right_shift(values, image.bits_stored - 1) & 1
    full = (1 << (image.bits_allocated - image.bits_stored)) - 1
    return bool((above != sign * full).any())


def merged(boxes: Iterable[Box]) -> tuple[Box, ...]:
    """Return boxes without those inside others; a mark that touches other text goes with it."""
    blanked = [box for box in boxes if not box.kept]
    marks = [box for box in boxes if box.kept]
    result: list[Box] = []
    for box in sorted(blanked, key=lambda b: -b.width * b.height):
        if not any(_is_inside(box, other) for other in result):
            result.append(box)
    for mark in marks:
        if not any(_touch(mark, other) for other in result) and mark not in result:
            result.append(mark)
    return tuple(sorted(result, key=lambda b: (b.y, b.x)))


def _is_inside(box: Box, other: Box) -> bool:
    return (
        other.frames in (None, box.frames)
        and other.x <= box.x
        and other.y <= box.y
        and box.x + box.width <= other.x + other.width
        and box.y + box.height <= other.y + other.height
    )


def _touch(box: Box, other: Box) -> bool:
    """Tell whether boxes share enough that they may be one text."""
    width = min(box.x + box.width, other.x + other.width) - max(box.x, other.x)
    height = min(box.y + box.height, other.y + other.height) - max(box.y, other.y)
    return width > 0 and height > 0 and width * height * 4 > box.width * box.height
