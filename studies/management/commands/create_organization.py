"""Make an organization with its keys, linkage domain and built-in profiles."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from studies.services import organizations


class Command(BaseCommand):
    """Make an organization."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Take slug, name, prefix and the regions that it may send to."""
        parser.add_argument("slug")
        parser.add_argument("name")
        parser.add_argument("prefix", help="2 to 16 of A-Z and 0-9, stands before cloud ids")
        parser.add_argument("--issuer", default="", help="default issuer of patient ids")
        parser.add_argument("--region", action="append", default=[], help="a region it may send to")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make it, or say what is wrong with the values."""
        try:
            organization = organizations.create_organization(
                slug=options["slug"],
                name=options["name"],
                prefix=options["prefix"],
                default_issuer=options["issuer"],
                allowed_regions=options["region"],
            )
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from None
        self.stdout.write(f"{organization.slug} made, id {organization.pk}")
