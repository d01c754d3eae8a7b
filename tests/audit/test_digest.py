"""The digest says what happened, how it is proved, what is worth a look, and names no study."""

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from audit import Outcome, record
from audit.digest import make_digest, send_digest
from audit.models import Event
from audit.sealer import TRAIL, seal_all
from audit.verification import verify_and_record
from tests.append_only import triggers_lifted
from tests.audit.conftest import ALICE, BOB

pytestmark = pytest.mark.django_db


def readers(chain):
    return [f"{name}@{chain}.example.org" for name in ("carol", "dora")]


@pytest.fixture
def trail():
    with transaction.atomic():
        for _ in range(3):
            record("study.held", actor=ALICE, chain="org-1", subject="5T23P9Z9DEM7N")
            record("report.reidentified", Outcome.REFUSED, actor=BOB, chain="org-1")
    seal_all()
    return "org-1"


def test_it_counts_by_action_and_outcome(trail):
    verify_and_record(trail, TRAIL)
    text = make_digest(trail).text
    assert "3  Study held" in text
    assert "3  Patient looked up (refused)" in text
    assert "The chain was verified" in text
    assert "Dr. Bob Example: 3 × refused" in text
    assert "5T23P9Z9DEM7N" not in text


def test_a_broken_chain_stands_on_top(trail):
    with triggers_lifted(connection):
        Event.objects.filter(action="study.held").update(subject="X")
    verify_and_record(trail, TRAIL)
    assert "THE CHAIN IS BROKEN at event 1 (changed)" in make_digest(trail).text


def test_each_reader_gets_a_mail_of_their_own(trail, audit_settings, mailoutbox, capsys):
    assert send_digest(trail) == 0
    audit_settings(DIGEST="tests.audit.test_digest.readers")
    call_command("audit_digest", "--chain", trail)
    assert "org-1: sent to 2" in capsys.readouterr().out
    assert [mail.to for mail in mailoutbox] == [
        ["carol@org-1.example.org"],
        ["dora@org-1.example.org"],
    ]
    call_command("audit_digest", "--print")
    assert "3  Study held" in capsys.readouterr().out
    assert len(mailoutbox) == 2
