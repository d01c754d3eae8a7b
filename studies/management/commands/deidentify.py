"""De-identify files and folders under an organization's own identities, audited."""

import argparse
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from studies.deid.command import build_parser, check_folders, job_of, plan_of
from studies.deid.command.run import run
from studies.models import Organization
from studies.services import filing, organizations


class Command(BaseCommand):
    """`python -m studies.deid` with the vault's identities in place of a key file."""

    help = __doc__
    # Exit status and arguments are those of the engine's own command.
    requires_system_checks: list[str] = []

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Take the engine's own arguments, and the organization."""
        kwargs["parents"] = [build_parser("manage.py deidentify", add_help=False)]
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the organization whose identities are used."""
        parser.add_argument("--organization", required=True, metavar="SLUG")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run, and leave with 0 all de-identified, 1 something held or refused, 2 wrong use."""
        given = argparse.Namespace(**options)
        parser = build_parser("manage.py deidentify")
        organization = Organization.objects.filter(slug=given.organization).first()
        if organization is None:
            raise CommandError("there is no organization with this slug", returncode=2)
        plan = plan_of(given.profile, given.option, parser)
        check_folders(given, parser)
        identities = filing.identities_for(organization)
        job = job_of(given, plan, identities)
        job = job._replace(keeper=lambda: identities)
        status = filing.audited(
            organization,
            organizations.COMMAND,
            plan.digest,
            identities.run_id,
            lambda: run(job),
        )
        if status:
            sys.exit(status)
