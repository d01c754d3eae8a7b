"""The real web server on a port of its own, over the databases of the test run."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="session")
def portal_server(
    django_db_setup: None, redis_server: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Run one web server for all tests that need one; each test's rows are its own."""
    with gunicorn(
        ANONPORTAL_API_CALLS_PER_MINUTE="1000000",
        ANONPORTAL_API_REFUSALS_PER_MINUTE="1000000",
        ANONPORTAL_FOLDER_ROOTS=str(tmp_path_factory.getbasetemp()),
    ) as address:
        yield address


@contextlib.contextmanager
def gunicorn(**environment: str) -> Iterator[str]:
    """Run the portal under gunicorn as it is deployed; return its address."""
    port = free_port()
    values = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "ANONPORTAL_BIND": f"127.0.0.1:{port}",
        **environment,
    }
    command = [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.py", "anonportal.wsgi"]
    process = subprocess.Popen(command, cwd=ROOT, env=values, stderr=subprocess.DEVNULL)
    try:
        _wait(process, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError("the web server did not start")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError("the web server does not answer")
