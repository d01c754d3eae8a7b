"""Addresses of sign-in and the account: only what this portal uses of allauth."""

from allauth.account import views as allauth
from allauth.mfa.base import views as factors
from allauth.mfa.recovery_codes import views as recovery
from allauth.mfa.webauthn import views as passkeys
from allauth.socialaccount import views as oidc
from allauth.socialaccount.providers.openid_connect import views as oidc_views
from django.urls import path, re_path
from django.views.decorators.cache import never_cache

from anonportal.accounts import mfa_views, views

urlpatterns = [
    path("", views.account, name="account"),
    path("language/", views.set_language, name="language"),
    path("sign-in/", allauth.login, name="account_login"),
    path("sign-out/", allauth.logout, name="account_logout"),
    path("inactive/", allauth.account_inactive, name="account_inactive"),
    path("re-authenticate/", allauth.reauthenticate, name="account_reauthenticate"),
    path("password/", allauth.password_change, name="account_change_password"),
    path("password/reset/", allauth.password_reset, name="account_reset_password"),
    path("password/reset/sent/", allauth.password_reset_done, name="account_reset_password_done"),
    path(
        "password/reset/done/",
        allauth.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    re_path(
        r"^password/reset/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        allauth.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    # the hospital's identity provider, where one is set
    path("oidc/cancelled/", oidc.login_cancelled, name="socialaccount_login_cancelled"),
    path("oidc/error/", oidc.login_error, name="socialaccount_login_error"),
    path("oidc/<slug:provider_id>/", oidc_views.login, name="openid_connect_login"),
    path("oidc/<slug:provider_id>/back/", oidc_views.callback, name="openid_connect_callback"),
    # second factors
    path("factors/", never_cache(factors.index), name="mfa_index"),
    path("sign-in/code/", never_cache(factors.authenticate), name="mfa_authenticate"),
    path("sign-in/passkey/", never_cache(passkeys.login_webauthn), name="mfa_login_webauthn"),
    path("re-authenticate/code/", never_cache(factors.reauthenticate), name="mfa_reauthenticate"),
    path(
        "re-authenticate/passkey/",
        never_cache(mfa_views.ReauthenticatePasskey.as_view()),
        name="mfa_reauthenticate_webauthn",
    ),
    path(
        "factors/app/",
        never_cache(mfa_views.ActivateApp.as_view()),
        name="mfa_activate_totp",
    ),
    path(
        "factors/app/remove/",
        never_cache(mfa_views.DeactivateApp.as_view()),
        name="mfa_deactivate_totp",
    ),
    path("factors/passkeys/", never_cache(passkeys.list_webauthn), name="mfa_list_webauthn"),
    path(
        "factors/passkeys/add/",
        never_cache(mfa_views.AddPasskey.as_view()),
        name="mfa_add_webauthn",
    ),
    path(
        "factors/passkeys/<int:pk>/",
        never_cache(passkeys.edit_webauthn),
        name="mfa_edit_webauthn",
    ),
    path(
        "factors/passkeys/<int:pk>/remove/",
        never_cache(mfa_views.RemovePasskey.as_view()),
        name="mfa_remove_webauthn",
    ),
    path(
        "factors/recovery/",
        never_cache(recovery.view_recovery_codes),
        name="mfa_view_recovery_codes",
    ),
    path(
        "factors/recovery/new/",
        never_cache(mfa_views.GenerateCodes.as_view()),
        name="mfa_generate_recovery_codes",
    ),
]
