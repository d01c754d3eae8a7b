"""Zips: unfolded without a path being made of a name, bounded whatever they claim."""

import io
import os
import struct
import zipfile

import pytest
from django.test import override_settings
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.models import Event
from studies.intake.archives import looks_like_zip
from studies.intake.labels import clean_label
from studies.models import Batch, Instance, InstanceState
from studies.services import keys
from studies.services.receiving import complete_files, receive_file
from studies.storage import BatchStore
from tests.counts import count
from tests.studies.batches import make_batch

pytestmark = pytest.mark.django_db


@pytest.fixture
def batch(settings, tmp_path):
    settings.SEALED_DIR = tmp_path / "sealed"
    return make_batch()


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def take_in(batch: Batch, data: bytes, name: str = "studies.zip") -> dict[str, object]:
    """Receive one file; return label -> bytes, or the code of refusal."""
    receive_file(batch, name, io.BytesIO(data))
    complete_files(batch)
    sealer = keys.batch_sealer(batch)
    found: dict[str, object] = {}
    with BatchStore(batch.pk, sealer.root) as store:
        for row in Instance.objects.filter(batch=batch).order_by("number"):
            label = sealer.open("path", row.sealed_path).decode()
            if row.state == InstanceState.REFUSED:
                found[label] = row.code
            else:
                with store.open_original(row.original) as stream:
                    found[label] = stream.read()
    return found


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_each_file_of_a_zip_becomes_an_entry(batch, method):
    files = {"CT/IM0001": os.urandom(700_000), "CT/IM0002": b"", "readme.txt": b"hello"}
    found = take_in(batch, zipped(files, method))
    assert found == {f"studies.zip/{name}": data for name, data in files.items()}


def test_a_zip_is_known_by_its_content_and_not_by_its_name(batch):
    assert take_in(batch, zipped({"a": b"x"}), "IM0001") == {"IM0001/a": b"x"}
    assert take_in(make_batch(), b"no zip at all", "b.zip") == {"b.zip": b"no zip at all"}


def test_a_dicom_file_with_a_zip_signature_in_its_preamble_stays_a_file(batch):
    odd = b"PK\x03\x04".ljust(128, b"\0") + b"DICM" + b"rest"
    assert not looks_like_zip(odd)
    assert take_in(batch, odd, "odd.dcm") == {"odd.dcm": odd}


def test_an_empty_zip_brings_nothing_and_is_no_entry(batch):
    assert take_in(batch, zipped({})) == {}


def test_a_zip_in_a_zip_is_unfolded(batch):
    inner = zipped({"CT/1": b"one"})
    found = take_in(batch, zipped({"day1.zip": inner, "2": b"two"}))
    assert found == {"studies.zip/day1.zip/CT/1": b"one", "studies.zip/2": b"two"}


def test_deeper_than_the_limit_the_inner_zip_is_refused_and_the_rest_is_not(batch):
    deep = zipped({"c.zip": zipped({"x": b"x"})})
    found = take_in(batch, zipped({"b.zip": deep, "good": b"good"}))
    assert found == {"studies.zip/b.zip/c.zip": "archive-too-deep", "studies.zip/good": b"good"}


def test_names_that_climb_out_are_labels_only(batch, tmp_path):
    names = ["../../etc/passwd", "/absolute", "..\\..\\boot.ini", "C:\\x\\y", "a/./../b"]
    found = take_in(batch, zipped(dict.fromkeys(names, b"x")))
    assert sorted(found) == sorted(
        f"studies.zip/{label}" for label in ("etc/passwd", "absolute", "boot.ini", "x/y", "a/b")
    )
    outside = [path for path in tmp_path.rglob("*") if path.is_file() and len(path.name) != 32]
    assert outside == []


def test_a_bomb_is_refused_as_a_whole_and_leaves_no_bytes(batch, settings):
    settings.ARCHIVE_RATIO_GRACE_BYTES = 1_000_000
    bomb = zipped({"zeros": bytes(8_000_000), "more": b"x"})
    assert take_in(batch, bomb) == {"studies.zip": "archive-too-large"}
    with BatchStore(batch.pk, keys.batch_key(batch)) as store:
        sizes = [path.stat().st_size for path in store.root.rglob("*") if path.is_file()]
    assert sum(sizes) < len(bomb) + 1000


def test_a_bomb_inside_an_inner_zip_is_refused_with_the_outer_one(batch, settings):
    settings.ARCHIVE_RATIO_GRACE_BYTES = 1_000_000
    bomb = zipped({"zeros": bytes(8_000_000)})
    assert take_in(batch, zipped({"a": b"a", "b.zip": bomb})) == {
        "studies.zip": "archive-too-large"
    }


def test_blank_images_are_no_bomb(batch):
    found = take_in(batch, zipped({"blank": bytes(4_000_000)}))
    assert found == {"studies.zip/blank": bytes(4_000_000)}


def test_a_size_that_lies_is_not_believed(batch, settings):
    settings.ARCHIVE_RATIO_GRACE_BYTES = 1_000_000
    bomb = bytearray(zipped({"zeros": bytes(8_000_000)}))
    honest = struct.pack("<I", 8_000_000)
    lying = struct.pack("<I", 10)
    at = 0
    while (at := bomb.find(honest, at)) >= 0:
        bomb[at : at + 4] = lying
        at += 4
    # What is read beyond the claimed size is cut by its claim, and its checksum is then wrong.
    assert list(take_in(batch, bytes(bomb)).values()) == ["archive-entry-damaged"]


def test_more_entries_than_a_batch_may_hold_are_refused(batch, settings):
    settings.BATCH_MAX_FILES = 3
    archive = zipped({str(number): b"x" for number in range(4)})
    assert take_in(batch, archive) == {"studies.zip": "archive-too-many"}


def test_a_central_directory_that_would_fill_the_memory_is_refused(batch):
    archive = bytearray(zipped({"a": b"x"}))
    end = archive.rfind(b"PK\x05\x06")
    archive[end + 12 : end + 16] = (100 << 20).to_bytes(4, "little")
    assert take_in(batch, bytes(archive)) == {"studies.zip": "archive-too-many"}


def test_a_damaged_entry_is_refused_and_the_others_come_in(batch):
    archive = bytearray(
        zipped({"a": b"a" * 100, "b": b"b" * 100, "c": b"c" * 100}, zipfile.ZIP_STORED)
    )
    archive[archive.find(b"bbbb") + 5] ^= 0xFF
    found = take_in(batch, bytes(archive))
    assert found == {
        "studies.zip/a": b"a" * 100,
        "studies.zip/b": "archive-entry-damaged",
        "studies.zip/c": b"c" * 100,
    }


def test_an_encrypted_entry_is_refused_by_that_name(batch):
    archive = bytearray(zipped({"secret": b"x"}, zipfile.ZIP_STORED))
    archive[6] |= 1
    directory = archive.find(b"PK\x01\x02")
    archive[directory + 8] |= 1
    assert take_in(batch, bytes(archive)) == {"studies.zip/secret": "archive-encrypted"}


def test_a_compression_that_is_not_known_is_refused(batch):
    archive = bytearray(zipped({"a": b"x"}))
    directory = archive.find(b"PK\x01\x02")
    archive[8:10] = archive[directory + 10 : directory + 12] = b"\x09\x00"
    assert take_in(batch, bytes(archive)) == {"studies.zip/a": "archive-unsupported"}


@pytest.mark.parametrize("cut", [10, 30, 60])
def test_a_cut_zip_is_refused_and_kept_as_one_entry(batch, cut):
    archive = zipped({"a": os.urandom(500)})
    assert take_in(batch, archive[:-cut]) == {"studies.zip": "archive-damaged"}
    assert Instance.objects.get().size == len(archive) - cut


def test_refusals_are_counted_in_the_trail(batch):
    take_in(batch, zipped({"a": b"x"})[:-10])
    assert '"refused":1' in Event.objects.get(action="batch.files_received").detail_json


def test_an_unfolded_zip_is_not_kept_twice(batch):
    data = os.urandom(2_000_000)
    take_in(batch, zipped({"a": data}, zipfile.ZIP_STORED))
    root = BatchStore(batch.pk, b"").root
    sizes = [path.stat().st_size for path in root.rglob("*") if path.is_file()]
    assert sum(sizes) < 2_100_000


def test_a_large_zip64_is_read_in_streams(batch):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, archive.open("big", "w", force_zip64=True) as out:
        out.write(b"z" * 3_000_000)
    assert take_in(batch, buffer.getvalue()) == {"studies.zip/big": b"z" * 3_000_000}


@settings(max_examples=count(15, 300), deadline=None)
@given(data=st.data())
def test_whatever_is_done_to_a_zip_it_ends_in_entries_or_a_refusal(tmp_path_factory, data):
    archive = bytearray(
        zipped({"a/b": b"abc" * 50, "c": os.urandom(80), "d.zip": zipped({"e": b"e"})})
    )
    for _ in range(data.draw(st.integers(1, 12))):
        at = data.draw(st.integers(4, len(archive) - 1))
        archive[at] = data.draw(st.integers(0, 255))
    with override_settings(SEALED_DIR=tmp_path_factory.getbasetemp() / "sealed"):
        batch = make_batch()
        found = take_in(batch, bytes(archive))
        assert all(
            isinstance(what, bytes) or what.startswith("archive-") for what in found.values()
        )


@given(st.text(max_size=60))
def test_a_label_never_climbs_and_never_breaks_a_line(path):
    label = clean_label(path)
    assert label
    assert not label.startswith("/")
    assert ".." not in label.split("/")
    assert not any(sign in label for sign in "\\\r\n\0")
    label.encode()
