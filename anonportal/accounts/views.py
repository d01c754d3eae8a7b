"""The account page and the language switch; sign-in itself is allauth's."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST
from django.views.i18n import set_language as django_set_language

from anonportal.accounts.forms import AccountForm
from anonportal.accounts.models import User
from anonportal.ui.toasts import toast


@require_http_methods(["GET", "POST"])
@login_required
@never_cache
def account(request: HttpRequest) -> HttpResponse:
    """Show and save what a person sets for themselves."""
    user = request.user
    if not isinstance(user, User):
        raise TypeError("a signed-in person is a User")
    if request.method == "POST":
        form = AccountForm(request.POST, instance=user)
        if form.is_valid():
            form.save()
            with translation.override(user.language or None):
                toast(request, _("Settings saved."))
            return redirect("account")
        user.refresh_from_db()
    else:
        form = AccountForm(instance=user)
    status = 422 if form.errors else 200
    return render(request, "account/account.html", {"form": form}, status=status)


@require_POST
def set_language(request: HttpRequest) -> HttpResponseBase:
    """Switch the language: in a cookie, and for a signed-in person in the account."""
    language = request.POST.get("language", "")
    if isinstance(request.user, User) and language in dict(settings.LANGUAGES):
        request.user.language = language
        request.user.save(update_fields=["language"])
    return django_set_language(request)
