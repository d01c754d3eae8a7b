"""Every page of the product as its role sees it, in real Chromium, on a phone and on a desk.

No error in the console, nothing against the page's own policy, no sideways scroll, nothing that axe
finds, and a patient only where patients may stand.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings as project
from django.test import Client
from django.urls import reverse
from playwright.sync_api import ConsoleMessage, Page, Response, expect
from pytest_django.live_server_helper import LiveServer

from studies.models import Batch, BatchState, Report, Role, Study
from studies.services import batches, places, returning
from tests import datasets
from tests.studies.hospital import PASSWORD, Hospital, make_hospital, work_off

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.timeout(300),
    pytest.mark.django_db(transaction=True, databases=["default", "vault"]),
    pytest.mark.usefixtures("redis_server"),
]
WIDTHS = (390, 1280)


@dataclass
class Scene:
    """A hospital with a batch in each state that a page has to show."""

    hospital: Hospital
    markers: datasets.Markers
    batches: dict[str, Batch]
    study: Study

    def identifiers(self) -> list[str]:
        """Return what may stand on no page but those of identity."""
        known = self.markers
        return [
            known.family,
            known.given,
            known.patient_id,
            known.accession,
            known.study_id,
            known.study_uid,
            known.referrer,
        ]


@pytest.fixture
def scene(tmp_path: Path, settings) -> Scene:
    settings.FOLDER_ROOTS = [str(tmp_path)]
    hospital = make_hospital(tmp_path)
    markers = datasets.Markers()
    objects = [datasets.ct(markers, number=n) for n in (1, 2)] + [datasets.us(markers)]
    datasets.write_series(hospital.inbox / "one", objects)
    actor = hospital.viewer(Role.COORDINATOR).actor
    found = {
        "delivered": hospital.submit(held="clean", release="when-clean", priority="STAT"),
        "review": hospital.submit(),
        "cancelled": hospital.submit(),
    }
    work_off()
    batches.cancel(found["cancelled"], actor)
    for batch in found.values():
        batch.refresh_from_db()
    found["queued"] = hospital.submit()
    assert found["delivered"].state == BatchState.DELIVERED
    study = Study.objects.get(batch=found["delivered"])
    returning.receive_text(
        hospital.organization,
        f"Study {study.cloud_study_id}: no finding. <b>{study.cloud_study_id}</b>",
        hospital.viewer(Role.RADIOLOGIST).actor,
    )
    places.try_destination(hospital.destination, hospital.viewer(Role.ADMINISTRATOR).actor)
    return Scene(hospital, markers, found, study)


@pytest.fixture
def quiet(page: Page, settings) -> Iterator[Page]:
    """Return a page that prints nothing: errors and broken policies would show there."""
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME = "session", "csrf"
    settings.SECURE_SSL_REDIRECT = False
    told: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        # Chromium prints each answer that is a form with errors; that is no fault of a page.
        if message.type in ("error", "warning") and "status of 422" not in message.text:
            told.append(f"{message.text} {message.location['url']}")

    page.on("console", hear)
    page.on("pageerror", lambda error: told.append(str(error)))
    yield page
    assert told == []


@pytest.fixture
def enter(quiet: Page, live_server: LiveServer, scene: Scene) -> Callable[[str], Page]:
    """Return what signs a role of the hospital in."""

    def sign_in(role: str) -> Page:
        client = Client()
        client.force_login(scene.hospital.people[role])
        name = project.SESSION_COOKIE_NAME
        cookie = client.cookies[name].value
        quiet.context.add_cookies([{"name": name, "value": cookie, "url": live_server.url}])
        return quiet

    return sign_in


def findings(page: Page) -> list[str]:
    """Return what is wrong with what a page shows now."""
    wrong = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 850})
        over = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        if over > 0:
            wrong.append(f"{over} px too wide at {width}")
        violations = Axe().run(page).response["violations"]
        wrong += [f"{one['id']} at {width}: {one['nodes'][0]['html'][:120]}" for one in violations]
    return wrong


def names_nobody(page: Page, scene: Scene) -> list[str]:
    """Return which identifiers stand in the address, the title or the page."""
    told = " ".join([page.url, page.title(), page.content()]).lower()
    return [word for word in scene.identifiers() if word.lower() in told]


def look(page: Page, scene: Scene, url: str) -> list[str]:
    """Open a page that shows no patient; return what is wrong with it."""
    answer = page.goto(url)
    assert answer is not None
    wrong = [] if answer.status == 200 else [f"answers {answer.status}"]
    wrong += findings(page)
    wrong += [f"shows {word}" for word in names_nobody(page, scene)]
    return [f"{url}: {what}" for what in wrong]


def is_kept(answer: Response | None) -> bool:
    """Say whether a browser or a proxy may keep an answer."""
    return answer is None or "no-store" not in (answer.header_value("cache-control") or "")


def test_a_coordinators_pages_are_clear_and_name_nobody(enter, scene, live_server) -> None:
    page = enter(Role.COORDINATOR)
    profile = scene.hospital.organization.default_profile_id
    review = scene.batches["review"]
    urls = [reverse("home"), reverse("batches"), reverse("batch_new")]
    urls += [reverse("batch_new") + "?from=folder", reverse("profile", args=[profile])]
    urls += [reverse("batch", args=[batch.pk]) for batch in scene.batches.values()]
    urls += [reverse(name, args=[review.pk]) for name in ("batch_cancel", "batch_release")]
    urls += [reverse("held_exclude", args=[review.pk, "pixel-text-unchecked"])]
    urls += [reverse(name) for name in ("destinations", "sources", "profiles")]
    urls += [reverse(name) for name in ("review", "device_templates")]
    wrong = [what for url in urls for what in look(page, scene, live_server.url + url)]
    assert wrong == []


def test_a_radiologists_pages_are_clear_and_name_nobody(enter, scene, live_server) -> None:
    page = enter(Role.RADIOLOGIST)
    report = Report.objects.get()
    urls = [reverse("worklist"), reverse("worklist") + "?s=attention"]
    urls += [reverse("worklist_study", args=[scene.study.pk]), reverse("reidentify")]
    urls += [reverse("report_bring"), reverse("report", args=[report.pk])]
    wrong = [what for url in urls for what in look(page, scene, live_server.url + url)]
    assert wrong == []


def test_pages_of_administrators_and_auditors_are_clear_and_name_nobody(
    enter, scene, live_server
) -> None:
    chain = scene.hospital.organization.pk
    page = enter(Role.ADMINISTRATOR)
    urls = [reverse("organization"), reverse("destination_new"), reverse("source_new")]
    urls += [reverse("profile_new"), reverse("destination", args=[scene.hospital.destination.pk])]
    wrong = [what for url in urls for what in look(page, scene, live_server.url + url)]
    page = enter(Role.AUDITOR)
    wrong += look(page, scene, live_server.url + reverse("audit:timeline", args=[chain]))
    assert wrong == []


def test_the_patient_shows_behind_the_door_for_five_minutes_and_is_kept_nowhere(
    enter, scene, live_server
) -> None:
    page = enter(Role.RADIOLOGIST)
    page.clock.install()
    door = f"{live_server.url}{reverse('reidentify')}?study={scene.study.cloud_study_id}"
    assert not is_kept(page.goto(door))
    page.get_by_label("Your password").fill("a wrong password")
    with page.expect_response(re.compile("re-identify")) as wrong:
        page.get_by_role("button", name="Show the patient").click()
    assert wrong.value.status == 422
    assert not is_kept(wrong.value)
    expect(page.get_by_label("Your password")).to_have_attribute("aria-invalid", "true")
    assert findings(page) == []

    page.get_by_label("Your password").fill(PASSWORD)
    with page.expect_response(re.compile("re-identify")) as shown:
        page.get_by_role("button", name="Show the patient").click()
    panel = page.locator("#shown")
    expect(panel).to_contain_text(scene.markers.patient_id)
    expect(panel).to_contain_text(f"{scene.markers.family}, {scene.markers.given}")
    assert not is_kept(shown.value)
    assert findings(page) == []
    identity = (scene.markers.patient_id, scene.markers.family)
    assert not any(word.lower() in (page.url + page.title()).lower() for word in identity)
    watermark = page.locator(".wm").text_content() or ""
    assert str(scene.hospital.people[Role.RADIOLOGIST]) in watermark

    page.clock.fast_forward(240_000)
    expect(panel).to_contain_text(scene.markers.patient_id)
    expect(panel).to_contain_text("hides in")
    page.clock.fast_forward(60_000)
    expect(panel).to_contain_text("Hidden again")
    assert names_nobody(page, scene) == []
    assert findings(page) == []


def test_names_show_to_a_coordinator_who_asks_and_are_kept_nowhere(
    enter, scene, live_server
) -> None:
    page = enter(Role.COORDINATOR)
    page.goto(live_server.url + reverse("batch", args=[scene.batches["review"].pk]))
    with page.expect_response(re.compile("/names/")) as shown:
        page.get_by_role("button", name="Show names").click()
    expect(page.locator("#shown")).to_contain_text(scene.markers.patient_id)
    assert not is_kept(shown.value)
    assert scene.markers.patient_id not in page.url + page.title()
    assert findings(page) == []


def test_a_poll_keeps_what_is_open_and_where_the_focus_is(enter, scene, live_server) -> None:
    page = enter(Role.COORDINATOR)
    batch = scene.batches["review"]
    page.goto(live_server.url + reverse("batch", args=[batch.pk]))
    case = page.locator("details.case").first
    case.locator("summary").click()
    expect(case).not_to_have_attribute("open", re.compile(".*"))
    case.locator("summary").focus()
    page.evaluate("document.getElementById('batch-live').dataset.old = 'yes'")
    Batch.objects.filter(pk=batch.pk).update(priority="HIGH")
    with page.expect_response(re.compile("/progress/"), timeout=20_000):
        pass
    expect(page.locator("#batch-live[data-old]")).to_have_count(0)
    expect(page.locator(".head")).to_contain_text("HIGH")
    expect(case).not_to_have_attribute("open", re.compile(".*"))
    expect(case.locator("summary")).to_be_focused()


def test_deciding_works_by_keyboard_in_a_dialog(enter, scene, live_server) -> None:
    page = enter(Role.COORDINATOR)
    batch = scene.batches["review"]
    page.goto(live_server.url + reverse("batch", args=[batch.pk]))
    page.get_by_role("link", name="Exclude with a reason").focus()
    page.keyboard.press("Enter")
    dialog = page.locator("dialog[open]")
    expect(dialog).to_be_visible()
    assert findings(page) == []
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("link", name="Exclude with a reason")).to_be_focused()
    page.keyboard.press("Enter")
    dialog.get_by_label("Reason").fill("not needed")
    page.keyboard.press("Enter")
    expect(page.locator("#h-exc")).to_be_visible()
    expect(page.locator(".toast")).to_contain_text("1 image excluded")


@pytest.mark.browser_context_args(java_script_enabled=False)
def test_without_script_a_batch_is_filled_from_a_folder_and_watched(
    enter, scene, live_server
) -> None:
    page = enter(Role.COORDINATOR)
    page.goto(live_server.url + reverse("batch_new"))
    page.get_by_role("link", name="Hospital folder").click()
    page.get_by_role("button", name=scene.hospital.source.name).click()
    page.get_by_role("checkbox").first.check()
    page.get_by_role("button", name="Take what is ticked").click()
    page.get_by_role("button", name="Start batch").click()
    expect(page.locator("#batch-live")).to_be_visible()
    assert 'http-equiv="refresh"' in page.content()
