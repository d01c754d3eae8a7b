"""What surrounds the guarded door: look-ups that need a second person, links, alerts.

No row here holds a patient's identifier: studies go by cloud id, reports by random id.
"""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from studies.models.organization import Organization
from studies.models.report import Report


class ConsentState(models.TextChoices):
    """Where a look-up of several studies is."""

    REQUESTED = "requested", _("Waits for consent")
    CONSENTED = "consented", _("Consented")
    DECLINED = "declined", _("Declined")


class BulkLookUp(models.Model):
    """Several studies that one radiologist wants to see at once, and what a second person said."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    cloud_study_ids = models.JSONField()
    reason = models.CharField(max_length=20)
    words = models.CharField(max_length=200, blank=True)
    state = models.CharField(
        max_length=10, choices=ConsentState.choices, default=ConsentState.REQUESTED
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    decided = models.DateTimeField(null=True)
    # Until when a request waits, and later until when the consent holds.
    expires = models.DateTimeField()
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created"]
        constraints = [
            models.CheckConstraint(
                name="bulk_needs_two_people",
                condition=models.Q(decided_by__isnull=True)
                | ~models.Q(decided_by=models.F("requested_by")),
            )
        ]

    def __str__(self) -> str:
        return str(self.id)[:8]

    @property
    def is_over(self) -> bool:
        """Say whether its time has passed."""
        return timezone.now() >= self.expires


class ReportLink(models.Model):
    """The right of one named person to open one report for a while."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    report = models.ForeignKey(Report, on_delete=models.CASCADE, related_name="links")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    words = models.CharField(max_length=200)
    expires = models.DateTimeField()
    revoked = models.DateTimeField(null=True)
    opened = models.DateTimeField(null=True)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created"]

    def __str__(self) -> str:
        return str(self.id)[:8]

    @property
    def is_over(self) -> bool:
        """Say whether it opens nothing any more."""
        return self.revoked is not None or timezone.now() >= self.expires


class DoorAlert(models.Model):
    """Somebody reached the number of look-ups that an hour allows."""

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created = models.DateTimeField(auto_now_add=True)
    seen_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    seen = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created"]
        indexes = [models.Index(fields=["organization", "-created"], name="door_alert_newest")]

    def __str__(self) -> str:
        return f"{self.person}"
