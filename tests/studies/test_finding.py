"""The text finder as a process of its own: who may ask, who goes first, what when it is away."""

import contextlib
import secrets
import socket
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.deid.pixels import FoundText
from studies.finding import (
    Address,
    FinderAway,
    FinderClient,
    FinderServer,
    Priority,
    is_answering,
    parse_address,
)
from studies.finding.wire import BadFrame, Stream, picture_frame, read_request

FOUND = [FoundText(1, 2, 30, 8, "Qáçé 山田", 0.5), FoundText(0, 0, 4, 4, "", 0.1)]


class Looker:
    """A finder that notes what it was asked, and waits where a test says so."""

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[int, ...], bool, int]] = []
        self.gate = threading.Event()
        self.gate.set()

    def find(self, image: np.ndarray, *, enlarged: bool = False) -> list[FoundText]:
        self.asked.append((image.shape, enlarged, int(image[0, 0])))
        self.gate.wait(30)
        if image.shape == (1, 1):
            raise RuntimeError("a secret that stands in the picture")
        return FOUND


@contextmanager
def serving(
    address: Address, looker: Any, key: bytes = b"", load: Any = None
) -> Iterator[FinderServer]:
    server = FinderServer(address, load or (lambda: looker), key)
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        if looker is not None:
            looker.gate.set()
        server.stop()
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture
def looker() -> Looker:
    return Looker()


@pytest.fixture
def address(tmp_path: Path) -> Address:
    return Address(tmp_path / "finder.sock")


def picture(value: int = 0, rows: int = 20, columns: int = 30) -> np.ndarray:
    return np.full((rows, columns), value, np.uint8)


def test_a_picture_goes_there_and_what_was_found_comes_back(looker, address) -> None:
    with serving(address, looker):
        client = FinderClient([address])
        assert client.find(picture(7)) == FOUND
        assert client.find(picture(8)[:, ::2], enlarged=True) == FOUND
        client.close()
    assert looker.asked == [((20, 30), False, 7), ((20, 15), True, 8)]


def test_the_socket_is_its_owners_alone_and_goes_with_its_server(looker, address) -> None:
    with serving(address, looker):
        mode = stat.S_IMODE(address.path.stat().st_mode)
        assert mode & 0o077 == 0
    assert not address.path.exists()


def test_what_is_urgent_goes_first_whatever_waits(looker, address) -> None:
    looker.gate.clear()
    with serving(address, looker):

        def ask(value: int, priority: Priority) -> threading.Thread:
            thread = threading.Thread(target=once, args=(address, value, priority))
            thread.start()
            return thread

        threads = [ask(1, Priority.ROUTINE)]
        until(lambda: len(looker.asked) == 1)  # this one is being looked at; the others wait
        waiting = [(2, Priority.ROUTINE), (3, Priority.ROUTINE), (4, Priority.HIGH)]
        for value, priority in [*waiting, (5, Priority.STAT)]:
            threads.append(ask(value, priority))
        until(lambda: sum(thread.is_alive() for thread in threads) == 5)
        time.sleep(0.5)  # all of them are in the queue before it moves on
        looker.gate.set()
        for thread in threads:
            thread.join(20)
    order = [value for _shape, _enlarged, value in looker.asked]
    assert order[:3] == [1, 5, 4]
    assert sorted(order[3:]) == [2, 3]


def once(
    address: Address, value: int = 0, priority: Priority = Priority.ROUTINE, key: bytes = b""
) -> list[FoundText]:
    with contextlib.closing(FinderClient([address], key, priority=priority)) as client:
        return client.find(picture(value))


def until(what: Any) -> None:
    end = time.monotonic() + 20
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_greeting_is_answered_while_it_looks_at_a_picture(looker, address) -> None:
    assert not is_answering(address)
    looker.gate.clear()
    with serving(address, looker):
        asking = threading.Thread(target=once, args=(address,))
        asking.start()
        until(lambda: looker.asked)
        assert is_answering(address)
        looker.gate.set()
        asking.join(20)


def test_without_a_finder_the_picture_is_held_and_its_run_lives_on(looker, address) -> None:
    with pytest.raises(FinderAway) as away:
        FinderClient([address]).find(picture())
    assert away.value.code == "pixel-text-unchecked"
    assert away.value.state == "held"
    with pytest.raises(FinderAway):
        FinderClient([]).find(picture())


def test_a_picture_that_ends_the_finder_is_held_and_nothing_of_it_is_logged(
    looker, address, caplog
) -> None:
    with serving(address, looker):
        client = FinderClient([address])
        with pytest.raises(FinderAway):
            client.find(picture(rows=1, columns=1))
        assert client.find(picture()) == FOUND, "the next picture is looked at"
        client.close()
    assert "secret" not in caplog.text
    assert "RuntimeError" in caplog.text


def test_a_finder_that_died_is_replaced_by_another_and_by_its_successor(
    looker, address, tmp_path
) -> None:
    second = Address(tmp_path / "second.sock")
    client = FinderClient([address, second])
    with serving(address, looker):
        assert client.find(picture()) == FOUND
    with serving(second, looker):
        assert client.find(picture()) == FOUND
    with serving(address, looker):
        assert client.find(picture()) == FOUND
    client.close()


def test_while_it_waits_the_caller_says_that_it_lives_and_may_stop(
    looker, address, monkeypatch
) -> None:
    monkeypatch.setattr("studies.finding.client.BEAT_SECONDS", 0.05)
    beats = []

    class Enough(Exception):
        pass

    def beat() -> None:
        beats.append(1)
        if len(beats) == 3:
            raise Enough

    looker.gate.clear()
    with serving(address, looker):
        client = FinderClient([address], beat=beat)
        with pytest.raises(Enough):
            client.find(picture(1))
        looker.gate.set()
        assert client.find(picture(2)) == FOUND, "no late answer is taken for the next one"
        client.close()


def test_a_look_that_takes_too_long_is_held(looker, address, monkeypatch) -> None:
    monkeypatch.setattr("studies.finding.client.BEAT_SECONDS", 0.05)
    looker.gate.clear()
    with serving(address, looker), pytest.raises(FinderAway):
        FinderClient([address], patience=0.1).find(picture())


def test_a_finder_that_cannot_load_says_so_to_its_supervisor(address) -> None:
    def load() -> Any:
        raise ImportError("no models")

    server = FinderServer(address, load)
    with pytest.raises(ImportError):
        server.serve()


# --- over a network ------------------------------------------------------------------------------


def test_over_a_network_pictures_and_texts_are_sealed(looker) -> None:
    key = secrets.token_bytes(32)
    with serving(Address(host="127.0.0.1"), looker, key) as server:
        there = Address(host="127.0.0.1", port=server.port)
        with recorded(there) as (through, heard):
            assert once(through, 65, key=key) == FOUND
        assert is_answering(there, key)
    assert len(heard) > 600, "the picture went this way"
    assert b"A" * 20 not in heard
    assert "山田".encode() not in heard
    assert b"[[1, 2" not in heard


def test_a_stranger_without_the_secret_learns_nothing(looker) -> None:
    with serving(Address(host="127.0.0.1"), looker, secrets.token_bytes(32)) as server:
        there = Address(host="127.0.0.1", port=server.port)
        assert not is_answering(there, secrets.token_bytes(32))
        with pytest.raises(FinderAway):
            FinderClient([there], secrets.token_bytes(32)).find(picture())
    assert looker.asked == []


def test_a_network_needs_a_secret(looker) -> None:
    with pytest.raises(ValueError, match="secret"):
        FinderServer(Address(host="127.0.0.1"), lambda: looker)


@contextmanager
def recorded(there: Address) -> Iterator[tuple[Address, bytearray]]:
    """Stand between client and server and write down all that passes."""
    heard = bytearray()
    listening = socket.create_server(("127.0.0.1", 0))

    def pump(source: socket.socket, sink: socket.socket) -> None:
        while data := source.recv(65536):
            heard.extend(data)
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)

    def relay() -> None:
        near, _peer = listening.accept()
        far = socket.create_connection((there.host, there.port))
        back = threading.Thread(target=pump, args=(far, near))
        back.start()
        pump(near, far)
        back.join(10)
        near.close()
        far.close()

    thread = threading.Thread(target=relay)
    thread.start()
    yield Address(host="127.0.0.1", port=listening.getsockname()[1]), heard
    listening.close()


# --- frames --------------------------------------------------------------------------------------


@given(st.integers(1, 40), st.integers(1, 40), st.booleans(), st.sampled_from(list(Priority)))
def test_a_request_reads_back_as_it_was_written(rows, columns, enlarged, priority) -> None:
    image = np.arange(rows * columns, dtype=np.uint8).reshape(rows, columns)
    request = read_request(b"".join(picture_frame(image, enlarged=enlarged, priority=priority)))
    assert (request.enlarged, request.priority) == (enlarged, priority)
    assert np.array_equal(request.image, image)


@given(st.binary(max_size=60))
def test_a_request_that_does_not_hold_together_is_refused(data) -> None:
    try:
        request = read_request(b"F" + data)
    except BadFrame:
        return
    assert request.image.size == len(data) - 10


def test_a_frame_longer_than_any_picture_is_refused() -> None:
    here, there = socket.socketpair()
    with here, there:
        there.sendall(b"\xff\xff\xff\xff")
        with pytest.raises(BadFrame):
            Stream(here).receive()


def test_an_address_is_host_and_port() -> None:
    assert parse_address("[::1]:9040") == Address(host="::1", port=9040)
    for wrong in ("finder", "finder:", ":9", "finder:x"):
        with pytest.raises(ValueError, match="host:port"):
            parse_address(wrong)
