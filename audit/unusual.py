"""What is worth a look: look-ups by the hour, off-hours, refusals in a row. Counts, no verdicts."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.utils import timezone

from audit import conf
from audit.models import Event
from audit.terms import Outcome

_DAYS = 7
_MOST = 20_000
_REFUSALS, _WITHIN = 3, timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Hour:
    """Look-ups within one hour of a day."""

    hour: int
    count: int
    is_off: bool
    is_unusual: bool


@dataclass(frozen=True, slots=True)
class Notice:
    """Something worth a look: whose acts, how many, when, and why."""

    kind: str
    actor_id: str
    actor_label: str
    count: int
    at: datetime


def look_up_actions() -> list[str]:
    """Return the actions that showed somebody's identity."""
    return [
        action.name
        for action in conf.vocabulary().values()
        if action.is_look_up or action.fhir_subtype == "reidentify"
    ]


def is_off_hours(moment: datetime) -> bool:
    """Tell whether a moment lies in the quiet time or on a weekend, by local time."""
    local = timezone.localtime(moment)
    return _is_quiet(local.hour) or local.weekday() >= 5


def _is_quiet(hour: int) -> bool:
    first, last = (int(hour) for hour in conf.option("OFF_HOURS"))
    return first <= hour < last if first < last else hour >= first or hour < last


def _look_ups(chain: str, since: datetime, until: datetime) -> list[tuple[datetime, str, str]]:
    rows = Event.objects.filter(
        chain=chain, action__in=look_up_actions(), at__gte=since, at__lt=until
    ).order_by("-at")
    return list(rows.values_list("at", "actor_id", "actor_label")[:_MOST])


def hours(chain: str, day: date) -> list[Hour]:
    """Return a day's look-ups per hour; red are off hours and more than one person's measure."""
    start = datetime.combine(day, time.min, timezone.get_current_timezone())
    rows = _look_ups(chain, start, start + timedelta(days=1))
    counts = Counter(timezone.localtime(at).hour for at, _, _ in rows)
    measure = conf.option("LOOK_UPS_PER_HOUR")
    persons = Counter((timezone.localtime(at).hour, actor) for at, actor, _ in rows)
    busiest: dict[int, int] = {}
    for (hour, _), count in persons.items():
        busiest[hour] = max(busiest.get(hour, 0), count)
    return [
        Hour(
            hour,
            counts[hour],
            _is_quiet(hour),
            counts[hour] > 0 and (_is_quiet(hour) or busiest[hour] > measure),
        )
        for hour in range(24)
    ]


def refusals_per_day(chain: str, until: date, days: int = 14) -> list[tuple[date, int]]:
    """Return how many acts were refused on each of the last days."""
    zone = timezone.get_current_timezone()
    first = until - timedelta(days=days - 1)
    rows = Event.objects.filter(
        chain=chain,
        outcome=Outcome.REFUSED,
        at__gte=datetime.combine(first, time.min, zone),
        at__lt=datetime.combine(until + timedelta(days=1), time.min, zone),
    ).values_list("at", flat=True)[:_MOST]
    counts = Counter(timezone.localtime(at).date() for at in rows)
    return [(first + timedelta(days=n), counts[first + timedelta(days=n)]) for n in range(days)]


def notices(chain: str, now: datetime | None = None) -> list[Notice]:
    """Return what of the last week is worth a look, newest first."""
    until = (now or timezone.now()) + timedelta(seconds=1)
    since = until - timedelta(days=_DAYS)
    found = [*_many_or_late(chain, since, until), *_refused_in_a_row(chain, since, until)]
    return sorted(found, key=lambda notice: notice.at, reverse=True)


def _many_or_late(chain: str, since: datetime, until: datetime) -> list[Notice]:
    per_hour: dict[tuple[datetime, str], list[tuple[datetime, str]]] = {}
    for at, actor, label in _look_ups(chain, since, until):
        hour = timezone.localtime(at).replace(minute=0, second=0, microsecond=0)
        per_hour.setdefault((hour, actor), []).append((at, label))
    found = []
    for (hour, actor), acts in per_hour.items():
        if is_off_hours(hour):
            found.append(Notice("off-hours", actor, acts[0][1], len(acts), hour))
        elif len(acts) > conf.option("LOOK_UPS_PER_HOUR"):
            found.append(Notice("many", actor, acts[0][1], len(acts), hour))
    return found


def _refused_in_a_row(chain: str, since: datetime, until: datetime) -> list[Notice]:
    rows = (
        Event.objects.filter(chain=chain, outcome=Outcome.REFUSED, at__gte=since, at__lt=until)
        .order_by("at")
        .values_list("at", "actor_id", "actor_label")[:_MOST]
    )
    runs: dict[str, list[datetime]] = {}
    labels: dict[str, str] = {}
    found = []

    def close(actor: str) -> None:
        run = runs.pop(actor)
        if len(run) >= _REFUSALS:
            found.append(Notice("refused", actor, labels[actor], len(run), run[0]))

    for at, actor, label in rows:
        labels[actor] = label
        if actor in runs and at - runs[actor][-1] > _WITHIN:
            close(actor)
        runs.setdefault(actor, []).append(at)
    for actor in list(runs):
        close(actor)
    return found
