"""A report that came back for a study, kept as it came: under cloud ids, and sealed."""

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from studies.models.organization import Organization
from studies.models.states import ReportState


class ReportFormat(models.TextChoices):
    """What a returned report is written in."""

    TEXT = "text", _("text")
    HL7 = "hl7", "HL7 v2"
    FHIR = "fhir", "FHIR"
    DICOM = "dicom", "DICOM"
    PDF = "pdf", "PDF"
    UNKNOWN = "unknown", _("unknown")


class ReportStatus(models.TextChoices):
    """What a report says of itself."""

    PRELIMINARY = "preliminary", _("Preliminary")
    FINAL = "final", _("Final")
    CORRECTED = "corrected", _("Corrected")
    ADDENDUM = "addendum", _("Addendum")


class Report(models.Model):
    """A returned report. What it says is sealed under the organization's key, in its body."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="reports")
    format = models.CharField(max_length=10, choices=ReportFormat.choices)
    state = models.CharField(max_length=12, choices=ReportState.choices)
    code = models.CharField(max_length=60, blank=True)
    # Where in the report the code arose: a field's name, never what stands in it.
    where = models.CharField(max_length=80, blank=True)
    cloud_study_id = models.CharField(max_length=13, blank=True)
    cloud_patient_id = models.CharField(max_length=13, blank=True)
    version = models.CharField(max_length=12, blank=True, choices=ReportStatus.choices)
    # The version that this one follows.
    previous = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, related_name="following"
    )
    # How it came: page, api, stow or mllp.
    channel = models.CharField(max_length=6, blank=True)
    # HMACs under the organization's key: of the bytes, of the sender's message number, and of the
    # report's own name.
    body_index = models.BinaryField(max_length=32, default=b"")
    control_index = models.BinaryField(max_length=32, default=b"")
    own_index = models.BinaryField(max_length=32, default=b"")
    size = models.PositiveIntegerField(default=0)
    received_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created = models.DateTimeField(auto_now_add=True)
    reidentified = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "body_index"],
                condition=~models.Q(body_index=b""),
                name="report_once",
            )
        ]
        indexes = [
            models.Index(fields=["organization", "-created"], name="report_newest"),
            models.Index(fields=["organization", "cloud_study_id"], name="report_of_study"),
            models.Index(fields=["organization", "control_index"], name="report_same_message"),
            models.Index(fields=["organization", "own_index"], name="report_same_name"),
        ]

    def __str__(self) -> str:
        return self.cloud_study_id or str(self.id)[:8]

    @property
    def is_latest(self) -> bool:
        """Say whether no later version follows."""
        return not Report.objects.filter(previous=self).exists()


class ReportBody(models.Model):
    """The sealed bytes of a report, apart from its row: lists of reports never load them."""

    report = models.OneToOneField(
        Report, on_delete=models.CASCADE, primary_key=True, related_name="body"
    )
    sealed = models.BinaryField()

    def __str__(self) -> str:
        return str(self.report_id)[:8]


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
