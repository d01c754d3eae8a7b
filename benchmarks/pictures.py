"""Generated pictures with text at known places, and pictures without any, for the pixel check.

Backgrounds are noise and shapes that look like anatomy at a glance; nothing derives from a real
image. Every picture follows from its seed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from studies.demo import pixels as phantoms

ROWS, COLUMNS = 600, 800
_FONTS = Path("/usr/share/fonts")
_LATIN = (
    "truetype/dejavu/DejaVuSans.ttf",
    "truetype/dejavu/DejaVuSansMono.ttf",
    "truetype/dejavu/DejaVuSans-Bold.ttf",
    "truetype/dejavu/DejaVuSerif.ttf",
    "truetype/liberation/LiberationSans-Regular.ttf",
    "truetype/liberation/LiberationMono-Regular.ttf",
    "truetype/liberation/LiberationSansNarrow-Regular.ttf",
)
_CJK = ("opentype/noto/NotoSansCJK-Regular.ttc", "opentype/noto/NotoSerifCJK-Bold.ttc")
TEXTS = {
    "latin": (
        "DOE^JANE", "Miller, Robert A", "GARCIA LOPEZ MARIA", "SMITH JOHN 12.03.1957",
        "ID: 48291077", "MRN 00391826", "1961-08-23", "23/08/1961 14:22:07", "Dr. Weber",
        "St. Mary Hospital", "ACC A7730192", "Okafor Chinedu", "P-4471-882", "van der Berg",
    ),
    "cyrillic": ("Иванова Анна", "ПЕТРОВ СЕРГЕЙ", "Больница 12", "Дата 14.03.1957"),
    "japanese": ("山田太郎", "ヤマダ タロウ", "佐藤花子", "東京病院"),
    "chinese": ("王小明", "张伟 男", "北京医院", "患者姓名 李娜"),
}  # fmt: skip
COLOURS = ((255, 255, 0), (0, 255, 0), (0, 255, 255), (255, 128, 0), (255, 96, 96), (255, 64, 255))


@dataclass(frozen=True)
class Drawn:
    """One text in a picture: its box, and what makes it easy or hard to find."""

    x: int
    y: int
    width: int
    height: int
    size: int
    contrast: int
    kind: str  # script, "rotated", "coloured" or "edge"
    ink: np.ndarray = field(repr=False, compare=False)  # its pixels, within the box


@dataclass(frozen=True)
class Picture:
    """A grey or RGB picture and the texts in it."""

    pixels: np.ndarray
    texts: tuple[Drawn, ...]
    background: str


def _smooth(noise: np.random.Generator, rows: int, columns: int, scale: float) -> np.ndarray:
    """Return smooth random structure between 0 and 1."""
    small = noise.random((max(int(rows / scale), 2), max(int(columns / scale), 2)), np.float32)
    return cv2.resize(small, (columns, rows), interpolation=cv2.INTER_CUBIC)


def _sector(noise: np.random.Generator) -> np.ndarray:
    seed = int(noise.integers(1 << 30))
    frame = phantoms.sector_frame(ROWS, COLUMNS, float(noise.random()), seed)[:, :, 0]
    return cv2.GaussianBlur(frame, (0, 0), 0.8 + float(noise.random()))


def _radiograph(noise: np.random.Generator) -> np.ndarray:
    image = phantoms.radiograph(ROWS, COLUMNS, int(noise.integers(1 << 30)))
    return (image.astype(np.float32) * (255 / max(int(image.max()), 1))).astype(np.uint8)


def _slice(noise: np.random.Generator) -> np.ndarray:
    seed, at = int(noise.integers(1 << 30)), float(noise.random())
    if noise.random() < 0.5:
        image = np.clip(phantoms.body_slice(512, at, seed) / 2.0 + 100, 0, 255)
    else:
        image = phantoms.head_slice(512, at, seed) / 8.0
    canvas = np.zeros((ROWS, COLUMNS), np.float32)
    canvas[44:556, 144:656] = np.clip(image, 0, 255)
    return canvas.astype(np.uint8)


def _vessels(noise: np.random.Generator) -> np.ndarray:
    """Return a fluoroscopy-like picture: soft shadows and dark branching vessels."""
    image = 90 + 90 * _smooth(noise, ROWS, COLUMNS, 150) + 12 * _smooth(noise, ROWS, COLUMNS, 12)
    for _ in range(int(noise.integers(4, 9))):
        point, angle = noise.random(2) * (COLUMNS, ROWS), noise.random() * 6.28
        for _step in range(90):
            angle += noise.normal(0, 0.16)
            follow = point + 7 * np.array((np.cos(angle), np.sin(angle)))
            first, last = (tuple(int(v) for v in p) for p in (point, follow))
            cv2.line(image, first, last, float(50 + noise.random() * 20), int(noise.integers(2, 7)))
            point = follow
    image = cv2.GaussianBlur(image, (0, 0), 1.2) + noise.normal(0, 3, (ROWS, COLUMNS))
    return np.clip(image, 0, 255).astype(np.uint8)


def _tissue(noise: np.random.Generator) -> np.ndarray:
    """Return texture over all scales, as of bone or breast tissue."""
    image = sum(
        weight * _smooth(noise, ROWS, COLUMNS, scale)
        for weight, scale in ((120, 160), (50, 60), (24, 24), (10, 9), (6, 4))
    )
    return np.clip(image + noise.normal(0, 2, (ROWS, COLUMNS)), 0, 255).astype(np.uint8)


def _dark(noise: np.random.Generator) -> np.ndarray:
    return np.clip(noise.normal(8, 4, (ROWS, COLUMNS)), 0, 255).astype(np.uint8)


BACKGROUNDS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "sector": _sector,
    "radiograph": _radiograph,
    "slice": _slice,
    "vessels": _vessels,
    "tissue": _tissue,
    "dark": _dark,
}


@cache
def _fonts(script: str) -> tuple[str, ...]:
    """Return the fonts of a script that this machine has; "" is Pillow's own, which is Latin."""
    names = {"latin": _LATIN, "cyrillic": _LATIN}.get(script, _CJK)
    found = tuple(name for name in names if (_FONTS / name).exists())
    return found or (("",) if script == "latin" else ())


@lru_cache(maxsize=256)
def _font(name: str, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.truetype(_FONTS / name, size) if name else ImageFont.load_default(size)


def scripts() -> tuple[str, ...]:
    """Return the scripts that this machine has fonts for."""
    return tuple(name for name in TEXTS if _fonts(name))


def mask_of(text: str, size: int, script: str, noise: np.random.Generator) -> np.ndarray:
    """Return how much of each pixel a text covers, 0 to 1, cut to its ink."""
    names = _fonts(script)
    font = _font(names[int(noise.integers(len(names)))], size)
    left, top, right, bottom = font.getbbox(text)
    image = Image.new("L", (int(right - left) + 4, int(bottom - top) + 4), 0)
    ImageDraw.Draw(image).text((2 - left, 2 - top), text, fill=255, font=font)
    mask = np.asarray(image, np.float32) / 255
    rows, columns = np.where(mask > 0.3)
    return mask[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def _place(
    mask: np.ndarray, taken: list[Drawn], noise: np.random.Generator
) -> tuple[int, int] | None:
    height, width = mask.shape
    if width + 12 >= COLUMNS or height + 12 >= ROWS:
        return None
    for _ in range(60):
        x = int(noise.integers(6, COLUMNS - width - 5))
        y = int(noise.integers(6, ROWS - height - 5))
        if all(
            x > t.x + t.width + 14 or t.x > x + width + 14
            or y > t.y + t.height + 10 or t.y > y + height + 10
            for t in taken
        ):  # fmt: skip
            return x, y
    return None


def picture(
    seed: int, sizes: tuple[int, int], contrasts: tuple[int, int], *, texts: int = 6
) -> Picture:
    """Return a picture with texts of the given sizes (em, pixels) and contrasts (grey levels)."""
    noise = np.random.default_rng([seed, *sizes, *contrasts])
    names = tuple(BACKGROUNDS)
    background = names[seed % len(names)]
    grey = BACKGROUNDS[background](noise).astype(np.float32)
    image = np.repeat(grey[:, :, None], 3, axis=2)
    drawn: list[Drawn] = []
    for index in range(texts):
        kind = ("plain", "rotated", "coloured", "edge", "plain", "plain")[index % 6]
        found = scripts()
        script = found[int(noise.integers(len(found)))] if index % 2 else "latin"
        choices = TEXTS[script]
        size = int(noise.integers(sizes[0], sizes[1] + 1))
        mask = mask_of(choices[int(noise.integers(len(choices)))], size, script, noise)
        if kind == "rotated":
            mask = np.rot90(mask, 1 if noise.random() < 0.5 else 3)
        spot = _place(mask, drawn, noise)
        if spot is None:
            continue
        contrast = int(noise.integers(contrasts[0], contrasts[1] + 1))
        _draw(image, mask, spot, contrast, kind, noise)
        name = script if kind == "plain" else kind
        height, width = mask.shape
        drawn.append(Drawn(*spot, width, height, size, contrast, name, mask > 0.5))
    pixels = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    if not any(text.kind == "coloured" for text in drawn):
        pixels = np.ascontiguousarray(pixels[:, :, 0])
    return Picture(pixels, tuple(drawn), background)


def _draw(
    image: np.ndarray,
    mask: np.ndarray,
    spot: tuple[int, int],
    contrast: int,
    kind: str,
    noise: np.random.Generator,
) -> None:
    """Draw a text whose grey differs from 95 % of the pixels behind it by the contrast."""
    (x, y), (height, width) = spot, mask.shape
    part = image[y : y + height, x : x + width]
    if kind == "edge":  # white text, half of it on a white field's edge
        field_from = x + width // 2
        level = 255.0 - contrast
        image[max(y - 5, 0) : y + height + 5, field_from : x + width + 5] = level
        image[max(y - 5, 0) : y + height + 5, x + width + 5 : x + width + 9] = 255
        np.minimum(part, level, out=part)
        target = np.array((255.0, 255.0, 255.0))
    else:
        low, high = (float(value) for value in np.percentile(part, (5, 95)))
        up = high + contrast <= 255 and (low - contrast < 0 or noise.random() < 0.7)
        level = high + contrast if up else low - contrast
        if not 0 <= level <= 255:  # too bright to be darker, too dark to be brighter: dim it
            part *= (255 - contrast) / max(high, 1.0)
            level = 255.0
        target = np.full(3, level)
        if kind == "coloured":
            colour = np.array(COLOURS[int(noise.integers(len(COLOURS)))], float)
            luma = float(colour @ (0.299, 0.587, 0.114))
            part *= min(max(luma - contrast, 4.0) / max(high, 1.0), 1.0)
            target = colour
    cover = mask[:, :, None]
    part *= 1 - cover
    part += cover * target


def clean_picture(seed: int) -> Picture:
    """Return a picture without any text."""
    noise = np.random.default_rng([seed, 99])
    names = tuple(BACKGROUNDS)
    background = names[seed % len(names)]
    grey = BACKGROUNDS[background](noise)
    return Picture(grey, (), background)
