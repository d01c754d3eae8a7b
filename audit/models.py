"""Tables of the trail. Rows of events, links, checkpoints and leaves are only ever added.

The database itself refuses to change them (migration 0002). No foreign key leaves this app: an
event outlives the account, the study and the organization it speaks of.
"""

import json
import uuid
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from audit import conf
from audit.canonical import canonical_event, canonical_time
from audit.terms import Action, Outcome

# The columns that an event's digest covers, in the order of the table.
EVENT_FIELDS = (
    "uid",
    "at",
    "chain",
    "action",
    "outcome",
    "actor_kind",
    "actor_id",
    "actor_label",
    "actor_role",
    "actor_address",
    "subject_kind",
    "subject",
    "context",
    "detail_json",
)


class Event(models.Model):
    """One act: who did what to which subject, when, and how it ended."""

    uid = models.UUIDField()
    at = models.DateTimeField(_("time"))
    chain = models.CharField(max_length=64)
    action = models.CharField(_("action"), max_length=64)
    outcome = models.CharField(_("outcome"), max_length=8, choices=Outcome.choices)
    actor_kind = models.CharField(max_length=8)
    actor_id = models.CharField(max_length=128)
    actor_label = models.CharField(_("actor"), max_length=200)
    actor_role = models.CharField(max_length=64, blank=True)
    actor_address = models.CharField(max_length=64, blank=True)
    subject_kind = models.CharField(max_length=32, blank=True)
    subject = models.CharField(_("subject"), max_length=128, blank=True)
    context = models.CharField(max_length=128, blank=True)
    # Canonical JSON as text, not a JSON column: a database must not respell what is hashed.
    detail_json = models.TextField(default="{}")
    digest = models.BinaryField(max_length=32)

    class Meta:
        """Each filter of the timeline has an index that ends in its order (at, id)."""

        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")
        indexes = [
            models.Index(fields=["chain", "at", "id"], name="audit_event_time"),
            models.Index(fields=["chain", "actor_id", "at", "id"], name="audit_event_actor"),
            models.Index(fields=["chain", "action", "at", "id"], name="audit_event_action"),
            models.Index(fields=["chain", "outcome", "at", "id"], name="audit_event_outcome"),
            models.Index(fields=["chain", "subject", "at", "id"], name="audit_event_subject"),
            models.Index(fields=["chain", "context", "at", "id"], name="audit_event_context"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(outcome__in=Outcome.values), name="audit_event_outcome_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.uid}"

    @property
    def detail(self) -> dict[str, Any]:
        """Return the detail as it was recorded."""
        detail: dict[str, Any] = json.loads(self.detail_json)
        return detail

    @property
    def word(self) -> Action:
        """Return the action's entry; an act that left the vocabulary still shows its name."""
        known = conf.vocabulary().get(self.action)
        return known or Action(
            self.action, self.action, ("110100", "Application Activity"), icon="dotted"
        )

    def canonical(self) -> bytes:
        """Return the bytes the digest is made of."""
        return canonical_event(
            uid=self.uid.hex,
            at=canonical_time(self.at),
            chain=self.chain,
            action=self.action,
            outcome=self.outcome,
            actor_kind=self.actor_kind,
            actor_id=self.actor_id,
            actor_label=self.actor_label,
            actor_role=self.actor_role,
            actor_address=self.actor_address,
            subject_kind=self.subject_kind,
            subject=self.subject,
            context=self.context,
            detail=self.detail_json,
        )


class Pending(models.Model):
    """An event that waits to be linked; a trigger writes the row, the sealer removes it."""

    # Written by the event's own trigger: a check that the event is there would check nothing.
    event = models.OneToOneField(
        Event, on_delete=models.DO_NOTHING, primary_key=True, db_constraint=False
    )
    # No index: every writer would pay for it, and the sealer empties the table twice a second.
    chain = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.chain} {self.event_id}"


class Link(models.Model):
    """An event's place in its chain: sequence without gaps, hash of the link before."""

    chain = models.CharField(max_length=64)
    sequence = models.BigIntegerField()
    # The triggers keep a linked event; PostgreSQL's check would rewrite the event's row.
    event = models.OneToOneField(Event, on_delete=models.DO_NOTHING, db_constraint=False)
    event_digest = models.BinaryField(max_length=32)
    previous = models.BinaryField(max_length=32)
    digest = models.BinaryField(max_length=32)

    class Meta:
        """One event per place in a chain."""

        constraints = [
            models.UniqueConstraint(fields=["chain", "sequence"], name="audit_link_place"),
            models.CheckConstraint(
                condition=models.Q(sequence__gte=1), name="audit_link_sequence_from_one"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.chain} {self.sequence}"


class Checkpoint(models.Model):
    """A signed statement of a chain's head; a copy lies in a second place."""

    chain = models.CharField(max_length=64)
    sequence = models.BigIntegerField()
    at = models.DateTimeField()
    # The signed document, canonical JSON; the columns above repeat it for searching.
    document = models.TextField()
    signature = models.BinaryField(max_length=64)
    public_key = models.BinaryField(max_length=32)

    class Meta:
        """One checkpoint per head."""

        constraints = [
            models.UniqueConstraint(fields=["chain", "sequence"], name="audit_checkpoint_head"),
        ]

    def __str__(self) -> str:
        return f"{self.chain} {self.sequence}"


class Archive(models.Model):
    """A segment of a chain that left the database for a signed file.

    While `is_open`, the triggers let exactly this segment's events and links go; the row is
    closed in the same transaction and can't be opened again.
    """

    chain = models.CharField(max_length=64)
    first = models.BigIntegerField()
    last = models.BigIntegerField()
    at = models.DateTimeField()
    document = models.TextField()
    signature = models.BinaryField(max_length=64)
    public_key = models.BinaryField(max_length=32)
    is_open = models.BooleanField(default=True)

    class Meta:
        """Segments of one chain follow each other."""

        constraints = [
            models.UniqueConstraint(fields=["chain", "first"], name="audit_archive_segment"),
            models.CheckConstraint(
                condition=models.Q(last__gte=models.F("first")), name="audit_archive_not_empty"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.chain} {self.first}-{self.last}"


class Leaves(models.Model):
    """The leaves under a Merkle root that an event names, kept so that one can be proved."""

    root = models.BinaryField(max_length=32, unique=True)
    count = models.PositiveIntegerField()
    packed = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        """Named in the plural: a row holds many."""

        verbose_name = _("Merkle leaves")
        verbose_name_plural = _("Merkle leaves")

    def __str__(self) -> str:
        return bytes(self.root).hex()


class Forwarding(models.Model):
    """How far a chain was sent to the syslog collector; the trail itself is the spool."""

    chain = models.CharField(max_length=64, unique=True)
    sequence = models.BigIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.chain} {self.sequence}"


class Export(models.Model):
    """An export that is made in the background; its file lies below the app's folder."""

    class State(models.TextChoices):
        """Where an export stands."""

        QUEUED = "queued", _("Queued")
        WRITING = "writing", _("Writing")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    chain = models.CharField(max_length=64)
    format = models.CharField(max_length=8)
    filters = models.JSONField(default=dict)
    actor_id = models.CharField(max_length=128)
    actor_label = models.CharField(max_length=200)
    state = models.CharField(max_length=8, choices=State.choices, default=State.QUEUED)
    events = models.PositiveIntegerField(default=0)
    size = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        """The page lists a chain's newest."""

        indexes = [models.Index(fields=["chain", "-created_at"], name="audit_export_newest")]

    def __str__(self) -> str:
        return f"{self.chain} {self.format} {self.id}"
