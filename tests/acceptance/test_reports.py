# ruff: noqa: F401, F811 - the scene and the quiet page are fixtures of the pages' tests
"""A radiologist's work with reports in real Chromium: hostile words, versions, links, consent."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from audit.models import Event
from studies.models import BulkLookUp, Organization, Report, ReportLink, ReportState, Role
from studies.services import returning
from tests.acceptance.test_pages import Scene, enter, names_nobody, quiet, scene
from tests.acceptance.test_second_factors import check
from tests.studies.hospital import PASSWORD, work_off

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.timeout(300),
    pytest.mark.django_db(transaction=True, databases=["default", "vault"]),
    pytest.mark.usefixtures("redis_server"),
]
HOSTILE = (
    "<script>document.title = 'pwned'</script><img src=x onerror=\"document.title='pwned'\">"
    "<svg onload=alert(1)>&lt;b&gt; javascript:alert(1) {{ settings.SECRET_KEY }} {% now 'Y' %}"
    '\u202e"\'><a href="javascript:alert(1)">x</a>'
)


def bring(scene: Scene, text: str) -> Report:
    """Take a text report in, as it comes from the reader."""
    actor = scene.hospital.viewer(Role.RADIOLOGIST).actor
    return returning.receive_text(scene.hospital.organization, text, actor)


def through_the_door(page: Page) -> None:
    """Say who it is once more, unless that was just now, and go in."""
    if page.get_by_label("Your password").count():
        page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Show the patient").click()


def test_hostile_words_are_shown_as_words_and_nothing_runs(
    enter, scene: Scene, live_server: LiveServer
) -> None:
    page = enter(Role.RADIOLOGIST)
    report = bring(scene, f"Study {scene.study.cloud_study_id} {HOSTILE}")
    page.goto(live_server.url + reverse("report", args=[report.pk]))
    through_the_door(page)
    words = page.locator("#report-text").inner_text()
    assert "<script>" in words
    assert "onerror" in words
    assert "{{ settings.SECRET_KEY }}" in words
    assert scene.markers.accession in words
    assert page.locator("#report-text script, #report-text img, #report-text svg").count() == 0
    assert page.locator("#report-text a").count() == 0
    assert "pwned" not in page.title()
    lost = bring(scene, f"No id here {HOSTILE}")
    page.goto(live_server.url + reverse("report_page", args=[lost.pk]))
    page.get_by_role("button", name="Read it under cloud ids").click()
    expect(page.locator(".paper")).to_contain_text("<script>")
    assert page.locator(".paper script, .paper img, .paper svg").count() == 0
    assert check(page, "report-attention") == []


def test_a_report_is_opened_read_downloaded_and_its_versions_stand_in_a_chain(
    enter, scene: Scene, live_server: LiveServer
) -> None:
    page = enter(Role.RADIOLOGIST)
    page.goto(live_server.url + reverse("worklist"))
    wrong = check(page, "worklist")
    assert page.locator("#h-tat").count() == 1
    final = bring(scene, f"Final: study {scene.study.cloud_study_id}: fracture.")
    page.locator("table th a").first.click()
    wrong += check(page, "worklist-study")
    assert names_nobody(page, scene) == []
    page.goto(live_server.url + reverse("report_page", args=[final.pk]))
    expect(page.locator("ol.rows > li")).to_have_count(2)
    wrong += check(page, "report-page")
    page.get_by_role("link", name="Open with the patient").click()
    wrong += check(page, "report-door")
    through_the_door(page)
    expect(page.locator("#report-text mark").first).to_have_text(scene.markers.accession)
    wrong += check(page, "report-patient")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    path = download.value.path()
    assert scene.markers.accession.encode() in path.read_bytes()
    assert scene.markers.patient_id not in download.value.suggested_filename
    assert Event.objects.filter(action="report.downloaded").count() == 1
    client = Client()
    client.force_login(scene.hospital.people[Role.RADIOLOGIST])
    answer = client.post(reverse("report_download", args=[final.pk]))
    assert answer["Location"] == reverse("report", args=[final.pk])
    assert Event.objects.filter(action="report.downloaded").count() == 1
    assert wrong == []


def test_a_report_without_a_known_id_is_settled_by_a_person(
    enter, scene: Scene, live_server: LiveServer
) -> None:
    page = enter(Role.RADIOLOGIST)
    page.goto(live_server.url + reverse("report_bring"))
    page.get_by_label("Report").fill("A report whose author forgot the id.")
    page.get_by_role("button", name="Take it in").click()
    page.get_by_label("Cloud study id").fill(scene.study.cloud_study_id)
    page.get_by_label("Why").fill("the reader told us by phone")
    page.get_by_role("button", name="It is for this study").click()
    expect(page.get_by_text("Report matched")).to_be_visible()
    report = Report.objects.order_by("-created")[0]
    assert (report.state, report.cloud_study_id) == (
        ReportState.ARRIVED,
        scene.study.cloud_study_id,
    )
    lost = bring(scene, "Another one, for nobody.")
    page.goto(live_server.url + reverse("worklist") + "?s=attention")
    assert check(page, "worklist-attention") == []
    page.get_by_role("link", name="Settle").first.click()
    page.get_by_label("Why").fill("sent to us by mistake")
    page.get_by_role("button", name="Set aside").click()
    lost.refresh_from_db()
    assert lost.state == ReportState.SET_ASIDE


def test_a_link_takes_one_named_person_to_one_report(
    enter, scene: Scene, live_server: LiveServer
) -> None:
    report = Report.objects.get()
    page = enter(Role.RADIOLOGIST)
    page.goto(live_server.url + reverse("link_new", args=[report.pk]))
    wrong = check(page, "link-new")
    page.get_by_label("For", exact=True).select_option(label="Auditor North")
    page.get_by_label("Why").fill("to check the wording")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Give the link").click()
    expect(page.get_by_role("heading", name="Links")).to_be_visible()
    wrong += check(page, "report-with-link")
    link = ReportLink.objects.get()
    address = live_server.url + reverse("report_link", args=[link.pk])

    page = enter(Role.AUDITOR)
    page.goto(address)
    wrong += check(page, "link-door")
    assert names_nobody(page, scene) == []
    through_the_door(page)
    expect(page.locator("#report-text")).to_contain_text(scene.markers.accession)
    assert page.get_by_role("button", name="Download").count() == 0
    wrong += check(page, "link-patient")

    page = enter(Role.RADIOLOGIST)
    page.goto(live_server.url + reverse("report_page", args=[report.pk]))
    page.get_by_role("button", name="Take back").click()
    page = enter(Role.AUDITOR)
    client = Client()
    client.force_login(scene.hospital.people[Role.AUDITOR])
    over = client.get(reverse("report_link", args=[link.pk]))
    assert over.status_code == 410
    assert "no-store" in over["Cache-Control"]
    assert wrong == []


def test_several_patients_need_a_second_person_where_the_organization_says_so(
    enter, scene: Scene, live_server: LiveServer
) -> None:
    Organization.objects.update(four_eyes_bulk=True)
    page = enter(Role.RADIOLOGIST)
    page.goto(live_server.url + reverse("bulk_ask"))
    wrong = check(page, "bulk-ask")
    page.get_by_label("Cloud study ids").fill(scene.study.cloud_study_id)
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Ask for them").click()
    expect(page.locator("h1 + .pill")).to_contain_text("Waits for consent")
    wrong += check(page, "bulk-waits")
    row = BulkLookUp.objects.get()

    page = enter(Role.ADMINISTRATOR)
    page.goto(live_server.url + reverse("bulk", args=[row.pk]))
    wrong += check(page, "bulk-decide")
    assert names_nobody(page, scene) == []
    page.get_by_role("radio", name="Consent").check()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Decide").click()
    expect(page.locator("h1 + .pill")).to_contain_text("Consented")
    assert names_nobody(page, scene) == []
    page.goto(live_server.url + reverse("door_alerts"))
    wrong += check(page, "door-alerts")
    page.goto(live_server.url + reverse("organization"))
    wrong += check(page, "organization")

    page = enter(Role.RADIOLOGIST)
    page.goto(live_server.url + reverse("bulk", args=[row.pk]))
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Show the patients").click()
    expect(page.locator("#shown")).to_contain_text(scene.markers.patient_id)
    wrong += check(page, "bulk-shown")
    assert wrong == []


def test_a_report_is_sent_on_to_a_system_that_an_administrator_named(
    enter, scene: Scene, live_server: LiveServer
) -> None:
    page = enter(Role.ADMINISTRATOR)
    page.goto(live_server.url + reverse("targets"))
    wrong = check(page, "targets-none")
    page.get_by_role("link", name="Add a system").click()
    wrong += check(page, "target-kinds")
    page.get_by_role("link", name="Choose Folder").click()
    inside = scene.hospital.outbox.parent / "ris"
    inside.mkdir()
    page.get_by_label("Name").fill("RIS share")
    page.get_by_label("Folder").fill(str(inside))
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Test RIS share").click()
    expect(page.locator(".pill")).to_contain_text("Ready")
    wrong += check(page, "targets")

    report = Report.objects.get()
    page = enter(Role.RADIOLOGIST)
    page.goto(live_server.url + reverse("report_send", args=[report.pk]))
    wrong += check(page, "report-send")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Send it on").click()
    expect(page.get_by_role("heading", name="Sent on")).to_be_visible()
    assert not list(inside.rglob("*.txt"))
    work_off()
    page.reload()
    expect(page.locator("#h-s")).to_be_visible()
    expect(page.get_by_text("Acknowledged")).to_be_visible()
    [sent] = inside.rglob("*.txt")
    assert scene.markers.accession in sent.read_text()
    assert scene.markers.patient_id not in str(sent)
    wrong += check(page, "report-sent")
    assert names_nobody(page, scene) == []
    page.get_by_role("button", name="See the answer").click()
    expect(page.locator("#shown")).to_contain_text("sha256")
    wrong += check(page, "sending-answer")
    assert wrong == []
