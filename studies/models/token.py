"""Tokens with which machines of an organization speak to the API, and the answers they may repeat.

Only a digest of a token is kept: nobody can read a token here and use it.
"""

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from studies.models.organization import Organization


class Scope(models.TextChoices):
    """What a token may do."""

    ANONYMIZE = "anonymize", _("De-identify single instances")
    BATCHES_READ = "batches:read", _("See batches, studies, profiles and destinations")
    BATCHES_WRITE = "batches:write", _("Open and fill batches, decide what is held")
    RELEASE = "release", _("Release, cancel and deliver again")
    MANIFESTS_READ = "manifests:read", _("Read manifests and their signatures")
    REPORTS_WRITE = "reports:write", _("Bring reports, and see what became of them")
    SETTINGS_WRITE = (
        "settings:write",
        _("Make profile versions, set up sources, destinations and listener rules"),
    )
    ORGANIZATION_WRITE = "organization:write", _("Change the organization's settings")
    STOW = "stow", _("Send instances by STOW-RS")
    AUDIT_READ = "audit:read", _("Read, verify and export the audit trail")
    PEOPLE_WRITE = "people:write", _("See people and tokens, take roles and tokens away")


class ApiToken(models.Model):
    """A token of one organization: what it may do, until when, and when it was used last."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(_("name"), max_length=80)
    scopes = models.JSONField(_("scopes"), default=list)
    # SHA-256 of 256 random bits: there is nothing to guess, so no salt and no stretching.
    digest = models.BinaryField(max_length=32, unique=True)
    # Its first characters after the prefix, by which people tell tokens apart.
    hint = models.CharField(max_length=4)
    created_by = models.CharField(max_length=150, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    expires = models.DateTimeField(_("expires"))
    revoked = models.DateTimeField(null=True)
    last_used = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created"]
        indexes = [models.Index(fields=["organization", "-created"], name="token_newest")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_usable(self) -> bool:
        """Say whether it is neither revoked nor expired."""
        return self.revoked is None and self.expires > timezone.now()


class Replay(models.Model):
    """An answer kept under an Idempotency-Key, so that the same request isn't acted on twice.

    Key and request are kept as HMACs, the answer sealed, all under the organization's key.
    """

    id = models.BigAutoField(primary_key=True)
    token = models.ForeignKey(ApiToken, on_delete=models.CASCADE, related_name="replays")
    key_index = models.BinaryField(max_length=32)
    request_index = models.BinaryField(max_length=32)
    # Empty while the first request is at work.
    sealed_answer = models.BinaryField(null=True)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["token", "key_index"], name="replay_key_once")
        ]

    def __str__(self) -> str:
        return str(self.pk)


class PreparedBatch(models.Model):
    """A batch made by batch-prepare: what it prepared is removed again when the batch closes."""

    batch = models.OneToOneField(
        "studies.Batch", on_delete=models.CASCADE, primary_key=True, related_name="prepared"
    )
    cleared = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.pk)
