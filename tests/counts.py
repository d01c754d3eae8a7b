"""How often a repeated check runs: a few times in `make test`, in full in `make prove`."""

import os

PROVE = os.environ.get("PROVE") == "1"


def count(small: int, full: int) -> int:
    """Return the small number, or the full one when PROVE=1."""
    return full if PROVE else small
