"""Forms of second factors: each wrong try is recorded before its answer, and counted by allauth."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.core import context
from allauth.mfa.adapter import get_adapter as get_mfa_adapter
from allauth.mfa.base import forms as codes
from allauth.mfa.models import Authenticator
from allauth.mfa.totp import forms as totp
from allauth.mfa.totp.internal.auth import SECRET_SESSION_KEY, generate_totp_secret
from allauth.mfa.webauthn import forms as passkeys
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from anonportal.accounts.mfa import seal, unseal
from anonportal.accounts.models import User

# What the libraries raise for an answer that no browser gives.
_MALFORMED = (KeyError, IndexError, TypeError, AttributeError, ValueError)


class _Recorded:
    """Tells the trail of a try that was not right, or not looked at any more."""

    by = "code"
    user: User | None

    def refused(self, error: ValidationError) -> None:
        """Record a refused try."""
        reason = "locked" if error.code == "too_many_login_attempts" else "not right"
        get_adapter().factor_refused(context.request, self.user, self.by, reason)


class _Code(_Recorded):
    """A code, labelled as the page kit does it."""

    fields: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["code"]
        field.label = _("Code of your app, or a recovery code")
        field.widget.attrs.pop("placeholder", None)
        field.widget.attrs.update(inputmode="text", autocomplete="one-time-code")

    def clean_code(self) -> str:
        """Check the code; a wrong one is in the trail before the answer."""
        try:
            return str(super().clean_code())  # type: ignore[misc]
        except ValidationError as error:
            self.refused(error)
            raise


class SignInCodeForm(_Code, codes.AuthenticateForm):  # type: ignore[misc]
    """A code after the password."""


class ReauthenticateCodeForm(_Code, codes.ReauthenticateForm):  # type: ignore[misc]
    """A code of the person who is signed in."""


class _Passkey(_Recorded):
    """What a browser answers for a passkey."""

    by = "passkey"

    def clean_credential(self) -> Authenticator:
        """Check the answer; a wrong one is in the trail before ours."""
        try:
            return self._checked()
        except ValidationError as error:
            self.refused(error)
            raise

    def _checked(self) -> Authenticator:
        try:
            return super().clean_credential()  # type: ignore[misc]
        except _MALFORMED as error:
            raise get_mfa_adapter().validation_error("incorrect_code") from error


class SignInPasskeyForm(_Passkey, passkeys.AuthenticateWebAuthnForm):  # type: ignore[misc]
    """A passkey after the password."""


class PasskeyOnlyForm(_Passkey, passkeys.LoginWebAuthnForm):  # type: ignore[misc]
    """A passkey instead of e-mail and password."""

    def clean_credential(self) -> Authenticator:
        """Check the answer; an account that was switched off isn't opened."""
        found = super().clean_credential()
        if not found.user.is_active:
            self.user = found.user
            error = get_adapter().validation_error("email_password_mismatch")
            self.refused(error)
            raise error
        return found


class ReauthenticatePasskeyForm(_Passkey, passkeys.ReauthenticateWebAuthnForm):  # type: ignore[misc]
    """A passkey of the person who is signed in."""


class AddPasskeyForm(passkeys.AddWebAuthnForm):  # type: ignore[misc]
    """A new passkey."""

    def clean(self) -> dict[str, Any]:
        """Check what the browser made; what no browser makes is refused like a wrong one."""
        try:
            cleaned: dict[str, Any] = super().clean()
        except _MALFORMED as error:
            raise get_mfa_adapter().validation_error("incorrect_code") from error
        return cleaned


class ActivateAppForm(totp.ActivateTOTPForm):  # type: ignore[misc]
    """The first code of a new app. Until it comes, the secret waits sealed in the session."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.user = kwargs.pop("user")
        forms.Form.__init__(self, *args, **kwargs)
        self.fields["code"].label = _("Code that the app shows")
        self.fields["code"].widget.attrs.pop("placeholder", None)
        session = context.request.session
        sealed = session.get(SECRET_SESSION_KEY) if self.is_bound else None
        if sealed:
            self.secret = unseal(sealed)
        else:
            self.secret = generate_totp_secret()
            session[SECRET_SESSION_KEY] = seal(self.secret)
