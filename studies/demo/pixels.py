"""Synthetic pixels: phantoms that look like the modality at a glance, and text burnt into them.

Shapes and noise only; nothing here is or derives from a real image. No DICOM objects here.
"""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Frame = npt.NDArray[np.uint8]
Slice = npt.NDArray[np.int16]


def _ellipse(size: int, cx: float, cy: float, rx: float, ry: float) -> npt.NDArray[np.bool_]:
    """Mask of an ellipse given in fractions of the image's side."""
    y, x = np.ogrid[0:size, 0:size]
    inside = ((x / size - cx) / rx) ** 2 + ((y / size - cy) / ry) ** 2 <= 1
    return np.asarray(inside, dtype=bool)


def body_slice(size: int, position: float, seed: int) -> Slice:
    """A transverse slice of a torso phantom in Hounsfield units; position runs from 0 to 1."""
    noise = np.random.default_rng([seed, int(position * 10_000)])
    image = np.full((size, size), -1000, dtype=np.int16)
    image[_ellipse(size, 0.5, 0.5, 0.42, 0.30)] = -90
    image[_ellipse(size, 0.5, 0.5, 0.39, 0.27)] = 45
    lung = 0.10 + 0.05 * np.sin(np.pi * position)
    for side in (0.32, 0.68):
        image[_ellipse(size, side, 0.47, lung, lung * 1.5)] = -820
    image[_ellipse(size, 0.47, 0.42, 0.08, 0.07)] = 180
    image[_ellipse(size, 0.5, 0.68, 0.05, 0.05)] = 520
    image[_ellipse(size, 0.5, 0.71, 0.018, 0.018)] = 20
    image += noise.integers(-14, 15, image.shape, dtype=np.int16)
    return image


def head_slice(size: int, position: float, seed: int) -> npt.NDArray[np.uint16]:
    """A transverse slice of a head phantom with MR-like contrast, 12 bits."""
    noise = np.random.default_rng([seed, 7, int(position * 10_000)])
    width = 0.30 + 0.08 * np.sin(np.pi * (0.2 + 0.6 * position))
    image = np.zeros((size, size), dtype=np.int32)
    image[_ellipse(size, 0.5, 0.5, width, width * 1.2)] = 1600
    image[_ellipse(size, 0.5, 0.5, width * 0.93, width * 1.12)] = 260
    image[_ellipse(size, 0.5, 0.5, width * 0.88, width * 1.06)] = 820
    image[_ellipse(size, 0.5, 0.5, width * 0.70, width * 0.86)] = 1050
    for side in (0.46, 0.54):
        image[_ellipse(size, side, 0.47, 0.025, 0.09)] = 240
    image += noise.integers(0, 60, image.shape, dtype=np.int32)
    return image.astype(np.uint16)


def radiograph(rows: int, columns: int, seed: int) -> npt.NDArray[np.uint16]:
    """A frontal chest phantom, 12 bits, inverted as MONOCHROME2 for presentation."""
    noise = np.random.default_rng([seed, 11])
    y, x = np.mgrid[0:rows, 0:columns]
    x, y = x / columns, y / rows
    side = np.abs(x - 0.5)
    trunk = 1 / (1 + np.exp((side - 0.44 + 0.16 * np.exp(-y / 0.05)) / 0.012))
    lung_axis = 0.19 + 0.06 * y
    lung = np.exp(-((((side - lung_axis) / 0.13) ** 2 + ((y - 0.46) / 0.30) ** 2) ** 3))
    ribs = np.sin(2 * np.pi * (9 * y + 4 * side)) * (side < 0.36) * (side > 0.05)
    heart = np.exp(-((((x - 0.56) / 0.13) ** 2 + ((y - 0.62) / 0.14) ** 2) ** 3))
    spine = np.exp(-((side / 0.05) ** 4))
    image = trunk * (2300 - 1500 * lung * (1 - 0.8 * heart) + 130 * ribs + 650 * spine)
    image += 500 * trunk * (y > 0.74 + 0.5 * (side - 0.2) ** 2)
    image += 250 + noise.integers(-25, 26, image.shape)
    exposed: npt.NDArray[np.uint16] = np.clip(image, 0, 4095).astype(np.uint16)
    return exposed


def hot_spots(size: int, position: float, seed: int) -> npt.NDArray[np.uint16]:
    """An emission slice: a faint body with two bright spots."""
    noise = np.random.default_rng([seed, 13, int(position * 10_000)])
    image = np.zeros((size, size), dtype=np.int32)
    image[_ellipse(size, 0.5, 0.5, 0.36, 0.26)] = 900
    image[_ellipse(size, 0.46, 0.42, 0.07, 0.06)] = 9000
    image[_ellipse(size, 0.66, 0.55, 0.03, 0.03)] = int(14_000 * np.sin(np.pi * position))
    image += noise.poisson(60, image.shape)
    return np.clip(image, 0, 65_535).astype(np.uint16)


def sector_frame(rows: int, columns: int, phase: float, seed: int) -> Frame:
    """One ultrasound frame: a speckled sector on black with a beating chamber."""
    noise = np.random.default_rng([seed, 17, int(phase * 10_000)])
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    dx, dy = x - columns / 2, y - rows * 0.12
    radius, angle = np.hypot(dx, dy), np.arctan2(dx, dy)
    sector = (np.abs(angle) < 0.62) & (radius < rows * 0.82) & (dy > 0)
    speckle = noise.rayleigh(55, (rows, columns)) * np.exp(-radius / (rows * 1.4))
    chamber = np.hypot(dx / 1.3, y - rows * 0.55) < rows * (0.13 + 0.03 * np.sin(6.283 * phase))
    gray = np.where(sector, np.where(chamber, speckle * 0.2, speckle), 0)
    return np.repeat(np.clip(gray, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def burn(frame: Frame, lines: tuple[str, ...], *, size: int, at: tuple[int, int]) -> Frame:
    """Draw lines of text into an RGB frame with Pillow's built-in font."""
    image = Image.fromarray(frame)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size)
    for row, line in enumerate(lines):
        draw.text((at[0], at[1] + row * (size + 4)), line, fill=(235, 235, 205), font=font)
    return np.asarray(image)


def screenshot(rows: int, columns: int, lines: tuple[str, ...]) -> Frame:
    """A captured screen: a banner with text, a table of boxes and a picture area."""
    image = Image.new("RGB", (columns, rows), (24, 28, 36))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, columns, rows // 6), fill=(52, 72, 110))
    draw.ellipse((columns // 3, rows // 3, columns - 40, rows - 40), fill=(120, 120, 126))
    for row in range(4):
        top = rows // 3 + row * rows // 8
        draw.rectangle((20, top, columns // 3 - 30, top + rows // 12), outline=(140, 160, 190))
    return burn(np.asarray(image), lines, size=max(12, rows // 26), at=(16, 10))


def jpeg(frame: Frame) -> bytes:
    """One frame as a baseline JPEG (YCbCr, 4:2:2), as ultrasound machines store cines."""
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=88, subsampling="4:2:2")
    return buffer.getvalue()
