"""Forms of sign-in, passwords and the account page, in the words and shape of the page kit."""

from typing import Any, ClassVar

from allauth.account import forms as allauth
from allauth.account.adapter import get_adapter
from allauth.core import context
from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from anonportal.accounts.lockout import tries_left
from anonportal.accounts.models import User


class _Plain(forms.Form):
    """Labels instead of placeholders, no help with links in it."""

    labels: ClassVar[dict[str, Any]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, bound in self.fields.items():
            bound.widget.attrs.pop("placeholder", None)
            bound.help_text = ""
            bound.label = self.labels.get(name, bound.label)


_EMAIL, _PASSWORD = _("E-mail"), _("Password")
_NEW = {"password1": _("New password"), "password2": _("New password, again")}


class SignInForm(_Plain, allauth.LoginForm):  # type: ignore[misc]
    """E-mail and password; it knows how many tries are left once one went wrong."""

    labels: ClassVar[dict[str, Any]] = {"login": _EMAIL, "password": _PASSWORD}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].widget.attrs.update(autocomplete="username", autofocus=True)

    @property
    def identity_provider(self) -> str:
        """Return the name of the hospital's identity provider, empty where none is set."""
        return str(settings.OIDC_NAME) if settings.OIDC_URL else ""

    @property
    def tries_left(self) -> int:
        """Return the tries left for the typed address."""
        return tries_left(self.request, str(self.cleaned_data.get("login", "")))


class ReauthenticateForm(_Plain, allauth.ReauthenticateForm):  # type: ignore[misc]
    """The password again, of the person who is signed in."""

    labels: ClassVar[dict[str, Any]] = {"password": _PASSWORD}

    @property
    def tries_left(self) -> int:
        """Return the tries left before this account waits."""
        return tries_left(context.request, self.user.email)


class ResetPasswordForm(_Plain, allauth.ResetPasswordForm):  # type: ignore[misc]
    """Ask for a link to choose a new password."""

    labels: ClassVar[dict[str, Any]] = {"email": _EMAIL}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].widget.attrs.update(autocomplete="username", autofocus=True)


class ResetPasswordKeyForm(_Plain, allauth.ResetPasswordKeyForm):  # type: ignore[misc]
    """Choose a new password with a mailed link."""

    labels = _NEW


class ChangePasswordForm(_Plain, allauth.ChangePasswordForm):  # type: ignore[misc]
    """Choose a new password, knowing the old one."""

    labels: ClassVar[dict[str, Any]] = {"oldpassword": _("Current password"), **_NEW}

    def clean_oldpassword(self) -> str:
        """Check the old password through the same counted and recorded door as any other."""
        password = str(self.cleaned_data["oldpassword"])
        if not get_adapter().reauthenticate(self.user, password):
            raise get_adapter().validation_error("enter_current_password")
        return password


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a person sets for themselves."""

    language = forms.ChoiceField(label=_("Language"), required=False)
    theme = forms.ChoiceField(
        label=_("Theme"), choices=User.Theme.choices, widget=forms.RadioSelect
    )

    class Meta:
        model = User
        fields = ("language", "theme", "single_keys")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen: Any = self.fields["language"]
        chosen.choices = [("", _("As the browser")), *settings.LANGUAGES]
        self.fields["single_keys"].label = _("Single-key shortcuts")
