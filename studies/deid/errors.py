"""What can go wrong with one instance, as exceptions with a code, a place and a sentence.

No message may hold a value of the data set: it is shown, logged and reported.
"""


class EngineError(Exception):
    """One instance can't be de-identified; `code` is stable, `where` a tag path or an offset."""

    state = "refused"

    def __init__(self, code: str, message: str, where: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.where = where


class NotDicom(EngineError):
    """The bytes are no DICOM data set."""


class Unsupported(EngineError):
    """The bytes are DICOM of a kind that must not or cannot be passed on."""


class Held(EngineError):
    """A person has to look before this instance may leave."""

    state = "held"


class LeakFound(Held):
    """Verification found something in the output that must not be there."""
