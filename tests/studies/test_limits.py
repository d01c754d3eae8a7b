"""Limits of a destination: shared by all processes of a machine, let go when one dies."""

import io
import multiprocessing
import os
import threading
import time
from uuid import uuid4

import pytest

from studies.delivery.limits import Limits


@pytest.fixture
def destination(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return uuid4()


def never() -> bool:
    return False


def hold(destination, held, ended) -> None:
    with Limits(destination, 1, 0).connection(never):
        held.set()
        ended.wait()


def test_no_more_connections_are_held_at_once_than_allowed(destination) -> None:
    now = most = 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal now, most
        # Each with limits of its own, as overlapping jobs have.
        with Limits(destination, 3, 0).connection(never) as is_ours:
            assert is_ours
            with lock:
                now += 1
                most = max(most, now)
            time.sleep(0.02)
            with lock:
                now -= 1

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 3


def test_a_process_that_dies_lets_go(destination) -> None:
    fork = multiprocessing.get_context("fork")
    held, ended = fork.Event(), fork.Event()
    process = fork.Process(target=hold, args=(destination, held, ended))
    process.start()
    assert held.wait(30)
    tries = iter([False, True])
    with Limits(destination, 1, 0).connection(lambda: next(tries)) as is_ours:
        assert not is_ours
    process.kill()
    process.join()
    with Limits(destination, 1, 0).connection(never) as is_ours:
        assert is_ours


def test_bytes_of_all_streams_together_keep_to_the_bandwidth(destination, monkeypatch) -> None:
    """The clock is the test's own: what would be slept is counted, not waited for."""
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    data = os.urandom(1_000_000)
    for _stream in range(3):
        limits = Limits(destination, 1, megabits=8)
        assert limits.metered(io.BytesIO(data)).read() == data
    # 3 MB at 1 MB/s, less the moment that was free at the start.
    assert 2.5 <= clock[0] - 1000.0 <= 3.1


def test_without_a_limit_a_stream_stays_itself(destination) -> None:
    stream = io.BytesIO(b"x")
    assert Limits(destination, 1, 0).metered(stream) is stream


def test_a_metered_stream_reads_seeks_and_closes_as_the_one_below(destination) -> None:
    below = io.BytesIO(b"0123456789")
    with Limits(destination, 1, 10_000).metered(below) as metered:
        assert metered.read(4) == b"0123"
        assert metered.tell() == 4
        metered.seek(8)
        assert metered.read() == b"89"
        assert metered.read(5) == b""
    assert below.closed
