"""App of people and sign-in."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """People who sign in."""

    name = "anonportal.accounts"
    label = "accounts"

    def ready(self) -> None:
        """Tie changes of second factors to the trail."""
        from allauth.mfa.models import Authenticator
        from allauth.mfa.signals import authenticator_used
        from django.db.models.signals import post_delete, post_save

        from anonportal.accounts import mfa

        post_save.connect(mfa.note_added, sender=Authenticator)
        post_delete.connect(mfa.note_removed, sender=Authenticator)
        authenticator_used.connect(mfa.note_used)
