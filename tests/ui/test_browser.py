"""The kit in real Chromium: accessible, without sideways scroll, obeying its own policy."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from playwright.sync_api import ConsoleMessage, Page, expect
from pytest_django.live_server_helper import LiveServer

from anonportal.accounts.models import User

pytestmark = [pytest.mark.acceptance, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def quiet(page: Page) -> Iterator[Page]:
    """Return a page that must not print an error: a broken policy shows there."""
    told: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            told.append(f"{message.text} {message.location['url']}")

    page.on("console", hear)
    page.on("pageerror", lambda error: told.append(str(error)))
    yield page
    assert told == []


@pytest.fixture
def signed_in(quiet: Page, live_server: LiveServer, gallery: str, alice: User) -> Page:
    """Return a page at the gallery, signed in as Alice."""
    client = Client()
    client.force_login(alice)
    name = settings.SESSION_COOKIE_NAME
    cookie = client.cookies[name].value
    quiet.context.add_cookies([{"name": name, "value": cookie, "url": live_server.url}])
    quiet.goto(live_server.url + gallery)
    return quiet


def findings(page: Page) -> list[str]:
    """Return what axe finds wrong: rule and first place."""
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [f"{rule['id']}: {rule['nodes'][0]['html'][:120]}" for rule in found]


def overflow(page: Page) -> int:
    """Return by how many pixels the page is wider than its window."""
    width: int = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_components(signed_in: Page, scheme: Any) -> None:
    signed_in.emulate_media(color_scheme=scheme)
    signed_in.goto(signed_in.url + "?wrong=1&toast=1")
    signed_in.evaluate("document.querySelectorAll('details').forEach((part) => (part.open = true))")
    assert findings(signed_in) == []


LONGER = """() => {
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const longer = (word) => word + word.slice(0, Math.ceil(word.length * 0.4));
    while (walk.nextNode()) {
        const text = walk.currentNode.data;
        if (!/\\d/.test(text)) walk.currentNode.data = text.replace(/[a-z]{4,}/g, longer);
    }
}"""


def test_no_page_scrolls_sideways_even_with_longer_words(signed_in: Page) -> None:
    for width in (320, 390, 1024, 1440):
        signed_in.set_viewport_size({"width": width, "height": 900})
        signed_in.goto(re.sub(r"\?.*", "", signed_in.url) + "?wrong=1&toast=1")
        assert overflow(signed_in) == 0, width
        signed_in.evaluate(LONGER)
        assert overflow(signed_in) == 0, width


def test_on_a_phone_the_navigation_is_a_bar_of_four_and_more(signed_in: Page) -> None:
    signed_in.set_viewport_size({"width": 390, "height": 844})
    nav = signed_in.get_by_role("navigation", name="Main")
    expect(nav.get_by_role("link")).to_have_count(4)
    nav.get_by_role("button", name="More").click()
    expect(nav.get_by_role("link", name="Destinations")).to_be_visible()
    signed_in.keyboard.press("Escape")
    expect(nav.get_by_role("link", name="Destinations")).to_be_hidden()


def test_the_skip_link_is_first_and_leads_to_the_content(signed_in: Page) -> None:
    signed_in.keyboard.press("Tab")
    expect(signed_in.locator(":focus")).to_have_text("Skip to content")
    signed_in.keyboard.press("Enter")
    expect(signed_in.locator("main")).to_be_focused()


def test_an_id_is_copied_whole_and_that_is_said(signed_in: Page) -> None:
    signed_in.goto(signed_in.url + "?still=1")
    signed_in.context.grant_permissions(["clipboard-read", "clipboard-write"])
    signed_in.get_by_role("button", name="Copy cloud id F0V4DC1J9AP3Z").click()
    expect(signed_in.locator("#said")).to_have_text("Copied")
    assert signed_in.evaluate("navigator.clipboard.readText()") == "F0V4DC1J9AP3Z"


def test_a_confirmation_page_opens_as_a_dialog_and_escape_leaves(signed_in: Page) -> None:
    link = signed_in.get_by_role("link", name="Cancel batch")
    link.click()
    dialog = signed_in.get_by_role("dialog", name="Cancel batch 3f9c21aa")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("button", name="Cancel batch")).to_be_visible()
    assert findings(signed_in) == []
    signed_in.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(link).to_be_focused()
    link.click()
    signed_in.get_by_role("dialog").get_by_role("button", name="Cancel batch").click()
    expect(signed_in).to_have_url(re.compile("cancelled=1"))


def test_the_same_confirmation_is_a_page_of_its_own(signed_in: Page) -> None:
    signed_in.goto(re.sub("/gallery/.*", "/gallery/confirm/", signed_in.url))
    expect(signed_in.get_by_role("heading", name="Cancel batch 3f9c21aa")).to_be_visible()
    assert findings(signed_in) == []


def test_a_toast_can_be_sent_away_and_offers_undo(signed_in: Page) -> None:
    signed_in.goto(signed_in.url + "?toast=1")
    toast = signed_in.locator("[data-toast]")
    expect(toast).to_contain_text("Referral letter excluded.")
    expect(toast.get_by_role("button", name="Undo")).to_be_visible()
    toast.get_by_role("button", name="Dismiss").click()
    expect(toast).to_have_count(0)


def test_polling_keeps_open_what_is_open_reads_out_quarters_and_ends(signed_in: Page) -> None:
    signed_in.get_by_text("More", exact=True).last.click()
    bar = signed_in.get_by_role("progressbar", name="Batch 3f9c21aa")
    expect(bar).to_have_attribute("value", "60", timeout=15_000)
    expect(signed_in.locator("#more-numbers")).to_have_attribute("open", "")
    expect(signed_in.locator("#said")).to_have_text("Batch 3f9c21aa: 50 %")
    expect(signed_in.locator("#progress")).not_to_have_attribute("data-poll", "1", timeout=15_000)


def test_keys_search_and_show_their_map_but_are_silent_in_fields(signed_in: Page) -> None:
    signed_in.keyboard.press("?")
    expect(signed_in.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    signed_in.keyboard.press("Escape")
    expect(signed_in.get_by_role("dialog")).to_have_count(0)
    signed_in.keyboard.press("/")
    search = signed_in.get_by_role("searchbox")
    expect(search).to_be_focused()
    signed_in.keyboard.type("a?/")
    expect(search).to_have_value("a?/")
    expect(signed_in.get_by_role("dialog")).to_have_count(0)


def test_a_person_signs_in_by_keyboard_alone(
    quiet: Page, live_server: LiveServer, gallery: str, alice: User
) -> None:
    quiet.goto(f"{live_server.url}/account/sign-in/?next=/gallery/")
    assert findings(quiet) == []
    quiet.keyboard.type("alice@example.org")
    quiet.keyboard.press("Tab")
    quiet.keyboard.type("wrong")
    quiet.keyboard.press("Enter")
    expect(quiet.get_by_role("alert")).to_contain_text("That did not work.")
    assert findings(quiet) == []
    quiet.get_by_label("Password").fill("a long enough passphrase")
    quiet.keyboard.press("Enter")
    expect(quiet.get_by_role("heading", name="Batch 3f9c21aa")).to_be_visible()
    quiet.get_by_role("button", name="Account menu").click()
    quiet.get_by_role("button", name="Sign out").click()
    expect(quiet.get_by_role("heading", name="Sign in")).to_be_visible()


def test_account_pages_are_accessible_on_a_phone_and_on_a_desk(signed_in: Page) -> None:
    for address in ("/account/", "/account/password/", "/account/re-authenticate/"):
        for width in (320, 1440):
            signed_in.set_viewport_size({"width": width, "height": 900})
            signed_in.goto(re.sub("/(gallery|account)/.*", address, signed_in.url))
            assert overflow(signed_in) == 0, (address, width)
        assert findings(signed_in) == [], address
