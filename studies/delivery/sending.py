"""Sending many objects to one destination: in parallel, within its limits, until the first fault.

Threads send; everything that touches a database stays with the caller, who is told what arrived
and is given a beat to keep its lease by.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import BinaryIO, cast

from studies.delivery.base import Archive, DeliveryRefused, Destination, Outgoing, Store
from studies.delivery.faults import lost
from studies.delivery.kinds import is_archive, is_store
from studies.delivery.limits import Limits
from studies.faults import Fault

BEAT_SECONDS = 2.0


@dataclass
class _Run:
    """What the threads of one sending share."""

    limits: Limits
    metadata: Mapping[str, str]
    # No object is begun any more; and not even those that were begun are finished.
    stop: threading.Event
    abandon: threading.Event
    arrived: "SimpleQueue[Outgoing]"


def send(
    place: Destination,
    objects: Sequence[Outgoing],
    metadata: Mapping[str, str],
    limits: Limits,
    *,
    beat: Callable[[], None],
    arrived: Callable[[list[Outgoing]], None],
) -> None:
    """Send objects that aren't there yet; raise the first fault once nothing runs any more.

    `beat` and `arrived` are called by this thread only; what arrived before a fault is told too.
    """
    run = _Run(limits, metadata, threading.Event(), threading.Event(), SimpleQueue())
    workers = max(1, min(limits.parallel, len(objects)))
    with ThreadPoolExecutor(workers, "delivery") as pool:
        try:
            futures = [
                pool.submit(_one, place, group, run) for group in _groups(place, objects, workers)
            ]
            _follow(futures, run, beat, arrived)
        except BaseException:
            # The lease is lost, or the worker is to end.
            run.abandon.set()
            raise
        finally:
            run.stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            _tell(run, arrived)
    _raise_first(futures)


def _follow(
    futures: Sequence["Future[None]"],
    run: _Run,
    beat: Callable[[], None],
    arrived: Callable[[list[Outgoing]], None],
) -> None:
    ended: SimpleQueue[Future[None]] = SimpleQueue()
    for future in futures:
        future.add_done_callback(ended.put)
    left = len(futures)
    while left:
        with suppress(Empty):
            future = ended.get(timeout=BEAT_SECONDS)
            left -= 1
            if future.cancelled() or future.exception() is not None:
                return
        _tell(run, arrived)
        beat()


def _tell(run: _Run, arrived: Callable[[list[Outgoing]], None]) -> None:
    found = []
    while True:
        try:
            found.append(run.arrived.get_nowait())
        except Empty:
            break
    if found:
        arrived(found)


def _raise_first(futures: Sequence["Future[None]"]) -> None:
    """Raise what ended the sending; what waits for a person goes before what time may solve."""
    errors = [
        error
        for future in futures
        if not future.cancelled() and (error := future.exception()) is not None
    ]
    for error in errors:
        if not isinstance(error, Fault):
            raise error
    for error in errors:
        if isinstance(error, DeliveryRefused):
            raise error
    for error in errors:
        raise error


def _groups(
    place: Destination, objects: Sequence[Outgoing], workers: int
) -> Iterator[list[Outgoing]]:
    size = 1
    if is_archive(place):
        size = max(1, min(place.together, -(-len(objects) // workers)))
    for start in range(0, len(objects), size):
        yield list(objects[start : start + size])


def _one(place: Destination, group: list[Outgoing], run: _Run) -> None:
    with run.limits.connection(run.stop.is_set) as is_ours:
        if not is_ours or run.stop.is_set():
            return
        if is_archive(place):
            _to_archive(place, group, run)
        elif is_store(place):
            for one in group:
                _to_store(place, one, run)


def _to_archive(place: Archive, group: list[Outgoing], run: _Run) -> None:
    metered = [replace(one, open=_opener(one, run)) for one in group]
    place.store(metered, run.arrived.put)


def _to_store(place: Store, one: Outgoing, run: _Run) -> None:
    if not place.exists(one.key, one.sha256):
        with closing(_opener(one, run)()) as stream:
            place.put(one.key, stream, one.size, one.sha256, run.metadata)
    run.arrived.put(one)


def _opener(one: Outgoing, run: _Run) -> Callable[[], BinaryIO]:
    return lambda: run.limits.metered(cast(BinaryIO, _Watched(one.open(), run.abandon)))


class _Watched:
    """A stream that ends with a fault when nobody waits for its object any more."""

    def __init__(self, stream: BinaryIO, abandon: threading.Event) -> None:
        self._stream = stream
        self._abandon = abandon

    def read(self, size: int = -1) -> bytes:
        if self._abandon.is_set():
            raise lost()
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def close(self) -> None:
        self._stream.close()
