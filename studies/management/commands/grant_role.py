"""Give a person a role in an organization; the account is made where there is none."""

import getpass
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from studies.models import Organization, Role
from studies.services import organizations


class Command(BaseCommand):
    """Give a role."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Take address, organization and role."""
        parser.add_argument("email")
        parser.add_argument("organization", help="its slug")
        parser.add_argument("role", choices=Role.values)
        parser.add_argument("--name", default="", help="the person's name, for a new account")

    def handle(self, *args: Any, **options: Any) -> None:
        """Give the role; ask for the password of a new account."""
        organization = Organization.objects.filter(slug=options["organization"]).first()
        if organization is None:
            raise CommandError("there is no organization with this slug")
        users: Any = get_user_model()._default_manager
        user = users.filter(email__iexact=options["email"]).first()
        if user is None:
            password = getpass.getpass("Password of the new account: ")
            try:
                validate_password(password)
            except ValidationError as error:
                raise CommandError(" ".join(error.messages)) from None
            user = organizations.create_person(
                email=options["email"],
                name=options["name"] or options["email"],
                password=password,
            )
        organizations.grant(user, organization, options["role"])
        self.stdout.write(f"{options['role']} of {organization.slug} given")
