"""Where re-identified reports are sent on to: the hospital's own systems; and each sending.

These targets are inside the hospital. They are never destinations of de-identified studies.
"""

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from studies.models.organization import Organization
from studies.models.report import Report
from studies.models.states import DestinationState


class TargetKind(models.TextChoices):
    """How a report is sent on."""

    MLLP = "mllp", _("HL7 over MLLP")
    STOW = "stow", _("DICOMweb STOW-RS")
    CSTORE = "cstore", _("DICOM C-STORE")
    FOLDER = "folder", _("Folder")


class SendingState(models.TextChoices):
    """Where the sending of one report is."""

    QUEUED = "queued", _("Queued")
    SENDING = "sending", _("Sending")
    ACKNOWLEDGED = "acknowledged", _("Acknowledged")
    FAILED = "failed", _("Failed")


class ReportTarget(models.Model):
    """A system of the hospital that takes re-identified reports."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="report_targets"
    )
    name = models.CharField(_("name"), max_length=80)
    kind = models.CharField(_("kind"), max_length=10, choices=TargetKind.choices)
    config = models.JSONField(default=dict, blank=True)
    sealed_credentials = models.BinaryField(null=True)
    state = models.CharField(
        max_length=10, choices=DestinationState.choices, default=DestinationState.NOT_TESTED
    )
    tested = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=300, blank=True)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name"], name="report_target_name_unique"
            )
        ]
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ReportSending(models.Model):
    """One report on its way to one target, asked for by a person, with its acknowledgement."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    report = models.ForeignKey(Report, on_delete=models.CASCADE, related_name="sendings")
    target = models.ForeignKey(ReportTarget, on_delete=models.PROTECT, related_name="sendings")
    state = models.CharField(
        max_length=12, choices=SendingState.choices, default=SendingState.QUEUED
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True)
    lease_token = models.UUIDField(null=True)
    lease_expires = models.DateTimeField(null=True)
    code = models.CharField(max_length=60, blank=True)
    # What the target answered; it may name the patient, so it is sealed.
    sealed_acknowledgement = models.BinaryField(null=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    # The event of the look-up that let it pass the door.
    event = models.CharField(max_length=40)
    created = models.DateTimeField(auto_now_add=True)
    finished = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["state", "not_before"], name="report_sending_due")]
        ordering = ["-created"]

    def __str__(self) -> str:
        return f"{self.report} {self.state}"
