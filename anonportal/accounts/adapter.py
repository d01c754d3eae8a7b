"""Signing in and out, each act recorded in the trail before it takes effect.

allauth does the work; this adapter ties it to the audit chain `system`. What a stranger typed is
never written down: a known account's id, else a keyed reference.
"""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context as allauth_context
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from anonportal.accounts.models import User
from audit import SYSTEM_CHAIN, Actor, Outcome, record, record_alone

_NOBODY = ("anonymous", "Not signed in")


def display(user: User) -> str:
    """Return how allauth names a person."""
    return str(user)


def typed_reference(email: str) -> str:
    """Return a keyed reference to what was typed: equal inputs look equal, none can be read."""
    name = email.strip().lower()
    return salted_hmac("anonportal.accounts.typed", name, algorithm="sha256").hexdigest()[:16]


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """What allauth asks of this project."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": _("Check the e-mail address and the password."),
        "incorrect_password": _("The password is not right."),
        "enter_current_password": _("The current password is not right."),
        "too_many_login_attempts": _(
            "Too many tries. This account waits 15 minutes; nothing else was changed."
        ),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody signs up: accounts are made by administrators and commands."""
        return False

    # --- who ---------------------------------------------------------------------------------

    def _address(self, request: HttpRequest) -> str:
        try:
            return str(self.get_client_ip(request))
        except PermissionDenied:
            return ""  # a proxy that isn't configured: the act is recorded without an address

    def person(self, request: HttpRequest, user: User) -> Actor:
        """Return a person as the trail names them."""
        return Actor("person", str(user.pk), str(user), address=self._address(request))

    def _stranger(self, request: HttpRequest) -> Actor:
        return Actor("person", *_NOBODY, address=self._address(request))

    # --- signing in and out ------------------------------------------------------------------

    def login(self, request: HttpRequest, user: User) -> None:
        """Sign a person in; the event is committed first, so no session starts without one."""
        record_alone(
            "person.signed_in",
            actor=self.person(request, user),
            chain=SYSTEM_CHAIN,
            subject=str(user.pk),
            subject_kind="person",
        )
        super().login(request, user)

    def logout(self, request: HttpRequest, reason: str = "by the person") -> None:
        """Sign a person out."""
        user = request.user
        if isinstance(user, User):
            record_alone(
                "person.signed_out",
                actor=self.person(request, user),
                chain=SYSTEM_CHAIN,
                subject=str(user.pk),
                subject_kind="person",
                detail={"reason": reason},
            )
        super().logout(request)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count the try; beyond the limit it is refused and recorded unchecked."""
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            self._refused(request, "locked", credentials)
            raise

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Record a wrong password or an unknown account."""
        self._refused(request, "not right", credentials)

    def _refused(self, request: HttpRequest, reason: str, credentials: dict[str, Any]) -> None:
        if isinstance(request.user, User):
            record_alone(
                "person.reauthentication_refused",
                Outcome.REFUSED,
                actor=self.person(request, request.user),
                chain=SYSTEM_CHAIN,
                subject=str(request.user.pk),
                subject_kind="person",
                detail={"reason": reason},
            )
            return
        typed = str(credentials.get("email", ""))
        known = User.objects.filter(email=typed.strip().lower()).first()
        record_alone(
            "person.sign_in_refused",
            Outcome.REFUSED,
            actor=self._stranger(request),
            chain=SYSTEM_CHAIN,
            subject=str(known.pk) if known else typed_reference(typed),
            subject_kind="person" if known else "typed",
            detail={"reason": reason},
        )

    def vouched_refused(self, request: HttpRequest, email: str, reason: str) -> None:
        """Record that an identity provider's word opened no account."""
        known = User.objects.filter(email=email.strip().lower()).first()
        record_alone(
            "person.sign_in_refused",
            Outcome.REFUSED,
            actor=self._stranger(request),
            chain=SYSTEM_CHAIN,
            subject=str(known.pk) if known else (typed_reference(email) if email else ""),
            subject_kind="person" if known else ("typed" if email else ""),
            detail={"reason": reason, "by": "identity provider"},
        )

    def factor_refused(
        self, request: HttpRequest, user: User | None, factor: str, reason: str
    ) -> None:
        """Record a wrong second factor, of somebody signing in or of a signed-in person."""
        here = request.user if isinstance(request.user, User) else None
        action = "person.reauthentication_refused" if here else "person.sign_in_refused"
        known = here or user
        record_alone(
            action,
            Outcome.REFUSED,
            actor=self.person(request, here) if here else self._stranger(request),
            chain=SYSTEM_CHAIN,
            subject=str(known.pk) if known else "",
            subject_kind="person" if known else "",
            detail={"reason": reason, "factor": factor},
        )

    def reauthenticate(self, user: User, password: str) -> bool:
        """Check a signed-in person's password again; counted, limited and recorded."""
        request = allauth_context.request
        found = self.authenticate(request, email=user.email, password=password)
        if found is None or found.pk != user.pk:
            return False
        record_alone(
            "person.reauthenticated",
            actor=self.person(request, user),
            chain=SYSTEM_CHAIN,
            subject=str(user.pk),
            subject_kind="person",
        )
        return True

    # --- passwords ---------------------------------------------------------------------------

    def set_password(self, user: User, password: str) -> None:
        """Change a password and record it, both or neither."""
        request = allauth_context.request
        by_link = request.user != user
        with transaction.atomic():
            record(
                "person.password_changed",
                actor=self.person(request, user),
                chain=SYSTEM_CHAIN,
                subject=str(user.pk),
                subject_kind="person",
                detail={"by": "mailed link" if by_link else "person"},
            )
            super().set_password(user, password)

    def send_notification_mail(
        self,
        template_prefix: str,
        user: User,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        """Tell the person about a change to the account, at the account's own address."""
        send, request = super().send_notification_mail, allauth_context.request or self.request

        def go() -> None:
            with allauth_context.request_context(request):
                send(template_prefix, user, context, email or user.email)

        # Second factors change inside a transaction, and none waits for a mail server.
        if template_prefix.startswith("mfa/"):
            transaction.on_commit(go)
        else:
            go()
