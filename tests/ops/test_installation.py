"""What stands in the way of a start is said in one line that tells what to do."""

import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from anonportal import installation
from anonportal.installation import CannotStart
from anonportal.redis_server import (
    LONGEST_SOCKET_PATH,
    find_redis_program,
    redis_arguments,
    socket_path,
)

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_data_folder_is_its_owners_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    installation.prepare_folder(data)
    folders = [data, *(data / name for name in installation.FOLDERS)]
    assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o700}


def test_a_data_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(CannotStart, match="ANONPORTAL_DATA"):
        installation.prepare_folder(tmp_path / "data")


def test_the_secret_is_made_once_and_read_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    secret = installation.make_secret(path)
    assert len(secret) >= 50
    assert installation.make_secret(path) == secret
    assert path.stat().st_mode & 0o777 == 0o600


def test_two_portals_do_not_share_a_data_folder(tmp_path: Path) -> None:
    installation.prepare_folder(tmp_path)
    lock = installation.take_lock(tmp_path)
    with pytest.raises(CannotStart, match=f"process {os.getpid()}"):
        installation.take_lock(tmp_path)
    os.close(lock)
    os.close(installation.take_lock(tmp_path))


def test_the_lock_outlives_a_killed_portal_until_its_last_process_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.prepare_folder(tmp_path)
    lock = installation.take_lock(tmp_path)
    with subprocess.Popen(["sleep", "1000"], pass_fds=[lock]) as child:
        os.pwrite(lock, b"999999999", 0)  # whoever took it isn't there any more
        os.close(lock)
        monkeypatch.setattr(installation, "LOCK_PATIENCE", 0.2)
        with pytest.raises(CannotStart):
            installation.take_lock(tmp_path)
        child.kill()
    os.close(installation.take_lock(tmp_path))


def test_a_port_in_use_is_named_with_the_next_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(CannotStart, match=f"port {port} is in use.*PORT={port + 1} make run"):
            installation.check_port(port)
    installation.check_port(port)


def test_no_port_at_all_is_refused() -> None:
    with pytest.raises(CannotStart, match="no port"):
        installation.check_port(70000)


def test_a_changed_static_file_changes_the_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "kit.css").write_text("a {}")
    before = installation.fingerprint([tmp_path])
    assert installation.fingerprint([tmp_path]) == before
    (tmp_path / "kit.css").write_text("a { color: red }")
    assert installation.fingerprint([tmp_path]) != before


def test_redis_listens_on_no_port_and_evicts_nothing(tmp_path: Path) -> None:
    arguments = redis_arguments(find_redis_program(), tmp_path / "redis.sock", tmp_path)
    options = dict(zip(arguments[1::2], arguments[2::2], strict=True))
    assert options["--port"] == "0"
    assert options["--maxmemory-policy"] == "noeviction"
    assert options["--appendonly"] == "yes"


def test_a_socket_whose_path_would_be_too_long_moves_to_a_short_folder(tmp_path: Path) -> None:
    assert socket_path(tmp_path) == tmp_path / "run" / "redis.sock"
    deep = tmp_path / ("deep" * 30)
    moved = socket_path(deep)
    assert len(os.fsencode(moved)) <= LONGEST_SOCKET_PATH
    assert moved != socket_path(tmp_path / ("deep" * 31))


class TestInstall:
    """`make install`, with a checkout that holds nothing but its lists and locks."""

    @pytest.fixture
    def checkout(self, tmp_path: Path) -> Path:
        shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
        return tmp_path

    @staticmethod
    def install(checkout: Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [checkout / "requirements" / "install.sh", "run"],
            env={"PATH": os.environ["PATH"], **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def test_a_stale_lock_is_one_line(self, checkout: Path) -> None:
        with (checkout / "requirements" / "dev.in").open("a") as file:
            file.write("something-new\n")
        done = self.install(checkout)
        assert done.returncode == 1
        assert done.stderr == (
            "requirements/dev.lock is stale: requirements/dev.in changed after it; run: make lock\n"
        )

    def test_a_missing_python_is_one_line(self, checkout: Path) -> None:
        done = self.install(checkout, PYTHON="/nowhere/python3")
        assert done.returncode == 1
        assert done.stderr.startswith("no Python 3.11 or 3.12 found: install one")
        assert done.stderr.count("\n") == 1

    def test_what_is_installed_is_not_installed_again(self, checkout: Path) -> None:
        # Without pip in it, any attempt to install would fail.
        (checkout / ".venv" / "bin").mkdir(parents=True)
        (checkout / ".venv" / "bin" / "python").symlink_to(shutil.which("true") or "true")
        lock = subprocess.check_output(["sha256sum", checkout / "requirements" / "run.lock"])
        (checkout / ".venv" / "installed").write_text(
            f"run {lock.decode().split()[0]} {checkout}\n"
        )
        done = self.install(checkout)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    @pytest.mark.parametrize("lock", ["run.lock", "dev.lock"])
    def test_a_lock_has_hashes_and_names_no_index_and_no_folder(self, lock: str) -> None:
        text = (ROOT / "requirements" / lock).read_text()
        requirements = [line for line in text.splitlines() if line[:1].isalnum()]
        names = {line.partition("==")[0].strip().lower() for line in requirements}
        listed = (ROOT / "requirements" / lock.replace(".lock", ".in")).read_text().splitlines()
        wanted = {
            re.split(r"[\[~;=]", line)[0].strip().lower().replace(".", "-")
            for line in listed
            if line[:1].isalpha()
        }
        assert wanted and wanted <= names
        assert all("==" in line and line.endswith("\\") for line in requirements)
        assert "://" not in text
        assert not any(
            line.startswith(("-i", "--index", "--find-links", "/", "-e"))
            for line in text.splitlines()
        )
