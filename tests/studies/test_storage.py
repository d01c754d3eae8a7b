"""A batch's sealed objects: whole or not there, never legible, read as one stream."""

import errno
import io
import os
import stat
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studies.sealing import KeyWrong, SealedTruncated, new_key
from studies.storage import BatchStore, StorageFull
from tests.counts import count


@pytest.fixture
def store(settings, tmp_path):
    settings.SEALED_DIR = tmp_path / "sealed"
    return BatchStore(uuid4(), new_key())


def put(store: BatchStore, data: bytes, kind: str = "original") -> str:
    name, writer = store.create(kind)
    with writer:
        writer.write(data)
    return name


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_an_original_comes_back_and_is_not_legible_on_disk(store):
    name = put(store, b"DOE^JOHN " * 1000)
    assert store.open_original([[name, 0, 9000]]).read() == b"DOE^JOHN " * 1000
    for path in files_below(store.root):
        assert b"DOE" not in path.read_bytes()
        assert "DOE" not in str(path)


def test_folders_are_private_and_files_too(store):
    put(store, b"x")
    put(store, b"y", "staging")
    for path in [store.root, *store.root.rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600)


def test_an_abandoned_object_leaves_nothing(store):
    _name, writer = store.create("original")
    writer.write(b"half")
    writer.abandon()
    assert files_below(store.root) == []


def test_an_object_left_by_an_exception_leaves_nothing(store):
    _name, writer = store.create("original")
    with pytest.raises(RuntimeError), writer:
        writer.write(b"half" * 1_000_000)
        raise RuntimeError
    assert files_below(store.root) == []


def test_an_object_has_its_name_only_when_it_is_whole(store):
    name, writer = store.create("staging", "token-1")
    writer.write(b"a" * 3_000_000)
    assert not (store.root / "staging" / name).exists()
    writer.close()
    with store.open_staged("token-1") as stream:
        assert stream.read() == b"a" * 3_000_000


def test_a_cut_object_is_an_error_and_not_a_shorter_file(store):
    name = put(store, os.urandom(3_000_000))
    path = store.root / "original" / name
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(SealedTruncated):
        store.open_original([[name, 0, 3_000_000]]).read()


def test_a_range_beyond_the_object_is_an_error(store):
    name = put(store, b"short")
    with pytest.raises(EOFError):
        store.open_original([[name, 0, 50]]).read()


def test_another_batch_key_opens_nothing(store):
    name = put(store, b"x")
    other = BatchStore(uuid4(), new_key())
    other.root = store.root
    with pytest.raises(KeyWrong):
        other.open_original([[name, 0, 1]]).read()


def test_a_full_disk_is_said_in_words_and_leaves_nothing(store, monkeypatch):
    def full(*_arguments: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    name, writer = store.create("original")
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StorageFull) as told:
        writer.write(b"x" * 5_000_000)
    assert told.value.code == "storage-full"
    assert "Free some space" in str(told.value.message)
    monkeypatch.undo()
    assert files_below(store.root) == []
    assert not (store.root / "original" / name).exists()


def test_another_write_error_stays_what_it_is_and_leaves_nothing(store, monkeypatch):
    def broken(*_arguments: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    _name, writer = store.create("original")
    monkeypatch.setattr(os, "fsync", broken)
    writer.write(b"x")
    with pytest.raises(OSError, match="Input/output"):
        writer.close()
    monkeypatch.undo()
    assert files_below(store.root) == []


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", "", "x" * 81, "nul\0"])
def test_a_name_is_never_a_path(store, name):
    with pytest.raises(ValueError, match="name"):
        store.open_staged(name)
    if name:
        with pytest.raises(ValueError, match="name"):
            store.create("staging", name)


def test_staging_is_cleared_and_originals_stay(store):
    name = put(store, b"original")
    put(store, b"staged", "staging")
    store.clear_staging()
    store.clear_staging()
    assert [path.parent.name for path in files_below(store.root)] == ["original"]
    assert store.open_original([[name, 0, 8]]).read() == b"original"


def test_destroying_needs_no_key_and_may_be_done_twice(store):
    put(store, b"original")
    for _time in range(2):
        destroyer = BatchStore(uuid4(), b"")
        destroyer.root = store.root
        destroyer.destroy()
    assert not store.root.exists()


def test_discarding_twice_is_the_same_as_once(store):
    name = put(store, b"original")
    assert store.open_original([[name, 0, 8]]).read() == b"original"
    store.discard(name)
    store.discard(name)
    with pytest.raises(FileNotFoundError):
        store.open_original([[name, 0, 8]]).read()


@settings(
    max_examples=count(20, 300), deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(st.data())
def test_ranges_of_several_objects_read_and_seek_as_one_stream(store, data):
    sizes = data.draw(st.lists(st.integers(0, 2_500_000), min_size=1, max_size=3))
    objects = [(put(store, content := os.urandom(size)), content) for size in sizes]
    parts, plain = [], b""
    for _ in range(data.draw(st.integers(1, 5))):
        name, content = data.draw(st.sampled_from(objects))
        offset = data.draw(st.integers(0, len(content)))
        length = data.draw(st.integers(0, len(content) - offset))
        parts.append([name, offset, length])
        plain += content[offset : offset + length]
    with store.open_original(parts) as stream:
        assert stream.read() == plain
        for _ in range(5):
            position = data.draw(st.integers(0, len(plain)))
            length = data.draw(st.integers(0, 100_000))
            assert stream.seek(position) == position
            assert stream.read(length) == plain[position : position + length]
        assert stream.seek(0, io.SEEK_END) == len(plain)
        assert stream.read(1) == b""
