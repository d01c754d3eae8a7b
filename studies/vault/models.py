"""Rows of the vault. Nothing that identifies stands here in clear: only blind indexes and sealed
values, each bound to its row. Cloud ids and new UIDs stand in clear, as the recipient has them.

The vault knows nothing of the portal's rows; a domain's UUID is all that they share.
"""

from django.db import models


class Domain(models.Model):
    """A linkage domain: its root makes UIDs and date offsets, and never changes."""

    id = models.UUIDField(primary_key=True, editable=False)
    organization_id = models.UUIDField()
    name = models.CharField(max_length=150)
    wrapped_root = models.BinaryField()
    kek_version = models.PositiveIntegerField()
    # The version that new rows are sealed and indexed under.
    key_version = models.PositiveIntegerField(default=1)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["organization_id"], name="vault_domain_organization")]

    def __str__(self) -> str:
        return str(self.id)


class DomainKey(models.Model):
    """One version of the root from which a domain's sealing and blind-index keys are derived."""

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="keys")
    version = models.PositiveIntegerField()
    wrapped = models.BinaryField()
    kek_version = models.PositiveIntegerField()
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["domain", "version"], name="vault_key_once")]

    def __str__(self) -> str:
        return f"{self.domain_id} {self.version}"


class Patient(models.Model):
    """A patient of one domain."""

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="patients")
    cloud_id = models.CharField(max_length=13, unique=True)
    index = models.BinaryField(max_length=32)
    key_version = models.PositiveIntegerField()
    sealed = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["domain", "index"], name="vault_patient_once")
        ]
        indexes = [models.Index(fields=["domain", "key_version"], name="vault_patient_version")]

    def __str__(self) -> str:
        return self.cloud_id


class Study(models.Model):
    """A study of one patient. Prefix and scheme stay those it was first sent under."""

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="studies")
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="studies")
    cloud_id = models.CharField(max_length=13, unique=True)
    index = models.BinaryField(max_length=32)
    prefix = models.CharField(max_length=16)
    scheme = models.CharField(max_length=7)
    key_version = models.PositiveIntegerField()
    sealed = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["domain", "index"], name="vault_study_once"),
            models.CheckConstraint(
                name="vault_study_scheme", condition=models.Q(scheme__in=["patient", "study"])
            ),
        ]
        indexes = [models.Index(fields=["domain", "key_version"], name="vault_study_version")]

    def __str__(self) -> str:
        return self.cloud_id


class InstanceRow(models.Model):
    """The instances of one study that one chunk of a batch sent out, sealed together."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="instance_rows")
    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="+")
    batch_id = models.UUIDField()
    chunk = models.CharField(max_length=64)
    key_version = models.PositiveIntegerField()
    sealed = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["study", "batch_id", "chunk"], name="vault_instances_once"
            )
        ]
        indexes = [
            models.Index(fields=["domain", "batch_id"], name="vault_instances_batch"),
            models.Index(fields=["domain", "key_version"], name="vault_instances_version"),
        ]

    def __str__(self) -> str:
        return f"{self.study_id} {self.batch_id} {self.chunk}"


class SentUid(models.Model):
    """A study, series or frame of reference UID that was sent out: the way back to its study."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="sent_uids")
    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="+")
    uid = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["domain", "uid"], name="vault_uid_once")]

    def __str__(self) -> str:
        return self.uid


class Shredding(models.Model):
    """A destruction that was asked for; it stays open until nothing is left on the disk."""

    class Kind(models.TextChoices):
        """What is destroyed."""

        PATIENT = "patient"
        DOMAIN = "domain"

    domain_id = models.UUIDField()
    organization_id = models.UUIDField()
    kind = models.CharField(max_length=7, choices=Kind.choices)
    # The cloud patient id; empty for a domain.
    subject = models.CharField(max_length=13, blank=True)
    requested = models.DateTimeField(auto_now_add=True)
    done = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["domain_id", "kind", "subject"], name="vault_shredding_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject or self.domain_id}"
