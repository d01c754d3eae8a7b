"""Tasks spread over processes: forked once everything is loaded, fed and heard through pipes.

The parent only hands out and collects, and nothing is sent but numbers and results: what the tasks
are was in memory before the fork. A process that ends takes no more with it than it was given.
"""

import marshal
import os
import select
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

_AHEAD = 2  # tasks a process is given at a time, so that it need not wait for the next
_NUMBER = 8  # bytes of a task's number, and of a result's length
_READ = 1 << 16

Do = Callable[[int], Any]


class _Child(NamedTuple):
    """A process as its parent knows it: where to write to it, and what is still to come from it."""

    pid: int
    tasks: int
    results: int
    given: deque[int]
    heard: bytearray


def spread(processes: int, tasks: int, start: Callable[[], Do]) -> Iterator[tuple[int, Any]]:
    """Do the tasks 0 to `tasks` - 1; yield number and result, None where a process ended.

    Each process calls `start` once and what it returns for each task. Results are plain data.
    """
    children: dict[int, _Child] = {}
    left = iter(range(tasks))
    heard = select.poll()
    try:
        for _ in range(min(processes, tasks)):
            child = _fork(start, list(children.values()))
            children[child.results] = child
            heard.register(child.results, select.POLLIN)
        for child in list(children.values()) * _AHEAD:
            _give(child, left)
        while children:
            for descriptor, _event in heard.poll():
                child = children[descriptor]
                part = os.read(descriptor, _READ)
                child.heard.extend(part)
                for result in _whole(child.heard):
                    yield child.given.popleft(), result
                    _give(child, left)
                if not part or not child.given:
                    heard.unregister(descriptor)
                    _end(children.pop(descriptor))
                    yield from ((number, None) for number in child.given)
        yield from ((number, None) for number in left)
    finally:
        for child in children.values():
            _end(child)


def _fork(start: Callable[[], Do], others: list[_Child]) -> _Child:
    """Start one process; it keeps only its own ends of its own pipes."""
    tasks, give = os.pipe()
    results, tell = os.pipe()
    pid = os.fork()
    if pid:
        os.close(tasks)
        os.close(tell)
        return _Child(pid, give, results, deque(), bytearray())
    status = 1
    try:
        for descriptor in (
            give,
            results,
            *(end for it in others for end in (it.tasks, it.results)),
        ):
            os.close(descriptor)
        _serve(start(), tasks, tell)
        status = 0
    except Exception as error:  # noqa: BLE001 - told here; the parent accounts for its tasks
        _tell(error)
    finally:
        os._exit(status)  # what the parent would do at its end is the parent's


def _tell(error: Exception) -> None:
    """Say on stderr what ended this process and where; its message may quote a data set."""
    import traceback  # only a fault needs it

    places = traceback.extract_tb(error.__traceback__)[-3:]
    where = ", ".join(f"{place.name}:{place.lineno}" for place in reversed(places))
    sys.stderr.write(f"a worker ended with {type(error).__name__} in {where}\n")


def _serve(do: Do, tasks: int, tell: int) -> None:
    """Do what is asked for until nothing more is."""
    while number := os.read(tasks, _NUMBER):
        data = marshal.dumps(do(int.from_bytes(number, "little")))
        message = memoryview(len(data).to_bytes(_NUMBER, "little") + data)
        while message:
            message = message[os.write(tell, message) :]


def _give(child: _Child, left: Iterator[int]) -> None:
    """Give a process its next task, if there is one."""
    number = next(left, None)
    if number is not None:
        child.given.append(number)
        with suppress(BrokenPipeError):  # it ended: reading from it says so, too
            os.write(child.tasks, number.to_bytes(_NUMBER, "little"))


def _whole(heard: bytearray) -> Iterator[Any]:
    """Take the results off that have come as a whole."""
    while len(heard) >= _NUMBER:
        end = _NUMBER + int.from_bytes(heard[:_NUMBER], "little")
        if len(heard) < end:
            return
        result = marshal.loads(heard[_NUMBER:end])  # noqa: S302 - written by our own process
        del heard[:end]
        yield result


def _end(child: _Child) -> None:
    """Close the pipes and wait: without tasks a process ends."""
    os.close(child.tasks)
    os.close(child.results)
    os.waitpid(child.pid, 0)
