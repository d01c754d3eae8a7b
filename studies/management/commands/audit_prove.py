"""Write the short proof that a delivered file was produced by a job under a profile.

`python audit/verifier.py` checks it offline, from the file and the proof alone.
"""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from studies.faults import PermanentError
from studies.services import trail


class Command(BaseCommand):
    """Prove one delivered instance."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the instance's new SOP Instance UID, and where to write."""
        parser.add_argument("instance", help="the SOP Instance UID that the delivered file carries")
        parser.add_argument("--output", type=Path, help="a file; default: standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the proof, or say why there is none."""
        try:
            found = trail.prove(options["instance"])
        except PermanentError as error:
            raise CommandError(str(error.message)) from None
        text = json.dumps(found, indent=1, sort_keys=True)
        if options["output"]:
            options["output"].write_text(text + "\n", encoding="utf-8")
        else:
            self.stdout.write(text)
