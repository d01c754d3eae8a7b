"""Old events leave by one guarded way only, and can still be proved."""

import gzip
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

import audit
from audit import record
from audit.archive import ArchiveRefused, archive_chain, read_archive
from audit.models import Archive, Event, Link
from audit.sealer import TRAIL, seal_all
from audit.verification import verify_chain
from tests.append_only import triggers_lifted
from tests.audit.conftest import ALICE, KEY

VERIFIER = Path(audit.__file__).with_name("verifier.py")


@pytest.fixture
def old(database, audit_settings, monkeypatch):
    """Ten events of two years ago, signed over, and three of today."""
    audit_settings(RETENTION_DAYS=365, CHECKPOINT_EVENTS=1, LATE_SECONDS=10**9)
    record_many(10, timedelta(days=730), monkeypatch)
    seal_all()
    record_many(3, timedelta(0), monkeypatch)
    seal_all()
    return "org-1"


def record_many(number, age, patch):
    moment = timezone.now() - age
    with patch.context() as clock:
        clock.setattr("audit.recording.timezone.now", lambda: moment)
        with transaction.atomic():
            for index in range(number):
                record("study.held", actor=ALICE, chain="org-1", detail={"n": index})


def test_what_is_old_moves_and_the_chain_stays_whole(old):
    before = verify_chain(old)
    (segment,) = archive_chain(old, TRAIL)
    assert (segment.first, segment.last) == (1, 10)
    assert not Link.objects.filter(sequence__lte=10).exists()
    assert Event.objects.filter(action="study.held").count() == 3
    assert not Archive.objects.get().is_open
    after = verify_chain(old)
    assert after.is_intact
    assert (after.first, after.last) == (11, before.last + 1)
    event = Event.objects.get(action="audit.archived")
    assert event.detail["sha256"] in Archive.objects.get().document
    assert archive_chain(old, TRAIL) == [], "a second run finds nothing old"


def test_an_archive_is_proved_offline(old):
    (segment,) = archive_chain(old, TRAIL)
    parts, lines = read_archive(segment.path)
    assert (parts["document"]["events"], len(lines)) == (10, 10)
    command = [sys.executable, "-I", VERIFIER, segment.path, "--key", KEY.public_key.hex()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "events 10, first 1, last 10" in done.stdout
    content = gzip.decompress(segment.path.read_bytes())
    segment.path.write_bytes(gzip.compress(content.replace(b"study.held", b"study.helm", 1)))
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1
    with pytest.raises(ArchiveRefused, match="content"):
        read_archive(segment.path)


def test_without_an_open_archive_nothing_can_be_deleted(old):
    archive_chain(old, TRAIL)
    for statement in (
        "DELETE FROM audit_event WHERE action = 'study.held'",
        "DELETE FROM audit_link WHERE sequence = 12",
        "DELETE FROM audit_archive",
        "UPDATE audit_archive SET is_open = NOT is_open",
        "UPDATE audit_archive SET last = 99",
    ):
        with (
            pytest.raises(DatabaseError, match="append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)


def test_a_broken_chain_is_not_archived(old):
    with triggers_lifted(connection):
        Event.objects.filter(detail_json='{"n":4}').update(subject="X")
    with pytest.raises(ArchiveRefused, match="not intact"):
        archive_chain(old, TRAIL)
    with pytest.raises(CommandError, match="not intact"):
        call_command("audit_archive", "--chain", old)
    assert Event.objects.filter(action="study.held").count() == 13


def test_a_changed_or_reopened_archive_is_found(old):
    archive_chain(old, TRAIL)
    with triggers_lifted(connection):
        Archive.objects.update(is_open=True)
        assert verify_chain(old).finding.kind == "changed"
        Archive.objects.update(is_open=False, document='{"chain":"org-1"}')
        assert verify_chain(old).finding.kind == "changed"


def test_without_retention_everything_stays(old, audit_settings, capsys):
    audit_settings(RETENTION_DAYS=0)
    call_command("audit_archive")
    assert capsys.readouterr().out == ""
    audit_settings(RETENTION_DAYS=365, SIGNER="")
    with pytest.raises(ArchiveRefused):
        archive_chain(old, TRAIL)


def test_what_was_not_sent_on_yet_is_kept(old, audit_settings):
    audit_settings(SYSLOG={"host": "collector.example.org"})
    assert archive_chain(old, TRAIL) == []
