"""Reading the trail for a person: filters, keyset pages, one subject's life. Read only."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from audit import conf
from audit.models import Event
from audit.terms import Outcome

PAGE = 50
_RECENT = 2000
_PROBE = 5000
UNKNOWN = "unknown"
EARLIEST, LATEST = date(1970, 1, 2), date(9000, 1, 1)


@dataclass(frozen=True, slots=True)
class Filters:
    """What a reader narrowed the timeline to; it lives in the URL."""

    first: date | None = None
    last: date | None = None
    who: str = ""
    action: str = ""
    outcome: str = ""
    subject: str = ""
    context: str = ""
    errors: dict[str, bool] = field(default_factory=dict)

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "Filters":
        """Read a query string; what can't be read is marked, not guessed."""
        errors: dict[str, bool] = {}

        def day(name: str) -> date | None:
            text = query.get(name, "").strip()
            try:
                # No act lies outside; a day at the calendar's end has no day after it.
                return min(max(date.fromisoformat(text), EARLIEST), LATEST) if text else None
            except ValueError:
                errors[name] = True
                return None

        def plain(name: str) -> str:
            return query.get(name, "").replace("\0", "").strip()[:128]

        def known(name: str, values: Iterable[str]) -> str:
            value = query.get(name, "")
            if value and value not in values:
                errors[name] = True
                return ""
            return value

        return cls(
            first=day("first"),
            last=day("last"),
            who=plain("who"),
            action=known("action", conf.vocabulary()),
            outcome=known("outcome", Outcome.values),
            subject=plain("subject"),
            context=plain("context"),
            errors=errors,
        )

    def as_dict(self) -> dict[str, str]:
        """Return the filters that are set, as they stand in the URL."""
        given = {
            "first": self.first.isoformat() if self.first else "",
            "last": self.last.isoformat() if self.last else "",
            "who": self.who,
            "action": self.action,
            "outcome": self.outcome,
            "subject": self.subject,
            "context": self.context,
        }
        return {name: value for name, value in given.items() if value}

    def query(self, **more: str) -> str:
        """Return a query string of the filters and more."""
        return urlencode({**self.as_dict(), **{key: value for key, value in more.items() if value}})

    def __bool__(self) -> bool:
        return bool(self.as_dict())


def _spellings(typed: str) -> list[str]:
    """Return an id as typed, and as ids are kept: upper case without blanks and hyphens."""
    return [typed, typed.upper().replace(" ", "").replace("-", "")]


def resolved(chain: str, filters: Filters) -> Filters:
    """Find the subject as it is kept; what is no subject may be a batch that acts belong to."""
    if not filters.subject:
        return filters
    here = Event.objects.filter(chain=chain)
    for spelling in _spellings(filters.subject):
        if here.filter(subject=spelling).exists():
            return replace(filters, subject=spelling)
        if not filters.context and here.filter(context=spelling).exists():
            return replace(filters, subject="", context=spelling)
    return filters


def told(chain: str, filters: Filters) -> Filters:
    """Return filters as the trail may repeat them: typed text that names nothing in it is left out.

    Somebody may type a patient's name where a study's id is asked for.
    """
    here = Event.objects.filter(chain=chain)

    def kept(column: str, value: str) -> str:
        return value if not value or here.filter(**{column: value}).exists() else UNKNOWN

    return replace(
        filters,
        who=kept("actor_id", filters.who),
        subject=kept("subject", filters.subject),
        context=kept("context", filters.context),
    )


def events(chain: str, filters: Filters) -> QuerySet[Event]:
    """Return a chain's events within the filters, newest first."""
    found = Event.objects.filter(chain=chain)
    zone = timezone.get_current_timezone()
    if filters.first:
        found = found.filter(at__gte=datetime.combine(filters.first, time.min, zone))
    if filters.last:
        found = found.filter(
            at__lt=datetime.combine(filters.last + timedelta(days=1), time.min, zone)
        )
    # In the order in which they lead where all of them are frequent.
    columns = {
        "subject": filters.subject,
        "context": filters.context,
        "actor_id": filters.who,
        "action": filters.action,
        "outcome": filters.outcome,
    }
    given = {column: value for column, value in columns.items() if value}
    leading = _rarest(found, given)
    for column, value in given.items():
        if column == leading:
            found = found.filter(**{column: value})
        else:  # wrapped, so that no database takes this one's index instead
            name = f"given_{column}"
            found = found.alias(**{name: Coalesce(column, Value(""))}).filter(**{name: value})
    return found.order_by("-at", "-id")


def _rarest(found: QuerySet[Event], given: Mapping[str, str]) -> str:
    """Return the filter that lets the fewest events through, counted in its index up to a bound.

    Asked for one person's successes, SQLite would else read every success there ever was.
    """
    best, least = "", _PROBE + 1
    for column, value in given.items() if len(given) > 1 else ():
        count = found.filter(**{column: value}).values("pk")[: min(_PROBE, least)].count()
        if count < least:
            best, least = column, count
    return best or next(iter(given), "")


# --- keyset pages -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """A position in the order (at, id), as it stands in the URL."""

    at: datetime
    id: int

    PATTERN: ClassVar[str] = r"^[0-9]{1,17}-[0-9]{1,18}$"

    def __str__(self) -> str:
        whole = self.at - datetime(1970, 1, 1, tzinfo=UTC)
        return f"{whole // timedelta(microseconds=1)}-{self.id}"

    @classmethod
    def of(cls, event: Event) -> "Place":
        """Return the place of an event."""
        return cls(event.at, event.pk)

    @classmethod
    def parse(cls, text: str) -> "Place | None":
        """Read a place; None for what is none."""
        moment, _, number = text.partition("-")
        if not (moment.isdecimal() and number.isdecimal()):
            return None
        try:
            at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(moment))
        except OverflowError:
            return None
        return cls(at, min(int(number), 2**63 - 1))


@dataclass(frozen=True, slots=True)
class Page:
    """A page of events, newest first, and the places to go on from."""

    events: list[Event]
    newer: str = ""
    older: str = ""


def page(found: QuerySet[Event], *, before: str = "", after: str = "", size: int = PAGE) -> Page:
    """Return the events older than `before` or newer than `after`, or the newest."""
    below, above = Place.parse(before), Place.parse(after)
    if above:
        rows = list(_newer_than(found, above)[: size + 1])
        has_more = len(rows) > size
        shown = rows[:size][::-1]
        if not shown:
            return page(found, size=size)
        return Page(
            shown,
            newer=str(Place.of(shown[0])) if has_more else "",
            older=str(Place.of(shown[-1])),
        )
    rows = list((_older_than(found, below) if below else found)[: size + 1])
    shown = rows[:size]
    return Page(
        shown,
        newer=str(Place.of(shown[0])) if below and shown else "",
        older=str(Place.of(shown[-1])) if len(rows) > size else "",
    )


def _older_than(found: QuerySet[Event], place: Place) -> QuerySet[Event]:
    # The first term lets the index seek, the second settles what shares its microsecond.
    return found.filter(at__lte=place.at).filter(Q(at__lt=place.at) | Q(id__lt=place.id))


def _newer_than(found: QuerySet[Event], place: Place) -> QuerySet[Event]:
    later = found.filter(at__gte=place.at).filter(Q(at__gt=place.at) | Q(id__gt=place.id))
    return later.order_by("at", "id")


def recent_people(chain: str, chosen: str = "") -> list[tuple[str, str]]:
    """Return (id, label) of the persons and tokens among the newest events, for the filter."""
    rows = (
        Event.objects.filter(chain=chain)
        .order_by("-at", "-id")
        .values_list("actor_kind", "actor_id", "actor_label")[:_RECENT]
    )
    people: dict[str, str] = {}
    for kind, actor, label in rows:
        if kind in {"person", "token"}:
            people.setdefault(actor, label)
    if chosen and chosen not in people:
        people[chosen] = person_label(chain, chosen) or chosen
    return sorted(people.items(), key=lambda item: item[1].casefold())


def person_label(chain: str, actor: str) -> str:
    """Return the name an actor last bore in a chain; "" for one who never acted there."""
    last = Event.objects.filter(chain=chain, actor_id=actor).order_by("-at", "-id").first()
    return last.actor_label if last else ""


# --- one subject's life -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """Acts of one kind in a row, as one step of the picture."""

    event: Event
    count: int
    gap: float | None


def life(chain: str, subject: str, most: int = 500) -> list[Step]:
    """Return a subject's steps in order, each with the seconds until the next one."""
    rows = list(Event.objects.filter(chain=chain, subject=subject).order_by("at", "id")[:most])
    runs = [list(run) for _, run in groupby(rows, key=lambda event: (event.action, event.outcome))]
    steps = []
    for index, run in enumerate(runs):
        later = runs[index + 1][0].at if index + 1 < len(runs) else None
        gap = (later - run[-1].at).total_seconds() if later else None
        steps.append(Step(run[0], len(run), gap))
    return steps


def summary(event: Event, most: int = 3) -> list[tuple[str, Any]]:
    """Return the first few plain values of an event's detail, for one line under it."""
    plain = [
        (name.replace("_", " "), _short(value))
        for name, value in event.detail.items()
        if isinstance(value, str | int) and value != ""
    ]
    return plain[:most]


def _short(value: str | int) -> str | int:
    """Cut a digest down to its ends; the event's own page has it whole."""
    if isinstance(value, str) and len(value) > 60 and " " not in value:
        return f"{value[:4]} … {value[-4:]}"
    return value
