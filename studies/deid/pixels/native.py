"""Uncompressed frames: bytes to stored values and back, whatever depth, sign, planes, chroma.

Values are unsigned words as they are stored, unused bits included: sign and meaning are for
those who look at them. Both directions are exact.
"""

import numpy as np

from .image import Image


def word_type(image: Image) -> np.dtype:
    """Return the type of one stored word in the bytes of this image."""
    size = max(image.bits_allocated // 8, 1)
    return np.dtype(f"{'>' if image.is_big_endian else '<'}u{size}")


def to_values(raw: bytes, image: Image) -> np.ndarray:
    """Return the stored words of one native frame: rows by columns, or by samples."""
    rows, columns = image.rows, image.columns
    if image.bits_allocated == 1:
        bits = np.unpackbits(np.frombuffer(raw, np.uint8), bitorder="little")
        return bits[: rows * columns].reshape(rows, columns)
    words = np.frombuffer(raw, word_type(image))
    words = words.astype(words.dtype.newbyteorder("="))
    if image.is_subsampled:
        pairs = words.reshape(-1, 4)  # Y Y Cb Cr
        full = np.empty((len(pairs), 2, 3), words.dtype)
        full[:, :, 0] = pairs[:, :2]
        full[:, :, 1:] = pairs[:, None, 2:]
        return full.reshape(rows, columns, 3)
    if image.samples == 1:
        return words.reshape(rows, columns)
    if image.planar:
        return np.ascontiguousarray(words.reshape(image.samples, rows, columns).transpose(1, 2, 0))
    return words.reshape(rows, columns, image.samples)


def to_raw(values: np.ndarray, image: Image) -> bytes:
    """Return the bytes of one native frame for its stored words."""
    if image.bits_allocated == 1:
        return np.packbits(values.astype(np.uint8).ravel(), bitorder="little").tobytes()
    words = values.astype(word_type(image))
    if image.is_subsampled:
        pairs = words.reshape(-1, 2, 3)
        packed = np.empty((len(pairs), 4), words.dtype)
        packed[:, :2] = pairs[:, :, 0]
        packed[:, 2:] = pairs[:, 0, 1:]
        return packed.tobytes()
    if image.samples > 1 and image.planar and not image.is_encapsulated:
        words = words.transpose(2, 0, 1)
    return np.ascontiguousarray(words).tobytes()
