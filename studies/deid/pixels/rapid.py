"""Text in a grey image, found and read by the PP-OCR models that the rapidocr wheel carries.

The models run on onnxruntime, one thread each, and nothing is ever downloaded. What is read stays
in memory. For long-lived processes: loading costs about a second.
"""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from .policy import FoundText

_DETECTOR = "PP-OCRv6_det_small.onnx"
_READER = "PP-OCRv6_rec_small.onnx"
_PIXELS = 1_000_000  # looked at in a first pass; larger images are made smaller
_ENLARGED_PIXELS = 2_000_000
_LARGEST_TILE = 1536
_OVERLAP = 128
_TEXT = 0.25  # from here on a pixel may be of a text
_POSSIBLE = 0.45  # the mean over a text, from which on it may be one
_LIKELY = 0.62  # from here on it is one if it can be read too
_CERTAIN = 0.8  # of what is seen, or of what is read: from here on there is no doubt
_SPECK = 120  # pixels: the smallest text of two letters takes more
_AGAIN = (1.5, 2.5)  # sizes at which a doubtful place is looked at again
_AROUND = 64  # pixels around it that are shown with it
_CLEAR = 40  # height of a text in pixels, from which on it need not be enlarged
_SMALLEST = 5.0  # pixels of the image: no letter is smaller
_SCENE = 0.3  # of an image's smaller side
_THIN, _THICK = 4, 150  # least and most height of a text, in pixels of the pass
_SAME, _INSIDE = 0.4, 0.9  # of a place in another: are the same text; has nothing of its own
_ASKEW = 24  # pixels: a core higher than this may be a thinner one that runs askew
_UNCLIP = 1.9  # the detector marks the core of a text; this grows it to the whole
_READ_HEIGHT = 48
_READ_WIDTH = 960
_MOST_READ = 64
_BATCH = 6


class _Spot(NamedTuple):
    """A place of text: edges in pixels of the image, how likely, height of its writing."""

    left: float
    top: float
    right: float
    bottom: float
    score: float
    height: float


class RapidTextFinder:
    """Finds and reads text; one per process, and not shared by threads."""

    def __init__(self) -> None:
        self._detector = _session(_DETECTOR)
        self._reader = _session(_READER)
        letters = self._reader.get_modelmeta().custom_metadata_map["character"]
        self._letters = ["", *letters.splitlines(), " "]

    def find(self, image: np.ndarray, *, enlarged: bool = False) -> list[FoundText]:
        """Return the text in a grey image; `enlarged` looks again, at twice the size and half."""
        if image.dtype != np.uint8 or image.ndim != 2:
            raise ValueError("a text finder looks at grey images of 8 bits")
        spots = [
            spot for scale in _scales(image.shape, enlarged) for spot in self._at(image, scale)
        ]
        spots = _likely_first([spot for spot in spots if spot.height >= _SMALLEST])
        read = self._read(image, spots[:_MOST_READ]) + [("", 0.0)] * len(spots[_MOST_READ:])
        return [
            _found(spot, image.shape, text, score)
            for spot, (text, score) in zip(spots, read, strict=True)
            if score >= _CERTAIN or not _is_scene(spot, image.shape)
            if score >= _CERTAIN or not _is_speck(spot)
            if not _is_doubtful(spot, text, score) or self._is_seen_again(image, spot)
        ]

    # Where ----------------------------------------------------------------------------------

    def _at(self, image: np.ndarray, scale: float) -> Iterator[_Spot]:
        """Yield what the detector sees at one scale, tile by tile."""
        rows, columns = (max(round(side * scale / 32), 1) * 32 for side in image.shape)
        how = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
        shown = cv2.resize(image, (columns, rows), interpolation=how)
        back = image.shape[1] / columns, image.shape[0] / rows
        for top, bottom in _tiles(rows):
            for left, right in _tiles(columns):
                chances = self._chances(shown[top:bottom, left:right])
                for spot in _spots(chances):
                    yield _Spot(
                        (spot.left + left) * back[0],
                        (spot.top + top) * back[1],
                        (spot.right + left) * back[0],
                        (spot.bottom + top) * back[1],
                        spot.score,
                        spot.height * min(back),
                    )

    def _is_seen_again(self, image: np.ndarray, spot: _Spot) -> bool:
        """Tell whether a place looks like text also by itself, at another size, in both polarities.

        Writing does, whatever its script. Noise and edges do at one size, and bright or dark only.
        """
        left, top, right, bottom = _edges(spot, image.shape, _AROUND)
        part = np.ascontiguousarray(image[top:bottom, left:right])
        here = spot._replace(
            left=spot.left - left, right=spot.right - left,
            top=spot.top - top, bottom=spot.bottom - top,
        )  # fmt: skip
        sizes = [size * min(1.0, _CLEAR / spot.height) for size in _AGAIN]
        return any(
            self._covers(part, here, size) and self._covers(255 - part, here, size)
            for size in sizes
        )

    def _covers(self, part: np.ndarray, here: _Spot, size: float) -> bool:
        """Tell whether likely text at one size covers a place."""
        seen = (spot for spot in self._at(part, size) if spot.score >= _LIKELY)
        return sum(_shared(here, spot) for spot in seen) > _SAME

    def _chances(self, tile: np.ndarray) -> np.ndarray:
        """Return for each pixel how likely it is in the core of a text."""
        grey = tile.astype(np.float32) / 127.5 - 1
        batch = np.ascontiguousarray(np.broadcast_to(grey, (1, 3, *grey.shape)))
        return np.asarray(self._detector.run(None, {"x": batch})[0][0, 0])

    # What -----------------------------------------------------------------------------------

    def _read(self, image: np.ndarray, spots: list[_Spot]) -> list[tuple[str, float]]:
        """Return text and certainty for each place; upright ones are read both ways round."""
        crops: list[tuple[int, np.ndarray]] = []
        for index, spot in enumerate(spots):
            crop = _crop(image, spot)
            if crop.shape[0] > 1.5 * crop.shape[1]:
                crops += [(index, np.rot90(crop)), (index, np.rot90(crop, 3))]
            else:
                crops.append((index, crop))
        best = [("", 0.0)] * len(spots)
        crops.sort(key=lambda item: item[1].shape[1] / item[1].shape[0])
        for first in range(0, len(crops), _BATCH):
            batch = crops[first : first + _BATCH]
            read = self._read_batch([crop for _index, crop in batch])
            for (index, _crop_read), result in zip(batch, read, strict=True):
                if result[1] > best[index][1]:
                    best[index] = result
        return best

    def _read_batch(self, crops: list[np.ndarray]) -> list[tuple[str, float]]:
        lines = [_line(crop) for crop in crops]
        widest = max(line.shape[1] for line in lines)
        batch = np.zeros((len(lines), 3, _READ_HEIGHT, widest), np.float32)
        for index, line in enumerate(lines):
            batch[index, :, :, : line.shape[1]] = line.astype(np.float32) / 127.5 - 1
        chances = self._reader.run(None, {"x": batch})[0]
        letters, certainty = chances.argmax(axis=2), chances.max(axis=2)
        return [self._text(*pair) for pair in zip(letters, certainty, strict=True)]

    def _text(self, letters: np.ndarray, certainty: np.ndarray) -> tuple[str, float]:
        """Undo the repetition of letters over neighbouring columns (CTC)."""
        is_new = np.concatenate(([True], letters[1:] != letters[:-1])) & (letters > 0)
        if not is_new.any():
            return "", 0.0
        text = "".join(self._letters[letter] for letter in letters[is_new])
        return text.strip(), float(certainty[is_new].mean())


def _session(name: str) -> Any:
    """Return a model from the rapidocr wheel, ready to run on one thread."""
    import onnxruntime

    wheel = find_spec("rapidocr")
    if wheel is None or not wheel.submodule_search_locations:
        raise RuntimeError("the rapidocr package, which carries the models, is not installed")
    path = Path(wheel.submodule_search_locations[0]) / "models" / name
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _scales(shape: tuple[int, ...], enlarged: bool) -> list[float]:
    """Return at which sizes to look at an image of this shape."""
    pixels = shape[0] * shape[1]
    if not enlarged:
        return [min(1.0, (_PIXELS / pixels) ** 0.5)]
    return [min(2.0, max(1.0, (_ENLARGED_PIXELS / pixels) ** 0.5)), min(0.5, 400 / max(shape))]


def _tiles(length: int) -> Iterator[tuple[int, int]]:
    """Yield overlapping ranges that cover a side."""
    count = max(-(-(length - _OVERLAP) // (_LARGEST_TILE - _OVERLAP)), 1)
    size = -(-((length - _OVERLAP) // count + _OVERLAP) // 32) * 32
    for index in range(count):
        last = min(index * (size - _OVERLAP) + size, length)
        yield max(last - size, 0), last


def _spots(chances: np.ndarray) -> Iterator[_Spot]:
    """Yield the places where a text's core is, grown to the whole of it."""
    mask = (chances > _TEXT).astype(np.uint8)
    count, labels, about, _centres = cv2.connectedComponentsWithStats(mask, connectivity=8)
    for label in range(1, count):
        left, top, width, height, area = (int(value) for value in about[label])
        if min(width, height) < 2 or area < 8:
            continue
        part = slice(top, top + height), slice(left, left + width)
        is_core = labels[part] == label
        score = float(chances[part][is_core].mean())
        long, short = _sides(is_core)
        grow = area * _UNCLIP / (2 * (long + short))
        thickness = short + 2 * grow
        if score < _POSSIBLE or not _THIN <= thickness <= _THICK:
            continue
        yield _Spot(
            left - grow, top - grow, left + width + grow, top + height + grow, score, thickness
        )


def _sides(core: np.ndarray) -> tuple[float, float]:
    """Return length and thickness of a text's core: of one that runs askew, along its own line."""
    height, width = core.shape
    if min(height, width) >= _ASKEW:
        outlines, _tree = cv2.findContours(
            core.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
        )
        sides = cv2.minAreaRect(np.concatenate(outlines))[1]
        if min(sides) < min(height, width) / 2:
            return max(sides) + 1, min(sides) + 1
    return max(height, width), min(height, width)


def _likely_first(spots: list[_Spot]) -> list[_Spot]:
    """Return places of text, and after them the less likely ones that lie elsewhere."""
    likely = _joined([spot for spot in spots if spot.score >= _LIKELY])
    rest = _joined([spot for spot in spots if spot.score < _LIKELY])
    return likely + [
        spot for spot in rest if not any(_shared(spot, other) > _INSIDE for other in likely)
    ]


def _joined(spots: list[_Spot]) -> list[_Spot]:
    """Join places that overlap: the same text at two scales, or in two tiles."""
    rest = sorted(spots, key=lambda spot: -(spot.right - spot.left) * (spot.bottom - spot.top))
    joined: list[_Spot] = []
    for spot in rest:
        for index, other in enumerate(joined):
            if _shared(spot, other) > _SAME:
                joined[index] = _Spot(
                    min(spot.left, other.left), min(spot.top, other.top),
                    max(spot.right, other.right), max(spot.bottom, other.bottom),
                    max(spot.score, other.score), max(spot.height, other.height),
                )  # fmt: skip
                break
        else:
            joined.append(spot)
    return sorted(joined, key=lambda spot: (spot.top, spot.left))


def _shared(spot: _Spot, other: _Spot) -> float:
    """Return how much of a place lies in another one."""
    width = min(spot.right, other.right) - max(spot.left, other.left)
    height = min(spot.bottom, other.bottom) - max(spot.top, other.top)
    area = (spot.right - spot.left) * (spot.bottom - spot.top)
    return max(width, 0.0) * max(height, 0.0) / area


def _is_doubtful(spot: _Spot, text: str, reading: float) -> bool:
    """Tell whether a place may be noise: hardly like text, or neither surely text nor read."""
    is_read = reading >= _CERTAIN and len(text) > 1  # one stroke is easily a letter
    return spot.score < (_LIKELY if is_read else _CERTAIN)


def _is_speck(spot: _Spot) -> bool:
    """Tell whether a place is as small and doubtful as noise is."""
    area = (spot.right - spot.left) * (spot.bottom - spot.top)
    return spot.score < _CERTAIN and area < _SPECK


def _is_scene(spot: _Spot, shape: tuple[int, ...]) -> bool:
    """Tell whether a place is as high as organs are, rather than writing."""
    return spot.height > _SCENE * min(shape)


def _edges(spot: _Spot, shape: tuple[int, ...], pad: float) -> tuple[int, int, int, int]:
    left, top = max(int(spot.left - pad), 0), max(int(spot.top - pad), 0)
    right = min(int(np.ceil(spot.right + pad)), shape[1])
    bottom = min(int(np.ceil(spot.bottom + pad)), shape[0])
    return left, top, max(right, left + 1), max(bottom, top + 1)


def _crop(image: np.ndarray, spot: _Spot) -> np.ndarray:
    left, top, right, bottom = _edges(spot, image.shape, 1)
    return image[top:bottom, left:right]


def _line(crop: np.ndarray) -> np.ndarray:
    """Return a crop at the height that the reader knows, stretched to full contrast."""
    low, high = int(crop.min()), int(crop.max())
    if 0 < high - low < 160:
        crop = ((crop.astype(np.float32) - low) * (255 / (high - low))).astype(np.uint8)
    width = int(np.clip(np.ceil(_READ_HEIGHT * crop.shape[1] / crop.shape[0]), 16, _READ_WIDTH))
    return np.asarray(cv2.resize(np.ascontiguousarray(crop), (width, _READ_HEIGHT)))


def _found(spot: _Spot, shape: tuple[int, ...], text: str, score: float) -> FoundText:
    """Return the box to blank: longer by part of a letter, as ends are seen worst."""
    along = 0.3 * spot.height
    is_upright = spot.bottom - spot.top > 1.5 * (spot.right - spot.left)
    across = max(1.0, 0.08 * spot.height)
    wide = spot._replace(
        left=spot.left - (across if is_upright else along),
        right=spot.right + (across if is_upright else along),
        top=spot.top - (along if is_upright else across),
        bottom=spot.bottom + (along if is_upright else across),
    )
    left, top, right, bottom = _edges(wide, shape, 0)
    return FoundText(left, top, right - left, bottom - top, text, score)
