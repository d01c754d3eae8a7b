"""The project itself as an app: its checks, and logs that quote nothing."""

from django.apps import AppConfig
from django.conf import settings


class PortalConfig(AppConfig):
    """The project's own commands and checks."""

    name = "anonportal"
    label = "anonportal"

    def ready(self) -> None:
        """Register the checks; take over how uncaught faults are written."""
        from anonportal import checks  # noqa: F401
        from anonportal.logs import log_uncaught_safely

        if not settings.TESTING:
            log_uncaught_safely()
