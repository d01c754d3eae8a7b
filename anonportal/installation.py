"""What an installation on one machine needs before it can start: folder, lock, secret, port.

Each failure is one sentence that says what to do.
"""

import errno
import fcntl
import hashlib
import os
import secrets
import socket
import time
from collections.abc import Iterable
from pathlib import Path

from anonportal.redis_server import private_folder

FOLDERS = ("db", "keys", "log", "redis", "run", "sealed")
# What a stopped installation's last process may take to end.
LOCK_PATIENCE = 10.0


class CannotStart(Exception):
    """The installation can't start; the message says why and what to do."""


def prepare_folder(data_dir: Path) -> None:
    """Make the data folder and its rooms, for their owner only."""
    try:
        for folder in (data_dir, *(data_dir / name for name in FOLDERS)):
            private_folder(folder)
    except OSError as error:
        raise CannotStart(
            f"the data folder {data_dir} can't be used ({error.strerror or error}); "
            "set ANONPORTAL_DATA to one that you own"
        ) from None


def take_lock(data_dir: Path) -> int:
    """Lock the data folder; the descriptor goes to every child, so the last one to end frees it."""
    lock = os.open(data_dir / "run" / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    end = time.monotonic() + LOCK_PATIENCE
    while not _try_lock(lock):
        holder = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
        if time.monotonic() > end or _is_alive(holder):
            os.close(lock)
            raise CannotStart(
                f"the data folder {data_dir} is in use by another `make run` (process {holder}); "
                "stop it, or set ANONPORTAL_DATA to another folder"
            )
        time.sleep(0.1)
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode("ascii"), 0)
    return lock


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alive(process: str) -> bool:
    return process.isdigit() and Path(f"/proc/{process}").exists()


def make_secret(path: Path) -> str:
    """Return the installation's secret key, made on the first start, readable by its owner only."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(48))
    return path.read_text(encoding="ascii")


def check_port(port: int) -> None:
    """Refuse a port that something else listens on."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise CannotStart(
                    f"port {port} is in use; choose another: PORT={port + 1} make run"
                ) from None
            raise CannotStart(f"port {port} can't be used: {error.strerror}") from None
        except OverflowError:
            raise CannotStart(f"PORT={port} is no port: choose one from 1024 to 65535") from None


def fingerprint(folders: Iterable[Path]) -> str:
    """Return a digest of the names, sizes and times of all files below the folders."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                found = path.stat()
                line = f"{path}\0{found.st_size}\0{found.st_mtime_ns}\n"
                digest.update(os.fsencode(line))
    return digest.hexdigest()
