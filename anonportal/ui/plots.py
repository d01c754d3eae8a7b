"""Geometry of ledger bars and plots: x in per cent, y in pixels, so that text never scales.

Pure arithmetic on numbers; `templates/ui/_plot_*.html` draw what stands here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from django.utils.functional import Promise

from anonportal.ui.figures import number

Text = str | Promise

THINNEST = 0.8  # per cent: a part of the ledger is never thinner, or one held image would vanish
_GUTTER = 9.5  # per cent kept at the left of bars and lines for the scale
_TOP, _BASE = 18.5, 128.5  # y of the topmost and the zero line


@dataclass(frozen=True)
class Part:
    """One part of a ledger: a label, how many, and the colour family (or "rest")."""

    label: Text
    count: int
    family: str = "idle"


@dataclass(frozen=True)
class Mark:
    """One drawn mark: where it starts, how far it goes, and what it says."""

    x: str
    y: str
    width: str
    height: str
    family: str
    label: Text
    value: float
    shown: str


@dataclass(frozen=True)
class Tick:
    """A grid line or axis label at a position."""

    at: str
    text_at: str
    text: Text


def percent(value: float) -> str:
    """Return a per cent length for SVG, always with a decimal point."""
    return f"{value:.2f}%"


def ledger_marks(parts: Sequence[Part], total: int) -> list[Mark]:
    """Return the bar of a ledger: widths that fill 100 % and never hide a part."""
    shown = [part for part in parts if part.count > 0]
    if not shown or total <= 0:
        return []
    marks, x = [], 0.0
    for part, width in zip(shown, _widths([100 * p.count / total for p in shown]), strict=True):
        marks.append(
            Mark(
                percent(x),
                "0",
                percent(width),
                "100%",
                part.family,
                part.label,
                part.count,
                number(part.count),
            )
        )
        x += width
    return marks


def _widths(raw: list[float]) -> list[float]:
    """Return widths that fill 100, none too thin; making room can make more parts thin."""
    least = THINNEST
    while True:
        wide = sum(width for width in raw if width >= least)
        thin = sum(width < least for width in raw)
        scale = (100 - THINNEST * thin) / wide if wide else 0
        if (
            not wide
            or least * scale >= THINNEST
            or all(width < least or width * scale >= THINNEST for width in raw)
        ):
            return [THINNEST if width < least else width * scale for width in raw]
        least = THINNEST / scale


def nice_ceiling(largest: float, steps: int = 3) -> tuple[float, float]:
    """Return the top of a zero-based scale and its step: 1, 2 or 5 times a power of ten."""
    if largest < 1e-6:
        return float(steps), 1.0
    rough = largest / steps
    power = 10.0 ** floor(log10(rough))
    neat = (1, 2, 2.5, 5, 10) if power >= 10 else (1, 2, 5, 10)
    step = next(n * power for n in neat if n * power >= rough - power * 1e-9)
    if largest == int(largest):
        step = max(step, 1.0)
    return step * ceil(largest / step - 1e-9), step


def scale_ticks(top: float, step: float) -> list[Tick]:
    """Return the horizontal grid lines from zero to the top."""
    places = 0 if step >= 1 else 1
    ticks = []
    for n in range(round(top / step) + 1):
        y = _BASE - (_BASE - _TOP) * (n * step / top)
        ticks.append(Tick(f"{y:.1f}", f"{y + 3.5:.1f}", number(n * step, places)))
    return ticks


def label_ticks(labels: Sequence[Text], at: Iterable[float], most: int = 6) -> list[Tick]:
    """Return at most `most` labels under the plot, evenly picked."""
    every = max(1, ceil(len(labels) / most))
    return [
        Tick(percent(x), percent(x), label)
        for n, (label, x) in enumerate(zip(labels, at, strict=True))
        if n % every == 0
    ]


def bar_marks(rows: Sequence[tuple[Text, float, str]], top: float) -> list[Mark]:
    """Return upright bars that share the width right of the scale."""
    slot = (100 - _GUTTER) / max(1, len(rows))
    marks = []
    for n, (label, value, family) in enumerate(rows):
        height = (_BASE - _TOP) * (value / top)
        marks.append(
            Mark(
                percent(_GUTTER + n * slot + slot * 0.14),
                f"{_BASE - 0.5 - height:.1f}",
                percent(slot * 0.72),
                f"{height:.1f}",
                family,
                label,
                value,
                number(value),
            )
        )
    return marks


def bar_centres(count: int) -> list[float]:
    """Return the middle of each upright bar, in per cent."""
    slot = (100 - _GUTTER) / max(1, count)
    return [_GUTTER + (n + 0.5) * slot for n in range(count)]


# A name may be 40 % longer in another language: it has the whole line above its bar.
ROW_PX = 44
_ROW_SHARE = 80


def row_marks(rows: Sequence[tuple[Text, float, str]]) -> list[Mark]:
    """Return lying bars below their names; `y` is the name's top, `x` where the number stands."""
    largest = max((value for _label, value, _family in rows), default=0) or 1
    marks = []
    for n, (label, value, family) in enumerate(rows):
        width = _ROW_SHARE * value / largest
        marks.append(
            Mark(
                percent(width + 1.5),
                str(ROW_PX * n),
                percent(width),
                "16",
                family,
                label,
                value,
                number(value),
            )
        )
    return marks


def points(values: Sequence[float | None], top: float) -> list[str]:
    """Return a line's runs of points in a 100 × 100 box; a gap in the data is a gap in the line."""
    step = 100 / max(1, len(values) - 1)
    runs: list[list[str]] = [[]]
    for n, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append(f"{n * step:.2f},{100 - 100 * value / top:.2f}")
    return [" ".join(run) for run in runs if run]
