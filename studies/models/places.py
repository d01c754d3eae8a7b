"""Where studies come from and where they go."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from studies.models.organization import LinkageDomain, Organization
from studies.models.states import DestinationState, ReleasePolicy


class SourceKind(models.TextChoices):
    """How studies come in."""

    UPLOAD = "upload", _("Upload")
    FOLDER = "folder", _("Folder")
    DICOMWEB = "dicomweb", _("DICOMweb")
    DIMSE = "dimse", _("DIMSE")
    LISTENER = "listener", _("Listener")


class DestinationKind(models.TextChoices):
    """How studies go out."""

    FOLDER = "folder", _("Folder")
    S3 = "s3", _("S3 bucket")
    AZURE = "azure", _("Azure Blob container")
    STOW = "stow", _("DICOMweb (STOW-RS)")
    DIMSE = "dimse", _("DICOM node (C-STORE)")


class Source(models.Model):
    """A place that studies are taken from; they are never changed there."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="sources")
    name = models.CharField(_("name"), max_length=80)
    kind = models.CharField(_("kind"), max_length=10, choices=SourceKind.choices)
    config = models.JSONField(default=dict, blank=True)
    sealed_credentials = models.BinaryField(null=True)
    is_active = models.BooleanField(default=True)
    tested = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=300, blank=True)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="source_name_unique")
        ]
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Destination(models.Model):
    """A place that de-identified studies are delivered to."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="destinations"
    )
    domain = models.ForeignKey(LinkageDomain, on_delete=models.PROTECT, related_name="destinations")
    name = models.CharField(_("name"), max_length=80)
    kind = models.CharField(_("kind"), max_length=10, choices=DestinationKind.choices)
    config = models.JSONField(default=dict, blank=True)
    sealed_credentials = models.BinaryField(null=True)
    # What the organization's privacy officer asks of a recipient.
    region = models.CharField(_("region"), max_length=40)
    operator = models.CharField(_("operator"), max_length=120)
    agreement = models.CharField(_("agreement reference"), max_length=120)
    allows_nonconformant = models.BooleanField(_("accepts non-conformant profiles"), default=False)
    release_policy = models.CharField(
        _("release policy"), max_length=10, choices=ReleasePolicy.choices, blank=True
    )
    state = models.CharField(
        max_length=10, choices=DestinationState.choices, default=DestinationState.NOT_TESTED
    )
    tested = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=300, blank=True)
    last_error_at = models.DateTimeField(null=True)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="destination_name_unique")
        ]
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


__all__ = ["Destination", "DestinationKind", "Source", "SourceKind"]
