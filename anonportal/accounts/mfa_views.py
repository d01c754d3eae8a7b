"""Pages of second factors: allauth's, with the event in the change's own transaction."""

from typing import Any

from allauth.mfa.recovery_codes import views as recovery
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from django.db import transaction
from django.http import HttpResponse


class _Atomic:
    """Makes a change and its event one transaction."""

    def form_valid(self, form: Any) -> HttpResponse:
        """Save the change."""
        with transaction.atomic():
            answer: HttpResponse = super().form_valid(form)  # type: ignore[misc]
        return answer


class ActivateApp(_Atomic, totp.ActivateTOTPView):  # type: ignore[misc]
    """Set up an app that makes codes."""


class DeactivateApp(_Atomic, totp.DeactivateTOTPView):  # type: ignore[misc]
    """Remove the app."""


class AddPasskey(_Atomic, webauthn.AddWebAuthnView):  # type: ignore[misc]
    """Add a passkey."""


class RemovePasskey(_Atomic, webauthn.RemoveWebAuthnView):  # type: ignore[misc]
    """Remove a passkey."""


class GenerateCodes(_Atomic, recovery.GenerateRecoveryCodesView):  # type: ignore[misc]
    """Make new recovery codes; the old ones end."""


class ReauthenticatePasskey(webauthn.ReauthenticateWebAuthnView):  # type: ignore[misc]
    """Confirm with a passkey; a wrong one says so on the same page."""

    def form_invalid(self, form: Any) -> HttpResponse:
        """Draw the page again, with what is wrong."""
        context = self.get_context_data(form=form)
        answer: HttpResponse = self.render_to_response(context | {"form": form}, status=422)
        return answer
