"""The strip that stands above each page of a re-identified PDF: whose report it is, who saw it.

Drawn as vectors. Every name is drawn in the script it is written in, as far as a font has it.
"""

import re
import unicodedata
from dataclasses import dataclass
from io import BytesIO

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from studies.reports.identity import PatientIdentity, Strip, plain_name

_MARGIN, _LINE, _LARGE, _SMALL = 8.0, 12.0, 9.0, 7.0
_MIN_WIDTH = 120.0
_GAP = "   "
# Fonts that every PDF viewer has or stands in for, and the character set each of them covers.
_FONTS = (
    ("Helvetica", "cp1252"),
    ("HeiseiMin-W3", "euc_jp"),
    ("STSong-Light", "gb18030"),
    ("MSung-Light", "big5"),
    ("HYSMyeongJo-Medium", "euc_kr"),
)


@dataclass(frozen=True, repr=False)
class DrawnStrip:
    """A strip as a PDF page of its own; `is_whole` is False where a sign could not be drawn."""

    page: bytes
    height: float
    is_whole: bool


def draw(identity: PatientIdentity, strip: Strip, width: float, page: str) -> DrawnStrip:
    """Draw the strip for a page of a width, as high as its lines need."""
    width = max(width, _MIN_WIDTH)
    room = width - 2 * _MARGIN
    lines = [(_LARGE, line) for line in _broken(_patient(identity), _LARGE, room)]
    lines += [(_SMALL, line) for line in _broken(_seen(strip, page), _SMALL, room)]
    height = _LINE * len(lines) + 2 * _MARGIN
    buffer = BytesIO()
    canvas = Canvas(buffer, pagesize=(width, height), pageCompression=1, invariant=1)
    canvas.setTitle("")
    canvas.setFillColorRGB(1, 1, 1)
    canvas.rect(0, 0, width, height, stroke=0, fill=1)
    canvas.setFillColorRGB(0, 0, 0)
    canvas.setLineWidth(0.5)
    canvas.line(0, 1, width, 1)
    is_whole = True
    top = height - _MARGIN - _LARGE
    for size, line in lines:
        is_whole &= _write(canvas, _MARGIN, top, size, line)
        top -= _LINE
    canvas.showPage()
    canvas.save()
    return DrawnStrip(buffer.getvalue(), height, is_whole)


def _patient(identity: PatientIdentity) -> list[str]:
    issuer = identity.first("IssuerOfPatientID")
    born = identity.first("PatientBirthDate")
    taken = identity.study.first("StudyDate")
    return [
        plain_name(identity.first("PatientName")),
        f"ID {identity.patient_id}" + (f" ({issuer})" if issuer else ""),
        f"* {_day(born)}" if born else "",
        identity.first("PatientSex"),
        f"Acc. {identity.study.number}" if identity.study.number else "",
        f"Study {_day(taken)}" if taken else "",
    ]


def _seen(strip: Strip, page: str) -> list[str]:
    return [f"Re-identified for {strip.viewer}", strip.seen, f"Event {strip.event}", page]


def _day(value: str) -> str:
    return f"{value[:4]}-{value[4:6]}-{value[6:8]}" if len(value) >= 8 else value


def _broken(parts: list[str], size: float, room: float) -> list[str]:
    """Return the parts in lines that fit; a part that is too long is broken anywhere."""
    lines = [""]
    for part in filter(None, parts):
        joined = f"{lines[-1]}{_GAP}{part}" if lines[-1] else part
        if _width(joined, size) <= room:
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append("")
        for sign in part:
            if _width(lines[-1] + sign, size) > room and lines[-1]:
                lines.append("")
            lines[-1] += sign
    return [line for line in lines if line]


def _width(line: str, size: float) -> float:
    return float(sum(pdfmetrics.stringWidth(text, font, size) for font, text, _ in _runs(line)))


def _write(canvas: Canvas, x: float, y: float, size: float, line: str) -> bool:
    """Write a line in the fonts that it needs; say whether every sign could be drawn."""
    whole = True
    for font, text, is_whole in _runs(line):
        canvas.setFont(font, size)
        canvas.drawString(x, y, text)
        x += pdfmetrics.stringWidth(text, font, size)
        whole &= is_whole
    return whole


def _runs(line: str) -> list[tuple[str, str, bool]]:
    """Return a line in runs of one font each."""
    runs: list[tuple[str, str, bool]] = []
    for word in re.findall(r"\s+|\S+", unicodedata.normalize("NFC", line)):
        # One font for a word of another script, where one has all of it.
        foreign = "".join(sign for sign in word if not _has("cp1252", sign))
        common = next((font for font, codec in _FONTS if foreign and _has_all(codec, foreign)), "")
        runs = _joined(runs, word, common)
    return runs


def _joined(
    runs: list[tuple[str, str, bool]], word: str, common: str
) -> list[tuple[str, str, bool]]:
    for sign in word:
        font, drawn, is_whole = _font_of(sign)
        if common and font != "Helvetica":
            font = _registered(common)
        if runs and runs[-1][0] == font and runs[-1][2] == is_whole:
            runs[-1] = (font, runs[-1][1] + drawn, is_whole)
        else:
            runs.append((font, drawn, is_whole))
    return runs


def _font_of(sign: str) -> tuple[str, str, bool]:
    """Return the font of a sign; one that none has is drawn without its accent, or as "?"."""
    font = _having(sign)
    if font:
        return font, sign, True
    plain = unicodedata.normalize("NFKD", sign)[0]
    font = _having(plain)
    return (font, plain, False) if font else ("Helvetica", "?", False)


def _having(sign: str) -> str:
    found = next((font for font, codec in _FONTS if _has(codec, sign)), "")
    return _registered(found) if found else ""


def _registered(font: str) -> str:
    if font != "Helvetica" and font not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(UnicodeCIDFont(font))
    return font


def _has_all(codec: str, text: str) -> bool:
    return all(_has(codec, sign) for sign in text)


def _has(codec: str, sign: str) -> bool:
    try:
        encoded = sign.encode(codec)
    except UnicodeEncodeError:
        return False
    # Four-byte GB 18030 is all of Unicode; the font has the two-byte part.
    return len(encoded) <= 2
