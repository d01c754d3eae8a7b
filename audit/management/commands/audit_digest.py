"""Send the daily digest; run it from the scheduler of the host or of the operating system."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from audit.chains import known_chains
from audit.digest import make_digest, send_digest


class Command(BaseCommand):
    """Send each chain's digest to those settings.AUDIT DIGEST names."""

    help = "Send the digest of the last 24 hours by mail, or print it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take one chain, and whether to print only."""
        parser.add_argument("--chain", help="only this chain")
        parser.add_argument("--print", action="store_true", help="print, send nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        """Send or print."""
        for chain in [options["chain"]] if options["chain"] else known_chains():
            if options["print"]:
                made = make_digest(chain)
                self.stdout.write(f"{chain}\n{made.subject}\n\n{made.text}\n")
            else:
                self.stdout.write(f"{chain}: sent to {send_digest(chain)}")
