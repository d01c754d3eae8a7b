"""Writing that the reader does not know, or hardly sees, is blanked all the same.

Scripts whose fonts this machine lacks are skipped, each by name.
"""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from benchmarks.pictures import BACKGROUNDS, COLUMNS, ROWS
from benchmarks.pixels import ENOUGH, engine_output
from studies.deid.pixels.rapid import RapidTextFinder
from tests.counts import count

_FONTS = Path("/usr/share/fonts")
_SANS = "truetype/dejavu/DejaVuSans.ttf"
# Font, the package it comes from, and texts.
WRITING = {
    "arabic": (
        "opentype/fonts-hosny-amiri/Amiri-Bold.ttf", "fonts-hosny-amiri",
        ("محمد علي", "فاطمة الزهراء", "مستشفى الملك"),
    ),
    "thai": (
        "truetype/arundina/ArundinaSans.ttf", "fonts-arundina",
        ("สมชาย ใจดี", "โรงพยาบาลกรุงเทพ", "มาลี"),
    ),
    "devanagari": (
        "truetype/lohit-devanagari/Lohit-Devanagari.ttf", "fonts-lohit-deva",
        ("राम कुमार", "अस्पताल दिल्ली", "सीता"),
    ),
    "korean": (
        "opentype/noto/NotoSansCJK-Regular.ttc", "fonts-noto-cjk",
        ("김철수", "서울대학교병원", "이영희"),
    ),
    "handwriting": (
        "truetype/breip/Breip.ttf", "fonts-breip",
        ("Miller Robert", "Jane Doe", "Weber 1957"),
    ),
    "short": (_SANS, "fonts-dejavu", ("A7", "081", "4B2", "JD", "K-9")),
    "digits": (_SANS, "fonts-dejavu", ("48291077", "391826", "5512", "1961")),
}  # fmt: skip


@pytest.fixture(scope="module")
def finder() -> RapidTextFinder:
    return RapidTextFinder()


def drawn(text: str, font: str, size: int) -> np.ndarray:
    """Return how much of each pixel a text covers, 0 to 1."""
    face = ImageFont.truetype(_FONTS / font, size)
    left, top, right, bottom = face.getbbox(text)
    image = Image.new("L", (int(right - left) + 8, int(bottom - top) + 8), 0)
    ImageDraw.Draw(image).text((4 - left, 4 - top), text, fill=255, font=face)
    return np.asarray(image, np.float32) / 255


@pytest.mark.parametrize("kind", WRITING)
def test_writing_is_blanked_whether_it_can_be_read_or_not(
    finder: RapidTextFinder, kind: str, proof: Callable[[str, int, str], None]
) -> None:
    font, package, texts = WRITING[kind]
    if not (_FONTS / font).exists():
        pytest.skip(f"{package} is not installed")
    shares = []
    for seed in range(count(2, 12)):
        noise = np.random.default_rng([seed, 77])
        background = BACKGROUNDS[tuple(BACKGROUNDS)[(2 * seed + 1) % len(BACKGROUNDS)]]
        image = background(noise).astype(np.float32) * 0.6
        masks = []
        for row, text in enumerate(texts):
            mask = drawn(text, font, int(noise.integers(16, 37)))
            y, x = 40 + row * 110, int(noise.integers(10, COLUMNS - mask.shape[1] - 10))
            part = image[y : y + mask.shape[0], x : x + mask.shape[1]]
            level = min(float(np.percentile(part, 95)) + float(noise.integers(60, 120)), 255)
            part += mask * (level - part)
            masks.append((mask > 0.5, y, x))
        before = np.clip(image, 0, 255).astype(np.uint8)
        _after, boxes = engine_output(finder, before)
        gone = np.zeros((ROWS, COLUMNS), bool)
        for box in boxes:
            gone[box.y : box.y + box.height, box.x : box.x + box.width] |= not box.kept
        for ink, y, x in masks:
            shares.append(gone[y : y + ink.shape[0], x : x + ink.shape[1]][ink].mean())
    found = float(np.mean(np.array(shares) >= ENOUGH))
    assert found >= 0.9  # over structure as strong as itself a short text may be missed
    proof(f"blanks writing: {kind}", len(shares), f"{100 * found:.1f} % blanked")


@pytest.mark.parametrize(("size", "angle"), [(20, 180), (28, 45), (20, 30), (28, 135)])
def test_text_that_runs_askew_is_blanked(finder: RapidTextFinder, size: int, angle: int) -> None:
    mask = drawn("MILLER ROBERT 19610823", _SANS, size)
    side = int(np.hypot(*mask.shape)) + 8
    field = np.zeros((side, side), np.float32)
    top, left = (side - mask.shape[0]) // 2, (side - mask.shape[1]) // 2
    field[top : top + mask.shape[0], left : left + mask.shape[1]] = mask
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), angle, 1)
    turned = cv2.warpAffine(field, turn, (side, side), flags=cv2.INTER_CUBIC)
    image = BACKGROUNDS["tissue"](np.random.default_rng(8)).astype(np.float32) * 0.5
    part = image[100 : 100 + side, 200 : 200 + side]
    part += turned * (255 - part)
    after, _boxes = engine_output(finder, np.clip(image, 0, 255).astype(np.uint8))
    assert after[100 : 100 + side, 200 : 200 + side][turned > 0.5].max() < 100
