"""Send the trail on to the syslog collector, once."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.sealer import TRAIL, seal_all
from audit.sending import collector, send_on


class Command(BaseCommand):
    """Send every event that was not sent yet."""

    help = "Send audit events that were not sent yet to the collector of settings.AUDIT SYSLOG."

    def handle(self, *args: Any, **options: Any) -> None:
        """Seal first, so that nothing recent stays behind."""
        if collector() is None:
            raise CommandError("settings.AUDIT has no SYSLOG")
        seal_all()
        self.stdout.write(f"sent {send_on(TRAIL)} events")
