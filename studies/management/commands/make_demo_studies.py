"""`manage.py make_demo_studies DIR`: writes the synthetic demo studies into a folder.

The work is done by `studies.demo`; this is only its command line.
"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from studies.demo import make_studies
from studies.demo.catalogue import SIZES


class Command(BaseCommand):
    """Write synthetic studies to try the portal with, and for tests."""

    help = "Write synthetic DICOM studies (no real patient) into a folder."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the folder, the seed of all invented numbers, and how large the set is."""
        parser.add_argument("directory", type=Path, metavar="DIR")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--scale", choices=sorted(SIZES), default="demo")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the studies and say how many."""
        directory: Path = options["directory"]
        if directory.exists() and not directory.is_dir():
            raise CommandError(_("%(path)s is not a folder.") % {"path": directory})
        studies = make_studies(directory, seed=options["seed"], scale=options["scale"])
        files = sum(len(study.files) for study in studies)
        self.stdout.write(
            _("%(studies)d studies with %(files)d DICOM files written to %(path)s")
            % {"studies": len(studies), "files": files, "path": directory}
        )
