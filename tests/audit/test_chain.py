"""The sealer gives every committed event one place, without gaps, soon."""

import json
import logging
import threading
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from audit import Outcome, record, record_alone
from audit.canonical import GENESIS, link_digest
from audit.chains import known_chains
from audit.models import Event, Link, Pending
from audit.sealer import late, seal_all, seal_chain
from audit.verification import verify_and_record, verify_chain
from tests.audit.conftest import ALICE, JOB


def write(chain="org-1", number=5, action="study.deidentified"):
    with transaction.atomic():
        return [
            record(action, actor=JOB, chain=chain, subject=f"S{index}", detail={"images": index})
            for index in range(number)
        ]


def test_links_follow_each_other_without_a_gap(database):
    write(number=3)
    write("org-2", 2)
    write(number=2)
    assert seal_chain("org-1") == 5
    assert not Pending.objects.filter(chain="org-1").exists()
    links = list(Link.objects.filter(chain="org-1").order_by("sequence"))
    assert [link.sequence for link in links] == [1, 2, 3, 4, 5]
    previous = GENESIS
    for link in links:
        assert bytes(link.previous) == previous
        assert bytes(link.event_digest) == bytes(Event.objects.get(pk=link.event_id).digest)
        previous = link_digest("org-1", link.sequence, bytes(link.event_digest), previous)
        assert bytes(link.digest) == previous
    assert verify_chain("org-1").is_intact
    assert verify_chain("org-2").events == 2
    assert known_chains() == ["org-1", "org-2"]


def test_a_roll_back_leaves_no_gap(database):
    write(number=2)
    with pytest.raises(RuntimeError, match="undone"), transaction.atomic():
        write(number=3)
        raise RuntimeError("undone")
    write(number=1)
    report = verify_chain("org-1")
    assert (report.events, report.last, report.finding) == (3, 3, None)


def test_two_sealers_at_once_give_every_event_one_place(transactional_db):
    write(number=60)
    results = []

    def seal():
        try:
            results.append(seal_chain("org-1"))
        finally:
            connection.close()

    threads = [threading.Thread(target=seal) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(results) == 60
    assert verify_chain("org-1").events == 60


def test_what_waits_too_long_raises_the_alarm(database, caplog, audit_settings):
    write(number=2)
    assert not late()
    waiting = late(timezone.now() + timedelta(seconds=11))
    assert [(one.chain, one.count) for one in waiting] == [("org-1", 2)]
    audit_settings(LATE_SECONDS=-1)
    with caplog.at_level(logging.ERROR):
        seal_all()
    assert "2 audit events of chain org-1 waited" in caplog.text
    alarm = Event.objects.get(action="audit.late")
    assert (alarm.chain, alarm.outcome, alarm.subject) == ("system", "failed", "org-1")


def test_a_verification_is_an_event_of_the_chain(database):
    write(number=2)
    assert verify_and_record("org-1", ALICE).is_intact
    event = Event.objects.get(action="audit.verified")
    assert event.outcome == Outcome.SUCCESS
    assert json.loads(event.detail_json)["last"] == 2


def test_the_command_says_what_it_saw(db, capsys):
    record_alone("person.signed_in", actor=ALICE, chain="system")
    call_command("audit_verify")
    assert "system: intact, events 1 to 1" in capsys.readouterr().out
