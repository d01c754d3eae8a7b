"""What every request of a signed-in person passes: the session's clock, their language, htmx.

It must stand after allauth's middleware and django-htmx's.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import translation
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from anonportal.accounts.models import User
from anonportal.accounts.sessions import keep_or_end


class HtmxRequest(HttpRequest):
    """A request as django-htmx leaves it."""

    htmx: HtmxDetails


class PersonMiddleware:
    """Apply what belongs to the person behind a request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HtmxRequest) -> HttpResponseBase:
        """Answer a request on the person's terms."""
        keep_or_end(request)
        user = request.user
        if isinstance(user, User) and user.language:
            translation.activate(user.language)
            request.LANGUAGE_CODE = translation.get_language()
        return _whole_page_for_sign_in(request, self.get_response(request))


def _whole_page_for_sign_in(request: HtmxRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Let a partial that meets the sign-in page become the sign-in page, not contain it."""
    sign_in = reverse("account_login")
    place = response.headers.get("Location", "")
    if not request.htmx or urlsplit(place).path != sign_in:
        return response
    back = request.htmx.current_url_abs_path or "/"
    return _client_redirect(redirect_to_login(back, sign_in).url)


def _client_redirect(url: str) -> HttpResponse:
    return HttpResponseClientRedirect(url)
