"""The review desk in real Chromium: boxes by hand and by keys, made again, approved; a sample."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings as project
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, expect

from studies import jobs
from studies.deid.pixels import FoundText
from studies.models import Batch, PixelCheck, Role, Unsure
from studies.services import desk
from tests import datasets
from tests.studies.finders import Told, text_finder
from tests.studies.hospital import Hospital, counts, make_hospital, work_off

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.timeout(300),
    pytest.mark.django_db(transaction=True, databases=["default", "vault"]),
    pytest.mark.usefixtures("redis_server"),
]
ROWS, COLUMNS = 240, 320
# Inside the image area of both: outside it, what looks like text is writing, and no doubt.
UNREAD = FoundText(130, 120, 60, 12, "", 0.3)


@pytest.fixture
def hospital(tmp_path: Path, settings) -> Hospital:
    settings.FOLDER_ROOTS = [str(tmp_path)]
    hospital = make_hospital(
        tmp_path, unsure_pixels=Unsure.REVIEW, sampling_confidence=95, sampling_permille=200
    )
    found = datasets.Markers()
    images = [
        datasets.capture(found, rows=ROWS, columns=COLUMNS),
        datasets.us(
            found,
            rows=ROWS,
            columns=COLUMNS,
            frames=3,
            SOPInstanceUID="1.2.826.0.1.3680043.8.498.77",
        ),
    ]
    datasets.write_series(hospital.inbox / "one", images)
    return hospital


@pytest.fixture
def batch(hospital, settings) -> Batch:
    with text_finder(settings, Told(UNREAD)):
        batch = hospital.submit()
        work_off()
    batch.refresh_from_db()
    assert counts(batch) == {"held": 2}
    return batch


@pytest.fixture
def desk_page(page: Page, settings, hospital, live_server) -> Iterator[Callable[[str], Page]]:
    """Return what opens an address as the hospital's coordinator; nothing may be complained of."""
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME = "session", "csrf"
    settings.SECURE_SSL_REDIRECT = False
    told: list[str] = []
    page.on("console", lambda one: one.type in ("error", "warning") and told.append(one.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    client = Client()
    client.force_login(hospital.people[Role.COORDINATOR])
    name = project.SESSION_COOKIE_NAME
    value = client.cookies[name].value
    page.context.add_cookies([{"name": name, "value": value, "url": live_server.url}])

    def opened(url: str) -> Page:
        page.goto(live_server.url + url)
        return page

    yield opened
    assert told == []


def numbers(page: Page, index: int) -> list[int]:
    item = page.locator("#boxes [data-box]").nth(index)
    return [
        int(item.locator(f"[name={name}]").input_value()) for name in ("x", "y", "width", "height")
    ]


def test_boxes_are_drawn_by_hand_and_keys_made_again_and_approved(
    desk_page, batch, settings
) -> None:
    page = desk_page(reverse("review"))
    page.get_by_role("link", name="File 1", exact=True).click()
    expect(page.get_by_role("heading", name="Image 1 of 2")).to_be_visible()
    approve = page.get_by_role("button", name="Approve")
    expect(approve).to_be_disabled()
    expect(page.get_by_text("Box 1 waits for you")).to_be_visible()
    assert page.locator("#boxes [data-box]").count() == 1

    # A box by the mouse.
    page.get_by_role("button", name="Draw box").click()
    area = page.locator("[data-pane=before] svg").bounding_box()
    assert area is not None
    scale = area["width"] / COLUMNS
    page.mouse.move(area["x"] + 100 * scale, area["y"] + 100 * scale)
    page.mouse.down()
    page.mouse.move(area["x"] + 160 * scale, area["y"] + 130 * scale, steps=4)
    page.mouse.up()
    assert page.locator("#boxes [data-box]").count() == 2
    for wanted, found in zip([100, 100, 60, 30], numbers(page, 1), strict=True):
        assert abs(wanted - found) <= 2

    # Keys: move it, size it, remove it, and have it back.
    before = numbers(page, 1)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    assert numbers(page, 1) == [before[0] + 1, before[1], before[2], before[3] + 1]
    page.keyboard.press("Delete")
    assert page.locator("#boxes [data-box]").count() == 1
    page.keyboard.press("u")
    assert page.locator("#boxes [data-box]").count() == 2

    # The undecided one stays; then it can be made again.
    page.locator("#boxes [data-box]").first.get_by_role("button", name="Keep").click()
    expect(approve).to_be_enabled()
    drawn = numbers(page, 1)
    page.get_by_role("button", name="Make it again").click()
    expect(page.locator("#in-work")).to_be_visible()
    work_off()
    expect(page.get_by_text("After, as it would leave")).to_be_visible(timeout=15_000)
    check = PixelCheck.objects.get(batch=batch, instance__number=1)
    assert check.person_boxes is not None
    assert check.person_boxes[1][:4] == drawn
    assert [row[7] for row in check.person_boxes] == [True, False]
    page.keyboard.press("a")
    expect(page.get_by_role("heading", name="Image 1 of 1")).to_be_visible()
    work_off()
    assert counts(batch) == {"deidentified": 1, "held": 1}


def test_frames_window_and_zoom_work_by_keys(desk_page, batch) -> None:
    cine = PixelCheck.objects.get(batch=batch, frames=3)
    page = desk_page(reverse("review_image", args=[cine.pk]))
    image = page.locator("[data-pane=before] image")
    for key, frame in ((".", 1), (".", 2), (".", 2), (",", 1)):
        page.keyboard.press(key)
        expect(image).to_have_attribute("href", re.compile(rf"/before/{frame}\.png"))
    expect(page.get_by_text("Frame 2 of 3")).to_be_visible()
    picture = page.locator("[data-pane=after] svg")
    page.keyboard.press("+")
    expect(picture).not_to_have_attribute("viewBox", f"0 0 {COLUMNS} {ROWS}")
    page.keyboard.press("0")
    expect(picture).to_have_attribute("viewBox", f"0 0 {COLUMNS} {ROWS}")
    page.keyboard.press("w")
    page.get_by_label("Darkest").fill("300")
    expect(image).to_have_attribute("href", re.compile(r"\?low=300&high=1000"))
    page.get_by_role("button", name="As recorded").click()
    expect(image).to_have_attribute("href", re.compile(r"1\.png$"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_desk_is_clear_on_a_phone_and_on_a_desk(desk_page, batch, scheme) -> None:
    check = PixelCheck.objects.get(batch=batch, instance__number=1)
    page = desk_page(reverse("review_image", args=[check.pk]))
    page.emulate_media(color_scheme=scheme)
    expect(page.get_by_text("Referring Physician").first).to_be_visible()
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        over = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert over <= 0
        violations = Axe().run(page).response["violations"]
        assert [f"{one['id']}: {one['nodes'][0]['html'][:150]}" for one in violations] == []


def test_without_script_boxes_are_numbers_in_a_form(
    browser, desk_page, batch, live_server, hospital
) -> None:
    signed = desk_page(reverse("review")).context.cookies()
    check = PixelCheck.objects.get(batch=batch, instance__number=1)
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies(signed)
    page = context.new_page()
    page.goto(live_server.url + reverse("review_image", args=[check.pk]))
    page.locator("select[name=fate]").select_option("blank")
    page.get_by_role("button", name="Approve").click()
    work_off()
    check.refresh_from_db()
    assert check.approved
    assert counts(batch) == {"deidentified": 1, "held": 1}
    context.close()


def test_a_sample_is_drawn_and_looked_at_by_key(desk_page, batch, hospital) -> None:
    actor = hospital.viewer(Role.COORDINATOR).actor
    for check in PixelCheck.objects.filter(batch=batch):
        desk.approve(check, check.boxes, actor)
    jobs.continue_batch(batch)
    work_off()
    page = desk_page(reverse("batch", args=[batch.pk]))
    page.get_by_role("button", name="Draw a sample").click()
    expect(page.get_by_role("heading", name="Drawn image 1 of 2")).to_be_visible()
    page.keyboard.press("a")
    expect(page.get_by_role("heading", name="Drawn image 2 of 2")).to_be_visible()
    page.get_by_role("button", name="Shows no identifier").click()
    expect(page.get_by_text("None of 2 images showed an identifier")).to_be_visible()
    page.get_by_role("link", name="To the batch").click()
    expect(page.get_by_role("link", name="Release")).to_be_visible()
