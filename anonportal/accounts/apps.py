"""App of people and sign-in."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """People who sign in."""

    name = "anonportal.accounts"
    label = "accounts"
