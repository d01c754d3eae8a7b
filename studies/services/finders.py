"""Where the text finders of this installation are, and a client of them for one run of work."""

import base64
import binascii
from collections.abc import Callable

from django.conf import settings

from studies.finding import Address, FinderClient, Priority, is_answering, parse_address
from studies.finding.wire import SHORTEST_SECRET


def shared_secret() -> bytes:
    """Return the secret that workers and finders on a network share; ValueError without one."""
    try:
        key = base64.b64decode(settings.TEXT_FINDER_KEY, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < SHORTEST_SECRET:
        raise ValueError(
            "ANONPORTAL_TEXT_FINDER_KEY must hold 32 random bytes or more, base64: "
            "a text finder on a network is asked over sealed connections only"
        )
    return key


def addresses() -> list[Address]:
    """Return where the finders listen: the hosts that were set, else this machine's sockets."""
    if settings.TEXT_FINDER:
        return [parse_address(text) for text in settings.TEXT_FINDER]
    return [Address(path) for path in settings.TEXT_FINDER_SOCKETS]


def client(priority: str, beat: Callable[[], None] = lambda: None) -> FinderClient:
    """Return a finder that asks with a batch's priority."""
    key = shared_secret() if settings.TEXT_FINDER else b""
    return FinderClient(addresses(), key, priority=Priority[priority], beat=beat)


def are_answering() -> bool:
    """Say whether every finder answers, for /healthz."""
    try:
        key = shared_secret() if settings.TEXT_FINDER else b""
        return all(is_answering(address, key) for address in addresses())
    except ValueError:
        return False
