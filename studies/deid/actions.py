"""What each action does to the value of one attribute.

A handler gets the instance's `Rewriter`, the action, the VR and the raw value, and returns the new
value, or None to leave the attribute out. Handlers know nothing of positions or lengths.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from .dataset import SQ, vr_code
from .dates import cap_age, shift_da, shift_dt
from .graphics import is_kept

if TYPE_CHECKING:
    from .rewrite import Rewriter

Handler = Callable[["Rewriter", "Action", int, bytes], bytes | None]

_DUMMIES: dict[int, bytes] = {
    vr_code(vr): value
    for vr, value in {
        "AE": b"REMOVED",
        "AS": b"000Y",
        "AT": bytes(4),
        "CS": b"REMOVED",
        "DA": b"19000101",
        "DS": b"0 ",
        "DT": b"19000101000000",
        "FD": bytes(8),
        "FL": bytes(4),
        "IS": b"0 ",
        "LO": b"REMOVED",
        "LT": b"REMOVED",
        "OB": bytes(2),
        "OD": bytes(8),
        "OF": bytes(4),
        "OL": bytes(4),
        "OV": bytes(8),
        "OW": bytes(2),
        "PN": b"REMOVED",
        "SH": b"REMOVED",
        "SL": bytes(4),
        "SS": bytes(2),
        "ST": b"REMOVED",
        "SV": bytes(8),
        "TM": b"000000",
        "UC": b"REMOVED",
        "UI": b"2.25.0",
        "UL": bytes(4),
        "UN": bytes(2),
        "UR": b"REMOVED",
        "US": bytes(2),
        "UT": b"REMOVED",
        "UV": bytes(8),
    }.items()
}
DA, DT, TM, SH = vr_code("DA"), vr_code("DT"), vr_code("TM"), vr_code("SH")
TEXT = frozenset(vr_code(vr) for vr in ("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT"))
DATES = frozenset((DA, DT, TM))


class Action:
    """One entry of a compiled plan: what to do with one attribute at one kind of place.

    `vr` is the VR of the dictionary; `sequence` says what happens if the attribute is a sequence:
    recurse, remove, empty, dummy or content. `repeats`: kept, so what is in it may be looked up.
    Thousands are made at each start, so it is a plain class; nobody changes one once it is made.
    """

    __slots__ = (
        *("because", "fallback", "find", "handler", "kind", "letter", "repeats", "sequence"),
        *("tag", "text", "vr"),
    )

    def __init__(
        self,
        letter: str,
        because: str,
        tag: int,
        vr: int,
        handler: Handler,
        sequence: str = "remove",
        kind: str = "",
        fallback: str = "X",
        text: bytes = b"",
        find: str = "",
        repeats: bool = False,
    ) -> None:
        self.letter = letter
        self.because = because
        self.tag = tag
        self.vr = vr
        self.handler = handler
        self.sequence = sequence
        self.kind = kind
        self.fallback = fallback
        self.text = text
        self.find = find
        self.repeats = repeats

    @property
    def is_sequence(self) -> bool:
        """Tell whether the dictionary knows the attribute as a sequence."""
        return self.vr == SQ


def remove(_run: "Rewriter", _act: Action, _vr: int, _raw: bytes) -> bytes | None:
    """Leave the attribute out (X)."""
    return None


def empty(_run: "Rewriter", _act: Action, _vr: int, _raw: bytes) -> bytes | None:
    """Keep the attribute without a value (Z)."""
    return b""


def dummy(run: "Rewriter", act: Action, vr: int, raw: bytes) -> bytes | None:
    """Replace the value by one that says nothing and suits the VR (D)."""
    if vr == vr_code("UI"):
        return new_uid(run, act, vr, raw) if raw.strip(b" \0") else run.blank_uid()
    return _DUMMIES.get(vr, b"")


def keep(_run: "Rewriter", _act: Action, _vr: int, raw: bytes) -> bytes | None:
    """Keep the value as it is (K)."""
    return raw


def new_uid(run: "Rewriter", _act: Action, _vr: int, raw: bytes) -> bytes | None:
    """Replace each UID of a multi-valued attribute (U)."""
    return run.map_uids(raw)


def fixed(run: "Rewriter", act: Action, _vr: int, _raw: bytes) -> bytes | None:
    """Write what the portal puts in place of an identifier: cloud ids, prefix."""
    return run.fixed[act.tag]


def age(run: "Rewriter", _act: Action, _vr: int, raw: bytes) -> bytes | None:
    """Keep an age, but none over 89 years (45 CFR 164.514)."""
    return cap_age(raw)


def document(run: "Rewriter", act: Action, vr: int, raw: bytes) -> bytes | None:
    """Write the encapsulated document as it may leave; one nested in a sequence is a dummy (D)."""
    if run.path or run.document is None:
        return dummy(run, act, vr, raw)
    new = run.document(raw)
    run.document_length = len(new)
    return new


def document_length(run: "Rewriter", _act: Action, _vr: int, _raw: bytes) -> bytes | None:
    """State the length of the document that was written (PS3.3 C.24.2)."""
    return run.document_length.to_bytes(4, "little")


def overlay(run: "Rewriter", act: Action, _vr: int, raw: bytes) -> bytes | None:
    """Keep what an overlay needs if it was seen free of text (Clean Graphics, C)."""
    return raw if not run.path and is_kept(act.tag, run.free_overlays) else None


def fall_back(run: "Rewriter", act: Action, vr: int, raw: bytes) -> bytes | None:
    """Do what the table says without the option: the option can't be applied to this value."""
    if act.fallback == "D":
        return dummy(run, act, vr, raw)
    return b"" if act.fallback == "Z" else None


def shift_date(run: "Rewriter", act: Action, vr: int, raw: bytes) -> bytes | None:
    """Move a date back by the patient's own number of days; keep times (Modified Dates, C)."""
    if vr == TM or not raw.strip(b" \0"):
        return raw
    if vr == SH:  # Timezone Offset From UTC
        return raw if _is_offset(raw.strip(b" \0")) else fall_back(run, act, vr, raw)
    if vr not in (DA, DT):
        return fall_back(run, act, vr, raw)
    shift = shift_da if vr == DA else shift_dt
    parts: list[bytes] = []
    for part in raw.split(b"\\"):
        moved = shift(part, run.shift_days) if part.strip(b" \0") else part
        if moved is None:
            return dummy(run, act, vr, raw) if act.fallback == "D" else b""
        parts.append(moved)
    new = b"\\".join(parts)
    run.dates.append((run.path_of(act.tag), raw, new))
    return new


def _is_offset(text: bytes) -> bool:
    return len(text) == 5 and text[:1] in b"+-" and text[1:].isdigit()


def clean_text(run: "Rewriter", act: Action, vr: int, raw: bytes) -> bytes | None:
    """Take out what identifies and leave what is clinical (Clean Descriptors, C)."""
    if vr not in TEXT:
        return fall_back(run, act, vr, raw)
    return run.clean(raw, vr)


def replace(run: "Rewriter", act: Action, _vr: int, _raw: bytes) -> bytes | None:
    """Write a rule's own value; a template may name the cloud ids and the prefix."""
    return run.template(act.text)


def hashed(run: "Rewriter", act: Action, vr: int, raw: bytes) -> bytes | None:
    """Replace a value by a keyed pseudonym that is equal for equal values."""
    text = raw.strip(b" \0")
    return run.pseudonym(text, vr) if text else b""


def regex_replace(run: "Rewriter", act: Action, vr: int, raw: bytes) -> bytes | None:
    """Replace what a rule's pattern finds, in linear time."""
    return run.substitute(act.find, act.text, raw, vr)
