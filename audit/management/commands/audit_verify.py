"""Verify the chains from the command line, against checkpoints from anywhere."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.chains import known_chains
from audit.verification import verify_chain


class Command(BaseCommand):
    """Say of each chain that it is intact, or what is the first thing that is not."""

    help = "Verify the audit trail; ends with an error if a chain is not as it was written."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take chains and a folder of checkpoints that was kept elsewhere."""
        parser.add_argument("--chain", action="append", help="only this chain; may be repeated")
        parser.add_argument(
            "--checkpoints", type=Path, help="folder <chain>/*.json of checkpoints kept elsewhere"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify and report, one line per chain."""
        chains = options["chain"] or known_chains()
        below: Path | None = options["checkpoints"]
        if below is not None and not below.is_dir():
            raise CommandError("--checkpoints names no folder")
        if below is not None and not options["chain"]:
            chains = sorted({*chains, *(path.name for path in below.iterdir() if path.is_dir())})
        broken = 0
        for chain in chains:
            files = sorted((below / chain).glob("*.json")) if below else []
            report = verify_chain(chain, extra_checkpoints=[path.read_bytes() for path in files])
            if report.unguarded:
                self.stderr.write(f"warning: triggers missing: {', '.join(report.unguarded)}")
            signed = max(report.checkpoints, report.second_place, len(files))
            if report.finding is None:
                self.stdout.write(
                    f"{chain}: intact, events {report.first} to {report.last}, "
                    f"{signed} signed checkpoints, head {report.head.hex()}"
                )
                continue
            broken += 1
            found = report.finding
            self.stdout.write(f"{chain}: {found.kind} at {found.sequence}: {found.message}")
        if broken:
            raise CommandError(f"{broken} of {len(chains)} chains are not as they were written")
