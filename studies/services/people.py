"""Inviting people: an account without a password, and the link with which its person sets one."""

from typing import Any

from django.contrib.auth import get_user_model

from studies.services import organizations
from studies.services.access import Viewer


def invite(caller: Viewer, *, email: str, name: str, role: str) -> bool:
    """Give a role to the person with this address; return whether the account is new.

    A new account has no password: its person sets one by "I cannot sign in", which mails a link.
    """
    users: Any = get_user_model()._default_manager
    user = users.filter(email__iexact=email.strip()).first()
    is_new = user is None
    if is_new:
        user = organizations.create_person(email=email, name=name, actor=caller.actor)
    organizations.grant(user, caller.organization, role, caller.actor)
    return is_new
