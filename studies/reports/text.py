"""Plain-text reports: finding the cloud ids in them, and putting the hospital's own back.

Pure functions over text; what the ids stand for comes from the caller.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from studies.deid import parse_cloud_id

MAX_CHARACTERS = 1_000_000
_CANDIDATE = re.compile(r"(?<![0-9A-Za-z])[0-9A-Za-z](?:[ -]?[0-9A-Za-z]){12}(?![0-9A-Za-z])")
_DATE_FORMS = ("%Y%m%d", "%Y-%m-%d", "%d.%m.%Y")


@dataclass(frozen=True)
class Piece:
    """A run of a re-identified text; `is_restored` marks what was put back."""

    text: str
    is_restored: bool = False


def find_cloud_ids(text: str) -> list[str]:
    """Return the cloud ids in a text, each once, in order; a wrong check character is no id."""
    found: dict[str, None] = {}
    for match in _CANDIDATE.finditer(text):
        cloud_id = parse_cloud_id(match.group())
        if cloud_id:
            found[cloud_id] = None
    return list(found)


def restore(
    text: str,
    replacements: Mapping[str, str],
    dates: Iterable[tuple[str, str]],
    prefix: str,
) -> list[Piece]:
    """Return the text in pieces, with cloud ids and sent dates replaced by what they stood for.

    `replacements` maps whole written forms (a cloud id, PREFIX-<id>, CloudStudy^<id>, a new UID);
    `dates` are (original, sent) in the form YYYYMMDD. A date is put back only where it equals one
    that was sent out, in a form that can't be read in two ways.
    """
    table = dict(replacements)
    table |= _date_table(dates)
    for form in [form for form in table if parse_cloud_id(form)]:
        table.setdefault(f"{prefix}-{form}", table[form])
    forms = sorted((re.escape(form) for form in table), key=len, reverse=True)
    if not forms:
        return [Piece(text)]
    pattern = re.compile(rf"(?<![0-9A-Za-z.])(?:{'|'.join(forms)})(?![0-9A-Za-z])")
    pieces: list[Piece] = []
    position = 0
    for match in pattern.finditer(text):
        if match.start() > position:
            pieces.append(Piece(text[position : match.start()]))
        pieces.append(Piece(table[match.group()], is_restored=True))
        position = match.end()
    if position < len(text):
        pieces.append(Piece(text[position:]))
    return pieces


def _date_table(dates: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Map every written form of a sent date to that form of the original.

    A sent date that stands for two different originals is ambiguous, and stays as it is.
    """
    table: dict[str, str] = {}
    ambiguous: set[str] = set()
    for original, sent in dates:
        before, after = _day(original), _day(sent)
        if before is None or after is None:
            continue
        for form in _DATE_FORMS:
            written, real = after.strftime(form), before.strftime(form)
            if table.setdefault(written, real) != real:
                ambiguous.add(written)
    return {written: real for written, real in table.items() if written not in ambiguous}


def _day(value: str) -> date | None:
    try:
        return datetime.strptime(value[:8], "%Y%m%d").date()
    except ValueError:
        return None
