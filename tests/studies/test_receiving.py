"""From an open batch to a submitted one: parts in any order, once, counted, then entries."""

import io
import os
import random

import pytest
from django.db import connection

from audit.models import Event
from studies.faults import PermanentError
from studies.models import Batch, BatchState, Instance, InstanceState, UploadPart
from studies.services import keys, uploads
from studies.services.receiving import (
    announce,
    complete_files,
    receive_file,
    receive_frames,
    submit,
    upload_status,
)
from studies.services.uploads import PartPack, Wanted
from studies.storage import BatchStore
from tests.counts import count
from tests.studies.batches import ALICE, frame, make_batch

pytestmark = pytest.mark.django_db


@pytest.fixture
def batch(settings, tmp_path):
    settings.SEALED_DIR = tmp_path / "sealed"
    return make_batch()


def send(batch: Batch, *frames: bytes):
    body = b"".join(frames)
    return receive_frames(batch, io.BytesIO(body), len(body))


def contents(batch: Batch) -> dict[str, bytes]:
    """Return what the entries hold, by the path they came with."""
    sealer = keys.batch_sealer(batch)
    found = {}
    with BatchStore(batch.pk, sealer.root) as store:
        for row in Instance.objects.filter(batch=batch).order_by("number"):
            with store.open_original(row.original) as stream:
                found[sealer.open("path", row.sealed_path).decode()] = stream.read()
    return found


def sealed_files(batch: Batch) -> int:
    root = BatchStore(batch.pk, b"").root
    return sum(1 for path in root.rglob("*") if path.is_file())


# --- opening -----------------------------------------------------------------------------------


def test_opening_is_audited_and_gives_the_batch_a_key_of_its_own(batch):
    event = Event.objects.get(action="batch.opened")
    assert event.subject == str(batch.pk)
    assert event.actor_label == "Alice"
    other = make_batch()
    assert keys.batch_key(batch) != keys.batch_key(other)


def test_a_source_of_another_organization_is_refused(batch):
    other = make_batch()
    with pytest.raises(PermanentError) as told:
        from studies.services.receiving import open_batch

        open_batch(
            batch.organization, None, other.source, batch.destination, batch.profile_version,
            actor=ALICE,
        )  # fmt: skip
    assert told.value.code == "foreign-object"


# --- parts -------------------------------------------------------------------------------------


def test_many_small_files_come_in_one_body(batch):
    files = {f"CT/IM{number:04}": os.urandom(number) for number in range(50)}
    results = send(
        batch, *(frame(number, path, data) for number, (path, data) in enumerate(files.items()))
    )
    assert [result.problem for result in results] == [""] * 50
    assert complete_files(batch).entries == 50
    assert contents(batch) == files
    assert sealed_files(batch) == 1


def test_each_part_is_answered_with_the_digest_of_what_arrived(batch):
    import hashlib

    data = os.urandom(300_000)
    (result,) = send(batch, frame(3, "a", data, sha256=hashlib.sha256(data).hexdigest()))
    assert (result.file, result.sha256) == (3, hashlib.sha256(data).hexdigest())


def test_a_part_that_changed_on_its_way_is_not_counted(batch):
    good, bad = send(batch, frame(0, "a", b"good"), frame(1, "b", b"bad", sha256="0" * 64))
    assert (good.problem, bad.problem) == ("", "digest-mismatch")
    assert upload_status(batch).whole == [0]


def test_the_same_part_twice_is_one_part(batch):
    for _time in range(3):
        (result,) = send(batch, frame(0, "a", b"same"))
        assert result.problem == ""
    assert UploadPart.objects.filter(batch=batch).count() == 1
    assert sealed_files(batch) == 1
    complete_files(batch)
    assert contents(batch) == {"a": b"same"}


def test_a_file_whose_bytes_changed_between_two_tries_is_told(batch):
    send(batch, frame(0, "a", b"first"))
    (result,) = send(batch, frame(0, "a", b"other"))
    assert result.problem == "file-changed"


def test_a_number_that_another_file_has_is_told(batch):
    send(batch, frame(0, "a", b"first"))
    (result,) = send(batch, frame(0, "b", b"first"))
    assert result.problem == "file-number-taken"
    (later,) = send(batch, frame(0, "a", b"first", modified=5))
    assert later.problem == "file-number-taken"


def test_parts_that_share_bytes_are_told(batch):
    send(batch, frame(0, "a", b"01234", size=10))
    (result,) = send(batch, frame(0, "a", b"45678", offset=4, size=10))
    assert result.problem == "part-overlaps"


def test_parts_in_any_order_and_repeated_make_the_files(batch):
    shuffled = random.Random(count(1, 7))
    for _round in range(count(1, 20)):
        batch = make_batch()
        files = {f"f{n}": shuffled.randbytes(shuffled.randrange(0, 4000)) for n in range(20)}
        frames = []
        for number, (path, data) in enumerate(files.items()):
            step = shuffled.randrange(1, 1500)
            for at in range(0, max(len(data), 1), step):
                frames.append(frame(number, path, data[at : at + step], offset=at, size=len(data)))
        frames += shuffled.sample(frames, len(frames) // 3)
        shuffled.shuffle(frames)
        for at in range(0, len(frames), 7):
            results = send(batch, *frames[at : at + 7])
            assert {result.problem for result in results} == {""}
        status = upload_status(batch)
        assert status.partial == {}
        assert status.whole_ranges == [(0, 19)]
        assert complete_files(batch).files == 20
        assert contents(batch) == files


def test_a_cut_body_leaves_nothing_behind(batch):
    body = frame(0, "a", b"x" * 1000) + frame(1, "b", b"y" * 1000)
    with pytest.raises(PermanentError) as told:
        receive_frames(batch, io.BytesIO(body[:-10]), len(body))
    assert told.value.code == "upload-cut"
    assert UploadPart.objects.count() == 0
    assert sealed_files(batch) == 0


@pytest.mark.parametrize(
    "body",
    [
        b"\0\0",
        b"\0\0\0\1{",
        b"\xff\xff\xff\xff",
        b"\0\0\0\2[]",
        b"\0\0\0\2{}",
        b"\0\0\0\4nope",
        frame(0, "", b"x"),
        frame(-1, "a", b"x"),
        frame(2**31, "a", b"x"),
        frame(0, "a", b"x", size=0),
        frame(0, "a", b"x", offset=5),
        frame(0, "a", b"", size=5),
        frame(0, "a" * 5000, b"x"),
        frame(0, "a", b"x", modified="yesterday"),
        frame(0, "a", b"x", sha256=5),
        frame(0, "a", b"x", length=2, size=2),
        frame(True, "a", b"x"),
    ],
)
def test_a_body_that_is_not_made_of_frames_is_refused(batch, body):
    with pytest.raises(PermanentError) as told:
        send(batch, body)
    assert told.value.code == "bad-frame"
    assert sealed_files(batch) == 0


def test_a_body_over_the_limit_is_refused_before_it_is_read(batch):
    with pytest.raises(PermanentError) as told:
        receive_frames(batch, io.BytesIO(b""), 100 << 20)
    assert told.value.code == "body-too-large"


def test_a_submitted_batch_takes_no_more_parts(batch):
    send(batch, frame(0, "a", b"x"))
    submit(batch, ALICE)
    with pytest.raises(PermanentError) as told:
        send(batch, frame(1, "b", b"y"))
    assert told.value.code == "batch-not-receiving"


def test_a_batch_submitted_while_a_part_arrives_does_not_take_it(batch):
    send(batch, frame(0, "a", b"x"))
    pack = PartPack(batch)
    pack.begin("late").write(b"late")
    submit(Batch.objects.get(pk=batch.pk), ALICE)
    with pytest.raises(PermanentError):
        pack.finish()
    assert UploadPart.objects.filter(batch=batch).count() == 1
    assert sealed_files(batch) == 1


def test_no_path_and_no_digest_lies_in_clear_in_the_rows(batch):
    send(batch, frame(0, "DOE_JOHN/19700101.dcm", b"x"))
    complete_files(batch)
    send(batch, frame(1, "DOE_JOHN/second.dcm", b"x"))
    import hashlib

    with connection.cursor() as cursor:
        for table in ("studies_instance", "studies_uploadpart"):
            cursor.execute(f"SELECT * FROM {table}")
            text = repr(cursor.fetchall())
            assert "DOE" not in text
            assert hashlib.sha256(b"x").hexdigest() not in text


# --- announcing and resuming ---------------------------------------------------------------------


def test_an_announced_file_gets_a_number_and_keeps_it(batch):
    first = announce(batch, [Wanted("a", 3), Wanted("b", 4)], ALICE)
    assert first.files == [0, 1]
    send(batch, frame(1, "b", b"bbbb"))
    # A second folder is dropped; the first one's files are named again, with their numbers.
    second = announce(
        batch, [Wanted("a", 3, file=0), Wanted("b", 4, file=1), Wanted("c", 5)], ALICE
    )
    assert second.files == [0, 1, 2]


def test_after_a_reload_only_what_is_missing_is_asked_for(batch):
    announce(batch, [Wanted("a", 8, 17), Wanted("b", 4, 17)], ALICE)
    send(
        batch,
        frame(0, "a", b"0123", size=8, modified=17),
        frame(1, "b", b"bbbb", modified=17),
    )
    import hashlib

    again = announce(batch, [Wanted("b", 4, 17), Wanted("new", 1, 17), Wanted("a", 8, 17)], ALICE)
    assert again.files == [1, 2, 0]
    assert again.received == {
        0: [(0, 4, hashlib.sha256(b"0123").hexdigest())],
        1: [(0, 4, hashlib.sha256(b"bbbb").hexdigest())],
    }


def test_the_same_path_changed_since_is_another_file(batch):
    send(batch, frame(0, "a", b"0123", modified=17))
    again = announce(batch, [Wanted("a", 4, 18)], ALICE)
    assert again.files == [1]
    assert again.received == {}


def test_a_number_that_was_never_used_may_be_taken_by_another_page(batch):
    announce(batch, [Wanted("a", 1)], ALICE)
    assert announce(batch, [Wanted("b", 1)], ALICE).files == [0]
    send(batch, frame(0, "b", b"b"))
    # The first page is told on sending, and by announcing again gets a number of its own.
    (result,) = send(batch, frame(0, "a", b"a"))
    assert result.problem == "file-number-taken"
    assert announce(batch, [Wanted("a", 1, file=0)], ALICE).files == [1]


def test_a_removed_file_is_not_expected_any_more(batch):
    announce(batch, [Wanted("a", 1), Wanted("b", 1)], ALICE)
    send(batch, frame(0, "a", b"a"), frame(1, "b", b"b"))
    announce(batch, [Wanted("b", 1, file=1)], ALICE, removed=[0])
    assert upload_status(batch).whole == [1]
    submit(batch, ALICE)
    complete_files(batch)
    assert contents(batch) == {"b": b"b"}


def test_status_tells_whole_files_and_the_ranges_of_the_others(batch):
    announce(batch, [Wanted("a", 1), Wanted("b", 10), Wanted("c", 1)], ALICE)
    send(batch, frame(0, "a", b"a"), frame(1, "b", b"01", size=10))
    send(batch, frame(1, "b", b"23", offset=2, size=10), frame(1, "b", b"9", offset=9, size=10))
    status = upload_status(batch)
    assert status.whole_ranges == [(0, 0)]
    assert status.partial == {1: [(0, 4), (9, 1)]}
    assert (status.announced_files, status.announced_bytes) == (3, 12)
    assert (status.received_bytes, status.missing) == (6, 2)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("setting", "value", "code"),
    [("BATCH_MAX_FILES", 2, "too-many-files"), ("BATCH_MAX_BYTES", 10, "too-many-bytes")],
)
def test_more_than_a_batch_may_hold_is_refused_and_recorded(batch, settings, setting, value, code):
    setattr(settings, setting, value)
    with pytest.raises(PermanentError) as told:
        announce(batch, [Wanted("a", 5), Wanted("b", 5), Wanted("c", 5)], ALICE)
    assert told.value.code == code
    event = Event.objects.get(action="batch.refused_upload")
    assert event.outcome == "refused"


def test_parts_beyond_the_quota_are_refused_whatever_was_announced(batch, settings):
    settings.BATCH_MAX_BYTES = 10
    send(batch, frame(0, "a", b"x" * 10))
    with pytest.raises(PermanentError) as told:
        send(batch, frame(1, "b", b"y"))
    assert told.value.code == "too-many-bytes"
    assert upload_status(batch).received_bytes == 10
    assert sealed_files(batch) == 1


# --- whole files and submission -------------------------------------------------------------------


def test_entries_are_numbered_in_the_order_of_arrival(batch):
    send(batch, frame(7, "late", b"1"))
    send(batch, frame(2, "later", b"2"))
    complete_files(batch)
    send(batch, frame(1, "last", b"3"))
    complete_files(batch)
    assert list(contents(batch)) == ["late", "later", "last"]
    assert list(Instance.objects.order_by("number").values_list("number", flat=True)) == [1, 2, 3]


def test_a_file_that_is_not_whole_makes_no_entry(batch):
    send(batch, frame(0, "a", b"01", size=4), frame(1, "b", b"b"))
    assert complete_files(batch).entries == 1
    assert complete_files(batch).entries == 0
    assert upload_status(batch).partial == {0: [(0, 2)]}


def test_an_empty_file_is_an_entry_too(batch):
    send(batch, frame(0, "empty", b""))
    complete_files(batch)
    assert contents(batch) == {"empty": b""}


def test_completing_is_stopped_by_a_deadline_and_goes_on_later(batch):
    send(batch, frame(0, "a", b"a"))
    assert complete_files(batch, deadline=0.0).is_done is False
    assert Instance.objects.count() == 0
    done = complete_files(batch)
    assert (done.files, done.is_done) == (1, True)


def test_what_arrived_is_audited_in_counts_only(batch):
    send(batch, frame(0, "DOE/a", b"aa"), frame(1, "DOE/b", b"b"))
    complete_files(batch)
    event = Event.objects.get(action="batch.files_received")
    assert '"files":2' in event.detail_json
    assert "DOE" not in event.detail_json


def test_two_runs_at_once_make_each_entry_once(batch, monkeypatch):
    send(batch, frame(0, "a", b"a"), frame(1, "b", b"b"))
    from studies.services import receiving

    first = receiving._whole_files

    def overtaken(row, sealer):
        found = first(row, sealer)
        monkeypatch.setattr(receiving, "_whole_files", first)
        complete_files(row)
        return found

    monkeypatch.setattr(receiving, "_whole_files", overtaken)
    assert complete_files(batch).entries == 0
    assert list(contents(batch)) == ["a", "b"]


def test_a_batch_with_missing_files_is_not_submitted_and_says_how_many(batch):
    announce(batch, [Wanted("a", 1), Wanted("b", 1), Wanted("c", 1)], ALICE)
    send(batch, frame(0, "a", b"a"))
    with pytest.raises(PermanentError) as told:
        submit(batch, ALICE)
    assert told.value.code == "upload-incomplete"
    assert str(told.value.message).startswith("2 files")
    # Not dropping them again, but saying that they won't come, is a way out too.
    announce(batch, [], ALICE)
    submit(batch, ALICE)
    assert Batch.objects.get(pk=batch.pk).state == BatchState.QUEUED


def test_an_empty_batch_is_not_submitted(batch):
    with pytest.raises(PermanentError) as told:
        submit(batch, ALICE)
    assert told.value.code == "batch-empty"


def test_submitting_is_audited_and_only_once(batch):
    send(batch, frame(0, "a", b"a"))
    submit(batch, ALICE)
    assert Event.objects.filter(action="batch.submitted").count() == 1
    with pytest.raises(PermanentError) as told:
        submit(Batch.objects.get(pk=batch.pk), ALICE)
    assert told.value.code == "already-submitted"


def test_a_whole_file_from_a_stream_is_announced_and_received_at_once(batch):
    announce(batch, [Wanted("a", 1)], ALICE)
    send(batch, frame(0, "a", b"a"))
    result = receive_file(batch, "C:\\studies\\..\\one.dcm", io.BytesIO(b"z" * 3_000_000))
    assert result.file == 1
    submit(batch, ALICE)
    complete_files(batch)
    assert contents(batch) == {"a": b"a", "studies/one.dcm": b"z" * 3_000_000}


def test_a_stream_that_ends_early_is_refused(batch):
    with pytest.raises(PermanentError) as told:
        receive_file(batch, "a", io.BytesIO(b"123"), size=4)
    assert told.value.code == "upload-cut"
    assert sealed_files(batch) == 0


def test_a_closed_batch_has_no_key(batch):
    batch.wrapped_key = b""
    with pytest.raises(PermanentError) as told:
        keys.batch_key(batch)
    assert told.value.code == "batch-key-destroyed"


def test_a_sealed_value_opens_only_for_its_batch_and_purpose(batch):
    from studies.sealing import SealError

    blob = keys.seal_for_batch(batch, "path", b"DOE")
    assert keys.open_for_batch(batch, "path", blob) == b"DOE"
    with pytest.raises(SealError):
        keys.open_for_batch(batch, "patient", blob)
    with pytest.raises(SealError):
        keys.open_for_batch(make_batch(batch.organization), "path", blob)
    assert keys.batch_index(batch, "a", b"x") != keys.batch_index(batch, "b", b"x")


def test_received_is_the_state_of_every_new_entry(batch):
    send(batch, frame(0, "a", b"a"))
    complete_files(batch)
    assert Instance.objects.get().state == InstanceState.RECEIVED
    assert uploads.upload_status(batch).announced_files == 0
