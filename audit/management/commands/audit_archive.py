"""Move what is older than the retention into signed archives."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.archive import ArchiveRefused, archive_chain
from audit.chains import known_chains
from audit.sealer import TRAIL


class Command(BaseCommand):
    """Archive old segments of every chain, or of one."""

    help = "Archive audit events older than RETENTION_DAYS; each run is recorded in its chain."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take one chain, if not all."""
        parser.add_argument("--chain", help="only this chain")

    def handle(self, *args: Any, **options: Any) -> None:
        """Archive and say what went where."""
        for chain in [options["chain"]] if options["chain"] else known_chains():
            try:
                for segment in archive_chain(chain, TRAIL):
                    self.stdout.write(f"{chain}: {segment.first} to {segment.last}, {segment.path}")
            except ArchiveRefused as refused:
                raise CommandError(f"{chain}: {refused}") from refused
