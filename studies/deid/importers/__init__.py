"""Rules of other de-identifiers, read as profiles of this one.

Whatever can't be said here is left out, never guessed: then the Basic Profile decides, which is
the stricter. Each thing left out is listed with its place and the reason.
"""

from collections.abc import Callable
from types import MappingProxyType

from studies.deid.profile import Profile, ProfileError

from .collected import NotExpressed
from .ctp import import_ctp
from .deid_recipe import import_deid_recipe
from .karnak import import_karnak
from .kitware import import_kitware

Importer = Callable[..., tuple[Profile, list[NotExpressed]]]

FORMATS = MappingProxyType(
    {
        "ctp": import_ctp,
        "deid": import_deid_recipe,
        "kitware": import_kitware,
        "karnak": import_karnak,
    }
)


def import_profile(
    text: str, form: str, *, name: str, source: str = ""
) -> tuple[Profile, list[NotExpressed]]:
    """Read another tool's rules in the named format: ctp, deid, kitware or karnak."""
    try:
        importer: Importer = FORMATS[form]
    except KeyError:
        raise ProfileError("unknown-format", f"The formats are {', '.join(FORMATS)}.") from None
    return importer(text, name=name, source=source)


__all__ = [
    "FORMATS",
    "NotExpressed",
    "import_ctp",
    "import_deid_recipe",
    "import_karnak",
    "import_kitware",
    "import_profile",
]
