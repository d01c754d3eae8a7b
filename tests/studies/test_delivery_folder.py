"""A folder as destination: whole and checked, or not there; every fault a sentence."""

import errno
import hashlib
import io
import os
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest

from studies.delivery import DeliveryRefused, DeliveryUnavailable, folder, open_destination
from studies.delivery.base import content_type, key_segments

DATA = os.urandom(3_000_000)
DIGEST = hashlib.sha256(DATA).hexdigest()
KEY = f"{uuid4()}/DC0T3GN3M887M/2/2.25.123.dcm"
SAID = {"batch_id": "x", "priority": "STAT", "uploaded_at": "now"}


@pytest.fixture
def root(settings, tmp_path):
    settings.FOLDER_ROOTS = [str(tmp_path / "pool")]
    root = tmp_path / "pool" / "outbox"
    root.mkdir(parents=True)
    return root


@pytest.fixture
def place(root):
    return open_destination(SimpleNamespace(kind="folder", config={"root": str(root)}), {})


def put(place, key: str = KEY, data: bytes = DATA, **changed: object) -> None:
    values = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest(), **changed}
    place.put(key, io.BytesIO(data), values["size"], values["sha256"], SAID)


def files_below(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def failing(number: int):
    def fail(*_arguments: object, **_named: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


def test_an_object_lies_under_its_key_and_nothing_else(place, root):
    put(place)
    assert files_below(root) == [KEY]
    assert (root / KEY).read_bytes() == DATA
    assert place.exists(KEY, DIGEST)


def test_existing_means_the_same_content(place):
    assert not place.exists(KEY, DIGEST)
    put(place)
    assert not place.exists(KEY, "0" * 64)
    assert not place.exists(f"{KEY}/below", DIGEST)


def test_putting_twice_is_the_same_as_once(place, root):
    put(place)
    put(place)
    assert files_below(root) == [KEY]


def test_a_later_manifest_replaces_the_earlier(place, root):
    place.put_bytes("b/manifest.json", b"first", SAID)
    place.put_bytes("b/manifest.json", b"second", SAID)
    assert (root / "b" / "manifest.json").read_bytes() == b"second"


def test_what_is_not_what_was_deidentified_is_refused_and_not_there(place, root):
    for changed in ({"size": 5}, {"sha256": "0" * 64}):
        with pytest.raises(DeliveryRefused) as told:
            put(place, **changed)
        assert told.value.code == "staged-object-changed"
    assert files_below(root) == []


def test_what_reads_back_otherwise_is_not_delivered(place, root, monkeypatch):
    write = folder._write

    def flip(path, *arguments):
        write(path, *arguments)
        with path.open("r+b") as target:
            target.seek(5)
            target.write(b"flipped")

    monkeypatch.setattr(folder, "_write", flip)
    with pytest.raises(DeliveryUnavailable) as told:
        put(place)
    assert told.value.code == "checksum-differs"
    assert files_below(root) == []


@pytest.mark.parametrize(
    ("number", "kind", "code"),
    [
        (errno.ENOSPC, DeliveryUnavailable, "destination-full"),
        (errno.EDQUOT, DeliveryUnavailable, "destination-full"),
        (errno.EACCES, DeliveryRefused, "destination-denied"),
        (errno.EROFS, DeliveryRefused, "destination-denied"),
        (errno.ENAMETOOLONG, DeliveryRefused, "destination-in-the-way"),
        (errno.EIO, DeliveryUnavailable, "destination-unreadable"),
        (errno.ESTALE, DeliveryUnavailable, "destination-unreadable"),
    ],
)
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_each_fault_is_a_sentence_and_leaves_nothing(
    place, root, monkeypatch, number, kind, code, step
):
    target = (os, "fsync") if step == "fsync" else (Path, "replace")
    monkeypatch.setattr(*target, failing(number))
    with pytest.raises(kind) as told:
        put(place)
    monkeypatch.undo()
    assert told.value.code == code
    assert str(told.value.message).endswith(".")
    assert KEY not in str(told.value.message)
    assert files_below(root) == []


def test_a_file_in_the_way_is_said(place, root):
    (root / KEY.split("/")[0]).write_bytes(b"in the way")
    with pytest.raises(DeliveryRefused) as told:
        put(place)
    assert told.value.code == "destination-in-the-way"


def test_a_share_that_is_not_mounted_is_waited_for(place, root):
    root.rmdir()
    root.parent.rmdir()
    with pytest.raises(DeliveryUnavailable) as told:
        put(place)
    assert told.value.code == "destination-missing"
    root.parent.mkdir()
    put(place)
    assert place.exists(KEY, DIGEST)


def test_what_an_interrupted_run_left_is_swept_by_the_next(place, root):
    (root / KEY).parent.mkdir(parents=True)
    (root / KEY).with_name(".2.25.123.dcm.0a1b2c3d.part").write_bytes(b"half")
    put(place)
    assert files_below(root) == [KEY]


def test_a_run_that_was_overtaken_by_another_ends_well(place, root, monkeypatch):
    compare = folder._compare

    def overtaken(path, sha256):
        compare(path, sha256)
        monkeypatch.setattr(folder, "_compare", compare)
        put(place)

    monkeypatch.setattr(folder, "_compare", overtaken)
    put(place)
    assert files_below(root) == [KEY]


def test_a_beginning_that_vanished_without_the_object_is_tried_again(place, monkeypatch):
    monkeypatch.setattr(folder, "_compare", lambda path, _sha256: path.unlink())
    with pytest.raises(DeliveryUnavailable):
        put(place)


def test_the_test_puts_reads_and_deletes(place, root, monkeypatch):
    place.check()
    assert files_below(root) == []
    monkeypatch.setattr(Path, "replace", failing(errno.EACCES))
    with pytest.raises(DeliveryRefused):
        place.check()


def test_a_root_outside_of_the_settings_is_refused(settings, tmp_path):
    settings.FOLDER_ROOTS = [str(tmp_path / "pool")]
    for config in ({"root": "/etc"}, {"root": f"{tmp_path}/pool/../x"}, {}):
        with pytest.raises(DeliveryRefused) as told:
            open_destination(SimpleNamespace(kind="folder", config=config), {})
        assert told.value.code == "destination-outside"


def test_an_unknown_kind_is_refused():
    with pytest.raises(DeliveryRefused) as told:
        open_destination(SimpleNamespace(kind="pigeon", config={}), {})
    assert told.value.code == "destination-kind"


@pytest.mark.parametrize("key", ["../x", "a/../b", "/a", "a//b", "", "a/.hidden", "a\\b", "a\nb"])
def test_a_key_is_never_more_than_a_place_below_the_root(place, key):
    with pytest.raises(ValueError, match="key"):
        place.exists(key, DIGEST)
    assert key_segments("a/b.dcm") == ["a", "b.dcm"]


def test_the_recipient_is_told_the_batch_folder(place, root):
    batch_id = uuid4()
    assert place.uri(batch_id) == f"{root.as_uri()}/{batch_id}/"


def test_media_types():
    assert content_type("b/s/1/2.25.1.dcm") == "application/dicom"
    assert content_type("b/manifest.json") == "application/json"
    assert content_type("b/manifest.json.sig") == "application/octet-stream"
