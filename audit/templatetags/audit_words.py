"""How an event's words are drawn: colour, icon, subject. Draws only, never queries."""

import json
from collections.abc import Sequence
from typing import Any

from django import template
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit.models import Event, Export
from audit.unusual import Hour

register = template.Library()

_LEFT, _TOP, _BOTTOM, _SLOT = 9.5, 18.5, 128.0, (100 - 9.5) / 24
_CLOUD_ID = 13


@register.filter
def tone(event: Event) -> str:
    """Return the colour family: an act's own when it went well, red for refused and failed."""
    return event.word.tone if event.outcome == "success" else "stop"


@register.filter
def act_icon(event: Event) -> str:
    """Return the act's own icon, or that of the outcome."""
    return {"success": event.word.icon, "refused": "slash"}.get(event.outcome, "warn")


@register.filter
def hex(value: Any) -> str:
    """Return a digest in hex."""
    return bytes(value).hex()


@register.filter
def plain(value: Any) -> str:
    """Return a detail's value as text: strings as they are, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@register.filter
def any_moving(made: Sequence[Export]) -> bool:
    """Tell whether an export is still being made."""
    return any(one.state in {Export.State.QUEUED, Export.State.WRITING} for one in made)


@register.simple_tag
def subject_id(event: Event, chain: str) -> SafeString:
    """Return a link to a subject's life; ids of 13 characters in groups, long ones cut."""
    name = event.subject
    url = reverse("audit:subject", args=[chain, name])
    if len(name) == _CLOUD_ID and name.isalnum():
        parts = ((name[at : at + 4],) for at in range(0, _CLOUD_ID, 4))
        shown = format_html_join("", "<span>{}</span>", parts)
        return format_html('<a href="{}"><code class="id" dir="ltr">{}</code></a>', url, shown)
    short = f"{name[:8]}…" if len(name) > 24 else name
    return format_html('<a href="{}" title="{}"><code dir="ltr">{}</code></a>', url, name, short)


@register.simple_tag
def look_up_plot(rows: Sequence[Hour]) -> dict[str, Any]:
    """Return the marks of the plot of look-ups per hour: bars, quiet hours, scale, finding."""
    most = max((row.count for row in rows), default=0)
    step = max(1, -(-most // 3))
    height = (_BOTTOM - _TOP) / (3 * step)
    bars = [
        {
            "x": f"{_LEFT + row.hour * _SLOT + 0.5:.2f}",
            "y": f"{_BOTTOM - row.count * height:.1f}",
            "height": f"{row.count * height:.1f}",
            "family": "stop" if row.is_unusual else "moving",
            "title": ngettext("%(hour)02d: %(n)d look-up", "%(hour)02d: %(n)d look-ups", row.count)
            % {"hour": row.hour, "n": row.count},
        }
        for row in rows
    ]
    grid = [
        {"y": _y(n * step * height), "text_y": _y(n * step * height - 3.5), "text": n * step}
        for n in range(4)
    ]
    return {
        "bars": bars,
        "grid": grid,
        "nights": _nights(rows),
        "labels": [
            {"x": f"{_LEFT + (hour + 0.5) * _SLOT:.2f}", "text": f"{hour:02}"}
            for hour in range(0, 24, 4)
        ],
        "finding": _finding(rows),
    }


def _y(above: float) -> str:
    return f"{_BOTTOM - above:.1f}"


def _nights(rows: Sequence[Hour]) -> list[dict[str, str]]:
    """Put quiet hours that follow each other into one ground."""
    runs: list[list[int]] = []
    for row in rows:
        if not row.is_off:
            continue
        if runs and runs[-1][1] == row.hour:
            runs[-1][1] = row.hour + 1
        else:
            runs.append([row.hour, row.hour + 1])
    return [
        {"x": f"{_LEFT + start * _SLOT:.2f}", "width": f"{(end - start) * _SLOT:.2f}"}
        for start, end in runs
    ]


def _finding(rows: Sequence[Hour]) -> str:
    total = sum(row.count for row in rows)
    unusual = sum(row.count for row in rows if row.is_unusual)
    return _("Patient look-ups per hour: %(total)d, %(unusual)d of them unusual") % {
        "total": total,
        "unusual": unusual,
    }
