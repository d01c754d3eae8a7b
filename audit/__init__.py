"""The tamper-evident audit trail: any Django project can take this app as it is.

A host calls `record` inside its own transaction. This room knows nothing of what is audited; the
host hands it a vocabulary, a signer, a second place and a rule of who sees what, by setting.
"""

from typing import TYPE_CHECKING, Any

from audit.terms import SYSTEM_CHAIN, Action, Actor, Outcome

if TYPE_CHECKING:
    from audit.recording import record, record_alone

__all__ = ["SYSTEM_CHAIN", "Action", "Actor", "Outcome", "record", "record_alone"]


def __getattr__(name: str) -> Any:
    """Give the recording functions late: they need models, which load after this package."""
    if name in {"record", "record_alone"}:
        from audit import recording

        return getattr(recording, name)
    raise AttributeError(f"module 'audit' has no attribute {name!r}")
