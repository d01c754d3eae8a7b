"""How long reports take: from a study's delivery to its first report, per priority."""

from datetime import timedelta
from statistics import median

from django.db.models import Min
from django.utils import timezone

from studies.models import Organization, Priority, Report, Study

DAYS = 7


def minutes_by_priority(organization: Organization) -> list[tuple[str, int]]:
    """Return the median minutes of each priority that had reports in the last days, STAT first."""
    since = timezone.now() - timedelta(days=DAYS)
    first = dict(
        Report.objects.filter(organization=organization)
        .exclude(cloud_study_id="")
        .values_list("cloud_study_id")
        .annotate(first=Min("created"))
        .filter(first__gte=since)
    )
    taken: dict[str, list[float]] = {}
    delivered = (
        Study.objects.filter(
            organization=organization, delivered__isnull=False, cloud_study_id__in=list(first)
        )
        .order_by("-delivered")
        .values_list("cloud_study_id", "batch__priority", "delivered")
    )
    # The delivery that a report answers is the last one before it.
    for cloud_id, priority, moment in delivered:
        if cloud_id in first and moment <= first[cloud_id]:
            waited = first.pop(cloud_id) - moment
            taken.setdefault(priority, []).append(waited.total_seconds() / 60)
    return [
        (str(one.value), max(1, round(median(taken[one.value]))))
        for one in Priority
        if one.value in taken
    ]
