"""De-identification profiles of an organization, in versions that never change once used."""

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from studies.models.organization import Organization


class Profile(models.Model):
    """A named profile; what it does stands in its versions."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="profiles"
    )
    name = models.SlugField(_("name"))
    is_builtin = models.BooleanField(default=False)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="profile_name_unique")
        ]

    def __str__(self) -> str:
        return self.name


class ProfileVersion(models.Model):
    """What a profile does, as it was when a batch was made with it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    definition = models.JSONField()
    digest = models.CharField(max_length=64)
    # False where it keeps what the Basic Profile removes beyond the standard's options.
    is_conformant = models.BooleanField(default=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["profile", "number"], name="profile_version_unique")
        ]
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"{self.profile.name} {self.number}"
