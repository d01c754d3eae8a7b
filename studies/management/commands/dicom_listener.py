"""Listen for C-STORE and C-ECHO; what comes in goes by listener rules into batches.

`up` starts it where ANONPORTAL_DICOM_PORT is set. With ANONPORTAL_DICOM_TLS_CERTIFICATE it speaks
TLS and nothing else.
"""

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from anonportal.checks import refuse_insecure_start
from studies.faults import PermanentError
from studies.intake.dimse_receiving import server_context
from studies.management.listener import Listener


class Command(BaseCommand):
    """Run the storage SCP until told to stop."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the port; ANONPORTAL_DICOM_PORT stands in for it."""
        parser.add_argument("--port", type=int, default=None)

    def handle(self, *args: Any, **options: Any) -> None:
        """Listen."""
        refuse_insecure_start()
        port = options["port"] or settings.DICOM_PORT
        if not port:
            raise CommandError("Name a port: --port, or ANONPORTAL_DICOM_PORT.")
        listener = Listener()
        try:
            listener.start((settings.DICOM_BIND, port), server_context())
        except PermanentError as fault:
            raise CommandError(str(fault.message)) from None
        except OSError as error:
            raise CommandError(
                f"{settings.DICOM_BIND} port {port} can't be listened on: {error.strerror}."
            ) from None
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_args: stop.set())
        self.stdout.write(f"listening on {settings.DICOM_BIND} port {listener.port}")
        self.stdout.flush()
        stop.wait()
        listener.stop()
