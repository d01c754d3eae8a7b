"""What must not be found in the output: the identifying values that a data set itself names.

Gathers them from the first look and from what the rewriting removed, makes of them the text
cleaner, and casts the second net. Raw values are the keys, so that a series shares the work.
"""

from functools import lru_cache

from .charset import Charset
from .documents import Reading
from .errors import Held
from .identifying import IdentifyingValues
from .net import Net
from .pixels.policy import TextFinder
from .plan import IDENTIFYING, Plan
from .rewrite import Rewriter
from .survey import Survey
from .text import TextCleaner

Known = tuple[tuple[str, bytes], ...]
_NAMES = (
    *(0x00100010, 0x00101001, 0x00101005, 0x00101060, 0x00080090, 0x00081048, 0x00081050),
    *(0x00081060, 0x00081070, 0x00321032, 0x00401010, 0x00102297, 0x00402008),
)
_DATES = (0x00080020, 0x00080021, 0x00080022, 0x00080023, 0x0008002A)
_KINDS = {"device": "other"}
_MAX_IDENTIFYING = 16 * 1024  # bytes of distinct values; looking for them costs their product
_MAX_CLEAN = 20_000


class Searched:
    """The identifying values of one instance, and what is made of them."""

    def __init__(self, plan: Plan, found: Survey, entered_id: str | None) -> None:
        self._plan = plan
        self.charset_key = found.raw.get(0x00080005, b"")
        self._charset = Charset.of(self.charset_key)
        self.known = self._gathered(found.raw, entered_id)
        # The values as text, by kind, once the net is cast: what verification looks for.
        self.values: tuple[tuple[str, str], ...] = ()
        self._cleaner = text_cleaner(self.charset_key, (), None, True, False)
        self._clean: set[bytes] = set()

    def _gathered(self, raw: dict[int, bytes], entered_id: str | None) -> Known:
        values: list[tuple[str, bytes]] = [("name", raw[tag]) for tag in _NAMES if raw.get(tag)]
        for tag, kind in IDENTIFYING.items():
            value = raw.get(tag)
            if value and not self._is_retained(kind):
                values.append((kind, value))
        if not self._plan.keeps_dates:
            values += [("date", raw[tag][:8]) for tag in _DATES if raw.get(tag)]
        if entered_id is not None:
            values.append(("id", self._charset.encode(entered_id, b"LO")))
        return tuple(values)

    def _is_retained(self, kind: str) -> bool:
        return (kind == "institution" and self._plan.keeps_institution) or (
            kind == "device" and self._plan.keeps_device
        )

    def cleaner(self, shift_days: int, *, patterns: bool) -> TextCleaner:
        """Return what cleans the texts of this instance; `patterns` for Clean Descriptors."""
        shift = shift_days if self._plan.shifts_dates else None
        return text_cleaner(self.charset_key, self.known, shift, self._plan.keeps_dates, patterns)

    def identifying(self) -> IdentifyingValues:
        """Return the searchable form of the values: what text in the pixels is compared with."""
        return identifying_values(self.charset_key, self.known)

    def reading(self, found: list[tuple[str, bytes]], finder: TextFinder | None) -> Reading:
        """Return how a document of this instance is read, by what is known of its people so far."""
        extra = ((kind, raw) for kind, raw in found if not self._is_retained(kind))
        known = tuple(dict.fromkeys((*self.known, *extra)))
        cleaner = text_cleaner(self.charset_key, known, None, self._plan.keeps_dates, True)
        values = identifying_values(self.charset_key, known)
        return Reading(cleaner.identifies, values.in_binary, finder)

    def second_net(self, run: Rewriter, *, explicit: bool) -> bytearray:
        """Look for the values in every text that was kept; return the header without them."""
        extra = dict.fromkeys((kind, raw) for kind, raw in run.found if not self._is_retained(kind))
        known = self.known = tuple(dict.fromkeys((*self.known, *extra)))
        self.values = decoded_values(self.charset_key, known)
        self._cleaner = self.cleaner(run.shift_days, patterns=False)
        self._clean = clean_texts(self.charset_key, known)
        if not self.is_suspicious(run.texts):
            return run.out
        net = Net(bytes(run.out), self._cleaner, self._charset, explicit=explicit)
        cleaned = net.cleaned()
        run.log += [(path, tag, "C", "second net") for path, tag in net.caught]
        return cleaned

    def is_suspicious(self, texts: list[bytes]) -> bool:
        """Tell whether any kept text has to be cleaned; what is clean is remembered."""
        clean = self._clean
        if len(clean) > _MAX_CLEAN:
            clean.clear()
        for raw in set(texts) - clean:
            if b"\x1b" in raw or self._cleaner.clean_bytes(raw, b"LT", self._charset)[1]:
                return True
            clean.add(raw)
        return False


@lru_cache(maxsize=512)
def identifying_values(
    charset_key: bytes, known: tuple[tuple[str, bytes], ...]
) -> IdentifyingValues:
    """Return the searchable form of raw identifying values; a series shares one."""
    return IdentifyingValues.build(decoded_values(charset_key, known))


@lru_cache(maxsize=512)
def decoded_values(
    charset_key: bytes, known: tuple[tuple[str, bytes], ...]
) -> tuple[tuple[str, str], ...]:
    """Return raw identifying values as text."""
    if sum(len(raw) for _kind, raw in known) > _MAX_IDENTIFYING:
        raise Held(
            "identity-too-large",
            "The data set names more people and numbers than can be looked for in it.",
        )
    charset = Charset.of(charset_key)
    vrs = {"name": b"PN", "address": b"ST"}
    return tuple(
        (_KINDS.get(kind, kind), charset.decode(raw, vrs.get(kind, b"LO"))) for kind, raw in known
    )


@lru_cache(maxsize=64)
def clean_texts(charset_key: bytes, known: tuple[tuple[str, bytes], ...]) -> set[bytes]:
    """Return the texts known to hold none of these values; it grows with each instance."""
    return {b""}


@lru_cache(maxsize=256)
def text_cleaner(
    charset_key: bytes,
    known: tuple[tuple[str, bytes], ...],
    shift_days: int | None,
    keep_dates: bool,
    patterns: bool,
) -> TextCleaner:
    """Return a cleaner for one set of raw values in one character set; a series shares it."""
    values = identifying_values(charset_key, known)
    return TextCleaner(values, shift_days=shift_days, keep_dates=keep_dates, patterns=patterns)
