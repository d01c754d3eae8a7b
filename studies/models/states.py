"""The closed lists of states, and the only two tables that say which state may follow which."""

from typing import Any, Self, TypeVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class IllegalTransition(Exception):
    """A row was asked to go to a state that its present one doesn't lead to."""


class Priority(models.TextChoices):
    """How soon a batch is wanted; also the name of its queue, in lower case."""

    STAT = "STAT", "STAT"
    HIGH = "HIGH", "HIGH"
    ROUTINE = "ROUTINE", "ROUTINE"

    @property
    def queue(self) -> str:
        """Return the name of the queue that serves this priority."""
        return self.value.lower()

    @classmethod
    def rank(cls, column: str = "priority") -> models.Case:
        """Return what a query is ordered by to have the most urgent first: 0 for STAT, 1, 2."""
        return models.Case(
            *(models.When(**{column: one.value, "then": place}) for place, one in enumerate(cls))
        )


class ReleasePolicy(models.TextChoices):
    """Who lets a batch go."""

    MANUAL = "manual", _("A person releases")
    WHEN_CLEAN = "when-clean", _("Release when every image is clean")


class BatchState(models.TextChoices):
    """Where a batch is on its way."""

    RECEIVING = "receiving", _("Receiving")
    QUEUED = "queued", _("Queued")
    PROCESSING = "processing", _("Processing")
    REVIEW = "review", _("Review")
    RELEASING = "releasing", _("Releasing")
    ATTENTION = "attention", _("Attention")
    DELIVERED = "delivered", _("Delivered")
    CLOSED = "closed", _("Closed")
    CANCELLED = "cancelled", _("Cancelled")


class InstanceState(models.TextChoices):
    """Where one entry of a batch is. Each entry is in exactly one, so the sum always holds."""

    RECEIVED = "received", _("Received")
    DEIDENTIFIED = "deidentified", _("De-identified")
    HELD = "held", _("Held")
    REFUSED = "refused", _("Refused")
    EXCLUDED = "excluded", _("Excluded")
    DELIVERED = "delivered", _("Delivered")
    DUPLICATE = "duplicate", _("Duplicate")
    SKIPPED = "skipped", _("Skipped")


class DestinationState(models.TextChoices):
    """Whether a destination can be used."""

    NOT_TESTED = "not-tested", _("Not tested")
    READY = "ready", _("Ready")
    FAILING = "failing", _("Failing")
    PAUSED = "paused", _("Paused")


class ReportState(models.TextChoices):
    """Where a returned report is."""

    WAITING = "waiting", _("Waiting")
    ARRIVED = "arrived", _("Arrived")
    ATTENTION = "attention", _("Attention")
    REIDENTIFIED = "reidentified", _("Re-identified")
    SENT_ON = "sent-on", _("Sent on")
    SET_ASIDE = "set-aside", _("Set aside")


class ChunkKind(models.TextChoices):
    """What a chunk of work does."""

    COLLECT = "collect", _("Collect")
    INVENTORY = "inventory", _("Inventory")
    DEIDENTIFY = "deidentify", _("De-identify")
    DELIVER = "deliver", _("Deliver")
    MANIFEST = "manifest", _("Manifest")


class ChunkState(models.TextChoices):
    """Where a chunk of work is."""

    PENDING = "pending", _("Pending")
    CLAIMED = "claimed", _("Claimed")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


_B = BatchState
BATCH_TRANSITIONS: dict[BatchState, frozenset[BatchState]] = {
    _B.RECEIVING: frozenset({_B.QUEUED, _B.CANCELLED}),
    _B.QUEUED: frozenset({_B.PROCESSING, _B.CANCELLED}),
    _B.PROCESSING: frozenset({_B.REVIEW, _B.RELEASING, _B.ATTENTION, _B.CANCELLED}),
    _B.REVIEW: frozenset({_B.PROCESSING, _B.RELEASING, _B.CANCELLED}),
    _B.RELEASING: frozenset({_B.DELIVERED, _B.ATTENTION}),
    _B.ATTENTION: frozenset({_B.PROCESSING, _B.RELEASING, _B.CANCELLED}),
    _B.DELIVERED: frozenset({_B.RELEASING, _B.CLOSED}),
    _B.CLOSED: frozenset(),
    _B.CANCELLED: frozenset(),
}

_I = InstanceState
INSTANCE_TRANSITIONS: dict[InstanceState, frozenset[InstanceState]] = {
    _I.RECEIVED: frozenset(
        {_I.DEIDENTIFIED, _I.HELD, _I.REFUSED, _I.EXCLUDED, _I.DUPLICATE, _I.SKIPPED}
    ),
    _I.DEIDENTIFIED: frozenset({_I.DELIVERED, _I.EXCLUDED, _I.HELD, _I.RECEIVED}),
    _I.HELD: frozenset({_I.RECEIVED, _I.EXCLUDED}),
    _I.REFUSED: frozenset({_I.EXCLUDED}),
    _I.EXCLUDED: frozenset({_I.RECEIVED, _I.HELD, _I.REFUSED}),
    _I.DELIVERED: frozenset(),
    _I.DUPLICATE: frozenset(),
    _I.SKIPPED: frozenset(),
}

# A batch that still may be worked on by jobs, and one whose identifiers its coordinators may see.
WORKING_STATES = (_B.QUEUED, _B.PROCESSING, _B.RELEASING)
OPEN_STATES = (
    _B.RECEIVING, _B.QUEUED, _B.PROCESSING, _B.REVIEW, _B.RELEASING, _B.ATTENTION, _B.DELIVERED,
)  # fmt: skip


_M = TypeVar("_M", bound=models.Model)


class GuardedQuerySet(models.QuerySet[_M]):
    """A query set that refuses to write `state` except through `move`."""

    def update(self, **values: Any) -> int:
        """Update columns, but never the state."""
        if "state" in values:
            raise IllegalTransition("a state changes through move() only")
        return super().update(**values)

    def bulk_update(self, objs: Any, fields: Any, batch_size: int | None = None) -> int:
        """Update many rows, but never their state."""
        if "state" in fields:
            raise IllegalTransition("a state changes through move() only")
        return super().bulk_update(objs, fields, batch_size)

    def move(self, to: Any, **values: Any) -> int:
        """Move the rows whose present state leads to `to`; return how many did.

        One conditional UPDATE, so two movers at once can't both succeed.
        """
        table: dict[Any, frozenset[Any]] = self.model.TRANSITIONS  # type: ignore[attr-defined]
        sources = [state for state, targets in table.items() if to in targets]
        return super(GuardedQuerySet, self.filter(state__in=sources)).update(state=to, **values)


class GuardedModel(models.Model):
    """A row whose state column only `move` may change."""

    TRANSITIONS: dict[Any, frozenset[Any]]
    state: Any

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save the row; refuse a state that didn't come through `move`."""
        stored = getattr(self, "_stored_state", None)
        if self._state.adding:
            stored = self.state
        if stored is not None and self.__dict__.get("state", stored) != stored:
            raise IllegalTransition("a state changes through move() only")
        super().save(*args, **kwargs)
        self._stored_state = self.__dict__.get("state")

    @classmethod
    def from_db(cls, db: str | None, field_names: Any, values: Any, **kwargs: Any) -> Self:
        """Remember the state that the database holds."""
        row = super().from_db(db, field_names, values, **kwargs)
        row._stored_state = row.__dict__.get("state")
        return row

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        """Read the row again, with its state."""
        super().refresh_from_db(*args, **kwargs)
        self._stored_state = self.__dict__.get("state")

    def move(self, to: Any, **values: Any) -> None:
        """Move this row to `to`, or raise IllegalTransition where its stored state forbids it."""
        manager: Any = type(self)._default_manager
        if manager.filter(pk=self.pk).move(to, **values) != 1:
            raise IllegalTransition(f"{type(self).__name__} can't go to {to}")
        self.state = to
        self._stored_state = to
        for name, value in values.items():
            setattr(self, name, value)
