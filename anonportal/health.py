"""/healthz: is each part that the portal stands on alive. Words only, no names, no numbers.

It opens nothing and changes nothing, so that anybody may ask it at any time.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connections
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis import Redis, RedisError
from rq import Worker

from studies.services import finders, leases

logger = logging.getLogger("anonportal.health")

# A worker that runs a job shows itself every 30 s, an idle one more often.
WORKER_LIFE = timedelta(seconds=90)


def redis_connection() -> "Redis[bytes]":
    """Return a client of the installation's Redis that doesn't wait long."""
    return Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)


def _portal() -> bool:
    return _answers("default")


def _vault() -> bool:
    return _answers("vault")


def _answers(alias: str) -> bool:
    try:
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT 1")
            return bool(cursor.fetchone() == (1,))
    except DatabaseError as error:
        logger.warning("a database doesn't answer", exc_info=error)
        return False


def _redis() -> bool:
    return _asked(lambda connection: bool(connection.ping()))


def _workers() -> bool:
    oldest = datetime.now(UTC) - WORKER_LIFE

    def living(connection: "Redis[bytes]") -> bool:
        beats = (worker.last_heartbeat for worker in Worker.all(connection=connection))
        return any(beat is not None and _aware(beat) > oldest for beat in beats)

    return _asked(living)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _scheduler() -> bool:
    try:
        return leases.is_held("scheduler")
    except DatabaseError as error:
        logger.warning("the scheduler's lease can't be read", exc_info=error)
        return False


def _asked(question: Callable[["Redis[bytes]"], bool]) -> bool:
    try:
        with redis_connection() as connection:
            return question(connection)
    except RedisError as error:
        logger.warning("Redis doesn't answer", exc_info=error)
        return False


def _keys() -> bool:
    if settings.KEYS or settings.KMS_KEYS:
        return True
    path = Path(settings.KEY_FILE)
    # It is made on first use; until then there is nothing it could have sealed.
    return not path.exists() or path.stat().st_mode & 0o077 == 0


PARTS: dict[str, Callable[[], bool]] = {
    "portal": _portal,
    "vault": _vault,
    "redis": _redis,
    "workers": _workers,
    "scheduler": _scheduler,
    "keys": _keys,
    "text-finder": finders.are_answering,
}


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when every part is alive, else 503 and which aren't."""
    parts = {name: "ok" if check() else "failing" for name, check in PARTS.items()}
    healthy = all(state == "ok" for state in parts.values())
    return JsonResponse(
        {"status": "ok" if healthy else "failing", "parts": parts}, status=200 if healthy else 503
    )
