"""Look for text in pictures, as a process of its own: `up` starts it; other hosts run it by hand.

manage.py text_finder                      on this machine's socket
manage.py text_finder --bind 0.0.0.0:9040  for workers elsewhere, with a shared secret
"""

import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from studies.deid.pixels import TextFinder
from studies.finding import Address, FinderServer, parse_address
from studies.services import finders


def load_finder() -> TextFinder:
    """Load the models that come with the product; nothing is fetched."""
    from studies.deid.pixels.rapid import RapidTextFinder

    return RapidTextFinder()


class Command(BaseCommand):
    """Serve until a stop signal."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the number of its socket, or a network address."""
        parser.add_argument("--number", type=int, default=1)
        parser.add_argument("--bind", default="", help="host:port instead of a socket")

    def handle(self, *args: Any, **options: Any) -> None:
        """Listen, load, answer."""
        address, key = self._address(options["number"], options["bind"])
        server = FinderServer(address, load_finder, key)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: server.stop())
        server.serve()

    def _address(self, number: int, bind: str) -> tuple[Address, bytes]:
        if not bind:
            if not 1 <= number <= len(settings.TEXT_FINDER_SOCKETS):
                raise CommandError("ANONPORTAL_TEXT_FINDERS says that there are fewer finders")
            return Address(settings.TEXT_FINDER_SOCKETS[number - 1]), b""
        try:
            return parse_address(bind), finders.shared_secret()
        except ValueError as error:
            raise CommandError(str(error)) from None
