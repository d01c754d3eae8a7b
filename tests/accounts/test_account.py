"""The account page, the language, and what every answer carries in its head."""

import pytest
from django.conf import settings
from django.test import Client

from anonportal.accounts.models import User


def test_the_account_page_needs_a_person(client: Client, db: None) -> None:
    answer = client.get("/account/")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/account/sign-in/?next=/account/"


def test_a_person_sets_language_theme_and_keys(client: Client, alice: User) -> None:
    client.force_login(alice)
    answer = client.post("/account/", {"language": "es", "theme": "dark"}, follow=True)
    page = answer.content.decode()
    alice.refresh_from_db()
    assert (alice.language, alice.theme, alice.single_keys) == ("es", "dark", False)
    assert '<html lang="es" data-theme="dark">' in page
    assert "data-keys" not in page
    assert 'class="toast s-done"' in page


def test_a_theme_that_does_not_exist_is_refused_in_its_place(client: Client, alice: User) -> None:
    client.force_login(alice)
    answer = client.post("/account/", {"language": "", "theme": "pink"})
    assert answer.status_code == 422
    alice.refresh_from_db()
    assert alice.theme == "system"


def test_nobody_changes_name_address_or_rights_here(client: Client, alice: User) -> None:
    client.force_login(alice)
    client.post(
        "/account/",
        {"theme": "light", "name": "Eve", "email": "eve@x.org", "is_platform_operator": "1"},
    )
    alice.refresh_from_db()
    assert (alice.name, alice.email) == ("Alice Sample", "alice@example.org")
    assert not alice.is_platform_operator


@pytest.mark.parametrize(("code", "lang"), [("es", "es"), ("zh-hans", "zh-Hans"), ("en", "en")])
def test_the_language_can_be_chosen_before_sign_in(
    client: Client, db: None, code: str, lang: str
) -> None:
    sign_in = "/account/sign-in/"
    answer = client.post("/account/language/", {"language": code, "next": sign_in}, follow=True)
    page = answer.content.decode()
    assert f'<html lang="{lang}">' in page
    for own_name in (">English<", ">Español<", ">简体中文<"):
        assert own_name in page


def test_a_chosen_language_is_kept_in_the_account(client: Client, alice: User) -> None:
    client.force_login(alice)
    client.post("/account/language/", {"language": "es", "next": "/account/"})
    client.cookies.pop("django_language")
    assert '<html lang="es">' in client.get("/account/").content.decode()
    client.post("/account/language/", {"language": "xx", "next": "/account/"})
    alice.refresh_from_db()
    assert alice.language == "es"


def test_the_language_switch_leads_to_no_other_site(client: Client, db: None) -> None:
    answer = client.post("/account/language/", {"language": "es", "next": "https://evil.example/"})
    assert answer.headers["Location"] == "/"


def test_every_page_forbids_what_it_does_not_need(client: Client, db: None) -> None:
    answer = client.get("/account/sign-in/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    for name in (settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME):
        if name in answer.cookies:
            assert answer.cookies[name]["httponly"]
            assert answer.cookies[name]["samesite"] == "Lax"


def test_htmx_runs_without_eval_and_keeps_no_history(client: Client, db: None) -> None:
    page = client.get("/account/sign-in/").content.decode()
    assert '"allowEval":false' in page
    assert '"includeIndicatorStyles":false' in page
    assert '"historyCacheSize":0' in page
