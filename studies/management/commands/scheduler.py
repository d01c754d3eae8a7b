"""The one process that looks after what others left: single by lease, a round every second."""

import logging
import signal
import threading
import time
import uuid
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, close_old_connections
from redis.exceptions import RedisError

from anonportal.checks import refuse_insecure_start
from anonportal.logs import Word
from audit import Actor
from audit.checkpoints import checkpoint_if_due
from audit.sealer import seal_all
from audit.sending import send_on
from studies import jobs
from studies.services import keeping, leases
from studies.vault.faults import NotErased

log = logging.getLogger(__name__)

LEASE = "scheduler"
SCHEDULER = Actor(kind="system", id="scheduler", label="scheduler")
LEASE_SECONDS = 15
ROUND_SECONDS = 0.5


def _checkpoint() -> None:
    checkpoint_if_due(SCHEDULER)


def _send_on() -> None:
    send_on(SCHEDULER)


def _finish_shreddings() -> None:
    try:
        keeping.finish_shreddings(actor=SCHEDULER)
    except NotErased as error:
        log.warning("a destruction isn't finished: %s", error)


# How often, in seconds, each duty is done.
DUTIES = (
    (0.5, seal_all),
    (2, jobs.requeue_lost),
    (2, jobs.take_up_stalled),
    (2, jobs.start_quiet),
    (2, jobs.requeue_sendings),
    (30, _checkpoint),
    (30, jobs.close_due),
    (2, _send_on),
    (300, jobs.look_after_trails),
    (60, _finish_shreddings),
)


class Command(BaseCommand):
    """Re-queue what the dead left, close batches, link and checkpoint the trail."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Offer a single round, for tests and for schedulers of the operating system."""
        parser.add_argument("--once", action="store_true", help="do every duty once, then end")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until told to stop."""
        refuse_insecure_start()
        token = uuid.uuid4()
        if options["once"]:
            for _every, duty in DUTIES:
                duty()
            return
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_args: stop.set())
        due = dict.fromkeys(range(len(DUTIES)), 0.0)
        try:
            while not stop.wait(ROUND_SECONDS):
                self._round(token, due)
        finally:
            leases.release(LEASE, token)

    def _round(self, token: uuid.UUID, due: dict[int, float]) -> None:
        """Do what is due, if this process holds the lease; a store that is away is tried again."""
        close_old_connections()
        try:
            if not leases.hold(LEASE, token, LEASE_SECONDS):
                return
            for number, (every, duty) in enumerate(DUTIES):
                if time.monotonic() >= due[number]:
                    due[number] = time.monotonic() + every
                    duty()
        except (DatabaseError, RedisError) as error:
            log.warning("the scheduler's round ended early: %s", Word(type(error).__name__))
