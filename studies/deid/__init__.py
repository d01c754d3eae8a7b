"""De-identification of DICOM data sets after PS3.15 Annex E: streaming, verified, pure.

Bytes in, bytes and an outcome out. No clock, no randomness, no file store, no settings, no Django.
"""

from typing import TYPE_CHECKING, Any

from .engine import deidentify
from .errors import EngineError, Held
from .identities import Identities, KeyedIdentities
from .inventory import inventory
from .outcome import Outcome
from .plan import compile_plan
from .profile import Option, Profile, builtin_profile

if TYPE_CHECKING:
    from .profile_text import load_profile

__all__ = [
    "EngineError",
    "Held",
    "Identities",
    "KeyedIdentities",
    "Option",
    "Outcome",
    "Profile",
    "builtin_profile",
    "compile_plan",
    "deidentify",
    "inventory",
    "load_profile",
]


def __getattr__(name: str) -> Any:
    """Load what only custom profiles need (a YAML reader) when it is asked for."""
    if name == "load_profile":
        from .profile_text import load_profile

        return load_profile
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
