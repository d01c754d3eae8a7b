"""What the attributes say of the stored values: size, depth, sign, colours, windows.

Read from the survey of the top level; decides whether the frame path can work on them at all.
"""

from dataclasses import dataclass
from functools import cached_property

from ..errors import Held
from ..filemeta import RLE, FileMeta
from ..survey import Survey

_COLOURS = {
    "RGB": 3, "YBR_FULL": 3, "YBR_FULL_422": 3, "YBR_PARTIAL_422": 3, "YBR_PARTIAL_420": 3,
    "YBR_ICT": 3, "YBR_RCT": 3, "MONOCHROME1": 1, "MONOCHROME2": 1, "PALETTE COLOR": 1,
}  # fmt: skip
_INTEGER_PIXELS = 0x00107FE0


def undecodable(what: str) -> Held:
    """Return what holds an image at risk whose pixels can't be looked at."""
    return Held(
        "pixel-undecodable",
        f"The image may show text, and its pixels can't be checked: {what}.",
        "(7FE0,0010)",
    )


@dataclass(frozen=True)
class Image:
    """The description of the pixels of one instance."""

    rows: int
    columns: int
    samples: int
    bits_allocated: int
    bits_stored: int
    is_signed: bool
    photometric: str
    planar: int
    frames: int
    is_big_endian: bool
    syntax: str
    is_encapsulated: bool
    palette: tuple[bytes, ...] = ()  # descriptor and three tables
    windows: tuple[tuple[float, float], ...] = ()
    rescale: tuple[float, float] = (1.0, 0.0)

    @classmethod
    def of(cls, meta: FileMeta, found: Survey) -> "Image":
        """Return the description; Held where it is not one that the frame path knows."""
        number = found.number
        image = cls(
            rows=number(0x00280010) or 0,
            columns=number(0x00280011) or 0,
            samples=number(0x00280002) or 1,
            bits_allocated=number(0x00280100) or 0,
            bits_stored=number(0x00280101) or number(0x00280100) or 0,
            is_signed=number(0x00280103) == 1,
            photometric=found.text(0x00280004) or "MONOCHROME2",
            planar=number(0x00280006) or 0,
            frames=found.integer(0x00280008) or 1,
            is_big_endian=meta.is_big_endian,
            syntax=meta.transfer_syntax,
            is_encapsulated=meta.is_encapsulated,
            palette=_palette(found),
            windows=_windows(found),
            rescale=(_decimal(found, 0x00281053, 1.0), _decimal(found, 0x00281052, 0.0)),
        )
        image.check(found)
        return image

    def check(self, found: Survey) -> None:
        """Raise Held where attributes contradict each other or name what nobody can decode."""
        if found.pixel is None or found.pixel[0] != _INTEGER_PIXELS:
            raise undecodable("they are not integers")
        if not self.rows or not self.columns or self.frames < 1:
            raise undecodable("their number of rows, columns or frames is missing")
        if _COLOURS.get(self.photometric) != self.samples:
            raise undecodable("Photometric Interpretation and Samples per Pixel do not agree")
        if self.bits_allocated not in (1, 8, 16, 32) or not (
            0 < self.bits_stored <= self.bits_allocated
        ):
            raise undecodable("their Bits Allocated or Bits Stored is not a possible one")
        if self.photometric == "PALETTE COLOR" and len(self.palette) != 4:
            raise undecodable("their palette is missing")
        if self.is_subsampled and self.columns % 2:
            raise undecodable("two pixels share their chroma, and columns are odd")
        if self.samples == 3 and self.bits_allocated not in (8, 16):
            raise undecodable("colours of this depth are not known")

    @cached_property
    def is_subsampled(self) -> bool:
        """Tell whether native values share their chroma between two pixels."""
        return not self.is_encapsulated and self.photometric.endswith("_422")

    @property
    def may_hide_bits(self) -> bool:
        """Tell whether the stored words have bits that are no part of the values."""
        is_stored_whole = not self.is_encapsulated or self.syntax == RLE
        return is_stored_whole and self.bits_stored < self.bits_allocated

    @cached_property
    def frame_bytes(self) -> int:
        """The size of one native frame, uncompressed; not rounded up."""
        bits = self.rows * self.columns * self.samples * self.bits_allocated
        if self.is_subsampled:
            bits = bits * 2 // 3
        return (bits + 7) // 8

    @cached_property
    def is_monochrome(self) -> bool:
        """Tell whether values are brightness."""
        return self.photometric.startswith("MONOCHROME")


def _decimal(found: Survey, tag: int, default: float) -> float:
    values = _decimals(found, tag)
    return values[0] if values else default


def _decimals(found: Survey, tag: int) -> list[float]:
    parts = found.text(tag).split("\\")
    try:
        return [float(part) for part in parts if part.strip()]
    except ValueError:
        return []


def _windows(found: Survey) -> tuple[tuple[float, float], ...]:
    pairs = zip(_decimals(found, 0x00281050), _decimals(found, 0x00281051), strict=False)
    return tuple((centre, width) for centre, width in pairs if width >= 1)


def _palette(found: Survey) -> tuple[bytes, ...]:
    tags = (0x00281101, 0x00281201, 0x00281202, 0x00281203)
    raws = tuple(found.raw.get(tag, b"") for tag in tags)
    return raws if all(raws) else ()
