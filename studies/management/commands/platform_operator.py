"""Make a person a platform operator, who reads the installation's own trail and sees no batch."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from studies.services import organizations


class Command(BaseCommand):
    """Make a platform operator, or end it."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the address of an account."""
        parser.add_argument("email")
        parser.add_argument("--end", action="store_true", help="take it away again")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, audited."""
        user = get_user_model().objects.filter(email__iexact=options["email"]).first()
        if user is None:
            raise CommandError("there is no account with this address")
        organizations.set_platform_operator(user, is_operator=not options["end"])
        self.stdout.write("done")
