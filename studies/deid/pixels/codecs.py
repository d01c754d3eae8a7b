"""Compressed frames: decoded to the values that the codec gives back, encoded where it can be.

Each transfer syntax has one decoder and at most one encoder, from the codec libraries that are
run dependencies; this module adds nothing to their formats but the segments of RLE.
"""

import warnings
from collections.abc import Callable
from io import BytesIO
from struct import Struct
from typing import TYPE_CHECKING

import numpy as np

from ..filemeta import RLE
from .image import Image, undecodable

if TYPE_CHECKING:
    from PIL import Image as Pillow

_JPEG = "1.2.840.10008.1.2.4."
BASELINE = _JPEG + "50"
_EXTENDED, _LOSSLESS, _LOSSLESS_SV1 = _JPEG + "51", _JPEG + "57", _JPEG + "70"
LS_LOSSLESS, LS_NEAR = _JPEG + "80", _JPEG + "81"
J2K_LOSSLESS, J2K = _JPEG + "90", _JPEG + "91"
_HTJ2K = frozenset((_JPEG + "201", _JPEG + "202", _JPEG + "203"))
_BY_LIBJPEG = frozenset((_EXTENDED, _LOSSLESS, _LOSSLESS_SV1))
_BY_OPENJPEG = frozenset((J2K_LOSSLESS, J2K)) | _HTJ2K
_RLE_HEADER = Struct("<16I")


def decode_frame(data: bytes, image: Image) -> np.ndarray:
    """Return the values of one compressed frame; Held where they can't be had."""
    decoder = _decoder(image.syntax)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a codec that warns has guessed
            values = decoder(data, image)
    except (RuntimeError, ValueError, OSError, IndexError, SyntaxError, Warning) as error:
        raise undecodable("a frame can't be decompressed") from error
    shape = (image.rows, image.columns) + ((image.samples,) if image.samples > 1 else ())
    if values.shape != shape:
        raise undecodable("a frame has not the size that the attributes say")
    return values


def decode_luma(data: bytes, image: Image) -> np.ndarray:
    """Return the luma of a baseline JPEG frame alone; Held where it can't be had."""
    from PIL import Image as Pillow

    try:
        with Pillow.open(BytesIO(data)) as picture:
            picture.draft("L", picture.size)
            luma = np.asarray(picture.convert("L"))
    except (ValueError, OSError, SyntaxError) as error:
        raise undecodable("a frame can't be decompressed") from error
    if luma.shape != (image.rows, image.columns):
        raise undecodable("a frame has not the size that the attributes say")
    return luma


def _decoder(syntax: str) -> Callable[[bytes, Image], np.ndarray]:
    if syntax == BASELINE:
        return _decode_baseline
    if syntax in _BY_LIBJPEG:
        return _decode_jpeg
    if syntax in (LS_LOSSLESS, LS_NEAR):
        return _decode_jpeg_ls
    if syntax in _BY_OPENJPEG:
        return _decode_jpeg_2000
    if syntax == RLE:
        return _decode_rle
    raise undecodable("no decoder for their transfer syntax is installed")


def _decode_baseline(data: bytes, image: Image) -> np.ndarray:
    """Decode without any change of colours, by the fastest of the libraries."""
    from PIL import Image as Pillow

    with Pillow.open(BytesIO(data)) as picture:
        if picture.format != "JPEG" or picture.mode not in ("L", "RGB"):
            raise undecodable("a frame is no JPEG of the baseline process")
        if picture.mode == "RGB" and not _is_coded_rgb(picture, data):
            picture.draft("YCbCr", picture.size)
        return np.asarray(picture)


def _decode_jpeg(data: bytes, image: Image) -> np.ndarray:
    """Decode without any change of colours: the components as they are coded."""
    import libjpeg

    values: np.ndarray = libjpeg.decode(data, colour_transform=0)
    return values


def _decode_jpeg_ls(data: bytes, image: Image) -> np.ndarray:
    import jpeg_ls

    raw, head = jpeg_ls.decode_buffer(data)
    kind = np.uint8 if head["bits_per_sample"] <= 8 else np.dtype("<u2")
    words = np.frombuffer(raw, kind)
    if image.samples == 1:
        return words.reshape(head["height"], head["width"])
    if head["interleave_mode"] == 0:
        planes = words.reshape(image.samples, head["height"], head["width"])
        return np.ascontiguousarray(planes.transpose(1, 2, 0))
    return words.reshape(head["height"], head["width"], image.samples)


def _decode_jpeg_2000(data: bytes, image: Image) -> np.ndarray:
    import openjpeg

    if data[:4] != b"\xff\x4f\xff\x51":
        raise undecodable("a JPEG 2000 frame is wrapped in boxes")
    values: np.ndarray = openjpeg.decode(data, j2k_format=0)
    return values


def _decode_rle(data: bytes, image: Image) -> np.ndarray:
    """Decode the segments (PS3.5 Annex G): bytes of each sample from the most significant one."""
    from PIL import Image as Pillow

    head = _RLE_HEADER.unpack_from(data)
    wide = image.bits_allocated // 8
    if image.bits_allocated % 8 or head[0] != image.samples * wide:
        raise undecodable("an RLE frame has another number of segments than samples")
    edges = [*head[1 : head[0] + 1], len(data)]
    size = image.columns, image.rows
    values = np.zeros((image.rows, image.columns, image.samples), f"u{wide}")
    for index in range(head[0]):
        sample, byte = divmod(index, wide)
        segment = data[edges[index] : edges[index + 1]]
        plane = Pillow.frombytes("L", size, _unpacked(segment, image.rows * image.columns))
        shift = 8 * (wide - 1 - byte)
        values[:, :, sample] |= np.asarray(plane).astype(values.dtype) << shift
    return values[:, :, 0] if image.samples == 1 else values


def _unpacked(segment: bytes, size: int) -> bytes:
    """Undo PackBits: a count, then that many bytes, or one byte to repeat."""
    out = bytearray()
    position, end = 0, len(segment)
    while len(out) < size and position < end:
        count = segment[position]
        if count < 128:
            out += segment[position + 1 : position + 2 + count]
            position += 2 + count
        elif count > 128:
            out += segment[position + 1 : position + 2] * (257 - count)
            position += 2
        else:
            position += 1
    if len(out) < size:
        raise undecodable("an RLE segment ends too early")
    return bytes(out[:size])


def has_encoder(image: Image) -> bool:
    """Tell whether frames can be compressed again in a syntax of the same family."""
    if image.syntax == BASELINE:
        return image.bits_allocated == 8
    return image.syntax in (RLE, LS_LOSSLESS, LS_NEAR, J2K_LOSSLESS, J2K)


def output_syntax(image: Image) -> str:
    """Return the transfer syntax of frames that `encode_frame` made."""
    return LS_LOSSLESS if image.syntax == LS_NEAR else image.syntax


def encode_frame(values: np.ndarray, image: Image, original: bytes) -> bytes:
    """Compress one frame; lossless but for JPEG baseline, which keeps the original's tables."""
    if image.syntax == BASELINE:
        data = _encode_baseline(values, image, original)
    elif image.syntax == RLE:
        data = _encode_rle(values, image)
    elif image.syntax in (LS_LOSSLESS, LS_NEAR):
        data = _encode_jpeg_ls(values, image)
    else:
        data = _encode_jpeg_2000(values, original)
    return data + b"\0" if len(data) & 1 else data


def _encode_baseline(values: np.ndarray, image: Image, original: bytes) -> bytes:
    """Compress with the quantization tables and the sampling of the original."""
    from PIL import Image as Pillow
    from PIL import JpegImagePlugin

    with Pillow.open(BytesIO(original)) as before:
        tables = before.quantization  # type: ignore[attr-defined]
        sampling = JpegImagePlugin.get_sampling(before)
        is_rgb = image.photometric == "RGB"
    out = BytesIO()
    if values.ndim == 2:
        Pillow.fromarray(values, "L").save(out, "JPEG", qtables=tables)
    elif is_rgb:
        picture = Pillow.fromarray(values, "RGB")
        picture.save(out, "JPEG", qtables=tables, subsampling=sampling, keep_rgb=True)
    else:
        picture = Pillow.fromarray(values, "YCbCr")
        picture.save(out, "JPEG", qtables=tables, subsampling=sampling)
    return out.getvalue()


def _is_coded_rgb(picture: "Pillow.Image", data: bytes) -> bool:
    """Tell whether the components of a JPEG are R, G and B, by its Adobe segment or their names."""
    transform = picture.info.get("adobe_transform")
    if transform is not None or "jfif" in picture.info:
        return transform == 0
    frame = data.find(b"\xff\xc0")
    return frame > 0 and data[frame + 10 : frame + 19 : 3] == b"RGB"


def _encode_jpeg_ls(values: np.ndarray, image: Image) -> bytes:
    import jpeg_ls

    mask = (1 << image.bits_stored) - 1
    words = np.ascontiguousarray(values & values.dtype.type(mask))
    data = jpeg_ls.encode_buffer(
        words.tobytes(), image.rows, image.columns, image.samples, image.bits_stored,
        interleave_mode=0 if image.samples == 1 else 2,
    )  # fmt: skip
    return bytes(data)


def _encode_jpeg_2000(values: np.ndarray, original: bytes) -> bytes:
    """Compress without loss, at the depth of the original codestream."""
    import openjpeg
    from openjpeg.utils import encode_array

    about = openjpeg.get_parameters(original)
    colours = 1 if values.ndim == 3 else 2  # sRGB, grey
    data = encode_array(
        np.ascontiguousarray(values),
        bits_stored=about["precision"],
        photometric_interpretation=colours,
        use_mct=values.ndim == 3,
    )
    return bytes(data)


def _encode_rle(values: np.ndarray, image: Image) -> bytes:
    planes = values.reshape(image.rows, image.columns, image.samples)
    wide = image.bits_allocated // 8
    segments = []
    for sample in range(image.samples):
        for byte in range(wide):
            plane = planes[:, :, sample] >> (8 * (wide - 1 - byte)) & 0xFF
            segment = _packed(plane.astype(np.uint8))
            segments.append(segment + b"\0" if len(segment) & 1 else segment)
    offsets, position = [], 64
    for segment in segments:
        offsets.append(position)
        position += len(segment)
    offsets += [0] * (15 - len(offsets))
    return _RLE_HEADER.pack(len(segments), *offsets) + b"".join(segments)


def _packed(plane: np.ndarray) -> bytes:
    """Do PackBits, row by row as Annex G asks, in the library that writes TIFF files."""
    from PIL import Image as Pillow
    from PIL import TiffImagePlugin

    out = BytesIO()
    rows = plane.shape[0]
    whole = TiffImagePlugin.ImageFileDirectory_v2()
    whole[278] = rows  # RowsPerStrip: all rows in one strip
    Pillow.fromarray(plane, "L").save(out, "TIFF", compression="packbits", tiffinfo=whole)
    out.seek(0)
    with Pillow.open(out) as picture:
        tags = picture.tag_v2  # type: ignore[attr-defined]
        offsets, lengths = tags[273], tags[279]
    data = out.getvalue()
    return b"".join(data[at : at + size] for at, size in zip(offsets, lengths, strict=True))
