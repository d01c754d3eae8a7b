"""Events as lines of the trail, with all that a line shows worked out once.

Fifty lines stand on a page; resolving each word in the template costs more than all queries.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, tzinfo

from django.core.exceptions import ObjectDoesNotExist
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from audit import conf
from audit.models import Event
from audit.terms import Action
from audit.timeline import summary

_CLOUD_ID = 13
_OWN = Action("", "", ("110100", "Application Activity"), icon="dotted")


@dataclass(frozen=True, slots=True)
class Line:
    """One event as the trail shows it."""

    day: date
    iso: str
    exact: str
    minute: str
    second: str
    tone: str
    icon: str
    actor: str
    actor_url: str
    label: str
    outcome: str
    subject: SafeString | str
    summary: str
    context: str
    context_url: str
    url: str
    place: str
    name: str


def tone(event: Event) -> str:
    """Return the colour family: an act's own when it went well, red for refused and failed."""
    return event.word.tone if event.outcome == "success" else "stop"


def act_icon(event: Event) -> str:
    """Return the act's own icon, or that of the outcome."""
    return {"success": event.word.icon, "refused": "slash"}.get(event.outcome, "warn")


def subject_link(event: Event, chain: str) -> SafeString | str:
    """Return a link to a subject's life; ids of 13 characters in groups, long ones cut."""
    name = event.subject
    if not name:
        return ""
    url = reverse("audit:subject", args=[chain, name])
    if len(name) == _CLOUD_ID and name.isalnum():
        parts = ((name[at : at + 4],) for at in range(0, _CLOUD_ID, 4))
        shown = format_html_join("", "<span>{}</span>", parts)
        return format_html('<a href="{}"><code class="id" dir="ltr">{}</code></a>', url, shown)
    short = f"{name[:8]}…" if len(name) > 24 else name
    return format_html('<a href="{}" title="{}"><code dir="ltr">{}</code></a>', url, name, short)


def lines(chain: str, found: Sequence[Event]) -> list[Line]:
    """Return events as lines, in their order."""
    words = conf.vocabulary()
    zone = timezone.get_current_timezone()
    return [_line(chain, event, words.get(event.action, _OWN), zone) for event in found]


def _line(chain: str, event: Event, word: Action, zone: tzinfo) -> Line:
    local = timezone.localtime(event.at, zone)
    is_good = event.outcome == "success"
    place = _place(event)
    parts = [f"{name}: {value}" for name, value in summary(event)]
    belongs = event.context if event.context != event.subject else ""
    return Line(
        day=local.date(),
        iso=local.isoformat(),
        exact=f"{local:%Y-%m-%d %H:%M:%S} {local.tzname()}",
        minute=f"{local:%H:%M}",
        second=f"{local:%S}",
        tone=word.tone if is_good else "stop",
        icon=word.icon if is_good else {"refused": "slash"}.get(event.outcome, "warn"),
        actor=event.actor_label,
        actor_url=reverse("audit:person", args=[chain, event.actor_id]),
        label=str(word.label) or event.action,
        outcome="" if is_good else str(event.get_outcome_display()),
        subject=subject_link(event, chain),
        summary=" · ".join(parts),
        context=f"{belongs[:8]}…" if len(belongs) > 12 else belongs,
        context_url=reverse("audit:subject", args=[chain, belongs]) if belongs else "",
        url=reverse("audit:event", args=[chain, event.pk]),
        place=place or "…",
        name=_("Event %(n)s") % {"n": place} if place else _("Event, waits for its link"),
    )


def _place(event: Event) -> str:
    try:
        number: int = event.link.sequence
    except ObjectDoesNotExist:
        return ""
    return str(formats.number_format(number, use_l10n=True, force_grouping=True))
