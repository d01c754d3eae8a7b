"""A batch, its studies, its instances, and the chunks of work on them."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from studies.models.organization import Organization
from studies.models.places import Destination, Source
from studies.models.profile import ProfileVersion
from studies.models.states import (
    BATCH_TRANSITIONS,
    INSTANCE_TRANSITIONS,
    OPEN_STATES,
    BatchState,
    ChunkKind,
    ChunkState,
    GuardedModel,
    GuardedQuerySet,
    InstanceState,
    Priority,
    ReleasePolicy,
)


class Batch(GuardedModel):
    """What was sent together: one source, one profile, one destination, one priority."""

    TRANSITIONS = BATCH_TRANSITIONS

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="batches")
    submitter = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    submitter_label = models.CharField(max_length=150, blank=True)
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="batches")
    destination = models.ForeignKey(Destination, on_delete=models.PROTECT, related_name="batches")
    profile_version = models.ForeignKey(
        ProfileVersion, on_delete=models.PROTECT, related_name="batches"
    )
    priority = models.CharField(max_length=7, choices=Priority.choices, default=Priority.ROUTINE)
    release_policy = models.CharField(
        max_length=10, choices=ReleasePolicy.choices, default=ReleasePolicy.MANUAL
    )
    # False: what is clean may leave while the rest is held, which follows as a supplement.
    waits_for_held = models.BooleanField(default=True)
    state = models.CharField(
        max_length=10, choices=BatchState.choices, default=BatchState.RECEIVING
    )
    # What stopped a batch in `attention`: a code of studies.services.reasons, never a value.
    attention_code = models.CharField(max_length=60, blank=True)
    attention_reference = models.CharField(max_length=36, blank=True)
    # Wrapped by the key ring; seals originals, staging and inventory. Empty once destroyed.
    wrapped_key = models.BinaryField()
    revision = models.PositiveIntegerField(default=0)
    # Of the files a person or a source announced; what arrived is counted from the instances.
    announced_files = models.PositiveIntegerField(default=0)
    announced_bytes = models.PositiveBigIntegerField(default=0)
    # Sealed list of paths still to be collected from a folder source.
    sealed_selection = models.BinaryField(null=True)
    created = models.DateTimeField(auto_now_add=True)
    submitted = models.DateTimeField(null=True)
    processing_started = models.DateTimeField(null=True)
    processed = models.DateTimeField(null=True)
    released = models.DateTimeField(null=True)
    released_by = models.CharField(max_length=150, blank=True)
    delivered = models.DateTimeField(null=True)
    closes = models.DateTimeField(null=True)
    closed = models.DateTimeField(null=True)
    alerted = models.DateTimeField(null=True)

    objects: ClassVar[GuardedQuerySet["Batch"]] = GuardedQuerySet["Batch"].as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="batch_state", condition=models.Q(state__in=BatchState.values)
            ),
            models.CheckConstraint(
                name="batch_priority", condition=models.Q(priority__in=Priority.values)
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "-created"], name="batch_newest"),
            models.Index(fields=["state"], name="batch_state_index"),
        ]

    def __str__(self) -> str:
        return self.short_id

    @property
    def short_id(self) -> str:
        """Return the first eight characters of the id, as pages show it."""
        return str(self.id)[:8]

    @property
    def is_open(self) -> bool:
        """Say whether its coordinators may still see identifiers."""
        return self.state in OPEN_STATES and bool(self.wrapped_key)

    @property
    def queue(self) -> str:
        """Return the queue of its priority."""
        return Priority(self.priority).queue


class Study(models.Model):
    """A study inside one batch."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="studies")
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="studies")
    number = models.PositiveIntegerField()
    # HMAC of the original Study Instance UID under a key of the batch.
    study_index = models.BinaryField(max_length=32)
    cloud_study_id = models.CharField(max_length=13, blank=True)
    cloud_patient_id = models.CharField(max_length=13, blank=True)
    modality = models.CharField(max_length=16, blank=True)
    body_part = models.CharField(max_length=16, blank=True)
    # Sealed under the batch's key: names, ids and descriptions for its coordinators.
    sealed_inventory = models.BinaryField(null=True)
    # Sealed: the patient id and issuer that a person entered for this study.
    sealed_patient = models.BinaryField(null=True)
    delivered = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["batch", "study_index"], name="study_once_per_batch"),
            models.UniqueConstraint(fields=["batch", "number"], name="study_number_unique"),
        ]
        indexes = [
            models.Index(fields=["organization", "cloud_study_id"], name="study_cloud_id"),
            models.Index(fields=["organization", "cloud_patient_id"], name="study_cloud_patient"),
        ]

    def __str__(self) -> str:
        return self.cloud_study_id or f"#{self.number}"

    @property
    def kind(self) -> str:
        """Return modality and body part, as in "CT CHEST"."""
        return " ".join(part for part in (self.modality, self.body_part) if part)


class Chunk(models.Model):
    """A piece of work on a batch, done in seconds and claimed by one run at a time."""

    id = models.BigAutoField(primary_key=True)
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="chunks")
    kind = models.CharField(max_length=10, choices=ChunkKind.choices)
    number = models.PositiveIntegerField()
    revision = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=8, choices=ChunkState.choices, default=ChunkState.PENDING)
    lease_token = models.UUIDField(null=True)
    lease_expires = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True)
    queued = models.DateTimeField(null=True)
    code = models.CharField(max_length=60, blank=True)
    reference = models.CharField(max_length=36, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    finished = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["batch", "kind", "number"], name="chunk_number_unique"),
        ]
        indexes = [models.Index(fields=["state", "lease_expires"], name="chunk_lost")]

    def __str__(self) -> str:
        return f"{self.kind} {self.number}"


class Instance(GuardedModel):
    """One entry of a batch: a file that came in, and what became of it."""

    TRANSITIONS = INSTANCE_TRANSITIONS

    id = models.BigAutoField(primary_key=True)
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="instances")
    # As the pages, reports and errors name it: its number in the order of arrival, from 1.
    number = models.PositiveIntegerField()
    study = models.ForeignKey(Study, on_delete=models.CASCADE, null=True, related_name="instances")
    state = models.CharField(
        max_length=12, choices=InstanceState.choices, default=InstanceState.RECEIVED
    )
    code = models.CharField(max_length=60, blank=True)
    where = models.CharField(max_length=200, blank=True)
    # What exclusion puts back when it is undone.
    state_before = models.CharField(max_length=12, blank=True)
    excluded_by = models.CharField(max_length=150, blank=True)
    excluded_reason = models.CharField(max_length=200, blank=True)
    # The sealed original: [[object name, offset, length], ...] in order.
    original = models.JSONField(default=list)
    size = models.PositiveBigIntegerField(default=0)
    # HMACs under a key of the batch: of the bytes, and of the SOP Instance UID.
    content_index = models.BinaryField(max_length=32, null=True)
    sop_index = models.BinaryField(max_length=32, null=True)
    sealed_path = models.BinaryField(null=True)
    inventoried = models.BooleanField(default=False)
    modality = models.CharField(max_length=16, blank=True)
    # What the check of its pixels came to; why and where stands in PixelCheck.
    pixels = models.CharField(max_length=12, blank=True)
    series_number = models.PositiveIntegerField(null=True)
    chunk = models.ForeignKey(Chunk, on_delete=models.SET_NULL, null=True, related_name="instances")
    delivery_chunk = models.ForeignKey(
        Chunk, on_delete=models.SET_NULL, null=True, related_name="deliveries"
    )
    # What left: all of it pseudonymous.
    sop_instance_uid = models.CharField(max_length=64, blank=True)
    series_instance_uid = models.CharField(max_length=64, blank=True)
    study_instance_uid = models.CharField(max_length=64, blank=True)
    staged = models.CharField(max_length=80, blank=True)
    output_size = models.PositiveBigIntegerField(default=0)
    output_sha256 = models.CharField(max_length=64, blank=True)
    object_key = models.CharField(max_length=200, blank=True)
    processed = models.DateTimeField(null=True)
    delivered = models.DateTimeField(null=True)
    revision = models.PositiveIntegerField(default=0)

    objects: ClassVar[GuardedQuerySet["Instance"]] = GuardedQuerySet["Instance"].as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["batch", "number"], name="instance_number_unique"),
            models.CheckConstraint(
                name="instance_state", condition=models.Q(state__in=InstanceState.values)
            ),
        ]
        indexes = [
            models.Index(fields=["batch", "state", "code"], name="instance_by_state"),
            models.Index(fields=["study", "state"], name="instance_of_study"),
            models.Index(fields=["batch", "sop_index"], name="instance_same_sop"),
            models.Index(fields=["sop_instance_uid"], name="instance_new_uid"),
            models.Index(fields=["batch", "processed"], name="instance_rate"),
        ]

    def __str__(self) -> str:
        return str(_("file {number}")).format(number=self.number)


class UploadPart(models.Model):
    """A part of an upload that arrived and is sealed; parts may come in any order and twice."""

    id = models.BigAutoField(primary_key=True)
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="parts")
    # The browser's number for the file inside this batch, and where this part stands in it.
    file = models.PositiveIntegerField()
    offset = models.PositiveBigIntegerField()
    length = models.PositiveBigIntegerField()
    file_size = models.PositiveBigIntegerField()
    sealed_path = models.BinaryField()
    object_name = models.CharField(max_length=80)
    object_offset = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["batch", "file", "offset"], name="part_once")
        ]

    def __str__(self) -> str:
        return f"{self.file}@{self.offset}"
