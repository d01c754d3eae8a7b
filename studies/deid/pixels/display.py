"""Stored values to what eyes and text finders look at: grey or RGB, 8 bit.

Never written to an output: blanking works on the stored values themselves.
"""

from collections.abc import Iterator

import cv2
import numpy as np

from .image import Image

_VISIBLE, _FAINT = 40, 24  # steps from pixel to pixel: of a colour; too small in grey to be sure of
_FEW = 30  # pixels: fewer such steps are no text
_MOST_COLOUR_VIEWS = 2  # with grey itself, colours have no more directions
_MOST_WINDOWS = 2

_FROM_YCBCR = np.array(((1, 1, 1), (0, -0.344136, 1.772), (1.402, -0.714136, 0)), np.float32)


def signed_values(values: np.ndarray, image: Image) -> np.ndarray:
    """Return monochrome or palette values with their sign, and without unused bits."""
    if values.dtype.kind == "i":
        return values
    mask = values.dtype.type((1 << image.bits_stored) - 1)
    used = np.bitwise_and(values, mask)
    if not image.is_signed:
        return np.asarray(used)
    half = 1 << (image.bits_stored - 1)
    wide = used.astype(np.int64 if image.bits_stored > 16 else np.int32)
    return np.asarray(np.where(wide >= half, wide - 2 * half, wide))


def colours(values: np.ndarray, image: Image) -> np.ndarray:
    """Return uint8 RGB of an image that has colours."""
    if image.photometric == "PALETTE COLOR":
        return _through_palette(values, image)
    if values.dtype != np.uint8:
        values = np.right_shift(values, max(image.bits_stored - 8, 0)).astype(np.uint8)
    if image.photometric.startswith("YBR") and not _is_decoded_to_rgb(image):
        return _rgb(values, is_partial="PARTIAL" in image.photometric)
    return values


def _is_decoded_to_rgb(image: Image) -> bool:
    """Tell whether the decoder has undone the colour transform: JPEG 2000's is its own."""
    return image.photometric in ("YBR_ICT", "YBR_RCT")


def _rgb(values: np.ndarray, *, is_partial: bool) -> np.ndarray:
    """Return YCbCr as RGB (PS3.3 C.7.6.3.1.2)."""
    if not is_partial:
        swapped = cv2.merge([values[:, :, plane] for plane in (0, 2, 1)])
        return np.asarray(cv2.cvtColor(swapped, cv2.COLOR_YCrCb2RGB))
    parts = values.astype(np.float32) - np.array((16, 128, 128), np.float32)
    parts *= np.array((255 / 219, 255 / 224, 255 / 224), np.float32)
    rgb = parts @ _FROM_YCBCR
    return np.asarray(np.clip(np.rint(rgb), 0, 255).astype(np.uint8))


def palette_tables(image: Image) -> tuple[np.ndarray, int]:
    """Return the palette as uint8 RGB by entry, and the first value that it maps."""
    about = np.frombuffer(image.palette[0][:6], "<u2")
    count, first, bits = int(about[0]) or 65536, int(about[1]), int(about[2])
    channels = []
    for raw in image.palette[1:]:
        if bits == 8 and len(raw) < 2 * count:
            table = np.frombuffer(raw, np.uint8)
        else:
            words = np.frombuffer(raw[: len(raw) // 2 * 2], "<u2")
            is_wide = bits == 16 and int(words.max(initial=0)) > 255
            table = (words >> 8 if is_wide else words).astype(np.uint8)
        channels.append(np.resize(table, count))
    return np.stack(channels, axis=-1), first


def _through_palette(values: np.ndarray, image: Image) -> np.ndarray:
    table, first = palette_tables(image)
    index = signed_values(values, image).astype(np.int32) - first
    return np.asarray(table[np.clip(index, 0, len(table) - 1)])


def for_eyes(values: np.ndarray, image: Image) -> np.ndarray:
    """Return what the review desk shows: monochrome values with sign, or RGB."""
    return signed_values(values, image) if image.is_monochrome else colours(values, image)


def for_finder(values: np.ndarray, image: Image) -> np.ndarray:
    """Return a grey image in which text of any colour stands out from what is behind it."""
    if not image.is_monochrome:
        return _grey(colours(values, image))
    shown = signed_values(values, image)
    return _as_grey(shown, (int(shown.min()), int(shown.max())), image)


def other_views(values: np.ndarray, image: Image) -> list[np.ndarray]:
    """Return further grey images, if there is anything that the first one can't show.

    Two colours may have the same grey; of deep pixels, 256 greys show only what stands far apart.
    """
    if not image.is_monochrome:
        return _colour_views(colours(values, image))
    if image.bits_stored <= 8:
        return []
    shown = signed_values(values, image)
    return [_as_grey(shown, edges, image) for edges in _narrow_ranges(shown, image)]


def chroma(values: np.ndarray, image: Image) -> tuple[np.ndarray, np.ndarray]:
    """Return how red and how blue a frame in colours is, apart from its brightness."""
    _luma, red, blue = cv2.split(cv2.cvtColor(colours(values, image), cv2.COLOR_RGB2YCrCb))
    return red, blue


def _as_grey(shown: np.ndarray, edges: tuple[float, float], image: Image) -> np.ndarray:
    """Return values between two edges as 8 bits; what lies outside them is black or white."""
    low, high = edges
    if image.bits_stored == 1:
        grey = (shown * 255).astype(np.uint8)
    elif shown.dtype == np.uint8 and image.bits_stored == 8:
        grey = shown
    else:
        scaled = (shown.astype(np.float32) - low) * (255 / max(high - low, 1))
        grey = np.clip(scaled, 0, 255).astype(np.uint8)
    return 255 - grey if image.photometric == "MONOCHROME1" else grey


def _narrow_ranges(shown: np.ndarray, image: Image) -> Iterator[tuple[float, float]]:
    """Yield the ranges worth a look of their own: where most values lie, and what is displayed."""
    width = float(shown.max()) - float(shown.min())
    low, high = (float(edge) for edge in np.percentile(shown[::2, ::2], (1, 99)))
    margin = max(high - low, 1) / 2  # so that what lies beyond most values stands out from them
    ranges = [(low - margin, high + margin)]
    slope, intercept = image.rescale
    for centre, wide in image.windows[:_MOST_WINDOWS]:
        ends = sorted((centre + side * wide / 2 - intercept) / (slope or 1) for side in (-1, 1))
        ranges.append((ends[0], ends[1]))
    for low, high in sorted(ranges, key=lambda edges: edges[0] - edges[1]):
        if high - low < width / 2:
            width = high - low
            yield low, high


def _colour_views(rgb: np.ndarray) -> list[np.ndarray]:
    """Return colours seen from where those differ that have the same grey; none for grey images."""
    steps = np.diff(rgb.astype(np.int16), axis=1)
    strongest = np.abs(steps).max(axis=2)
    shown = np.abs(np.diff(_grey(rgb).astype(np.int16), axis=1))
    views: list[np.ndarray] = []
    while len(views) < _MOST_COLOUR_VIEWS:
        hidden = steps[(strongest >= _VISIBLE) & (shown < _FAINT)].astype(np.float32)
        if len(hidden) < _FEW:
            break
        _values, axes = np.linalg.eigh(hidden.T @ hidden)
        along = rgb.astype(np.float32) @ axes[:, -1]
        low, high = float(along.min()), float(along.max())
        view = ((along - low) * (255 / max(high - low, 1.0))).astype(np.uint8)
        views.append(view)
        shown = np.maximum(shown, np.abs(np.diff(view.astype(np.int16), axis=1)))
    return views


def _grey(rgb: np.ndarray) -> np.ndarray:
    """Return the mean of luma and the strongest channel: saturated text must not look dark."""
    red, green, blue = cv2.split(rgb)
    strongest = cv2.max(cv2.max(red, green), blue)
    return np.asarray(
        cv2.addWeighted(strongest, 0.5, cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), 0.5, 0)
    )
