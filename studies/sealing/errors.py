"""What can go wrong with something sealed; a message names the thing and the key, never a value."""


class SealError(Exception):
    """Something sealed can't be opened, or a key can't be used."""


class KeyMissing(SealError):
    """The key that sealed this isn't at hand."""


class KeyWrong(SealError):
    """A key is at hand, but it isn't the one that sealed this."""


class SealedTruncated(SealError):
    """What was sealed ends too early."""


class SealedCorrupt(SealError):
    """What was sealed has changed since, or belongs to another row or object."""
