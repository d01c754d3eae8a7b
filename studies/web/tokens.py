"""Pages of API tokens: for administrators, who see a token once, when they make it."""

from uuid import UUID

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from anonportal.ui.toasts import toast
from studies.faults import PermanentError
from studies.models import ApiToken, Role, Scope
from studies.services import access, tokens

DAYS = (
    (30, gettext_lazy("30 days")),
    (90, gettext_lazy("90 days")),
    (365, gettext_lazy("One year")),
)


class TokenForm(forms.Form):
    """A new token."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=80,
        help_text=gettext_lazy("What uses it; the trail shows this name"),
    )
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("What it may do"),
        choices=Scope.choices,
        widget=forms.CheckboxSelectMultiple,
    )
    days = forms.TypedChoiceField(
        label=gettext_lazy("Expires after"), choices=DAYS, coerce=int, initial=90
    )


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def token_list(request: HttpRequest) -> HttpResponse:
    """List the organization's tokens; make one, and show it this once."""
    caller = access.require(request, Role.ADMINISTRATOR)
    form = TokenForm(request.POST or None)
    made, secret = None, ""
    if request.method == "POST" and form.is_valid():
        try:
            made, secret = tokens.create(
                caller.organization, actor=caller.actor, **form.cleaned_data
            )
        except PermanentError as error:
            form.add_error(None, str(error.message))
        else:
            form = TokenForm()
    words = dict(Scope.choices)
    rows = [
        {"token": row, "scopes": [(scope, words.get(scope, "")) for scope in row.scopes]}
        for row in ApiToken.objects.filter(organization=caller.organization)
    ]
    context = {"rows": rows, "form": form, "made": made, "secret": secret}
    status = 422 if form.errors else 200
    return render(request, "studies/tokens.html", context, status=status)


@login_required
@require_http_methods(["GET", "POST"])
def token_revoke(request: HttpRequest, token_id: UUID) -> HttpResponse:
    """End a token."""
    caller = access.require(request, Role.ADMINISTRATOR)
    row = ApiToken.objects.filter(organization=caller.organization, pk=token_id).first()
    if row is None:
        raise Http404
    if request.method == "GET":
        context = {
            "heading": _("Revoke the token {name}").format(name=row.name),
            "consequence": _("Whatever uses it is refused from now on. It can't be undone."),
            "verb": _("Revoke the token"),
            "back": reverse("tokens"),
            "risk": True,
        }
        return render(request, "confirm.html", context)
    tokens.revoke(row, caller.actor)
    toast(request, _("Token revoked"), icon="slash", family="idle")
    return redirect("tokens")
