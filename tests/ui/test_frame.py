"""The frame around pages: what it shows to whom, and the pages for errors."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.utils import translation
from pytest_django import Settings

from anonportal.accounts.models import User
from anonportal.ui.shell import Place, Shell, shell_for
from tests.ui import gallery as host


def one_place(request: HttpRequest) -> Shell:
    """Return the frame of somebody with a single membership."""
    return Shell(places=(Place("1", "Sample Coast Clinic", "auditor", current=True),))


def no_frame(request: HttpRequest) -> str:
    """Return what a host must not return."""
    return "no shell"


def test_the_frame_says_where_one_is_and_what_waits(
    client: Client, gallery: str, alice: User
) -> None:
    client.force_login(alice)
    page = client.get(gallery).content.decode()
    assert 'aria-label="Organization: Example General Hospital. Switch"' in page
    assert '<span class="n s-held">11<span class="vh"> waiting</span></span>' in page
    assert page.count('aria-current="page"') == 1
    assert 'name="organization" value="2"' in page


def test_with_one_membership_the_organization_is_plain_text(
    client: Client, gallery: str, alice: User, settings: Settings
) -> None:
    settings.SHELL = "tests.ui.test_frame.one_place"
    client.force_login(alice)
    page = client.get(gallery).content.decode()
    assert '<div class="org one">' in page
    assert 'popovertarget="orgs"' not in page
    assert '<nav class="side"' not in page


def test_nobody_gets_a_plain_frame_and_the_host_is_not_asked(settings: Settings) -> None:
    settings.SHELL = "a.module.that.does.not.exist"
    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    assert shell_for(request) == Shell()


def test_a_host_that_returns_no_frame_is_told_so(settings: Settings, alice: User) -> None:
    settings.SHELL = "tests.ui.test_frame.no_frame"
    request = RequestFactory().get("/")
    request.user = alice
    with pytest.raises(TypeError, match="must return a Shell, not str"):
        shell_for(request)


def test_initials_are_letters_of_the_name() -> None:
    assert host.shell(RequestFactory().get("/")).places[0].initials == "EG"
    assert Place("1", "– St. Mary’s", "auditor").initials == "SM"


@pytest.mark.parametrize("language", ["en", "es", "zh-hans"])
@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "429", "500"])
def test_error_pages_say_what_and_what_to_do(gallery: str, name: str, language: str) -> None:
    with translation.override(language):
        page = render_to_string(
            f"{name}.html", {"reference": "a1b2c3"}, RequestFactory().get("/nowhere/")
        )
    assert page.count("<h1>") == 1
    assert page.count("<p>") >= 2
    assert 'href="/"' in page
    assert "nowhere" not in page.replace('value="/nowhere/"', "")
