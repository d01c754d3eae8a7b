"""One process that starts the others, restarts what dies, and leaves nothing behind.

It knows commands, signals and sessions; it must not know what its children are for.
"""

import functools
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from anonportal.logs import Word
from anonportal.processes import die_with_parent, kill_session, members

logger = logging.getLogger("anonportal.supervisor")

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class ChildSpec:
    """A process to keep alive.

    `last` ones stop when all others have: others need them. `niceness` lets others go first.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    last: bool = False
    niceness: int = 0


@dataclass(frozen=True)
class Pace:
    """How fast a dead child comes back, and how long a child may take to stop, in seconds."""

    first_wait: float = 0.5
    longest_wait: float = 30.0
    settled_after: float = 60.0
    grace: float = 7.0
    last_grace: float = 2.0
    tick: float = 0.1


def _become_child(parent: int, niceness: int) -> None:
    os.nice(niceness)
    die_with_parent(signal.SIGTERM, parent)


class Child:
    """A process that belongs to the supervisor, in a session of its own."""

    def __init__(self, spec: ChildSpec, pace: Pace, pass_fds: Sequence[int]) -> None:
        self.spec = spec
        self._pace = pace
        self._pass_fds = pass_fds
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._wait = pace.first_wait
        self._due = 0.0

    @property
    def pid(self) -> int | None:
        """The running process, None between two lives."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start it; should the supervisor be killed, the kernel stops it."""
        self._started = time.monotonic()
        self._process = subprocess.Popen(  # noqa: S603 - the specs are ours
            list(self.spec.command),
            env={**os.environ, **self.spec.environment},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=tuple(self._pass_fds),
            preexec_fn=functools.partial(_become_child, os.getpid(), self.spec.niceness),
        )

    def watch(self) -> None:
        """Notice a death, clear away what it left running, and start it again when it is due."""
        now = time.monotonic()
        if self._process is None:
            if now >= self._due:
                self.start()
            return
        status = self._process.poll()
        if status is None:
            return
        kill_session(self._process.pid)
        self._process = None
        if now - self._started >= self._pace.settled_after:
            self._wait = self._pace.first_wait
        self._due = now + self._wait
        logger.warning(
            "%s stopped with status %d; it starts again in %.1f s",
            Word(self.spec.name),
            status,
            self._wait,
        )
        say(f"{self.spec.name} stopped and starts again")
        self._wait = min(self._wait * 2, self._pace.longest_wait)

    def signal(self, number: signal.Signals) -> None:
        """Signal it, if it runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def has_gone(self) -> bool:
        """Tell whether neither it nor anything that it started runs."""
        if self._process is None:
            return True
        return self._process.poll() is not None and not members(self._process.pid)

    def kill(self) -> None:
        """End it and all that it started, now."""
        if self._process is not None:
            if self._process.poll() is None:
                self._process.kill()
            kill_session(self._process.pid)
            self._process.wait()


class Supervisor:
    """Keeps children alive until told to stop."""

    def __init__(
        self,
        specs: Sequence[ChildSpec],
        *,
        pace: Pace | None = None,
        pass_fds: Sequence[int] = (),
        on_tick: Callable[[], None] = lambda: None,
    ) -> None:
        self.pace = pace or Pace()
        self.children = [Child(spec, self.pace, pass_fds) for spec in specs]
        self._on_tick = on_tick
        self._told_to_stop = 0

    def listen(self) -> None:
        """Take Ctrl-C and the stop signals; a second one stops without grace."""
        for number in STOP_SIGNALS:
            signal.signal(number, self._stop_signal)

    def _stop_signal(self, number: int, frame: object) -> None:
        self._told_to_stop += 1

    @property
    def is_stopping(self) -> bool:
        """Tell whether a stop signal came."""
        return self._told_to_stop > 0

    def start(self, *, last: bool) -> None:
        """Start the children that stop last, or all others."""
        for child in self.children:
            if child.spec.last is last and child.pid is None:
                child.start()

    def run(self) -> None:
        """Watch the started children until a stop signal comes."""
        while not self.is_stopping:
            for child in self.children:
                child.watch()
            self._on_tick()
            time.sleep(self.pace.tick)

    def stop(self) -> None:
        """Stop all children: first those who need others, then the others; kill the slow."""
        told = self._told_to_stop
        for last, grace in ((False, self.pace.grace), (True, self.pace.last_grace)):
            group = [child for child in self.children if child.spec.last is last]
            for child in group:
                child.signal(signal.SIGTERM)
            end = time.monotonic() + grace
            while time.monotonic() < end and self._told_to_stop <= max(told, 1):
                if all(child.has_gone() for child in group):
                    break
                time.sleep(self.pace.tick / 2)
            for child in group:
                child.kill()


def say(text: str) -> None:
    """Tell the person at the terminal one line."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
