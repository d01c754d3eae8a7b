"""De-identification of DICOM data sets after PS3.15 Annex E: streaming, verified, pure.

Bytes in, bytes and an outcome out. No clock, no randomness, no file store, no settings, no Django.
"""

from typing import TYPE_CHECKING, Any

from .cloudid import cloud_id_check, fold_cloud_id, is_cloud_id, new_cloud_id, parse_cloud_id
from .engine import deidentify
from .errors import EngineError, Held, LeakFound, NotDicom, Unsupported
from .identities import Identities, KeyedIdentities, is_placeholder_id, normalise_patient_id
from .inventory import Inventory, inventory
from .outcome import Change, Changes, Originals, Outcome, Risk
from .plan import Plan, compile_plan
from .profile import Option, Profile, ProfileError, Rule, RuleAction, builtin_profile

if TYPE_CHECKING:
    from .profile_text import load_profile

if TYPE_CHECKING:
    from .profile_text import load_profile

__all__ = [
    "Change",
    "Changes",
    "EngineError",
    "Held",
    "Identities",
    "Inventory",
    "KeyedIdentities",
    "LeakFound",
    "NotDicom",
    "Option",
    "Originals",
    "Outcome",
    "Plan",
    "Profile",
    "ProfileError",
    "Risk",
    "Rule",
    "RuleAction",
    "Unsupported",
    "builtin_profile",
    "cloud_id_check",
    "compile_plan",
    "deidentify",
    "fold_cloud_id",
    "inventory",
    "is_cloud_id",
    "is_placeholder_id",
    "load_profile",
    "new_cloud_id",
    "normalise_patient_id",
    "parse_cloud_id",
]


def __getattr__(name: str) -> Any:
    """Load what only custom profiles need (a YAML reader) when it is asked for."""
    if name == "load_profile":
        from .profile_text import load_profile

        return load_profile
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
