"""Signing in at the hospital's own identity provider (OpenID Connect), where one is set.

It makes no account and keeps nothing: it vouches for the verified e-mail address of an account that
an administrator made. Second factors of the account are asked for as after a password.
"""

from typing import Any

from allauth.account import app_settings
from allauth.account.adapter import get_adapter as get_account_adapter
from allauth.account.internal.flows.login import record_authentication
from allauth.account.utils import perform_login
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.contrib import messages
from django.http import HttpRequest
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from anonportal.accounts.models import User


class OidcAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Decides what an identity provider's word is worth here."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Nobody signs up."""
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Sign the vouched-for person in, or say why not; nothing comes after this."""
        claims: dict[str, Any] = sociallogin.account.extra_data
        told: dict[str, Any] = {**(claims.get("id_token") or {}), **(claims.get("userinfo") or {})}
        email = str(told.get("email") or "").strip().lower()
        user = User.objects.filter(email=email, is_active=True).first() if email else None
        if user is None or told.get("email_verified") is not True:
            reason = "no such account" if user is None else "address not verified"
            get_account_adapter().vouched_refused(request, email, reason)
            messages.error(
                request,
                _("Your identity provider knows you, but no account here has your address."),
            )
            raise ImmediateHttpResponse(redirect("account_login"))
        record_authentication(request, user, "socialaccount", provider="hospital")
        answer = perform_login(
            request,
            user,
            email_verification=app_settings.EmailVerificationMethod.NONE,
            redirect_url=sociallogin.get_redirect_url(request),
        )
        raise ImmediateHttpResponse(answer)

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, error: Any = None, **_more: Any
    ) -> None:
        """Record that a sign-in there came back broken or was broken off."""
        reason = str(error) if error in {"cancelled", "denied"} else "provider failed"
        get_account_adapter().vouched_refused(request, "", reason)
