"""Alerts of the door: who reached the limit, and which of the watching people saw it."""

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from audit import record
from studies.models import DoorAlert
from studies.services.access import Viewer


def of(caller: Viewer) -> QuerySet[DoorAlert]:
    """Return the alerts of the caller's organization, the unseen first."""
    return (
        DoorAlert.objects.filter(organization=caller.organization)
        .select_related("person", "seen_by")
        .order_by(F("seen").asc(nulls_first=True), "-created")
    )


def unseen(caller: Viewer) -> int:
    """Return how many alerts nobody has looked at."""
    return DoorAlert.objects.filter(organization=caller.organization, seen__isnull=True).count()


def mark_seen(caller: Viewer) -> int:
    """Note that the caller saw the alerts; return how many were new."""
    with transaction.atomic():
        count = DoorAlert.objects.filter(
            organization=caller.organization, seen__isnull=True
        ).update(seen=timezone.now(), seen_by_id=caller.user.pk)
        if count:
            record(
                "door.alert_seen",
                actor=caller.actor,
                chain=str(caller.organization.pk),
                detail={"alerts": count},
            )
    return count
