"""Cloud ids: twelve Crockford base-32 characters and a Luhn mod 32 check character.

Upper case and without hyphens in DICOM. Must not draw random numbers: the caller brings them.
"""

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 13
_VALUES = {character: value for value, character in enumerate(ALPHABET)}
# What people type for what they read (Crockford), and the separators that pages show.
_FOLD = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


def cloud_id_check(body: str) -> str:
    """Return the Luhn mod 32 check character of `body`."""
    total = 0
    for place, character in enumerate(reversed(body)):
        value = _VALUES[character] * (2 if place % 2 == 0 else 1)
        total += value // 32 + value % 32
    return ALPHABET[-total % 32]


def new_cloud_id(randbits60: int) -> str:
    """Return the cloud id made of 60 bits that the caller drew."""
    if not 0 <= randbits60 < 1 << 60:
        raise ValueError("a cloud id is made of 60 bits")
    body = "".join(ALPHABET[randbits60 >> shift & 31] for shift in range(55, -1, -5))
    return body + cloud_id_check(body)


def fold_cloud_id(typed: str) -> str:
    """Return what a person typed in the form in which cloud ids are stored."""
    return typed.strip().upper().translate(_FOLD)


def is_cloud_id(text: str) -> bool:
    """Tell whether `text` is a cloud id in its stored form, check character included."""
    return (
        len(text) == LENGTH
        and all(character in _VALUES for character in text)
        and cloud_id_check(text[:-1]) == text[-1]
    )


def parse_cloud_id(typed: str) -> str | None:
    """Return the cloud id that a person typed, or None if the check character does not fit."""
    folded = fold_cloud_id(typed)
    return folded if is_cloud_id(folded) else None
