"""The door before what only a person with a fresh password may see.

A page that asks for the password in its own form calls `knock`; a page that only needs a recent
one asks `is_open`. Each try is counted, limited and recorded by the adapter, before the answer.
"""

from dataclasses import dataclass

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows import reauthentication
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from anonportal.accounts.lockout import tries_left
from anonportal.accounts.models import User


@dataclass(frozen=True)
class Answer:
    """What the door said: open or not, and how many tries are left."""

    is_open: bool
    tries_left: int

    @property
    def is_locked(self) -> bool:
        """Tell whether even the right password has to wait now."""
        return not self.is_open and self.tries_left == 0


def knock(request: HttpRequest, password: str) -> Answer:
    """Check the signed-in person's password again; open the door for five minutes if it is right.

    Call it outside any transaction: each try is recorded in one of its own.
    """
    user = request.user
    if not isinstance(user, User):
        raise TypeError("only a signed-in person can knock")
    try:
        is_right = bool(password) and get_adapter().reauthenticate(user, password)
    except ValidationError:  # beyond the limit; the adapter has recorded it as refused
        is_right = False
    if is_right:
        reauthentication.reauthenticate_by_password(request)
    return Answer(is_right, tries_left(request, user.email))


def is_open(request: HttpRequest) -> bool:
    """Tell whether this person gave the password within the last five minutes."""
    return bool(reauthentication.did_recently_reauthenticate(request))
