"""What actions ask for while an instance is rewritten: new UIDs, cleaned and templated values.

One object for each instance. It knows identities, character set and cleaner, and no positions.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from .dataset import swapped
from .resolve import Path

if TYPE_CHECKING:
    from .charset import Charset
    from .text import TextCleaner


class Values:
    """The identities, the text cleaner and the dates of one instance, as actions use them."""

    def __init__(self, uid: Callable[[str], str], charset: "Charset") -> None:
        self.charset = charset
        self.cleaner: TextCleaner | None = None
        # Kept and written texts, for the second net.
        self.texts: list[bytes] = []
        # Dates that were moved: where, what stood there, what stands there now.
        self.dates: list[tuple[str, bytes, bytes]] = []
        self.uids: dict[str, str] = {}
        self.uid_bytes: dict[bytes, bytes] = {}
        self.path: Path = ()
        self.fixed: dict[int, bytes] = {}
        self.shift_days = 0
        self.patient = ("", "")
        self.templates: dict[str, str] = {}
        # What makes of an encapsulated document that which may leave, and how long that became.
        self.document: Callable[[bytes], bytes] | None = None
        self.document_length = 0
        # What the text finder saw free of text: groups of overlays, and lines of annotations.
        self.free_overlays: frozenset[int] = frozenset()
        self.has_free_annotations = False
        self._new_uid = uid

    def map_uid(self, raw: bytes) -> bytes:
        """Return the new UID for one value; class and well-known UIDs and no value stay."""
        text = raw.decode("latin-1").strip(" \0\t\r\n")
        if not text or is_standard_uid(text):
            return text.encode("latin-1")
        new = self.uids.get(text)
        if new is None:
            new = self.uids[text] = self._new_uid(text)
        return new.encode("ascii")

    def map_uids(self, raw: bytes) -> bytes:
        """Return what stands for each UID of a multi-valued attribute, padded to even length."""
        known = self.uid_bytes.get(raw)
        if known is not None:
            return known
        mapped = b"\\".join([self.map_uid(part) for part in raw.split(b"\\")])
        if len(mapped) & 1:
            mapped += b"\0"
        self.uid_bytes[raw] = mapped
        return mapped

    def blank_uid(self) -> bytes:
        """Return a UID for a place that must have one and has none: equal everywhere."""
        return self._new_uid("").encode("ascii")

    def map_text(self, uid: str) -> str:
        """Return the new UID for one UID that is no class UID."""
        return self.map_uid(uid.encode("latin-1")).decode("ascii")

    def clean(self, raw: bytes, vr: int) -> bytes:
        """Return a text value without what identifies."""
        if self.cleaner is not None:
            raw = self.cleaner.clean_bytes(raw, vr.to_bytes(2, "little"), self.charset)[0]
        self.texts.append(raw)
        return raw

    def path_of(self, tag: int) -> str:
        """Return where the attribute in work stands, as people read it."""
        from .naming import path_text

        return path_text(tuple(swapped(step) for step in self.path), tag)

    def template(self, text: bytes) -> bytes:
        """Fill a rule's value with cloud ids and prefix, in the data set's character set."""
        value = text.decode()
        for name, content in self.templates.items():
            value = value.replace("{" + name + "}", content)
        return self.charset.encode(value, b"LO")

    def pseudonym(self, raw: bytes, vr: int) -> bytes:
        """Return a keyed pseudonym of a value, short enough for any VR that holds text."""
        number = int(self._new_uid("value:" + raw.decode("latin-1"))[5:])
        letters = vr.to_bytes(2, "little")
        return (
            (b"%d" % (number % 10**8))
            if letters in (b"IS", b"DS")
            else b"H%014X" % (number & (1 << 56) - 1)
        )

    def substitute(self, find: str, replacement: str | bytes, raw: bytes, vr: int) -> bytes:
        """Apply a rule's regular expression to a text value."""
        from .rules import compiled_pattern

        letters = vr.to_bytes(2, "little")
        text = self.charset.decode(raw, letters)
        value = replacement.decode() if isinstance(replacement, bytes) else replacement
        return self.charset.encode(compiled_pattern(find).sub(value, text), letters)


def is_standard_uid(text: str) -> bool:
    """Tell whether a UID is one of the standard's own: classes, syntaxes, well-known instances."""
    return (
        text.startswith("1.2.840.10008.")
        and len(text) <= 40
        and text.replace(".", "").isdigit()
        and max(map(len, text.split("."))) <= 5
    )
