"""Folder sources: nothing outside of the root, nothing changed, resumed where it stopped."""

import os
import socket
import zipfile

import pytest

from audit.models import Event
from studies.faults import PermanentError, TransientError
from studies.folders import OutsideRoot, checked_root
from studies.intake import folder
from studies.models import Batch, Instance, InstanceState, UploadPart
from studies.services import collecting, keys
from studies.services.receiving import collect, complete_files, select, submit
from studies.storage import BatchStore
from tests.studies.batches import ALICE, make_batch

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(settings, tmp_path):
    settings.SEALED_DIR = tmp_path / "sealed"
    settings.FOLDER_ROOTS = [str(tmp_path / "pool")]
    root = tmp_path / "pool" / "hospital"
    (root / "CT").mkdir(parents=True)
    (root / "MR" / "deep").mkdir(parents=True)
    (root / "CT" / "1.dcm").write_bytes(b"one")
    (root / "CT" / "2.dcm").write_bytes(b"two" * 1000)
    (root / "MR" / "deep" / "3.dcm").write_bytes(b"three")
    (tmp_path / "secret.txt").write_bytes(b"outside")
    return root


@pytest.fixture
def batch(root):
    return make_batch(root=root)


def contents(batch: Batch) -> dict[str, object]:
    sealer = keys.batch_sealer(batch)
    found: dict[str, object] = {}
    with BatchStore(batch.pk, sealer.root) as store:
        for row in Instance.objects.filter(batch=batch).order_by("number"):
            label = sealer.open("path", row.sealed_path).decode()
            if row.state == InstanceState.REFUSED:
                found[label] = row.code
                continue
            with store.open_original(row.original) as stream:
                found[label] = stream.read()
    return found


# --- roots and browsing ---------------------------------------------------------------------------


def test_a_root_must_lie_below_one_that_the_settings_name(root, tmp_path, settings):
    assert checked_root(str(root)) == root
    for bad in ("", "relative", str(tmp_path), "/", "/etc", f"{root}/../..", "a\0b"):
        with pytest.raises(OutsideRoot):
            checked_root(bad)
    (tmp_path / "pool" / "link").symlink_to("/etc")
    with pytest.raises(OutsideRoot):
        checked_root(str(tmp_path / "pool" / "link"))


def test_the_demo_folder_is_a_root_in_a_demo_only(settings, tmp_path):
    settings.FOLDER_ROOTS = []
    settings.DATA_DIR = tmp_path
    settings.DEMO = True
    assert checked_root(str(tmp_path / "demo" / "studies"))
    settings.DEMO = False
    with pytest.raises(OutsideRoot):
        checked_root(str(tmp_path / "demo" / "studies"))


def test_browsing_lists_folders_first_with_what_lies_below(batch):
    (folder.root_of(batch.source) / "a.txt").write_bytes(b"12345")
    listing = folder.browse(batch.source)
    told = [(entry.name, entry.is_folder, entry.files, entry.size) for entry in listing.entries]
    assert told == [("CT", True, 2, 3003), ("MR", True, 1, 5), ("a.txt", False, 1, 5)]
    below = folder.browse(batch.source, "MR/deep")
    assert [entry.relative for entry in below.entries] == ["MR/deep/3.dcm"]


def test_a_listing_is_bounded_and_says_so(batch, monkeypatch):
    monkeypatch.setattr(folder, "LISTED", 1)
    monkeypatch.setattr(folder, "COUNTED", 1)
    listing = folder.browse(batch.source)
    assert listing.is_cut
    (entry,) = listing.entries
    assert (entry.files, entry.is_more) == (1, True)


@pytest.mark.parametrize(
    "relative", ["..", "../..", "CT/../../..", "/etc", "CT/../../../secret.txt", "a\0b"]
)
def test_no_path_leads_out(batch, root, relative):
    with pytest.raises(OutsideRoot):
        folder.browse(batch.source, relative)
    with pytest.raises(OutsideRoot):
        folder.open_file(root, relative)
    if "\0" not in relative:
        assert list(folder.walk(root, [relative])) == []


def test_links_that_lead_out_are_not_there_and_those_inside_are_followed_once(
    batch, root, tmp_path
):
    (root / "out").symlink_to(tmp_path)
    (root / "out.txt").symlink_to(tmp_path / "secret.txt")
    (root / "again").symlink_to(root / "CT")
    (root / "round").symlink_to(root)
    (root / "nowhere").symlink_to(root / "gone")
    names = [entry.name for entry in folder.browse(batch.source).entries]
    assert "out" not in names
    assert "out.txt" not in names
    walked = [path for path, _size in folder.walk(root, [""])]
    assert sorted(path.rpartition("/")[2] for path in walked) == ["1.dcm", "2.dcm", "3.dcm"]
    with pytest.raises(OutsideRoot):
        folder.open_file(root, "out.txt")


def test_what_is_no_regular_file_is_neither_listed_nor_opened(batch, root, monkeypatch):
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        monkeypatch.chdir(root)
        listener.bind("socket")
    assert {entry.name for entry in folder.browse(batch.source).entries} == {"CT", "MR"}
    assert "pipe" not in dict(folder.walk(root, [""]))
    with pytest.raises(TransientError):
        folder.open_file(root, "pipe")


def test_a_folder_swapped_for_a_link_after_it_was_resolved_is_not_read(root, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "1.dcm").write_bytes(b"outside")
    resolve = folder.resolve

    def swap(base, relative):
        path = resolve(base, relative)
        (root / "CT").rename(tmp_path / "moved")
        (root / "CT").symlink_to(tmp_path / "elsewhere")
        return path

    monkeypatch.setattr(folder, "resolve", swap)
    with pytest.raises(OutsideRoot):
        folder.open_file(root, "CT/1.dcm")


def test_an_error_names_no_file_of_the_hospital(batch):
    with pytest.raises(TransientError) as told:
        folder.browse(batch.source, "DOE_JOHN")
    assert "DOE" not in str(told.value.message)


# --- collecting -----------------------------------------------------------------------------------


def test_a_selection_is_copied_and_the_source_is_as_before(batch, root):
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    assert select(batch, ["CT", "MR/deep/3.dcm"], ALICE) == 3
    submit(batch, ALICE)
    assert collect(batch).remaining == 0
    assert complete_files(batch).entries == 3
    assert contents(batch) == {
        "CT/1.dcm": b"one",
        "CT/2.dcm": b"two" * 1000,
        "MR/deep/3.dcm": b"three",
    }
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_a_file_chosen_twice_comes_once(batch):
    assert select(batch, ["CT", "CT/1.dcm", "CT/../CT"], ALICE) == 2


def test_the_selection_is_sealed_and_audited_in_counts(batch):
    select(batch, ["CT"], ALICE)
    batch.refresh_from_db()
    assert b"CT" not in bytes(batch.sealed_selection)
    event = Event.objects.get(action="source.browsed")
    assert '"selected_files":2' in event.detail_json
    assert "CT" not in event.detail_json


@pytest.mark.parametrize(
    ("chosen", "code"), [([], "nothing-selected"), (["gone"], "nothing-selected")]
)
def test_a_selection_of_nothing_is_refused(batch, chosen, code):
    with pytest.raises(PermanentError) as told:
        select(batch, chosen, ALICE)
    assert told.value.code == code


def test_a_selection_over_the_quota_is_refused(batch, settings):
    settings.BATCH_MAX_FILES = 2
    with pytest.raises(PermanentError) as told:
        select(batch, [""], ALICE)
    assert told.value.code == "too-many-files"


def test_collecting_stops_at_the_deadline_and_goes_on_where_it_stopped(batch, monkeypatch):
    monkeypatch.setattr(collecting, "_SLICE_FILES", 1)
    first = collect(batch, ["CT", "MR"], deadline=0.0)
    assert (first.files, first.remaining) == (0, 3)
    runs = 0
    while collect(batch, deadline=None).remaining:
        runs += 1
    complete_files(batch)
    assert len(contents(batch)) == 3


def test_a_run_that_dies_in_a_slice_loses_and_doubles_nothing(batch, monkeypatch):
    select(batch, ["CT", "MR"], ALICE)

    class Killed(Exception):
        pass

    def die() -> None:
        raise Killed

    with pytest.raises(Killed):
        collect(batch, beat=die)
    assert UploadPart.objects.count() == 0
    assert collect(batch).files == 3
    complete_files(batch)
    assert len(contents(batch)) == 3


def test_two_runs_at_once_copy_each_file_once(batch):
    select(batch, ["CT", "MR"], ALICE)
    other = Batch.objects.get(pk=batch.pk)
    raced = []

    def race() -> None:
        if not raced:
            raced.append(True)
            collect(other)

    assert collect(batch, beat=race).files == 0
    complete_files(batch)
    assert len(contents(batch)) == 3


def test_a_file_that_went_away_is_an_entry_that_says_so(batch, root):
    select(batch, ["CT"], ALICE)
    (root / "CT" / "1.dcm").unlink()
    done = collect(batch)
    assert (done.files, done.unreadable, done.remaining) == (1, 1, 0)
    complete_files(batch)
    assert contents(batch) == {"CT/1.dcm": "source-unreadable", "CT/2.dcm": b"two" * 1000}


def test_a_share_that_went_away_is_waited_for(batch, root):
    select(batch, ["CT"], ALICE)
    root.rename(root.with_name("unmounted"))
    with pytest.raises(TransientError):
        collect(batch)
    root.with_name("unmounted").rename(root)
    assert collect(batch).files == 2


def test_zips_in_a_folder_are_unfolded_too(batch, root):
    with zipfile.ZipFile(root / "CT" / "more.zip", "w") as archive:
        archive.writestr("4.dcm", b"four")
    select(batch, ["CT/more.zip"], ALICE)
    collect(batch)
    complete_files(batch)
    assert contents(batch) == {"CT/more.zip/4.dcm": b"four"}


def test_a_name_that_is_no_text_is_collected_too(batch, root):
    (root / os.fsdecode(b"caf\xe9")).write_bytes(b"latin")
    select(batch, [""], ALICE)
    collect(batch)
    complete_files(batch)
    assert b"latin" in contents(batch).values()
