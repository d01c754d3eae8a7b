"""Small facts of Linux about processes: dying with a parent, and who belongs to a session."""

import ctypes
import os
import signal
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(number: signal.Signals, parent: int) -> None:
    """Ask the kernel to signal this process when its parent ends; leave if it already has."""
    if _libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl failed")
    if os.getppid() != parent:
        os._exit(1)


def members(session: int) -> list[int]:
    """Return the processes of a session, which are all that a child and its forks started."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # The command's name stands in parentheses and may hold blanks.
            fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it ended while we looked
        state, owner = fields[0], int(fields[3])
        if owner == session and state != "Z":
            found.append(int(entry.name))
    return found


def kill_session(session: int) -> None:
    """Kill what is left of a session."""
    for process in members(session):
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            continue
