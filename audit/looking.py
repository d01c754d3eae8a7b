"""That somebody looked at a chain is an act too: written once for the same look, not each time."""

from collections.abc import Mapping
from datetime import timedelta

from django.utils import timezone

from audit.models import Event
from audit.recording import record_alone
from audit.terms import JSON, Actor

WITHIN = timedelta(minutes=15)
_LOOKED_AT = 50


def note_look(chain: str, actor: Actor, detail: Mapping[str, JSON]) -> None:
    """Record that a machine read a chain, unless the same look stands there already.

    One that follows a chain minute by minute would else fill it with its own reading.
    """
    recent = Event.objects.filter(
        chain=chain, actor_id=actor.id, action="audit.viewed", at__gte=timezone.now() - WITHIN
    ).order_by("-at", "-id")[:_LOOKED_AT]
    if not any(event.detail == dict(detail) for event in recent):
        record_alone("audit.viewed", actor=actor, chain=chain, detail=detail)
