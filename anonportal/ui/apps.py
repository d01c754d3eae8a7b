"""App of the page kit: layout, template tags, icons."""

from django.apps import AppConfig


class UiConfig(AppConfig):
    """The page kit."""

    name = "anonportal.ui"
    label = "ui"
