"""App of the mapping between patients and their pseudonyms, on a database of its own."""

from django.apps import AppConfig


class VaultConfig(AppConfig):
    """The vault."""

    name = "studies.vault"
    label = "vault"
