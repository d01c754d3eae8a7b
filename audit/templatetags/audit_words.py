"""How an event's words are drawn: colour, icon, subject. Draws only, never queries."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from django import template
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit import lines
from audit.models import Export
from audit.unusual import Hour

register = template.Library()
SELECTED = SafeString(" selected")

_LEFT, _TOP, _BOTTOM, _SLOT = 9.5, 18.5, 128.0, (100 - 9.5) / 24


register.filter("tone", lines.tone)
register.filter("act_icon", lines.act_icon)
register.simple_tag(lines.subject_link, name="subject_id")


@register.filter
def hex(value: Any) -> str:
    """Return a digest in hex."""
    return bytes(value).hex()


@register.filter
def plain(value: Any) -> str:
    """Return a detail's value as text: strings as they are, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@register.simple_tag
def options(pairs: Iterable[tuple[str, Any]], chosen: str) -> SafeString:
    """Return the options of a select; hundreds of persons in a template loop cost too much."""
    rows = ((value, SELECTED if value == chosen else "", label) for value, label in pairs)
    return format_html_join("", '<option value="{}"{}>{}</option>', rows)


@register.filter
def any_moving(made: Sequence[Export]) -> bool:
    """Tell whether an export is still being made."""
    return any(one.state in {Export.State.QUEUED, Export.State.WRITING} for one in made)


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
