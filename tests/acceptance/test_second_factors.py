# ruff: noqa: F401, F811 - the scene and the quiet page are fixtures of the pages' tests
"""Passkeys and codes in real Chromium: set up, used at sign-in and at the door, and removed.

The passkey is the browser's own virtual one; the codes are computed here as an app does.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core.cache import cache
from django.urls import reverse
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from audit.models import Event
from studies.models import Organization, Role
from tests.acceptance.test_pages import Scene, findings, names_nobody, quiet, scene
from tests.studies.hospital import PASSWORD

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.timeout(300),
    pytest.mark.django_db(transaction=True, databases=["default", "vault"]),
    pytest.mark.usefixtures("redis_server"),
]
SHOTS = os.environ.get("SHOTS")


def check(page: Page, name: str) -> list[str]:
    """Return what is wrong with a page; keep its pictures where the environment asks for them."""
    wrong = [f"{name}: {what}" for what in findings(page)]
    if SHOTS:
        for scheme in ("light", "dark"):
            for width in (390, 1280):
                page.emulate_media(color_scheme=scheme)
                page.set_viewport_size({"width": width, "height": 850})
                page.screenshot(path=Path(SHOTS) / f"{name}-{width}-{scheme}.png", full_page=True)
        page.emulate_media(color_scheme="light")
    return wrong


def add_virtual_passkey(page: Page) -> None:
    """Give the browser a device that holds passkeys and always sees its person."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def code_of(secret: str) -> str:
    """Return what an app shows now; a code is good once, so forget that it was used."""
    cache.clear()
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


@pytest.fixture
def sign_in(quiet: Page, live_server: LiveServer, scene: Scene) -> Callable[[str], Page]:
    """Return what types a role's e-mail and password."""

    def type_in(role: str) -> Page:
        quiet.goto(live_server.url + reverse("account_login"))
        quiet.get_by_label("E-mail").fill(scene.hospital.people[role].email)
        quiet.get_by_label("Password").fill(PASSWORD)
        quiet.get_by_role("button", name="Sign in", exact=True).click()
        return quiet

    return type_in


def test_a_passkey_and_an_app_are_set_up_and_open_what_they_should(
    sign_in,
    scene: Scene,
    live_server: LiveServer,
) -> None:
    Organization.objects.update(second_factor_required=True)
    page = sign_in(Role.RADIOLOGIST)
    add_virtual_passkey(page)
    door = f"{live_server.url}{reverse('reidentify')}?study={scene.study.cloud_study_id}"
    page.goto(door)
    expect(page.get_by_text("asks for a second factor here")).to_be_visible()
    wrong = check(page, "door-lacks-factor")

    page.goto(live_server.url + reverse("mfa_index"))
    wrong += check(page, "factors-none")
    page.get_by_role("link", name="Add a passkey").click()
    wrong += check(page, "reauthenticate")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    wrong += check(page, "passkey-add")
    page.get_by_label("Name it, so that you know it again").fill("My laptop")
    page.get_by_label("Sign in with it alone").check()
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    wrong += check(page, "recovery-codes")
    assert page.locator("main li code").count() == 10

    page.goto(live_server.url + reverse("mfa_activate_totp"))
    page.get_by_text("Type the key instead").click()
    secret = page.locator("details code").inner_text()
    wrong += check(page, "app-add")
    page.get_by_label("Code that the app shows").fill(code_of(secret))
    page.get_by_role("button", name="Set up").click()
    expect(page.get_by_text("Set up", exact=True)).to_be_visible()
    wrong += check(page, "factors-both")
    page.goto(live_server.url + reverse("mfa_list_webauthn"))
    expect(page.get_by_text("signs in alone")).to_be_visible()
    wrong += check(page, "passkeys")
    assert set(Authenticator.objects.values_list("type", flat=True)) == {
        "webauthn",
        "totp",
        "recovery_codes",
    }

    page.context.clear_cookies()
    page.goto(live_server.url + reverse("account_login"))
    wrong += check(page, "sign-in")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("heading", name="Worklist")).to_be_visible()

    page.goto(door)
    wrong += check(page, "door-ways")
    page.get_by_role("button", name="Use a passkey").click()
    panel = page.locator("#shown")
    expect(panel).to_contain_text(scene.markers.patient_id)
    wrong += check(page, "patient")
    by = [event.detail.get("by") for event in Event.objects.filter(action="person.reauthenticated")]
    assert by[-1] == "webauthn"

    page.context.clear_cookies()
    sign_in(Role.RADIOLOGIST)
    expect(page.get_by_role("heading", name="One more step")).to_be_visible()
    wrong += check(page, "one-more-step")
    page.get_by_label("Code of your app, or a recovery code").fill(code_of(secret))
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Worklist")).to_be_visible()
    page.goto(door)
    page.get_by_text("Use a code instead").click()
    page.get_by_label("Code of your app, or a recovery code").fill("000000")
    page.get_by_role("button", name="Show the patient").click()
    expect(page.get_by_text("That code is not right, or was used already.")).to_be_visible()
    assert names_nobody(page, scene) == []
    page.get_by_label("Code of your app, or a recovery code").fill(code_of(secret))
    page.get_by_role("button", name="Show the patient").click()
    expect(panel).to_contain_text(scene.markers.patient_id)
    assert wrong == []


def test_a_passkey_that_is_cancelled_says_so_on_the_page(
    quiet: Page,
    live_server: LiveServer,
    scene: Scene,
) -> None:
    page = quiet
    page.goto(live_server.url + reverse("account_login"))
    page.evaluate(
        "() => { navigator.credentials.get = "
        "() => Promise.reject(new DOMException('no', 'NotAllowedError')) }"
    )
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("The passkey was not used")
    assert check(page, "passkey-cancelled") == []
