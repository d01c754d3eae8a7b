"""How many tries are left, as allauth's limits count them. It reads the count, never changes it."""

import time

from allauth.account import app_settings
from allauth.account.adapter import get_adapter
from allauth.core.internal import ratelimit
from django.core.cache import cache
from django.http import HttpRequest

LOCK_MINUTES = 15


def tries_left(request: HttpRequest, email: str) -> int:
    """Return how often a password may still be wrong before this account waits.

    The answer is the same for an address without an account: it tells nothing.
    """
    rates = ratelimit.parse_rates(app_settings.RATE_LIMITS["login_failed"])
    rate = next(rate for rate in rates if rate.per == "key")
    name = get_adapter()._get_login_attempts_cache_key(request, email=email.strip())
    key = ratelimit.get_cache_key(
        request, app="allauth.account", action="login_failed", rate=rate, key=name
    )
    since = time.time() - rate.duration
    used = sum(1 for moment in cache.get(key, []) if moment > since)
    return max(0, int(rate.amount) - used)
