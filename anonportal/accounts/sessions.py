"""How long a session lasts: until it rests too long, or the working day is over.

Polling pages don't count as a person being there. Nothing here decides what a person may do.
"""

import time

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest

_SINCE, _SEEN = "anonportal_since", "anonportal_seen"
_NOTED_EVERY = 60  # seconds: a session is written at most this often for being alive


def keep_or_end(request: HttpRequest) -> None:
    """End a session that is over; note that the person is here otherwise."""
    if not request.user.is_authenticated:
        return
    now = int(time.time())
    session = request.session
    since, seen = session.get(_SINCE, now), session.get(_SEEN, now)
    if now - seen >= 60 * settings.SESSION_IDLE_MINUTES:
        return _end(request, "rested too long")
    if now - since >= settings.SESSION_COOKIE_AGE:
        return _end(request, "lasted too long")
    polling = request.headers.get("X-Poll") == "1"
    if _SEEN not in session or (not polling and now - seen >= _NOTED_EVERY):
        session[_SINCE], session[_SEEN] = since, now
    return None


def _end(request: HttpRequest, reason: str) -> None:
    get_adapter().logout(request, reason=reason)
    request.user = AnonymousUser()
