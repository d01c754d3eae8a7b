"""The door before what only a person who just proved who they are may see.

A page that asks in its own form calls `knock`; a page that only needs a recent answer asks
`is_open`. Each try is counted, limited and recorded before the answer.
"""

import time
from dataclasses import dataclass
from typing import Any

from allauth.account import app_settings
from allauth.account.adapter import get_adapter
from allauth.account.internal.flows import reauthentication
from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import auth as passkeys
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from anonportal.accounts.lockout import tries_left
from anonportal.accounts.mfa_forms import ReauthenticateCodeForm, ReauthenticatePasskeyForm
from anonportal.accounts.models import User


@dataclass(frozen=True)
class Answer:
    """What the door said: open or not, and how many tries of the password are left."""

    is_open: bool
    tries_left: int
    # What was tried: "password", "code", "passkey", or nothing.
    by: str = "password"

    @property
    def is_locked(self) -> bool:
        """Tell whether even the right password has to wait now."""
        return not self.is_open and self.tries_left == 0


@dataclass(frozen=True)
class Keys:
    """What a person can prove themselves with."""

    password: bool
    code: bool
    passkey: bool


def knock(request: HttpRequest, password: str, *, code: str = "", credential: str = "") -> Answer:
    """Check the signed-in person again; open the door for five minutes if it is right.

    Call it outside any transaction: each try is recorded in one of its own.
    """
    user = _person(request)
    if credential:
        is_right = _passes(ReauthenticatePasskeyForm(user=user, data={"credential": credential}))
        return Answer(is_right, tries_left(request, user.email), "passkey")
    if code:
        is_right = _passes(ReauthenticateCodeForm(user=user, data={"code": code}))
        return Answer(is_right, tries_left(request, user.email), "code")
    try:
        is_right = bool(password) and get_adapter().reauthenticate(user, password)
    except ValidationError:  # beyond the limit; the adapter has recorded it as refused
        is_right = False
    if is_right:
        reauthentication.reauthenticate_by_password(request)
    return Answer(is_right, tries_left(request, user.email))


def is_open(request: HttpRequest) -> bool:
    """Tell whether this person proved who they are within the last five minutes.

    Stricter than allauth's own answer, which lets those in who have nothing to prove it with.
    """
    moments = [
        one["at"]
        for one in get_authentication_records(request, request.user)
        if one.get("reauthenticated")
    ]
    if not moments:
        return False
    age = time.time() - max(moments)
    return bool(0 <= age < app_settings.REAUTHENTICATION_TIMEOUT)


def keys_of(request: HttpRequest) -> Keys:
    """Return what the signed-in person can prove themselves with."""
    user = _person(request)
    kinds = set(Authenticator.objects.filter(user_id=user.pk).values_list("type", flat=True))
    return Keys(
        password=user.has_usable_password(),
        code=bool(kinds & {Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES}),
        passkey=Authenticator.Type.WEBAUTHN in kinds,
    )


def passkey_challenge(request: HttpRequest) -> dict[str, Any]:
    """Return what the browser signs with a passkey; it is good for one answer of this session."""
    return {"request_options": passkeys.begin_authentication(_person(request))}


def _passes(form: Any) -> bool:
    if not form.is_valid():
        return False
    form.save()
    return True


def _person(request: HttpRequest) -> User:
    user = request.user
    if not isinstance(user, User):
        raise TypeError("only a signed-in person can knock")
    return user
