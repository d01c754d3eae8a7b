"""Remove all second factors of a person who lost them; each removal is in the trail."""

from typing import Any

from allauth.mfa.models import Authenticator
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from anonportal.accounts.models import User


class Command(BaseCommand):
    """Let a person who lost app, passkeys and recovery codes sign in with the password again."""

    help = "Remove all second factors of a person who lost them."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the person's e-mail address."""
        parser.add_argument("email")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Remove them; each removal is recorded in the same transaction."""
        user = User.objects.filter(email=options["email"].strip().lower()).first()
        if user is None:
            raise CommandError("there is no such account")
        with transaction.atomic():
            factors = list(Authenticator.objects.filter(user_id=user.pk))
            for factor in factors:
                factor.delete()
        self.stdout.write(f"{len(factors)} removed")
