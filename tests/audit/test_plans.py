"""Every combination of filters is answered from an index that ends in the timeline's order.

A database of a few rows answers anything quickly; how it would answer with millions stands in its
plan. The tests run on SQLite; PostgreSQL chooses by statistics, which takes a full database.
"""

import itertools
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit import Outcome, record
from audit.models import Event
from audit.sealer import late, seal_all
from audit.timeline import Filters, Place, _newer_than, _older_than, events
from tests.audit.conftest import ALICE, BOB, JOB

pytestmark = pytest.mark.django_db

TODAY = timezone.now().date()
ASKED = {
    "who": ALICE.id,
    "action": "study.held",
    "outcome": "refused",
    "subject": "S1",
    "context": "B1",
    "first": TODAY - timedelta(days=1),
    "last": TODAY,
}


@pytest.fixture
def trail():
    with transaction.atomic():
        for actor in (ALICE, JOB, JOB, JOB):
            for outcome in Outcome:
                for number in range(3):
                    record(
                        "study.held",
                        outcome,
                        actor=actor,
                        chain="org-1",
                        subject=f"S{number}",
                        context="B1",
                    )
    return "org-1"


def plan(found):
    return found.select_related("link")[:51].explain()


@pytest.mark.parametrize("place", ["newest", "older", "newer"])
def test_no_filters_make_a_page_read_or_sort_everything(trail, place):
    middle = Place.of(Event.objects.order_by("at", "id")[18])
    step = {"newest": lambda q, _: q, "older": _older_than, "newer": _newer_than}[place]
    for number in range(len(ASKED) + 1):
        for names in itertools.combinations(ASKED, number):
            found = events(trail, Filters(**{name: ASKED[name] for name in names}))
            told = plan(step(found, middle))
            assert "SEARCH audit_event USING INDEX audit_event_" in told, names
            assert "SCAN" not in told, names
            assert "TEMP B-TREE" not in told, names


@pytest.mark.parametrize(
    ("asked", "column"),
    [
        ({"who": BOB.id, "outcome": "success"}, "actor"),
        ({"who": JOB.id, "outcome": "refused"}, "outcome"),
        ({"who": ALICE.id, "action": "study.held"}, "actor"),
        ({"action": "audit.verified", "outcome": "success"}, "action"),
        ({"subject": "S1", "outcome": "success"}, "subject"),
        ({"context": "B1", "who": ALICE.id}, "actor"),
        ({"context": "none", "action": "study.held"}, "context"),
    ],
)
def test_the_rarest_filter_leads_and_the_others_hold(trail, asked, column):
    found = events(trail, Filters(**asked))
    assert f"USING INDEX audit_event_{column} (" in plan(found)
    names = {"who": "actor_id"}
    plain = Event.objects.filter(**{names.get(name, name): value for name, value in asked.items()})
    assert set(found) == set(plain)


def test_what_waits_is_looked_for_among_what_waits(trail):
    with CaptureQueriesContext(connection) as asked:
        found = late(timezone.now() + timedelta(minutes=1))
    assert [(one.chain, one.count) for one in found] == [("org-1", 36)]
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN QUERY PLAN " + asked.captured_queries[0]["sql"])
        told = " | ".join(row[-1] for row in cursor.fetchall())
    assert "SCAN audit_pending" in told
    assert "SCAN audit_event" not in told and "SCAN U0" not in told
    assert seal_all() == 36
