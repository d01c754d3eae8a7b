"""Jobs that fail in each way a job can, quoting a patient as badly as they can."""

import os
import signal
import time

from studies.faults import PermanentError

NAME = "MARKERNAME"


def succeed(batch: str) -> None:
    """Do nothing."""


def fail(batch: str) -> None:
    """Raise an exception that quotes a name, out of another that does."""
    try:
        raise ValueError(f"bad value {NAME}")
    except ValueError as error:
        raise RuntimeError(f"can't take {NAME}") from error


def fail_with_code(batch: str) -> None:
    """Raise one of our own faults."""
    raise PermanentError("study-conflict", f"{NAME} is in two studies")


def die(batch: str) -> None:
    """End as a process does that the kernel kills."""
    os.kill(os.getpid(), signal.SIGKILL)


def wait(path: str) -> None:
    """Say who runs this, and run for ever."""
    with open(path, "w") as file:  # noqa: PTH123
        file.write(f"{os.getpid()}.")
    while True:
        time.sleep(0.05)
