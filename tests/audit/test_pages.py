"""What an auditor sees, filters and follows; and what nobody else finds."""

import re
from datetime import timedelta

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from audit import Outcome, record
from audit.models import Event
from audit.sealer import seal_all, seal_chain
from audit.timeline import Filters, Place, events, page
from tests.audit.conftest import ALICE, BOB, JOB

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.audit.urls")]

STUDY = "5T23P9Z9DEM7N"
BATCH = "3f9c21aa-0000-4000-8000-000000000000"


@pytest.fixture
def trail(carol):
    acts = [
        ("batch.started", ALICE, "", BATCH, {"source": "upload"}, Outcome.SUCCESS),
        ("study.deidentified", JOB, STUDY, BATCH, {"images": 88}, Outcome.SUCCESS),
        ("study.deidentified", JOB, STUDY, BATCH, {"images": 12}, Outcome.SUCCESS),
        ("study.held", JOB, STUDY, BATCH, {"code": "pixel-text-unchecked"}, Outcome.SUCCESS),
        ("study.delivered", JOB, STUDY, BATCH, {"to": "Reading group"}, Outcome.SUCCESS),
        ("report.reidentified", BOB, STUDY, "", {"reason": "referral"}, Outcome.REFUSED),
        ("report.reidentified", BOB, STUDY, "", {"reason": "referral"}, Outcome.SUCCESS),
    ]
    with transaction.atomic():
        for action, actor, subject, context, detail, outcome in acts:
            record(
                action,
                outcome,
                actor=actor,
                chain="org-1",
                subject=subject,
                subject_kind="study" if subject else "",
                context=context,
                detail=detail,
            )
        record("batch.started", actor=ALICE, chain="org-2", subject="SECRET")
    seal_all()
    return "org-1"


def get(client, name, *args, **query):
    return client.get(reverse(f"audit:{name}", args=args), query)


def test_the_trail_begins_with_the_newest_and_its_proof(client, trail):
    answer = get(client, "timeline", trail)
    assert answer.status_code == 200
    text = answer.content.decode()
    order = [text.index(f">{name}</b></a>") for name in ("Dr. Bob Example", "Job deidentify 7")]
    assert order == sorted(order)
    assert "Never checked" in text
    assert "Last signed checkpoint at event 7" in text
    assert "SECRET" not in text


def test_every_page_answers_and_holds_no_inline_style_or_script(client, trail):
    key = Event.objects.filter(chain=trail).first().pk
    pages = [
        ("timeline", trail),
        ("event", trail, key),
        ("subject", trail, STUDY),
        ("subject", trail, BATCH),
        ("person", trail, "18"),
        ("unusual", trail),
        ("proof", trail),
        ("export", trail),
    ]
    for one in pages:
        answer = get(client, *one)
        assert answer.status_code == 200, one
        text = answer.content.decode()
        assert not re.search(r"\sstyle=|\son[a-z]+=|<script(?![^>]* src=)", text), one
        assert "Example General Hospital" in text


@pytest.mark.parametrize("name", ["timeline", "unusual", "proof", "export", "verifier"])
def test_another_organizations_chain_is_not_there(client, trail, name):
    assert get(client, name, "org-2").status_code == 404
    assert get(client, name, "no-such-chain").status_code == 404


def test_nothing_of_another_chain_is_reached_through_ones_own(client, trail):
    other = Event.objects.get(subject="SECRET")
    assert get(client, "event", trail, other.pk).status_code == 404
    assert get(client, "event", "org-2", other.pk).status_code == 404
    assert get(client, "subject", trail, "SECRET").status_code == 404
    assert get(client, "person", trail, "nobody").status_code == 404
    assert client.post(reverse("audit:verify", args=["org-2"])).status_code == 404
    assert client.post(reverse("audit:export", args=["org-2"])).status_code == 404


def test_who_may_read_nothing_finds_nothing_and_strangers_sign_in(client, trail, carol):
    from tests.audit.conftest import READERS

    READERS.clear()
    assert get(client, "home").status_code == 404
    assert get(client, "timeline", trail).status_code == 404
    client.logout()
    for name, *args in (("home",), ("timeline", trail), ("verify", trail), ("export", trail)):
        assert get(client, name, *args).status_code in {302, 405}


def test_home_leads_to_the_first_chain(client, trail):
    assert get(client, "home").headers["Location"] == reverse("audit:timeline", args=[trail])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"who": "18"}, ["report.reidentified", "report.reidentified"]),
        ({"action": "study.held"}, ["study.held"]),
        ({"outcome": "refused"}, ["report.reidentified"]),
        ({"subject": "5t23-p9z9-dem7-n", "action": "study.delivered"}, ["study.delivered"]),
        ({"subject": BATCH, "who": "17"}, ["batch.started"]),
        ({"last": "2001-01-01"}, []),
        ({"first": "2001-01-01", "action": "batch.started"}, ["batch.started"]),
        ({"subject": "unknown"}, []),
    ],
)
def test_filters_live_in_the_url(client, trail, query, expected):
    answer = get(client, "timeline", trail, **query)
    shown = [event.action for event in answer.context["page"].events]
    assert [action for action in shown if not action.startswith("audit.")] == expected


def test_a_filter_that_can_not_be_read_is_marked(client, trail):
    answer = get(client, "timeline", trail, first="tomorrow", action="no.such", before="x-y")
    assert answer.status_code == 200
    assert answer.context["filters"].errors == {"first": True, "action": True}
    assert 'aria-invalid="true"' in answer.content.decode()


def test_pages_follow_each_other_without_a_hole(carol):
    with transaction.atomic():
        for index in range(23):
            record("batch.started", actor=ALICE, chain="org-1", subject=str(index))
    seen, before = [], ""
    while True:
        shown = page(events("org-1", Filters()), before=before, size=5)
        seen += [event.subject for event in shown.events]
        if not shown.older:
            break
        before = shown.older
    assert seen == [str(index) for index in range(22, -1, -1)]
    back = page(events("org-1", Filters()), after=str(Place.of(shown.events[0])), size=5)
    assert [event.subject for event in back.events] == ["7", "6", "5", "4", "3"]
    assert back.newer and back.older


def test_events_of_one_microsecond_are_all_shown(carol):
    moment = timezone.now()
    with transaction.atomic():
        for index in range(6):
            event = record("batch.started", actor=ALICE, chain="org-1", subject=str(index))
    same = [Event(pk=event.pk + n, at=moment, chain="x") for n in range(3)]
    assert {str(Place.parse(str(Place.of(one)))) for one in same} == {
        str(Place.of(one)) for one in same
    }


def test_a_studys_life_joins_like_steps_and_keeps_the_time_between(client, trail):
    answer = get(client, "subject", trail, STUDY)
    steps = answer.context["life"]
    assert [(step.event.action, step.count) for step in steps] == [
        ("study.deidentified", 2),
        ("study.held", 1),
        ("study.delivered", 1),
        ("report.reidentified", 1),
        ("report.reidentified", 1),
    ]
    assert steps[-1].gap is None
    assert all(step.gap >= 0 for step in steps[:-1])


def test_looking_is_recorded_once_in_a_while(client, trail):
    for _ in range(3):
        get(client, "timeline", trail)
    get(client, "event", trail, Event.objects.filter(chain=trail).first().pk)
    looks = Event.objects.filter(action="audit.viewed", chain=trail)
    assert [one.detail["page"] for one in looks.order_by("id")] == ["timeline", "event"]
    assert looks[0].actor_label == "Carol Auditor"


def test_the_button_verifies_and_the_badge_says_up_to_where(client, trail):
    answer = client.post(reverse("audit:verify", args=[trail]), follow=True)
    assert "Chain verified" in answer.content.decode()
    assert "Events 1 to 8 without a gap" in answer.content.decode()


def test_a_broken_chain_is_said_on_the_page(client, trail):
    from django.db import connection

    from tests.append_only import triggers_lifted

    with triggers_lifted(connection):
        Event.objects.filter(chain=trail, action="study.held").update(outcome="refused")
    answer = client.post(reverse("audit:verify", args=[trail]), follow=True)
    text = answer.content.decode()
    assert "Broken at event 4" in text
    assert escape("event 4 was changed after it was written") in text


def test_following_live_answers_only_the_trail(client, trail):
    whole = get(client, "timeline", trail, live="1")
    assert 'hx-trigger="every 2s"' in whole.content.decode()
    before = Event.objects.count()
    part = client.get(
        reverse("audit:timeline", args=[trail]), {"live": "1"}, headers={"HX-Request": "true"}
    )
    assert part.content.lstrip().startswith(b'<section class="card" id="trail"')
    assert Event.objects.count() == before, "polling is no act"


def test_an_event_that_waits_for_its_link_is_shown(client, trail):
    with transaction.atomic():
        late = record("batch.started", actor=ALICE, chain=trail, subject="NEW")
    assert "NEW" in get(client, "timeline", trail).content.decode()
    assert "waits for its link" in get(client, "event", trail, late.pk).content.decode()
    seal_chain(trail)
    assert "waits for its link" not in get(client, "event", trail, late.pk).content.decode()


def test_what_was_typed_by_people_is_escaped(client, trail):
    with transaction.atomic():
        record(
            "batch.started",
            actor=ALICE,
            chain=trail,
            subject="<b>x</b>",
            detail={"note": "<script>alert(1)</script>"},
        )
    text = get(client, "timeline", trail).content.decode()
    assert "<script>alert" not in text
    assert escape("<script>alert(1)</script>") in text


def test_many_and_late_look_ups_and_refusals_are_worth_a_look(client, carol, monkeypatch):
    noon = timezone.localtime().replace(hour=12, minute=0, second=0, microsecond=0)
    monday = noon - timedelta(days=noon.weekday() + 7)
    clock = {"now": monday}
    monkeypatch.setattr("audit.recording.timezone.now", lambda: clock["now"])

    def acts(number, at, outcome=Outcome.SUCCESS, actor=BOB):
        for index in range(number):
            clock["now"] = at + timedelta(seconds=index)
            with transaction.atomic():
                record("report.reidentified", outcome, actor=actor, chain="org-1")

    acts(6, monday.replace(hour=3))
    acts(21, monday)
    acts(2, monday + timedelta(hours=1))
    acts(4, monday + timedelta(hours=2), Outcome.REFUSED, ALICE)
    clock["now"] = monday + timedelta(hours=5)
    answer = get(client, "unusual", "org-1", day=monday.date().isoformat())
    found = [(one.kind, one.count) for one in answer.context["notices"]]
    assert found == [("refused", 4), ("many", 21), ("off-hours", 6)]
    assert (
        reverse("audit:unusual", args=["org-1"])
        in get(client, "timeline", "org-1").content.decode()
    )
    rows = answer.context["hours"]["rows"]
    assert [(row.hour, row.is_unusual) for row in rows if row.count] == [
        (3, True),
        (12, True),
        (13, False),
        (14, False),
    ]
