"""What judging a document needs: who tells identity in a text, in bytes, and in a picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Held

if TYPE_CHECKING:
    from ..pixels.policy import TextFinder

WHERE = "(0042,0011)"


class Reading(NamedTuple):
    """How the document of one instance is read.

    `identifies` tells whether a text names the patient, a person, a place or a date that must not
    leave; `in_bytes` whether bytes hold one of the data set's own identifying values.
    """

    identifies: Callable[[str], bool]
    in_bytes: Callable[[bytes], bool]
    finder: TextFinder | None

    def judge(self, text: str, what: str) -> None:
        """Hold the document if a text in it identifies, naming only where it stands."""
        flat = " ".join(text.split())
        if flat and (self.identifies(flat) or self.identifies(flat.replace(" ", ""))):
            raise Held(
                "document-identifies",
                f"The document shows identity in its {what}. Exclude it, or let the source write it"
                " without.",
                WHERE,
            )

    def judge_bytes(self, raw: bytes, what: str) -> None:
        """Hold the document if bytes in it hold an identifying value."""
        if self.in_bytes(raw):
            raise Held(
                "document-identifies",
                f"The document holds identity in its {what}. Exclude it, or let the source write it"
                " without.",
                WHERE,
            )


def unreadable(why: str) -> Held:
    """Return the error for a document that can't be judged."""
    message = f"{why} Exclude it, or have the source write it anew."
    return Held("document-unreadable", message, WHERE)
