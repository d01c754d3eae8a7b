"""A checkpoint is written after so many events or minutes, in two places, and signed."""

import json
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import transaction
from django.utils import timezone

from audit import record
from audit.checkpoints import BadCheckpoint, Signed, checkpoint_if_due, second_place
from audit.models import Checkpoint, Event
from audit.sealer import TRAIL, seal_all, seal_chain
from audit.verification import verify_chain
from tests.audit import conftest
from tests.audit.conftest import ALICE, KEY, SECOND_PLACE

pytestmark = pytest.mark.django_db


def write(number, chain="org-1"):
    with transaction.atomic():
        for _ in range(number):
            record("batch.started", actor=ALICE, chain=chain)
    seal_chain(chain)


def test_the_first_events_are_signed_at_once_and_then_every_so_many(audit_settings):
    audit_settings(CHECKPOINT_EVENTS=10)
    write(1)
    assert checkpoint_if_due(TRAIL) == 1
    write(8)
    assert checkpoint_if_due(TRAIL) == 0
    write(1)
    assert checkpoint_if_due(TRAIL) == 1
    assert [row.sequence for row in Checkpoint.objects.order_by("sequence")] == [1, 11]


def test_after_a_while_what_is_new_is_signed_but_rest_is_not(monkeypatch):
    write(1)
    assert checkpoint_if_due(TRAIL) == 1
    seal_all()
    later = timezone.now() + timedelta(minutes=16)
    monkeypatch.setattr("audit.checkpoints.timezone.now", lambda: later)
    assert checkpoint_if_due(TRAIL) == 0, "its own event alone needs no further checkpoint"
    write(1)
    assert checkpoint_if_due(TRAIL) == 1


def test_both_places_hold_the_same_signed_head():
    write(3)
    checkpoint_if_due(TRAIL)
    row = Checkpoint.objects.get()
    ((name, content),) = SECOND_PLACE.items()
    assert name.startswith("org-1/000000000003-")
    parts = json.loads(content)
    assert parts["document"] == json.loads(row.document)
    Ed25519PublicKey.from_public_bytes(KEY.public_key).verify(
        bytes.fromhex(parts["signature"]), b"audit checkpoint 1\n" + row.document.encode()
    )
    report = verify_chain("org-1")
    assert (report.checkpoints, report.second_place, report.is_intact) == (1, 1, True)


def test_a_second_place_that_fails_is_an_event_and_tried_again_later(audit_settings, monkeypatch):
    def full(name, content):
        raise OSError("no space left")

    monkeypatch.setattr(conftest, "keep", full)
    write(2)
    assert checkpoint_if_due(TRAIL) == 0
    assert checkpoint_if_due(TRAIL) == 0
    failed = Event.objects.get(action="audit.checkpointed")
    assert (failed.outcome, failed.detail) == ("failed", {"error": "OSError"})
    assert not Checkpoint.objects.exists(), (
        "none stands in the database that the second place lacks"
    )
    monkeypatch.undo()
    seal_all()
    later = timezone.now() + timedelta(minutes=2)
    monkeypatch.setattr("audit.checkpoints.timezone.now", lambda: later)
    assert checkpoint_if_due(TRAIL) == 1


def test_the_trails_own_folder_serves_as_second_place(audit_settings, tmp_path):
    audit_settings(SINK="", CHECKPOINTS="", FOLDER=str(tmp_path))
    write(2)
    checkpoint_if_due(TRAIL)
    (path,) = (tmp_path / "checkpoints" / "org-1").iterdir()
    assert second_place("org-1") == [path.read_bytes()]
    path.write_bytes(path.read_bytes().replace(b'"sequence":2', b'"sequence":1'))
    assert verify_chain("org-1").finding.kind == "changed"
    path.write_bytes(b"{}")
    assert verify_chain("org-1").finding.kind == "changed"


def test_a_key_that_was_rotated_out_stays_trusted(monkeypatch):
    write(2)
    checkpoint_if_due(TRAIL)
    fresh = conftest.KeptKey()
    fresh.trusted_keys = [KEY.public_key]
    monkeypatch.setattr(conftest, "KEY", fresh)
    assert verify_chain("org-1").is_intact
    fresh.trusted_keys = []
    assert not verify_chain("org-1").is_intact


def test_without_a_signer_there_are_no_checkpoints(audit_settings):
    audit_settings(SIGNER="")
    write(2)
    assert checkpoint_if_due(TRAIL) == 0
    assert verify_chain("org-1").is_intact


@pytest.mark.parametrize("content", [b"", b"[]", b'{"document":1}', b"\xff", b"[" * 99999])
def test_what_is_no_checkpoint_is_refused(content):
    with pytest.raises(BadCheckpoint):
        Signed.from_bytes(content)


def test_a_long_chain_is_verified_from_a_signed_place_on(audit_settings):
    audit_settings(CHECKPOINT_EVENTS=1)
    write(5)
    checkpoint_if_due(TRAIL)
    write(4)
    checkpoint_if_due(TRAIL)
    seal_all()
    part = verify_chain("org-1", most=6)
    assert (part.first, part.last, part.is_intact) == (6, 11, True)
    assert verify_chain("org-1").first == 1
