"""The page kit's tags: `{% load ui %}`. For authors of pages; they only draw, they never query.

Frame: extend `base.html`; blocks `title`, `crumb`, `heading`, `pills`, `facts`, `actions`,
`content`, `aside`. Pages before sign-in extend `gate.html`. A partial for htmx extends nothing.

    {% icon "eye" %}                                an icon of icons.svg, hidden from screen readers
    {% state batch.state_member %}                  pill of a state; also {% state "batch" value %},
    {% state "instance" "held" count=12 %}          {% state obj %} (its state_member or state)
    {% state_word "destination" "ready" %}          the same in running text
    {% state_family "batch" batch.state as fam %}   "moving": for s-{{ fam }} on rows and bars
    {% priority batch.priority %}                   STAT, HIGH, ROUTINE
    {% cloud_id study.cloud_id %}                   grouped 4-4-4-1, with a copy button
    {% cloud_id study.cloud_id url=link copy=False %}
    {% batch_id batch.id %}                         8 characters, copies all
    {% ledger parts total %}                        parts: (label, count, family) or plots.Part
    {% progress done total family="moving" label="Batch 3f9c" note="about 1 min" %}
    {% when moment %} {% when moment exact=True %}  <time>; {{ moment|clock }}, {{ moment|day }}
    {{ size|filesize }} {{ n|number }} {{ n|number:1 }} {{ seconds|span }} {{ seconds|estimate }}
    {% empty icon="batches" title=_("No batches yet") text=… url=… button=… %}
    {% plot_bars rows label=finding head=_("Hour") unit=_("Images") %} rows: (label, value)
    {% plot_rows rows label=finding head=_("Reason") unit=_("Images") %} lying bars
    {% plot_lines labels series label=finding %}    series: (name, family, values)
    <section id="progress" {% poll url 2 %}>        polls every 2 s; nothing when seconds is 0
    {% refresh_without_script 10 %}                 in block head: reloads where no script runs
    {% field form.name %} {% options form.priority %} {% form_errors form %}
    {% sort "Received" "received" %}                a sorting <th>; reads and writes ?sort=
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from django import template
from django.forms import BaseForm, BoundField
from django.templatetags.static import static
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from anonportal.ui import figures, plots, states
from anonportal.ui.toasts import Toast, toast_of

register = template.Library()
Text = str | Promise

register.filter("number", figures.number)
register.filter("filesize", figures.filesize)
register.filter("span", figures.span)
register.filter("estimate", figures.estimate)
register.filter("clock", figures.clock)
register.filter("day", figures.day)
register.filter("exact", figures.exact)
register.filter("ago", figures.ago)


@register.simple_tag
def icon(name: str, label: Text = "") -> SafeString:
    """Return an icon; with a label it is an image with a name, else it is decoration."""
    url = static("icons.svg")
    if label:
        return format_html(
            '<svg class="i" role="img" aria-label="{}"><use href="{}#i-{}"/></svg>',
            label,
            url,
            name,
        )
    return format_html('<svg class="i" aria-hidden="true"><use href="{}#i-{}"/></svg>', url, name)


@register.simple_tag
def html_lang() -> str:
    """Return the language of the page as HTML writes it."""
    language = get_language() or "en"
    return "zh-Hans" if language == "zh-hans" else language


@register.simple_tag
def state(thing: Any, value: str = "", count: int | None = None) -> SafeString:
    """Return the pill of a state; see `states.resolve` for what `thing` may be."""
    look, word = states.resolve(thing, value)
    counted = "" if count is None else f" · {figures.number(count)}"
    return format_html(
        '<span class="pill s-{}" title="{}">{}{}{}</span>',
        look.family,
        look.meaning,
        icon(look.icon),
        word,
        counted,
    )


@register.simple_tag
def state_word(thing: Any, value: str = "") -> SafeString:
    """Return a state as a coloured word with its icon, for running text."""
    look, word = states.resolve(thing, value)
    return format_html(
        '<span class="word s-{}" title="{}">{}{}</span>',
        look.family,
        look.meaning,
        icon(look.icon),
        word,
    )


@register.simple_tag
def state_family(thing: Any, value: str = "") -> str:
    """Return the colour family of a state: idle, moving, review, held, stop or done."""
    return states.resolve(thing, value)[0].family


@register.simple_tag
def state_icon(thing: Any, value: str = "") -> SafeString:
    """Return the icon of a state alone, for a step or a trail that names the word beside it."""
    return icon(states.resolve(thing, value)[0].icon)


_PRIORITIES = {"stat": "chevuu", "high": "chevu", "routine": "dash"}


@register.simple_tag
def priority(value: str) -> SafeString:
    """Return a priority: always capitals, never a colour. The words are DICOM's own."""
    name = str(getattr(value, "value", value)).lower()
    return format_html(
        '<span class="pri {}">{}{}</span>', name, icon(_PRIORITIES[name]), name.upper()
    )


def copy_button(value: str, what: Text) -> SafeString:
    """Return the small button that copies a value and says so in the live region."""
    return format_html(
        '<button class="copy" type="button" data-copy="{}" data-said="{}" aria-label="{}">{}'
        "</button>",
        value,
        _("Copied"),
        what,
        icon("copy"),
    )


@register.simple_tag
def cloud_id(value: str, url: str = "", copy: bool = True) -> SafeString:
    """Return a cloud id in groups 4-4-4-1: the gaps are margins, so a selection copies it whole."""
    groups = [value[n : n + 4] for n in range(0, len(value), 4)]
    spans = format_html_join("", "<span>{}</span>", ((group,) for group in groups))
    shown = format_html('<code class="id" dir="ltr">{}</code>', spans)
    if url:
        shown = format_html('<a href="{}">{}</a>', url, shown)
    if not copy:
        return shown
    button = copy_button(value, _("Copy cloud id %(id)s") % {"id": value})
    return format_html("{} {}", shown, button)


@register.simple_tag
def batch_id(value: Any, url: str = "", copy: bool = True) -> SafeString:
    """Return a batch id: 8 characters are shown, the button copies all."""
    whole = str(value)
    shown = format_html('<code dir="ltr">{}</code>', whole[:8])
    if url:
        shown = format_html('<a href="{}">{}</a>', url, shown)
    if not copy:
        return shown
    button = copy_button(whole, _("Copy batch id %(id)s") % {"id": whole[:8]})
    return format_html('<span class="nw">{} {}</span>', shown, button)


@register.simple_tag
def when(moment: dt.datetime | None, exact: bool = False) -> SafeString | str:
    """Return a <time>: relative under 24 hours, else the date; the title has the exact time."""
    if moment is None:
        return figures.DASH
    shown = figures.exact(moment) if exact else figures.ago(moment)
    return format_html(
        '<time datetime="{}" title="{}"{}>{}</time>',
        moment.isoformat(),
        figures.exact(moment),
        "" if exact else format_html(" {}", "data-ago"),
        shown,
    )


@register.inclusion_tag("ui/_ledger.html")
def ledger(parts: Sequence[Any], total: int, label: Text = "") -> dict[str, Any]:
    """Draw the whole equation: `total` in = the parts. What does not sum is shown as an error."""
    rows = [part if isinstance(part, plots.Part) else plots.Part(*part) for part in parts]
    total = int(total)
    counted = sum(part.count for part in rows)
    total_label = label or _("in")
    said = ", ".join(f"{figures.number(part.count)} {part.label}" for part in rows)
    return {
        "parts": rows,
        "marks": plots.ledger_marks(rows, total),
        "total": total,
        "total_label": total_label,
        "counted": counted,
        "sums": counted == total,
        "finding": f"{figures.number(total)} {total_label}: {said}",
    }


@register.inclusion_tag("ui/_progress.html")
def progress(
    done: int,
    total: int,
    family: str = "moving",
    label: Text = "",
    note: Text = "",
    at_least: bool = False,
    announce: bool = False,
    wide: bool = False,
) -> dict[str, Any]:
    """Draw a bar with its numbers; `at_least` where the total may grow, `announce` to read it out.

    Under 100 % it never rounds up to 100.
    """
    share = 0 if not total else int(100 * min(done, total) / total)
    counts = {"done": figures.number(done), "total": figures.number(total)}
    text = (
        _("%(done)s of at least %(total)s") % counts
        if at_least
        else _("%(done)s of %(total)s") % counts
    )
    return {
        "share": share,
        "text": text,
        "family": family,
        "label": label or _("Progress"),
        "note": note,
        "announce": announce,
        "wide": wide,
    }


@register.inclusion_tag("ui/_empty.html")
def empty(
    icon: str, title: Text, text: Text = "", url: str = "", button: Text = ""
) -> dict[str, Any]:
    """Draw an empty state: what would be here, what to do next, one button."""
    return {"icon": icon, "title": title, "text": text, "url": url, "button": button}


def _rows(rows: Sequence[Sequence[Any]], family: str) -> list[tuple[Text, float, str]]:
    return [(row[0], row[1], row[2] if len(row) > 2 else family) for row in rows]


@register.inclusion_tag("ui/_plot_bars.html")
def plot_bars(
    rows: Sequence[Sequence[Any]],
    label: Text,
    head: Text = "",
    unit: Text = "",
    family: str = "moving",
) -> dict[str, Any]:
    """Draw upright zero-based bars; `label` is the finding that a screen reader hears."""
    marked = _rows(rows, family)
    top, step = plots.nice_ceiling(max((row[1] for row in marked), default=0))
    labels = [row[0] for row in marked]
    return {
        "marks": plots.bar_marks(marked, top),
        "grid": plots.scale_ticks(top, step),
        "ticks": plots.label_ticks(labels, plots.bar_centres(len(labels))),
        "label": label,
        "head": head,
        "unit": unit,
    }


@register.inclusion_tag("ui/_plot_rows.html")
def plot_rows(
    rows: Sequence[Sequence[Any]],
    label: Text,
    head: Text = "",
    unit: Text = "",
    family: str = "moving",
) -> dict[str, Any]:
    """Draw lying bars with a name above and a number behind each."""
    marks = plots.row_marks(_rows(rows, family))
    return {
        "marks": marks,
        "height": plots.ROW_PX * len(marks),
        "label": label,
        "head": head,
        "unit": unit,
    }


@register.inclusion_tag("ui/_plot_lines.html")
def plot_lines(
    labels: Sequence[Text],
    series: Sequence[tuple[Text, str, Sequence[float | None]]],
    label: Text,
    head: Text = "",
) -> dict[str, Any]:
    """Draw lines over the same labels; a None in the values is a gap."""
    values = [value for _name, _family, line in series for value in line if value is not None]
    top, step = plots.nice_ceiling(max(values, default=0))
    gap = 87.5 / max(1, len(labels) - 1)  # the last label needs room at its right
    table = [
        (name, [figures.number(line[n]) for _name, _family, line in series])
        for n, name in enumerate(labels)
    ]
    return {
        "lines": [(name, family, plots.points(line, top)) for name, family, line in series],
        "grid": plots.scale_ticks(top, step),
        "ticks": plots.label_ticks(labels, [9.5 + n * gap for n in range(len(labels))]),
        "label": label,
        "head": head,
        "table": table,
    }


@register.simple_tag
def poll(url: str, seconds: int = 2, swap: str = "outerHTML") -> SafeString | str:
    """Return the attributes that make an element (with an id) fetch itself again and again.

    With seconds 0 there are none: the answer of a final state stops the polling. portal.js rests
    while the page is hidden, keeps open sections open, and shows the age of old numbers.
    """
    if not seconds:
        return ""
    return format_html(
        'hx-get="{}" hx-trigger="every {}s" hx-swap="{}" hx-target="this" data-poll="{}"',
        url,
        seconds,
        swap,
        seconds,
    )


@register.simple_tag
def refresh_without_script(seconds: int = 10) -> SafeString | str:
    """Return a reload for browsers without script; nothing with seconds 0, in a final state."""
    if not seconds:
        return ""
    return format_html(
        '<noscript><meta http-equiv="refresh" content="{}"></noscript>', int(seconds)
    )


@register.inclusion_tag("ui/_field.html")
def field(bound: BoundField, hint: Text = "", label: Text = "") -> dict[str, Any]:
    """Draw one field of a form: label, control, hint, errors, tied together for screen readers."""
    about = []
    if hint or bound.help_text:
        about.append(f"{bound.id_for_label}-hint")
    if bound.errors:
        about.append(f"{bound.id_for_label}-err")
    attrs: dict[str, str | bool] = {}
    if about:
        attrs["aria-describedby"] = " ".join(about)
    if bound.errors:
        attrs["aria-invalid"] = "true"
    return {
        "bound": bound,
        "control": bound.as_widget(attrs=attrs),
        "hint": hint or bound.help_text,
        "label": label or bound.label,
        "id": bound.id_for_label,
    }


@register.inclusion_tag("ui/_options.html")
def options(bound: BoundField, hints: Mapping[str, Text] | None = None) -> dict[str, Any]:
    """Draw radios or checkboxes as cards; `hints` gives each value its plain effect."""
    hints = hints or {}
    rows = [
        (choice, hints.get(str(choice.data.get("value", "")), "")) for choice in bound.subwidgets
    ]
    return {"bound": bound, "rows": rows, "id": bound.auto_id}


@register.inclusion_tag("ui/_form_errors.html")
def form_errors(form: BaseForm) -> dict[str, Any]:
    """Draw what is wrong with a form as a whole, as an alert at its place."""
    return {"errors": form.non_field_errors()}


@register.inclusion_tag("ui/_sort.html", takes_context=True)
def sort(context: template.Context, label: Text, key: str, number: bool = False) -> dict[str, Any]:
    """Draw a column head that sorts by `key`: ?sort=key, then ?sort=-key."""
    request = context["request"]
    now = request.GET.get("sort", "")
    query = request.GET.copy()
    query["sort"] = f"-{key}" if now == key else key
    query.pop("after", None)
    direction = {key: "ascending", f"-{key}": "descending"}.get(now, "")
    return {
        "label": label,
        "url": f"?{query.urlencode()}",
        "direction": direction,
        "number": number,
    }


@register.filter
def toast(message: Any) -> Toast:
    """Return what a message says as a toast: text, icon, family and the way to undo."""
    return toast_of(message)
