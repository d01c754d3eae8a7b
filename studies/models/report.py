"""A report that came back for a study, kept as it came: under cloud ids, and sealed."""

import uuid

from django.conf import settings
from django.db import models

from studies.models.organization import Organization
from studies.models.states import ReportState


class ReportFormat(models.TextChoices):
    """What a returned report is written in."""

    TEXT = "text", "text"


class Report(models.Model):
    """A returned report. Its text is sealed under the organization's key."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="reports")
    format = models.CharField(max_length=10, choices=ReportFormat.choices)
    state = models.CharField(max_length=12, choices=ReportState.choices)
    code = models.CharField(max_length=60, blank=True)
    cloud_study_id = models.CharField(max_length=13, blank=True)
    cloud_patient_id = models.CharField(max_length=13, blank=True)
    version = models.CharField(max_length=12, blank=True)
    sealed_body = models.BinaryField()
    size = models.PositiveIntegerField(default=0)
    received_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created = models.DateTimeField(auto_now_add=True)
    reidentified = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["organization", "-created"], name="report_newest"),
            models.Index(fields=["organization", "cloud_study_id"], name="report_of_study"),
        ]

    def __str__(self) -> str:
        return self.cloud_study_id or str(self.id)[:8]


class LookUp(models.Model):
    """One attempt to see a patient: what the limits per person and hour are counted from."""

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    cloud_study_id = models.CharField(max_length=13, blank=True)
    outcome = models.CharField(max_length=10)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["user", "-created"], name="look_up_of_person")]

    def __str__(self) -> str:
        return self.outcome
