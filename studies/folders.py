"""Which folders of the machine sources and destinations may lie in: those that settings name."""

from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from studies.faults import PermanentError


class OutsideRoot(PermanentError):
    """A path that leads out of the folder it must stay in."""

    def __init__(self) -> None:
        super().__init__(
            "folder-outside",
            _("This path leads out of the configured folder. Choose one below it."),
        )


def allowed_roots() -> list[Path]:
    """Return the folders that sources and destinations may lie in."""
    roots = [Path(root) for root in settings.FOLDER_ROOTS]
    if settings.DEMO:
        roots.append(Path(settings.DATA_DIR) / "demo")
    return [root.resolve() for root in roots]


def checked_root(root: str) -> Path:
    """Return a root as it really is, or refuse one that no setting allows."""
    if not root or "\0" in root or not Path(root).is_absolute():
        raise OutsideRoot
    resolved = Path(root).resolve()
    if not any(resolved.is_relative_to(allowed) for allowed in allowed_roots()):
        raise OutsideRoot
    return resolved
