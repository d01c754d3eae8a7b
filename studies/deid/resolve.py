"""From a cell of Table E.1-1 to one action: options united, compound codes decided by Type.

PS3.15 Table E.1-1a. The Type comes from the object's IOD and from the path of sequences, because
an attribute may be Type 3 at the top and Type 1 inside.
"""

from functools import lru_cache

from .dataset import swapped
from .profile import Option
from .tables import confidentiality, iod_types

# Strictest first: what a module demands wins over what another leaves open.
_RANK = {"1": 0, "1C": 1, "2": 2, "2C": 3, "3": 4}
_DATE_OPTIONS = frozenset((Option.RETAIN_FULL_DATES, Option.RETAIN_MODIFIED_DATES))
Path = tuple[int, ...]
CONTENT_SEQUENCE = 0x0040A730


def override(basic: str, cells: dict[str, str], options: frozenset[Option]) -> tuple[str, str]:
    """Return the action code with the options united, and the name of what decided it.

    The standard gives no precedence where one option keeps and another cleans: cleaning wins. The
    dates of a device (calibration, installation) are dates first: a machine calibrated each morning
    would tell the day of the study, so without a date option they go as the base says.
    """
    if not options or not cells:
        return basic, "basic"
    if not options & _DATE_OPTIONS and any(option.value in cells for option in _DATE_OPTIONS):
        return basic, "basic"
    found = [(cells[name], name) for name in sorted(cells) if Option(name) in options]
    for code in ("C", "K"):
        for cell, name in found:
            if cell == code:
                return code, name
    return basic, "basic"


def decide(code: str, kind: str, mandatory: bool) -> tuple[str, str]:
    """Return one of X Z D U K C for a table code and an attribute Type, and why if it deviates.

    `mandatory` says that the Type comes from a module the IOD requires.
    """
    one, two = kind in ("1", "1C"), kind in ("2", "2C")
    if code == "X":
        if kind == "1" and mandatory:
            return "D", "type-1"  # PS3.15 leaves these IODs unconformant; a dummy does not
        return ("Z", "type-2") if kind == "2" and mandatory else ("X", "")
    if code == "Z":
        return ("D", "type-1") if kind == "1" else ("Z", "")
    if "/" not in code:
        return code, ""
    choices = code.replace("*", "").split("/")
    if one:
        return choices[-1], ""
    if two:
        return ("Z" if "Z" in choices else "D"), ""
    return choices[0], ""


@lru_cache(maxsize=256)
def attribute_types(iod: str) -> dict[Path, dict[int, tuple[str, bool]]]:
    """Return Type and whether a mandatory module says so, by path and swapped tag, of one IOD."""
    found: dict[Path, dict[int, tuple[str, bool]]] = {}
    for member in iod_types.IODS.get(iod, "").split():
        mandatory = not member.endswith("?")
        for cell in iod_types.MODULES[member.rstrip("?")].split():
            text, _, kind = cell.partition("=")
            *path, tag = (int(part, 16) for part in text.split("."))
            level = found.setdefault(tuple(swapped(step) for step in path), {})
            key = swapped(tag)
            known = level.get(key)
            if known is None or (_RANK[kind], not mandatory) < (_RANK[known[0]], not known[1]):
                level[key] = (kind, mandatory)
    return found


@lru_cache(maxsize=1)
def table_rows() -> dict[int, tuple[str, str, dict[str, str]]]:
    """Return name, basic action and option cells of Table E.1-1 by tag, groups written out."""
    rows: dict[int, tuple[str, str, dict[str, str]]] = {}
    for tag, name, basic, cells in confidentiality.ROWS:
        if tag.startswith("60xx"):
            for group in range(0x6000, 0x6020, 2):
                rows[group << 16 | int(tag[4:], 16)] = (name, basic, cells)
        elif "x" not in tag and "-" not in tag:
            rows[int(tag, 16)] = (name, basic, cells)
    return rows
