"""What is worth a look: look-ups by the hour, off-hours, refusals in a row. Counts, no verdicts."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import CharField, QuerySet
from django.db.models.functions import Cast
from django.utils import timezone

from audit import conf
from audit.models import Event
from audit.terms import Outcome

_DAYS = 7
_MOST = 20_000
_QUARTERS = {f"{minute:02}": f"{minute // 15 * 15:02}" for minute in range(60)}
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


def quiet_hours() -> frozenset[int]:
    """Return the hours of a day, by local time, in which look-ups are worth a look."""
    first, last = (int(hour) for hour in conf.option("OFF_HOURS"))
    if first < last:
        return frozenset(range(first, last))
    return frozenset({*range(first, 24), *range(last)})


def _look_ups(among: QuerySet[Event], most: int) -> Iterator[tuple[datetime, str, str]]:
    """Yield local hour, id and name of who looked somebody up, newest first.

    A week may hold thousands. Times come as text and each quarter of an hour, the finest step
    between time zones, is turned into a local hour once: that is most of the cost.
    """
    rows = (
        among.filter(action__in=look_up_actions())
        .order_by("-at")
        .values_list(Cast("at", CharField()), "actor_id", "actor_label")[:most]
    )
    zone = timezone.get_current_timezone()
    hours: dict[str, datetime] = {}
    for at, actor, label in rows:
        quarter = at[:14] + _QUARTERS[at[14:16]]
        hour = hours.get(quarter)
        if hour is None:
            moment = datetime.fromisoformat(quarter).replace(tzinfo=UTC)
            hour = hours[quarter] = moment.astimezone(zone).replace(minute=0)
        yield hour, actor, label


def hours(chain: str, day: date) -> list[Hour]:
    """Return a day's look-ups per hour; red are off hours and more than one person's measure."""
    start = datetime.combine(day, time.min, timezone.get_current_timezone())
    quiet, measure = quiet_hours(), int(conf.option("LOOK_UPS_PER_HOUR"))
    acts = Event.objects.filter(chain=chain, at__gte=start, at__lt=start + timedelta(days=1))
    rows = _look_ups(acts, _MOST)
    persons = Counter((at.hour, actor) for at, actor, _ in rows)
    counts: Counter[int] = Counter()
    busiest: dict[int, int] = {}
    for (hour, _), count in persons.items():
        counts[hour] += count
        busiest[hour] = max(busiest.get(hour, 0), count)
    return [
        Hour(
            hour,
            counts[hour],
            hour in quiet,
            counts[hour] > 0 and (hour in quiet or busiest[hour] > measure),
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
    counts = Counter(at.astimezone(zone).date() for at in rows)
    return [(first + timedelta(days=n), counts[first + timedelta(days=n)]) for n in range(days)]


def notices(
    chain: str, now: datetime | None = None, *, actor: str = "", most: int = _MOST
) -> list[Notice]:
    """Return what of the last week is worth a look, newest first; of one actor, if one is given.

    Of look-ups and refusals the newest `most` are looked at: a page that shows three needs few.
    """
    until = (now or timezone.now()) + timedelta(seconds=1)
    since = until - timedelta(days=_DAYS)
    week = Event.objects.filter(chain=chain, at__gte=since, at__lt=until)
    if actor:
        week = week.filter(actor_id=actor)
    found = [*_many_or_late(week, most), *_refused_in_a_row(week, most)]
    return sorted(found, key=lambda notice: notice.at, reverse=True)


def _many_or_late(week: QuerySet[Event], most: int) -> list[Notice]:
    quiet, measure = quiet_hours(), int(conf.option("LOOK_UPS_PER_HOUR"))
    counts: Counter[tuple[datetime, str]] = Counter()
    labels: dict[str, str] = {}
    for hour, actor, label in _look_ups(week, most):
        counts[hour, actor] += 1
        labels.setdefault(actor, label)
    found = []
    for (hour, actor), count in counts.items():
        if hour.hour in quiet or hour.weekday() >= 5:
            found.append(Notice("off-hours", actor, labels[actor], count, hour))
        elif count > measure:
            found.append(Notice("many", actor, labels[actor], count, hour))
    return found


def _refused_in_a_row(week: QuerySet[Event], most: int) -> list[Notice]:
    newest = (
        week.filter(outcome=Outcome.REFUSED)
        .order_by("-at")
        .values_list("at", "actor_id", "actor_label")[:most]
    )
    rows = list(newest)[::-1]
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
