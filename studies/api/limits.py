"""How often one token may call, and how often one address may be refused, within a minute.

Counted in the shared cache, for all processes together. A key holds an id or a digest, no more.
"""

import hashlib
import time

from django.conf import settings
from django.core.cache import cache
from django.utils.translation import gettext as _
from redis import RedisError

from studies.api.problems import Problem
from studies.services.tokens import Machine

MINUTE = 60


def count_call(machine: Machine) -> None:
    """Count a call of a token; refuse what is over the limit of the present minute."""
    _count(f"api-call-{machine.token_id}", settings.API_CALLS_PER_MINUTE)


def refuse_guessing(address: str) -> None:
    """Refuse an address that was refused too often already, before its token is looked at."""
    try:
        tries = cache.get(_refusals(address), 0)
    except RedisError:
        raise _unavailable() from None
    if tries >= settings.API_REFUSALS_PER_MINUTE:
        raise _too_many()


def count_refusal(address: str) -> None:
    """Count a refused token against the address it came from."""
    _count(_refusals(address), 1 << 31)


def _refusals(address: str) -> str:
    return f"api-refused-{hashlib.sha256(address.encode()).hexdigest()[:32]}-{_now()}"


def _count(key: str, allowed: int) -> None:
    key = key if key.endswith(f"-{_now()}") else f"{key}-{_now()}"
    try:
        # `incr` needs the key; adding first costs a second trip once a minute only.
        try:
            calls = cache.incr(key)
        except ValueError:
            cache.add(key, 0, 2 * MINUTE)
            calls = cache.incr(key)
    except RedisError:
        raise _unavailable() from None
    if calls > allowed:
        raise _too_many()


def _now() -> int:
    return int(time.time()) // MINUTE


def _too_many() -> Problem:
    wait = MINUTE - int(time.time()) % MINUTE
    return Problem(
        429,
        "too-many-requests",
        _("Too many requests in this minute. Wait as long as Retry-After says."),
        headers={"Retry-After": str(wait)},
    )


def _unavailable() -> Problem:
    return Problem(
        503,
        "counter-unavailable",
        _("The portal can't count requests now. Try again shortly."),
        headers={"Retry-After": "5"},
    )
