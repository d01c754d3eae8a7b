"""App of studies on their way out and of reports on their way back."""

from django.apps import AppConfig


class StudiesConfig(AppConfig):
    """Studies, batches, deliveries and reports."""

    name = "studies"
