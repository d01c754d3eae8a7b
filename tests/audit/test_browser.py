"""The trail's pages in Chromium: nothing for axe, nothing sideways, live following, the button."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings as configured
from django.db import transaction
from django.test import Client

from audit import Outcome, record
from audit.models import Event
from audit.sealer import seal_all
from tests.audit.conftest import ALICE, BOB, JOB, READERS

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.audit.urls"),
]

STUDY = "5T23P9Z9DEM7N"
PAGES = (
    "org-1/",
    f"org-1/?subject={STUDY}",
    "org-1/events/{event}/",
    f"org-1/subjects/{STUDY}/",
    "org-1/people/18/",
    "org-1/unusual/",
    "org-1/proof/",
    "org-1/export/",
)


def act(action, actor, outcome=Outcome.SUCCESS, **detail):
    with transaction.atomic():
        record(
            action,
            outcome,
            actor=actor,
            chain="org-1",
            subject=STUDY,
            subject_kind="study",
            context="3f9c21aa-0000-4000-8000-000000000000",
            detail=detail,
        )


@pytest.fixture
def auditor(live_server, context, page):
    """Carol, signed in, with a study's life behind her."""
    from anonportal.accounts.models import User

    act("batch.started", ALICE, source="upload")
    act("study.deidentified", JOB, images=88, merkle_root="9e41" * 16)
    act("study.held", JOB, code="pixel-text-unchecked")
    act("study.delivered", JOB, to="Reading group")
    for outcome in (Outcome.REFUSED, Outcome.REFUSED, Outcome.REFUSED, Outcome.SUCCESS):
        act("report.reidentified", BOB, outcome, reason="referral")
    seal_all()
    user = User.objects.create_user("carol@example.org", None, name="Carol Auditor")
    READERS[user.email] = [("org-1", "Example General Hospital")]
    client = Client()
    client.force_login(user)
    name = configured.SESSION_COOKIE_NAME
    value = client.cookies[name].value
    context.add_cookies([{"name": name, "value": value, "url": live_server.url}])
    page.set_default_timeout(20_000)
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    READERS.clear()
    assert [text for text in said if "Refused" in text or "rror" in text] == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light")])
def test_axe_finds_nothing_and_nothing_scrolls_sideways(auditor, live_server, width, scheme):
    auditor.set_viewport_size({"width": width, "height": 900})
    auditor.emulate_media(color_scheme=scheme)
    event = Event.objects.filter(action="study.held").get().pk
    for address in PAGES:
        auditor.goto(f"{live_server.url}/trail/{address.format(event=event)}")
        found = Axe().run(auditor).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found] == [], address
        wide = auditor.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, address


def test_following_live_shows_what_happens(auditor, live_server):
    auditor.goto(f"{live_server.url}/trail/org-1/")
    auditor.get_by_role("link", name="Follow live").click()
    act("study.delivered", JOB, to="Second reader")
    auditor.get_by_text("Second reader").wait_for()
    auditor.get_by_role("link", name="Stop following").click()
    assert auditor.locator("#trail").get_attribute("hx-get") is None


def test_the_button_verifies(auditor, live_server):
    auditor.goto(f"{live_server.url}/trail/org-1/")
    auditor.get_by_role("button", name="Verify now").click()
    auditor.get_by_text("Chain verified").first.wait_for()


def test_filters_work_with_the_keyboard_alone(auditor, live_server):
    auditor.goto(f"{live_server.url}/trail/org-1/")
    auditor.get_by_label("Study, batch or other id").focus()
    auditor.keyboard.type("5t23 p9z9 dem7 n")
    auditor.keyboard.press("Enter")
    auditor.get_by_role("heading", name="One study’s life").wait_for()
    assert "subject=5t23+p9z9+dem7+n" in auditor.url


def test_an_export_is_downloaded(auditor, live_server, tmp_path):
    auditor.goto(f"{live_server.url}/trail/org-1/export/")
    with auditor.expect_download() as download:
        auditor.get_by_role("button", name="Export").click()
    content = download.value.path().read_bytes()
    assert content.startswith(b'{"chain":"org-1"')
    assert content.count(b'"kind":"event"') == Event.objects.count()
