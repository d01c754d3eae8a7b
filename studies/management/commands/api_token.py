"""Make, list and revoke API tokens of an organization; a new one is printed once."""

import uuid
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from studies.faults import PermanentError
from studies.models import ApiToken, Organization, Scope
from studies.services import tokens
from studies.services.organizations import COMMAND


class Command(BaseCommand):
    """Look after API tokens."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what to do."""
        acts = parser.add_subparsers(dest="act", required=True)
        create = acts.add_parser("create", help="make a token and print it, this once")
        create.add_argument("organization", help="its slug")
        create.add_argument("name", help="what uses it; the trail shows this name")
        create.add_argument(
            "--scope", action="append", required=True, choices=Scope.values, dest="scopes"
        )
        create.add_argument("--days", type=int, default=365, help="how long it lasts, up to 730")
        listed = acts.add_parser("list", help="list an organization's tokens")
        listed.add_argument("organization", help="its slug")
        revoke = acts.add_parser("revoke", help="end a token at once")
        revoke.add_argument("token", type=uuid.UUID, help="its id, as `list` shows it")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it."""
        if options["act"] == "create":
            self._create(options)
        elif options["act"] == "list":
            self._list(_organization(options))
        else:
            self._revoke(options["token"])

    def _create(self, options: dict[str, Any]) -> None:
        organization = _organization(options)
        try:
            _row, secret = tokens.create(
                organization,
                options["name"],
                options["scopes"],
                COMMAND,
                days=options["days"],
            )
        except PermanentError as error:
            raise CommandError(str(error.message)) from None
        self.stdout.write(secret)

    def _list(self, organization: Organization) -> None:
        for row in ApiToken.objects.filter(organization=organization):
            state = "usable" if row.is_usable else "revoked" if row.revoked else "expired"
            expires = f"{row.expires:%Y-%m-%d}"
            scopes = ",".join(row.scopes)
            self.stdout.write(f"{row.pk}  {state:<8} until {expires}  {scopes}  {row.name}")

    def _revoke(self, token_id: uuid.UUID) -> None:
        row = ApiToken.objects.filter(pk=token_id).first()
        if row is None:
            raise CommandError("there is no token with this id")
        tokens.revoke(row, COMMAND)
        self.stdout.write("revoked")


def _organization(options: dict[str, Any]) -> Organization:
    found = Organization.objects.filter(slug=options["organization"]).first()
    if found is None:
        raise CommandError("there is no organization with this slug")
    return found
