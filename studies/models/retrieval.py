"""What was chosen from a PACS for a batch, series by series: how much it said it has, what came."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from studies.models.batch import Batch


class RetrievalState(models.TextChoices):
    """Where the retrieval of a series is."""

    WAITING = "waiting", _("Waiting")
    COMPLETE = "complete", _("Complete")
    GAP = "gap", _("Incomplete")


class Retrieval(models.Model):
    """A series on its way from a source; its UIDs are sealed under the batch's key."""

    id = models.BigAutoField(primary_key=True)
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="retrievals")
    # As pages name it: the study's number in the selection, and the series' number in that.
    study_number = models.PositiveIntegerField()
    series_number = models.PositiveIntegerField()
    modality = models.CharField(max_length=16, blank=True)
    # Sealed: study and series UID; then what the source listed, and what of it is here.
    sealed_uids = models.BinaryField()
    sealed_listing = models.BinaryField(null=True)
    sealed_received = models.BinaryField(null=True)
    # None: the source doesn't say.
    expected = models.PositiveIntegerField(null=True)
    received = models.PositiveIntegerField(default=0)
    size = models.PositiveBigIntegerField(default=0)
    # Tries since the last instance came.
    tries = models.PositiveSmallIntegerField(default=0)
    state = models.CharField(
        max_length=10, choices=RetrievalState.choices, default=RetrievalState.WAITING
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["batch", "study_number", "series_number"], name="retrieval_once"
            )
        ]
        indexes = [models.Index(fields=["batch", "state"], name="retrieval_waiting")]

    def __str__(self) -> str:
        return f"{self.study_number}.{self.series_number}"


__all__ = ["Retrieval", "RetrievalState"]
