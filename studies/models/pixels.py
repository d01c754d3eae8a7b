"""What was found in the pixels of an instance, what people said about it, and what they drew.

No column holds text that was read from an image, nor anything that a file says of itself: boxes are
numbers, reasons name attributes. A device template holds a device's make, which a person saved.
"""

import uuid
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from studies.models.batch import Batch, Instance
from studies.models.organization import Organization
from studies.models.states import GuardedModel, GuardedQuerySet


class PixelState(models.TextChoices):
    """What the check of an instance's pixels came to; "" where there was none."""

    NOT_AT_RISK = "not-at-risk", _("Nothing says that it shows text")
    CLEAN = "clean", _("Looked at, no text")
    BLANKED = "blanked", _("Text blanked")
    REVIEW = "review", _("Waits for a person")
    UNCHECKED = "unchecked", _("Not checked")


class PixelCheck(models.Model):
    """The verdict on one instance's pixels, and a person's word on it; pages name it by its id."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    instance = models.OneToOneField(Instance, on_delete=models.CASCADE, related_name="pixel_check")
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="pixel_checks")
    state = models.CharField(max_length=12, choices=PixelState.choices, blank=True)
    # Names attributes and what about them, as the engine says it; never a value of a file.
    because = models.JSONField(default=list)
    # [[x, y, width, height, first frame or null, last frame or null, because, kept], ...]
    boxes = models.JSONField(default=list)
    frames = models.PositiveIntegerField(default=0)
    frames_looked = models.PositiveIntegerField(default=0)
    rows = models.PositiveIntegerField(default=0)
    columns = models.PositiveIntegerField(default=0)
    lossy = models.BooleanField(default=False)
    # What a person drew in place of what was found; null while nobody did.
    person_boxes = models.JSONField(null=True)
    approved = models.BooleanField(default=False)
    decided_by = models.CharField(max_length=150, blank=True)
    decided = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["batch", "state"], name="pixel_check_by_state")]

    def __str__(self) -> str:
        return f"{self.instance}: {self.state}"


class DeviceTemplate(models.Model):
    """Boxes that are blanked on every image of one device at one matrix size."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="device_templates"
    )
    manufacturer = models.CharField(max_length=64)
    model = models.CharField(max_length=64)
    rows = models.PositiveIntegerField()
    columns = models.PositiveIntegerField()
    boxes = models.JSONField(default=list)
    created_by = models.CharField(max_length=150)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "manufacturer", "model", "rows", "columns"],
                name="device_template_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.manufacturer} {self.model}, {self.columns} × {self.rows}"


class SampleState(models.TextChoices):
    """Where a sampling review is."""

    OPEN = "open", _("Open")
    PASSED = "passed", _("Passed")
    FAILED = "failed", _("Failed")


class Sample(GuardedModel):
    """Images drawn at random from what a batch is about to send, for people to look at."""

    TRANSITIONS = {
        SampleState.OPEN: frozenset({SampleState.PASSED, SampleState.FAILED}),
        SampleState.PASSED: frozenset(),
        SampleState.FAILED: frozenset(),
    }

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="samples")
    state = models.CharField(max_length=6, choices=SampleState.choices, default=SampleState.OPEN)
    # What it answers for: so many images, each processed before it was drawn.
    population = models.PositiveIntegerField()
    size = models.PositiveIntegerField()
    # "confidence % sure that fewer than permille ‰ show an identifier", if none of the drawn does.
    confidence = models.PositiveSmallIntegerField()
    permille = models.PositiveSmallIntegerField()
    drawn_by = models.CharField(max_length=150)
    drawn = models.DateTimeField(auto_now_add=True)
    finished = models.DateTimeField(null=True)

    objects: ClassVar[GuardedQuerySet["Sample"]] = GuardedQuerySet["Sample"].as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="sample_state", condition=models.Q(state__in=SampleState.values)
            ),
            models.UniqueConstraint(
                fields=["batch"], condition=models.Q(state="open"), name="sample_open_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.size}/{self.population}"


class Verdict(models.TextChoices):
    """What a person says of a drawn image."""

    NONE = "", _("Not looked at yet")
    CLEAN = "clean", _("Shows no identifier")
    FINDING = "finding", _("Shows an identifier")
    GONE = "gone", _("Left the batch before it was looked at")


class SampleItem(models.Model):
    """One drawn image, in the order it is shown, and what was said of it."""

    id = models.BigAutoField(primary_key=True)
    sample = models.ForeignKey(Sample, on_delete=models.CASCADE, related_name="items")
    number = models.PositiveIntegerField()
    check_row = models.ForeignKey(PixelCheck, on_delete=models.CASCADE, related_name="sample_items")
    verdict = models.CharField(max_length=7, choices=Verdict.choices, blank=True)
    # Which output was judged: it is none of the batch's any more once it was made again.
    output_sha256 = models.CharField(max_length=64, blank=True)
    judged_by = models.CharField(max_length=150, blank=True)
    judged = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sample", "number"], name="sample_item_number"),
            models.UniqueConstraint(fields=["sample", "check_row"], name="sample_item_once"),
        ]

    def __str__(self) -> str:
        return f"{self.number}: {self.verdict}"
