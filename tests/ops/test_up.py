"""`make run` in earnest: the demo starts, says so, heals, and stops without leaving anything."""

import http.client
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ops.test_supervisor import wait_until

ROOT = Path(__file__).resolve().parent.parent.parent

pytestmark = pytest.mark.chain


class Running:
    """A portal that was started as `make run` starts it."""

    def __init__(self, data: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.data = data
        self.lines: list[str] = []
        self.process = start(data, self.port)
        assert self.process.stdout is not None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(iter(self.process.stdout.readline, ""))

    def wait_until_ready(self) -> None:
        ready = f"ready http://127.0.0.1:{self.port}\n"
        wait_until(lambda: ready in self.lines or self.process.poll() is not None)
        assert ready in self.lines, "".join(self.lines)

    def health(self) -> dict[str, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", "/healthz")
            parts: dict[str, str] = json.loads(connection.getresponse().read())["parts"]
        except (OSError, http.client.HTTPException):
            return {"web": "failing"}
        finally:
            connection.close()
        return parts

    def is_healthy(self) -> bool:
        return set(self.health().values()) == {"ok"}

    def descendants(self) -> dict[int, str]:
        """Return the command lines of everything that it started."""
        found: dict[int, str] = {}
        parents = {self.process.pid}
        processes = list(_processes())
        while True:
            more = {pid: line for pid, parent, line in processes if parent in parents} | found
            if len(more) == len(found):
                return found
            found = more
            parents |= set(more)

    def stop(self, number: signal.Signals) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


def elsewhere(data: Path) -> Path:
    """Return the folder where a careless part of it would write."""
    folder = data.parent / "elsewhere"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def start(data: Path, port: int) -> subprocess.Popen[str]:
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ANONPORTAL_", "DJANGO_"))
    }
    return subprocess.Popen(
        [sys.executable, "manage.py", "up", "--port", str(port)],
        cwd=ROOT,
        env={
            **clean,
            **dict.fromkeys(("HOME", "TMPDIR", "XDG_RUNTIME_DIR"), str(elsewhere(data))),
            "ANONPORTAL_DATA": str(data),
            "ANONPORTAL_DEMO": "1",
            "ANONPORTAL_WORKERS": "1",
            "ANONPORTAL_LOG_STDERR": "CRITICAL",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _processes() -> Iterator[tuple[int, int, str]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[1]
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            yield int(entry.name), int(parent), line


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    portal = Running(tmp_path_factory.mktemp("up") / "data")
    try:
        portal.wait_until_ready()
        yield portal
    finally:
        portal.stop(signal.SIGKILL)


def test_it_is_ready_when_health_says_so(running: Running) -> None:
    assert running.is_healthy()


def test_the_first_start_prints_each_password_and_keeps_them_in_a_private_file(
    running: Running,
) -> None:
    path = running.data / "demo-passwords.txt"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    passwords = path.read_text().splitlines()
    assert len(passwords) == 4
    assert set(passwords) <= {line.rstrip("\n") for line in running.lines}


def test_all_it_writes_is_for_its_owner_only(running: Running) -> None:
    assert stat.S_IMODE(running.data.stat().st_mode) == 0o700
    for secret in (running.data / "keys").iterdir():
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600, secret.name


def test_it_writes_nothing_elsewhere(running: Running) -> None:
    assert list(elsewhere(running.data).rglob("*")) == []


def test_a_second_start_on_the_same_folder_is_refused_in_one_line(running: Running) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    second = start(running.data, port)
    told, _ = second.communicate()
    assert second.returncode == 1
    assert told.startswith("the data folder")
    assert told.count("\n") == 1


def test_a_second_start_on_the_same_port_is_refused_in_one_line(
    running: Running, tmp_path: Path
) -> None:
    second = start(tmp_path / "other", running.port)
    told, _ = second.communicate()
    assert (second.returncode, told) == (
        1,
        f"port {running.port} is in use; choose another: PORT={running.port + 1} make run\n",
    )
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    "part", ["redis-server", "gunicorn", "rqworker", "scheduler", "text_finder"]
)
def test_what_is_killed_comes_back(running: Running, part: str) -> None:
    wait_until(running.is_healthy)
    before = {pid for pid, line in running.descendants().items() if part in line}
    assert before
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: {p for p, line in running.descendants().items() if part in line} - before)
    wait_until(running.is_healthy)


def test_ctrl_c_stops_it_cleanly_and_leaves_nothing(running: Running) -> None:
    wait_until(running.is_healthy)
    started = running.descendants()
    assert len(started) >= 5
    assert running.stop(signal.SIGINT) == 0
    assert running.lines[-1] == "stopped\n"
    left = {pid for pid, _, line in _processes() if started.get(pid) == line and line}
    assert left == set()


def test_a_later_start_prints_no_password(running: Running) -> None:
    """The order matters: the portal was stopped by the test above."""
    again = Running(running.data)
    try:
        again.wait_until_ready()
        text = "".join(again.lines)
        for line in (running.data / "demo-passwords.txt").read_text().splitlines():
            assert line.split()[-1] not in text
    finally:
        assert again.stop(signal.SIGTERM) == 0
