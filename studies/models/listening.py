"""Rules of the listeners: whose objects are taken in, how they go on, what is being gathered."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from studies.models.batch import Batch
from studies.models.organization import Organization
from studies.models.places import Destination, Source
from studies.models.profile import ProfileVersion
from studies.models.states import Priority, ReleasePolicy


class ListenerKind(models.TextChoices):
    """Over which protocol objects come in by themselves."""

    DIMSE = "dimse", _("C-STORE")
    STOW = "stow", _("STOW-RS")


class ListenerRule(models.Model):
    """Who may send, and what becomes of it: a sender's name leads to organization and batch."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="listener_rules"
    )
    # The source that its batches show; a rule has one of its own.
    source = models.OneToOneField(Source, on_delete=models.PROTECT, related_name="rule")
    name = models.CharField(_("name"), max_length=80)
    kind = models.CharField(_("protocol"), max_length=5, choices=ListenerKind.choices)
    # Of C-STORE: both AE titles, as the sender says them. Empty for STOW-RS, where a token names
    # the organization and the path names the rule.
    calling_ae = models.CharField(_("calling AE title"), max_length=16, blank=True)
    called_ae = models.CharField(_("called AE title"), max_length=16, blank=True)
    # Networks that a sender may call from, as CIDR; empty: from anywhere.
    networks = models.JSONField(default=list, blank=True)
    destination = models.ForeignKey(Destination, on_delete=models.PROTECT, related_name="+")
    profile_version = models.ForeignKey(ProfileVersion, on_delete=models.PROTECT, related_name="+")
    priority = models.CharField(max_length=7, choices=Priority.choices, default=Priority.ROUTINE)
    release_policy = models.CharField(
        max_length=10, choices=ReleasePolicy.choices, default=ReleasePolicy.WHEN_CLEAN
    )
    waits_for_held = models.BooleanField(default=True)
    # A batch starts when nothing has come for so long.
    quiet_seconds = models.PositiveIntegerField(default=60)
    is_active = models.BooleanField(default=True)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="rule_name_unique"),
            models.UniqueConstraint(
                fields=["calling_ae", "called_ae"],
                condition=models.Q(kind="dimse"),
                name="rule_ae_unique",
            ),
        ]
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Gathering(models.Model):
    """A batch that a rule is filling; it is gone as soon as the batch was started."""

    batch = models.OneToOneField(
        Batch, primary_key=True, on_delete=models.CASCADE, related_name="gathering"
    )
    rule = models.ForeignKey(ListenerRule, on_delete=models.CASCADE, related_name="gatherings")
    last_arrival = models.DateTimeField(auto_now_add=True)
    # A full batch takes no more; the next object opens another one.
    is_full = models.BooleanField(default=False)

    class Meta:
        indexes = [models.Index(fields=["rule", "is_full"], name="gathering_of_rule")]

    def __str__(self) -> str:
        return self.batch.short_id


class Arrival(models.Model):
    """A sender that is connected to a gathering: while its lease holds, the batch doesn't start."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    gathering = models.ForeignKey(Gathering, on_delete=models.CASCADE, related_name="arrivals")
    expires = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.pk)


__all__ = ["Arrival", "Gathering", "ListenerKind", "ListenerRule"]
