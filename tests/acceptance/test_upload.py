"""Uploads in real Chromium: a folder, a cut, a reload, a restart of the server, no script."""

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.urls import reverse
from playwright.sync_api import expect

from studies.models import Batch, Instance, Membership, UploadPart
from studies.services import keys
from studies.services.receiving import complete_files, upload_status
from studies.storage import BatchStore
from tests.studies.batches import make_batch

pytestmark = [pytest.mark.acceptance, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _playwright_and_database(monkeypatch):
    """Playwright runs a loop in this thread; the database calls here are not in it."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.fixture
def batch(settings, tmp_path):
    settings.SEALED_DIR = tmp_path / "sealed"
    return make_batch()


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder with many small files, an empty one, a large one and awkward names."""
    chance = random.Random(7)
    root = tmp_path / "DOE_JOHN"
    for number in range(120):
        path = root / f"series {number % 3}" / f"IM{number:04}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(chance.randbytes(chance.randrange(1, 40_000)))
    (root / "empty").write_bytes(b"")
    (root / "größe 放射線.dcm").write_bytes(chance.randbytes(20_000_000))
    return root


@pytest.fixture
def sign_in(settings, live_server, context) -> Callable[[Batch], None]:
    """Return what puts a coordinator of a batch's organization into the browser."""

    def enter(batch: Batch) -> None:
        user = get_user_model().objects.create_user(
            email="alice@example.org", password=None, name="Alice"
        )
        Membership.objects.create(user=user, organization=batch.organization, role="coordinator")
        session = SessionStore()
        session["_auth_user_id"] = str(user.pk)
        session["_auth_user_backend"] = settings.AUTHENTICATION_BACKENDS[0]
        session["_auth_user_hash"] = user.get_session_auth_hash()
        session.save()
        context.add_cookies(
            [
                {
                    "name": settings.SESSION_COOKIE_NAME,
                    "value": session.session_key,
                    "url": live_server.url,
                }
            ]
        )

    return enter


@pytest.fixture(autouse=True)
def _plain_http(settings):
    """Give cookies names and flags that a browser takes over plain http."""
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME = "session", "csrf"
    settings.SECURE_SSL_REDIRECT = False


def address(live_server: Any, batch: Batch) -> str:
    return f"{live_server.url}{reverse('batch', args=[batch.pk])}"


def on_disk(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder.parent).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def arrived(batch: Batch) -> dict[str, bytes]:
    complete_files(batch)
    sealer = keys.batch_sealer(batch)
    found = {}
    with BatchStore(batch.pk, sealer.root) as store:
        for row in Instance.objects.filter(batch=batch):
            with store.open_original(row.original) as stream:
                found[sealer.open("path", row.sealed_path).decode()] = stream.read()
    return found


def wait_until_there(page: Any) -> None:
    expect(page.locator("[data-live]")).to_contain_text("Everything has arrived", timeout=120_000)


def pick_folder(page: Any, folder: Path) -> None:
    page.locator("#pick-folder").set_input_files(folder)


def test_a_folder_arrives_whole_and_no_name_is_in_any_address(
    batch, folder, live_server, sign_in, page
):
    sign_in(batch)
    asked, told = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: told.append(message.text))
    page.goto(address(live_server, batch))
    assert page.locator("[data-plainsend]").is_hidden()
    pick_folder(page, folder)
    wait_until_there(page)
    assert page.locator("[data-name]").inner_text() == "DOE_JOHN/"
    assert "122 of 122 files received" in page.locator("[data-count]").inner_text()
    assert page.locator("[data-state]").inner_text() == "all received"
    assert not [url for url in asked if "DOE" in url]
    assert told == []
    assert arrived(batch) == on_disk(folder)


def test_a_folder_chosen_before_the_script_came_arrives_too(
    batch, folder, live_server, sign_in, page
):
    sign_in(batch)
    late: list[Any] = []
    page.route("**/upload*.js", lambda route: late.append(route))
    page.goto(address(live_server, batch), wait_until="commit")
    pick_folder(page, folder)
    page.wait_for_timeout(300)
    assert page.locator("[data-plainsend]").is_visible()
    late.pop().continue_()
    wait_until_there(page)
    assert "122 of 122 files received" in page.locator("[data-count]").inner_text()


def test_dropped_files_arrive_too(batch, live_server, sign_in, page):
    sign_in(batch)
    page.goto(address(live_server, batch))
    page.evaluate(
        """() => {
            const transfer = new DataTransfer();
            transfer.items.add(new File(["first"], "one.dcm", {lastModified: 5}));
            transfer.items.add(new File(["second"], "two.dcm", {lastModified: 6}));
            document.querySelector("[data-drop]").dispatchEvent(
                new DragEvent("drop", {dataTransfer: transfer, bubbles: true, cancelable: true}));
        }"""
    )
    wait_until_there(page)
    assert arrived(batch) == {"one.dcm": b"first", "two.dcm": b"second"}


def test_after_a_reload_only_what_is_missing_is_sent(batch, folder, live_server, sign_in, page):
    sign_in(batch)
    page.goto(address(live_server, batch))
    sent = []

    def third_is_cut(route: Any) -> None:
        sent.append(len(route.request.post_data_buffer or b""))
        if len(sent) > 1:
            route.abort()
        else:
            route.continue_()

    page.route("**/upload/parts/", third_is_cut)
    pick_folder(page, folder)
    expect(page.locator("[data-state]")).to_contain_text("connection lost", timeout=30_000)
    while not (before := upload_status(batch).received_bytes):
        page.wait_for_timeout(100)
    assert before < 20_000_000
    page.unroute("**/upload/parts/")
    again: list[int] = []
    page.reload()
    page.wait_for_selector("[data-leftover]:not([hidden])")
    page.on(
        "request",
        lambda request: (
            again.append(int(request.header_value("content-length") or 0))
            if request.method == "PUT"
            else None
        ),
    )
    pick_folder(page, folder)
    wait_until_there(page)
    whole = sum(len(data) for data in on_disk(folder).values())
    assert sum(again) < whole - before + 200_000
    expect(page.locator("#sum-files")).to_have_text("122")
    assert arrived(batch) == on_disk(folder)


def test_an_upload_survives_a_server_that_is_away_for_a_while(
    batch, folder, live_server, sign_in, page
):
    sign_in(batch)
    page.goto(address(live_server, batch))
    failures = iter(["refused", "503", "500", "refused"])

    def away(route: Any) -> None:
        failure = next(failures, "")
        if failure == "refused":
            route.abort("connectionrefused")
        elif failure:
            route.fulfill(status=int(failure), body="<html>a proxy's page</html>")
        else:
            route.continue_()

    page.route("**/upload/parts/", away)
    pick_folder(page, folder)
    wait_until_there(page)
    assert arrived(batch) == on_disk(folder)


def test_a_part_that_changes_on_its_way_is_sent_again(batch, folder, live_server, sign_in, page):
    sign_in(batch)
    page.goto(address(live_server, batch))
    flipped = []

    def flip(route: Any) -> None:
        body = bytearray(route.request.post_data_buffer or b"")
        if body and not flipped:
            flipped.append(True)
            body[-1] ^= 0xFF
            route.continue_(post_data=bytes(body))
        else:
            route.continue_()

    page.route("**/upload/parts/", flip)
    page.locator("#pick").set_input_files(folder / "series 0" / "IM0000")
    wait_until_there(page)
    assert flipped
    assert arrived(batch) == {"IM0000": (folder / "series 0" / "IM0000").read_bytes()}


@pytest.mark.parametrize("has_reload", [True, False])
def test_two_discs_with_the_same_names_sizes_and_times_are_two(
    batch, tmp_path, live_server, sign_in, page, has_reload
):
    sign_in(batch)
    page.goto(address(live_server, batch))
    for number, content in ((1, b"first"), (2, b"other")):
        path = tmp_path / str(number) / "DICOM" / "IM1"
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        os.utime(path, (1_000_000_000, 1_000_000_000))
    pick_folder(page, tmp_path / "1" / "DICOM")
    wait_until_there(page)
    if has_reload:
        page.reload()
    for _time in range(2):
        # The second disc again changes nothing any more.
        pick_folder(page, tmp_path / "2" / "DICOM")
        expect(page.locator("[data-rows] > li")).to_have_count(1 if has_reload else 2)
        expect(page.locator("[data-state]").last).to_have_text("all received")
    complete_files(batch)
    assert sorted(Instance.objects.values_list("size", flat=True)) == [5, 5]


def test_a_row_taken_away_is_not_sent(batch, folder, live_server, sign_in, page):
    sign_in(batch)
    page.goto(address(live_server, batch))
    pick_folder(page, folder / "series 0")
    wait_until_there(page)
    page.locator("#pick").set_input_files(folder / "series 1" / "IM0001")
    expect(page.locator("[data-rows] > li")).to_have_count(2)
    page.get_by_role("button", name="Remove series 0/").click()
    expect(page.locator("[data-rows] > li")).to_have_count(1)
    wait_until_there(page)
    expect(page.locator("[data-count]")).to_have_text("1 of 1 files received")
    assert list(arrived(batch)) == ["IM0001"]


def test_who_is_signed_out_is_told_and_goes_on_after_signing_in(
    batch, folder, live_server, sign_in, page, context
):
    sign_in(batch)
    page.goto(address(live_server, batch))
    cookies = context.cookies()
    context.clear_cookies()
    pick_folder(page, folder / "series 2")
    page.wait_for_selector("[data-problem]:not([hidden])")
    assert "signed out" in page.locator("[data-message]").inner_text()
    assert UploadPart.objects.count() == 0
    context.add_cookies(cookies)
    page.get_by_role("button", name="Resume").click()
    wait_until_there(page)
    assert len(arrived(batch)) == 40


@pytest.mark.browser_context_args(java_script_enabled=False)
def test_without_script_a_plain_form_sends_files(batch, folder, live_server, sign_in, page):
    sign_in(batch)
    page.goto(address(live_server, batch))
    page.locator("#pick").set_input_files(
        [folder / "series 0" / "IM0000", folder / "series 1" / "IM0001"]
    )
    page.get_by_role("button", name="Send the chosen files").click()
    assert "2 files received" in page.content()
    assert sorted(arrived(batch)) == ["IM0000", "IM0001"]
