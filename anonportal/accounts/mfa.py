"""Second factors as this portal keeps them: secrets sealed, every change in the trail.

allauth does the work. A change of somebody's factors and its event commit together or not at all.
"""

import base64
from typing import Any, Protocol, cast

import qrcode
from allauth.account.adapter import get_adapter as get_account_adapter
from allauth.account.authentication import get_authentication_records
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest
from django.utils.module_loading import import_string
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from qrcode.image.svg import SvgPathFillImage

from anonportal.accounts.models import User
from audit import SYSTEM_CHAIN, Actor, record, record_alone

_PURPOSE = "second-factors"
_KINDS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


class _Sealer(Protocol):
    def seal(self, purpose: str, value: bytes) -> bytes:
        """Seal a value."""

    def open(self, purpose: str, blob: bytes) -> bytes:
        """Open a sealed value."""


def _sealer() -> _Sealer:
    return cast(_Sealer, import_string(settings.SECRET_SEALER)(_PURPOSE))


def seal(text: str) -> str:
    """Seal a secret of a second factor, for a column of text."""
    return base64.b64encode(_sealer().seal("secret", text.encode())).decode("ascii")


def unseal(sealed: str) -> str:
    """Open what `seal` made."""
    return _sealer().open("secret", base64.b64decode(sealed)).decode()


class MfaAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """What allauth's second factors ask of this project."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": _("That was not right. Codes change every 30 seconds."),
    }

    def encrypt(self, text: str) -> str:
        """Seal a secret before it is stored."""
        return seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Open a stored secret."""
        return unseal(encrypted_text)

    def build_totp_svg(self, url: str) -> str:
        """Return the square that an app reads: on white, so that it works on dark pages too."""
        image: Any = qrcode.make(url, image_factory=SvgPathFillImage, border=2)
        return str(image.to_string(encoding="unicode"))

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:
        """Return a name for a new passkey."""
        count = Authenticator.objects.filter(user_id=user.pk, type=type).count()
        return gettext("Passkey {number}").format(number=count + 1)

    def _get_site_name(self) -> str:
        return "anonportal"


def has_second_factor(user: AbstractBaseUser) -> bool:
    """Tell whether a person has an app or a passkey set up; recovery codes alone don't count."""
    return bool(Authenticator.objects.filter(user_id=user.pk, type__in=_KINDS).exists())


def used_second_factor(request: HttpRequest) -> bool:
    """Tell whether this session was opened, or confirmed since, with a second factor."""
    records = get_authentication_records(request, request.user)
    return any(one.get("method") == "mfa" for one in records)


def _actor(user: User) -> Actor:
    request = context.request
    if request is None:  # a command removes a factor that somebody lost
        return Actor("system", "command", "command line")
    actor: Actor = get_account_adapter().person(
        request, request.user if isinstance(request.user, User) else user
    )
    return actor


def note_added(instance: Authenticator, created: bool, **_more: object) -> None:
    """Record a new factor, in the transaction that makes it."""
    if created:
        _note("person.factor_added", instance)


def note_removed(instance: Authenticator, **_more: object) -> None:
    """Record that a factor is gone, in the transaction that takes it away."""
    _note("person.factor_removed", instance)


def _note(action: str, factor: Authenticator) -> None:
    record(
        action,
        actor=_actor(factor.user),
        chain=SYSTEM_CHAIN,
        subject=str(factor.user_id),
        subject_kind="person",
        detail={"factor": str(factor.type)},
    )


def note_used(
    user: User, authenticator: Authenticator, reauthenticated: bool = False, **_more: object
) -> None:
    """Record that a signed-in person confirmed who they are; sign-in has its own event."""
    if reauthenticated:
        record_alone(
            "person.reauthenticated",
            actor=_actor(user),
            chain=SYSTEM_CHAIN,
            subject=str(user.pk),
            subject_kind="person",
            detail={"by": str(authenticator.type)},
        )
