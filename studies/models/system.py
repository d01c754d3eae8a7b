"""Rows of the installation itself: who runs the scheduler, and its keys."""

from django.db import models


class Lease(models.Model):
    """A right that one process holds for a while."""

    name = models.CharField(max_length=40, primary_key=True)
    token = models.UUIDField()
    expires = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class SigningKey(models.Model):
    """An Ed25519 key of the installation; the private half is sealed under the key ring."""

    key_id = models.CharField(max_length=64, primary_key=True)
    public = models.BinaryField()
    sealed_private = models.BinaryField()
    is_current = models.BooleanField(default=True)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["is_current"],
                condition=models.Q(is_current=True),
                name="one_current_signing_key",
            )
        ]

    def __str__(self) -> str:
        return self.key_id


class InstallationKey(models.Model):
    """A key of the installation for one purpose, wrapped by the key ring."""

    purpose = models.CharField(max_length=40, primary_key=True)
    wrapped_key = models.BinaryField()
    created = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.purpose
