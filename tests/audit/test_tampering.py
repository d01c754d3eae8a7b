"""Whoever changes the database behind the portal's back is found, and the first place is named.

The triggers are lifted, as somebody with the database file in hands would do.
"""

import random

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from audit import record
from audit.canonical import GENESIS, link_digest
from audit.checkpoints import checkpoint_if_due
from audit.models import Checkpoint, Event, Link
from audit.sealer import TRAIL, seal_chain
from audit.verification import verify_chain
from tests.append_only import triggers_lifted
from tests.audit.conftest import ALICE, BOB, SECOND_PLACE
from tests.counts import count


@pytest.fixture
def written(database):
    with transaction.atomic():
        for index in range(30):
            record(
                "report.reidentified" if index % 3 else "study.held",
                actor=BOB if index % 2 else ALICE,
                chain="org-1",
                subject=f"5T23P9Z9DE{index:02}N",
                subject_kind="study",
                context="3f9c21aa",
                detail={"reason": "referral", "images": index},
            )
    seal_chain("org-1")
    return "org-1"


@pytest.fixture
def chain(written):
    with triggers_lifted(connection):
        yield written


@pytest.fixture
def signed(written):
    """The same chain with a signed checkpoint of its 30th link; link 31 tells of it."""
    assert checkpoint_if_due(TRAIL) == 1
    seal_chain(written)
    with triggers_lifted(connection):
        yield written


def execute(sql, *values):
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA foreign_keys = OFF")
            cursor.execute("PRAGMA ignore_check_constraints = ON")
        cursor.execute(sql, values)


def finding(chain="org-1"):
    found = verify_chain(chain).finding
    return found and (found.kind, found.sequence)


def other(value):
    """A value of the same kind that is not the one that was there."""
    if isinstance(value, bytes | memoryview):
        raw = bytes(value)
        return bytes([raw[0] ^ 1]) + raw[1:]
    if isinstance(value, int):
        return value + 100_000
    if hasattr(value, "hex") and not isinstance(value, str):
        return "00000000000000000000000000000001"
    text = str(value)
    return {"success": "failed"}.get(text, text[:-1] + ("0" if text[-1:] != "0" else "1"))


EVENT_COLUMNS = [field.column for field in Event._meta.concrete_fields]
LINK_COLUMNS = ["chain", "sequence", "event_id", "event_digest", "previous", "digest"]


@pytest.mark.parametrize("column", EVENT_COLUMNS)
def test_a_change_in_any_column_of_any_event_is_found(chain, column):
    picks = random.Random(column).sample(range(1, 31), count(3, 30))
    for sequence in picks:
        key = Link.objects.get(chain=chain, sequence=sequence).event_id
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {column} FROM audit_event WHERE id = %s", [key])
            before = cursor.fetchone()[0]
        if connection.vendor == "postgresql" and column == "id":
            free("audit_link")
            free("audit_pending")
        execute(
            f"UPDATE audit_event SET {column} = %s WHERE id = %s", tampered(column, before), key
        )
        kind, place = finding()
        assert place == sequence
        assert kind == ("removed" if column == "id" else "changed")
        key_now = key + 100_000 if column == "id" else key
        execute(f"UPDATE audit_event SET {column} = %s WHERE id = %s", before, key_now)
        assert finding() is None


def tampered(column, before):
    if column == "at":
        return "2020-01-01 00:00:00.000001"
    return other(before)


def free(table):
    """Drop PostgreSQL's foreign keys of a table, as an attacker with its password could."""
    with connection.cursor() as cursor:
        for name, found in connection.introspection.get_constraints(cursor, table).items():
            if found["foreign_key"]:
                cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')


@pytest.mark.parametrize("column", LINK_COLUMNS)
def test_a_change_in_any_column_of_any_link_is_found(chain, column):
    if connection.vendor == "postgresql":
        free("audit_link")
    for sequence in random.Random(column).sample(range(1, 31), count(3, 30)):
        link = Link.objects.get(chain=chain, sequence=sequence)
        before = getattr(link, column)
        execute(f"UPDATE audit_link SET {column} = %s WHERE id = %s", other(before), link.pk)
        assert finding() is not None
        assert abs(finding()[1] - sequence) <= 1
        execute(f"UPDATE audit_link SET {column} = %s WHERE id = %s", before, link.pk)
        assert finding() is None


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_text_that_is_no_text_is_a_change(chain):
    key = Link.objects.get(chain=chain, sequence=9).event_id
    execute("UPDATE audit_event SET subject = CAST(x'ff' AS TEXT) WHERE id = %s", key)
    assert finding() == ("changed", 9)
    execute("UPDATE audit_event SET subject = x'ff' WHERE id = %s", key)
    assert finding() == ("changed", 9)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_same_moment_spelled_otherwise_is_a_change(chain):
    key = Link.objects.get(chain=chain, sequence=9).event_id
    execute("UPDATE audit_event SET at = replace(at, ' ', 'T') || 'Z' WHERE id = %s", key)
    assert finding() == ("changed", 9)


def test_a_changed_event_with_a_fresh_digest_is_found(chain):
    event = Link.objects.get(chain=chain, sequence=12).event
    event.subject = "OTHER"
    event.digest = link_digest("x", 1, b"", b"")
    from audit.canonical import event_digest

    event.digest = event_digest(event.canonical())
    event.save()
    assert finding() == ("changed", 12)


def test_a_removed_event_is_found(chain):
    link = Link.objects.get(chain=chain, sequence=7)
    if connection.vendor == "postgresql":
        free("audit_link")
    execute("DELETE FROM audit_event WHERE id = %s", link.event_id)
    assert finding() == ("removed", 7)
    execute("DELETE FROM audit_link WHERE id = %s", link.pk)
    assert finding() == ("removed", 7)


def test_a_removed_event_is_found_though_the_rest_moved_up(chain):
    link = Link.objects.get(chain=chain, sequence=7)
    execute("DELETE FROM audit_link WHERE id = %s", link.pk)
    execute("DELETE FROM audit_event WHERE id = %s", link.event_id)
    for sequence in range(8, 31):
        execute(
            "UPDATE audit_link SET sequence = sequence - 1 WHERE chain = %s AND sequence = %s",
            chain,
            sequence,
        )
    assert finding() == ("removed", 7)


def forged(sequence=0):
    from audit.models import Pending

    with transaction.atomic():
        event = record("study.delivered", actor=ALICE, chain="org-1", subject="FORGED")
        Pending.objects.all().delete()
    return event


def test_an_event_slipped_past_the_triggers_is_found(chain):
    event = forged()
    Link.objects.filter(event=event).delete()
    report = verify_chain(chain)
    assert (report.finding.kind, report.finding.event_id) == ("inserted", event.pk)


def test_an_inserted_link_is_found(chain):
    event = forged()
    for sequence in range(30, 14, -1):
        execute(
            "UPDATE audit_link SET sequence = sequence + 1 WHERE chain = %s AND sequence = %s",
            chain,
            sequence,
        )
    before = bytes(Link.objects.get(chain=chain, sequence=14).digest)
    Link.objects.create(
        chain=chain,
        sequence=15,
        event=event,
        event_digest=event.digest,
        previous=before,
        digest=link_digest(chain, 15, bytes(event.digest), before),
    )
    assert finding() == ("inserted", 15)


def test_reordered_events_are_found(chain):
    first, second = Link.objects.filter(chain=chain, sequence__in=(5, 6)).order_by("sequence")
    for sequence, link in ((1005, first), (5, second), (6, first)):
        execute("UPDATE audit_link SET sequence = %s WHERE id = %s", sequence, link.pk)
    assert finding() == ("reordered", 5)


def test_swapped_contents_are_found(chain):
    first, second = Link.objects.filter(chain=chain, sequence__in=(5, 20)).order_by("sequence")
    for event, link in (
        (first.event_id + 5000, None),
        (first.event_id, second),
        (second.event_id, first),
    ):
        if link is None and connection.vendor == "postgresql":
            free("audit_link")
        execute("UPDATE audit_link SET event_id = %s WHERE id = %s", event, (link or first).pk)
    assert finding() == ("reordered", 5)


def test_a_truncated_tail_is_found_against_a_checkpoint(signed):
    for link in Link.objects.filter(chain=signed, sequence__gte=25):
        execute("DELETE FROM audit_link WHERE id = %s", link.pk)
        execute("DELETE FROM audit_event WHERE id = %s", link.event_id)
    assert finding() == ("truncated", 25)


def rewrite_whole_chain(chain):
    """Recompute every link, as an attacker with the source code would."""
    from audit.canonical import event_digest

    previous = GENESIS
    for link in Link.objects.filter(chain=chain).order_by("sequence").select_related("event"):
        event = link.event
        event.actor_label = "Somebody Else"
        event.digest = event_digest(event.canonical())
        event.save()
        link.event_digest, link.previous = event.digest, previous
        link.digest = previous = link_digest(chain, link.sequence, event.digest, previous)
        link.save()


def test_a_replaced_chain_is_found_against_the_checkpoint(signed):
    rewrite_whole_chain(signed)
    assert finding() == ("replaced", 30)


def test_a_replaced_chain_is_found_against_the_second_place_alone(signed):
    rewrite_whole_chain(signed)
    Checkpoint.objects.all().delete()
    assert finding() == ("replaced", 30)
    SECOND_PLACE.clear()
    assert finding() is None, (
        "without any checkpoint a consistent chain can't be told from the first"
    )


def test_a_checkpoint_of_a_stranger_is_not_trusted(signed, monkeypatch):
    from tests.audit import conftest

    rewrite_whole_chain(signed)
    Checkpoint.objects.all().delete()
    SECOND_PLACE.clear()
    with monkeypatch.context() as patch:
        patch.setattr(conftest, "KEY", conftest.KeptKey())
        assert checkpoint_if_due(TRAIL) == 1
        execute("DELETE FROM audit_event WHERE id NOT IN (SELECT event_id FROM audit_link)")
        assert finding() is None
    assert finding()[0] == "changed"


@pytest.mark.parametrize("column", ["sequence", "at", "document", "signature", "public_key"])
def test_a_change_of_a_checkpoint_is_found(signed, column):
    before = getattr(Checkpoint.objects.get(), column)
    value = "2020-01-01 00:00:00" if column == "at" else other(before)
    execute(f"UPDATE audit_checkpoint SET {column} = %s", value)
    assert finding()[0] == "changed"


def test_missing_triggers_are_reported(chain):
    assert "audit_event_no_update" in verify_chain(chain).unguarded or (
        connection.vendor == "postgresql"
    )


def test_the_command_ends_with_an_error_and_names_the_place(chain, capsys):
    key = Link.objects.get(chain=chain, sequence=4).event_id
    execute("UPDATE audit_event SET subject = 'X' WHERE id = %s", key)
    with pytest.raises(CommandError, match="1 of 1 chains"):
        call_command("audit_verify")
    assert "org-1: changed at 4" in capsys.readouterr().out
