"""Numbers, sizes and times as the pages write them, by the reader's locale.

Pure formatting: no queries, no markup. "about" stands before every estimate.
"""

import datetime as dt

from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

NBSP = "\u00a0"
DASH = "—"
_UNITS = ("B", "KB", "MB", "GB", "TB", "PB")
MINUTE, HOUR, DAY = 60, 3600, 86400


def number(value: float | None, places: int = 0) -> str:
    """Return a number with thousands marks; a dash where there is none."""
    if value is None:
        return DASH
    value = round(value, places)  # Django's formatting cuts digits off, it doesn't round
    return formats.number_format(value, decimal_pos=places, use_l10n=True, force_grouping=True)


def filesize(size: int | None) -> str:
    """Return a size in B, KB, MB … (powers of 1000), with one decimal below 10."""
    if size is None:
        return DASH
    scaled, unit = float(size), 0
    while scaled >= 999.5 and unit < len(_UNITS) - 1:
        scaled, unit = scaled / 1000, unit + 1
    places = 1 if unit and scaled < 9.95 else 0
    return f"{number(scaled, places)}{NBSP}{_UNITS[unit]}"


def span(seconds: float | None) -> str:
    """Return a length of time in at most two units: 40 s, 6 min, 1 h 40 min, 3 d 2 h."""
    if seconds is None:
        return DASH
    whole = max(0, round(seconds))
    if whole < MINUTE:
        return pgettext("duration", "%(n)s s") % {"n": whole}
    if whole < HOUR:
        return pgettext("duration", "%(n)s min") % {"n": whole // MINUTE}
    if whole < DAY:
        hours, rest = divmod(whole, HOUR)
        if rest < MINUTE:
            return pgettext("duration", "%(n)s h") % {"n": hours}
        return pgettext("duration", "%(h)s h %(m)s min") % {"h": hours, "m": rest // MINUTE}
    days, rest = divmod(whole, DAY)
    if rest < HOUR:
        return pgettext("duration", "%(n)s d") % {"n": number(days)}
    return pgettext("duration", "%(d)s d %(h)s h") % {"d": number(days), "h": rest // HOUR}


def estimate(seconds: float | None) -> str:
    """Return an estimate: "about 40 s", in steps of 5 s and whole minutes; a dash for none."""
    if seconds is None:
        return DASH
    if seconds < MINUTE:
        rounded: float = max(5, 5 * round(seconds / 5))
    elif seconds < HOUR:
        rounded = MINUTE * round(seconds / MINUTE)
    else:
        rounded = 600 * round(seconds / 600)
    return _("about %(time)s") % {"time": span(rounded)}


def ago(moment: dt.datetime, now: dt.datetime | None = None) -> str:
    """Return how long ago a moment was when that is under 24 hours, else its date."""
    seconds = ((now or timezone.now()) - moment).total_seconds()
    if 0 <= seconds < MINUTE:
        return _("just now")
    if MINUTE <= seconds < HOUR:
        return _("%(n)s min ago") % {"n": int(seconds // MINUTE)}
    if HOUR <= seconds < DAY:
        return _("%(n)s h ago") % {"n": int(seconds // HOUR)}
    return day(moment)


def day(moment: dt.datetime | dt.date) -> str:
    """Return the date alone, by locale."""
    if isinstance(moment, dt.datetime):
        moment = timezone.localtime(moment).date()
    return formats.date_format(moment, "DATE_FORMAT")


def clock(moment: dt.datetime) -> str:
    """Return the time of day with seconds, as the trail shows it."""
    return formats.date_format(timezone.localtime(moment), "H:i:s")


def exact(moment: dt.datetime) -> str:
    """Return date, time to the second and zone."""
    local = timezone.localtime(moment)
    return f"{local:%Y-%m-%d %H:%M:%S} {local.tzname()}"
