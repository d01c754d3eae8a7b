"""What left for a destination, and the manifest that says so."""

import uuid

from django.db import models

from studies.models.batch import Batch
from studies.models.places import Destination


class Delivery(models.Model):
    """One run of delivering a batch, or a supplement to it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="deliveries")
    destination = models.ForeignKey(
        Destination, on_delete=models.PROTECT, related_name="deliveries"
    )
    revision = models.PositiveIntegerField()
    started = models.DateTimeField()
    completed = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=10, blank=True)
    code = models.CharField(max_length=60, blank=True)
    message = models.CharField(max_length=300, blank=True)
    uri = models.CharField(max_length=300, blank=True)
    objects_sent = models.PositiveIntegerField(default=0)
    bytes_sent = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["batch", "revision"], name="delivery_revision_unique")
        ]
        ordering = ["-revision"]

    def __str__(self) -> str:
        return f"{self.batch} {self.revision}"


class Manifest(models.Model):
    """The signed list of everything a batch delivered, exactly as it was sent."""

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="manifests")
    revision = models.PositiveIntegerField()
    body = models.BinaryField()
    signature = models.BinaryField()
    key_id = models.CharField(max_length=64)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["batch", "revision"], name="manifest_revision_unique")
        ]
        ordering = ["-revision"]

    def __str__(self) -> str:
        return f"{self.batch} {self.revision}"
