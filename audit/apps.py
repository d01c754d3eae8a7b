"""App of the audit trail."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """The tamper-evident audit trail."""

    name = "audit"
