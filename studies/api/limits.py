"""How often one token may call, and how often one address may come with a wrong one, in a minute.

Counted in the shared cache, for all processes together; a process counts a few calls by itself
before it adds them there. A key holds an id or a digest, no more.
"""

import hashlib
import threading
import time

from django.conf import settings
from django.core.cache import cache
from django.utils.translation import gettext as _
from redis import RedisError

from studies.api.problems import Problem
from studies.services.tokens import Machine

MINUTE = 60
# How many calls a process keeps to itself at most; less where little is allowed.
MOST_KEPT = 50


class _Calls:
    """The calls of this process that the shared count doesn't have yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._minute = 0
        self._kept: dict[str, int] = {}
        self._total: dict[str, int] = {}

    def add(self, key: str, minute: int, step: int) -> int:
        """Count a call; return how many to add to the shared count now, or 0."""
        with self._lock:
            if minute != self._minute:
                self._minute, self._kept, self._total = minute, {}, {}
            kept = self._kept.get(key, 0) + 1
            # The first call of a minute is counted at once: others may have used it up.
            due = kept if kept >= step or key not in self._total else 0
            self._kept[key] = 0 if due else kept
            self._total.setdefault(key, 0)
            return due

    def learn(self, key: str, total: int) -> None:
        """Remember what the shared count says."""
        with self._lock:
            self._total[key] = total

    def total(self, key: str) -> int:
        """Return the count as far as this process knows it."""
        with self._lock:
            return self._total.get(key, 0) + self._kept.get(key, 0)


_calls = _Calls()


def count_call(machine: Machine) -> None:
    """Count a call of a token; refuse what is over the limit of the present minute."""
    allowed = settings.API_CALLS_PER_MINUTE
    minute = int(time.time()) // MINUTE
    key = f"api-call-{machine.token_id}-{minute}"
    due = _calls.add(key, minute, min(MOST_KEPT, max(allowed // 100, 1)))
    if due:
        _calls.learn(key, _add(key, due))
    if _calls.total(key) > allowed:
        raise _too_many()


def count_refusal(address: str) -> None:
    """Count a wrong token against its address; refuse one that guesses, before it is recorded."""
    name = hashlib.sha256(address.encode()).hexdigest()[:32]
    minute = int(time.time()) // MINUTE
    if _add(f"api-refused-{name}-{minute}", 1) > settings.API_REFUSALS_PER_MINUTE:
        raise _too_many()


def _add(key: str, count: int) -> int:
    """Add to a shared count, which ends with its minute; return it."""
    try:
        cache.add(key, 0, 2 * MINUTE)
        return int(cache.incr(key, count))
    except (RedisError, ValueError):
        raise Problem(
            503,
            "counter-unavailable",
            _("The portal can't count requests now. Try again shortly."),
            headers={"Retry-After": "5"},
        ) from None


def _too_many() -> Problem:
    wait = MINUTE - int(time.time()) % MINUTE
    return Problem(
        429,
        "too-many-requests",
        _("Too many requests in this minute. Wait as long as Retry-After says."),
        headers={"Retry-After": str(wait)},
    )
