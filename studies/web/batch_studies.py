"""The studies of a batch as its page lists them: those in one state, a page at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from django.db.models import Count, Exists, OuterRef, QuerySet

from studies.models import Batch, BatchState, Instance, InstanceState, Study

PAGE = 50
# Filters by the state that one instance at least is in.
FILTERS = {"held": InstanceState.HELD, "work": InstanceState.RECEIVED}
# A study shows the state of its least finished instance.
ORDER = (
    InstanceState.RECEIVED,
    InstanceState.HELD,
    InstanceState.REFUSED,
    InstanceState.DEIDENTIFIED,
    InstanceState.DELIVERED,
    InstanceState.EXCLUDED,
)
# What ends with a batch that is cancelled: it never left, and never will.
UNSENT = (InstanceState.RECEIVED, InstanceState.HELD, InstanceState.DEIDENTIFIED)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which studies a page asks for: a filter, and the number that the page begins behind."""

    show: str = ""
    after: int = 0

    @property
    def query(self) -> str:
        """Return it as the query of an address, "" for the first page of all."""
        asked = {"show": self.show, "after": str(self.after or "")}
        return urlencode({name: value for name, value in asked.items() if value})


def asked(parameters: Mapping[str, str]) -> Asked:
    """Read what an address asks for; what makes no sense is the first page of all."""
    show = parameters.get("show", "")
    after = parameters.get("after", "")
    return Asked(
        show if show in FILTERS else "",
        int(after) if after.isascii() and after.isdigit() and len(after) < 10 else 0,
    )


def context_of(batch: Batch, wanted: Asked) -> dict[str, object]:
    """Return the page of studies, how many each filter holds, and where the next page begins."""
    counts = {show: _chosen(batch, show).count() for show in ("", *FILTERS)}
    rows = _chosen(batch, wanted.show).filter(number__gt=wanted.after).order_by("number")
    page = list(rows[: PAGE + 1])
    following = Asked(wanted.show, page[PAGE - 1].number) if len(page) > PAGE else None
    return {
        "studies": _rows(batch, page[:PAGE]),
        "study_counts": {"all": counts[""], "held": counts["held"], "work": counts["work"]},
        "asked": wanted,
        "following": following.query if following else "",
    }


def _chosen(batch: Batch, show: str) -> QuerySet[Study]:
    if not show:
        return batch.studies.all()
    members = Instance.objects.filter(study=OuterRef("pk"), state=FILTERS[show])
    return batch.studies.filter(Exists(members))


def _rows(batch: Batch, page: list[Study]) -> list[dict[str, object]]:
    """Return studies with their counts."""
    per_study: dict[object, dict[str, int]] = {}
    for study_id, state, count in (
        Instance.objects.filter(study__in=page)
        .exclude(state__in=[InstanceState.DUPLICATE, InstanceState.SKIPPED])
        .values_list("study", "state")
        .annotate(count=Count("id"))
        .order_by()
    ):
        per_study.setdefault(study_id, {})[state] = count
    return [_row(batch, study, per_study.get(study.pk, {})) for study in page]


def _row(batch: Batch, study: Study, counts: dict[str, int]) -> dict[str, object]:
    least: str = next((state for state in ORDER if counts.get(state)), InstanceState.RECEIVED)
    if batch.state == BatchState.CANCELLED and least in UNSENT:
        least = BatchState.CANCELLED
    total = sum(counts.values())
    return {
        "study": study,
        "state": least,
        "total": total,
        "done": total - counts.get(InstanceState.RECEIVED, 0),
        "held": 0 if least == BatchState.CANCELLED else counts.get(InstanceState.HELD, 0),
    }
