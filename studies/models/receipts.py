"""What archives confirmed: they can't be asked by checksum whether they hold an object."""

from django.db import models

from studies.models.batch import Batch
from studies.models.places import Destination


class ObjectReceipt(models.Model):
    """An object that was begun to be sent to an archive, and whether the archive confirmed it.

    Only until the batch's delivery is complete; a retry sends what has no confirmation.
    """

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="receipts")
    destination = models.ForeignKey(Destination, on_delete=models.CASCADE, related_name="receipts")
    object_key = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    confirmed = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["batch", "destination", "object_key"], name="receipt_object_unique"
            )
        ]

    def __str__(self) -> str:
        return self.object_key
