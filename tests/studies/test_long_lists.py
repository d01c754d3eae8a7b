"""Long lists of the portal: every row can be reached, what is urgent stands first, nothing is cut.

Rows are made as the services leave them; what is listed is thousands of studies, not one.
"""

import re
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from studies.deid.cloudid import new_cloud_id
from studies.models import (
    Batch,
    BatchState,
    Instance,
    InstanceState,
    PixelCheck,
    PixelState,
    Priority,
    Role,
    Study,
)
from studies.services import choosing
from studies.web import batch_studies, desk, worklist
from studies.web import batches as batch_pages
from tests.studies.hospital import Hospital, make_hospital

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "vault"])
NUMBERS = count(1)


@pytest.fixture
def hospital(tmp_path: Path, settings) -> Hospital:
    settings.FOLDER_ROOTS = [str(tmp_path)]
    return make_hospital(tmp_path)


@pytest.fixture
def coordinator(hospital, client: Client) -> Client:
    client.force_login(hospital.people[Role.COORDINATOR])
    return client


def a_batch(hospital: Hospital, state: BatchState, priority: Priority, **values: Any) -> Batch:
    batch = choosing.draft(hospital.viewer(Role.COORDINATOR))
    fields = {"priority": priority, "announced_files": 1, **values}
    Batch.objects.filter(pk=batch.pk).update(**fields)
    force(Batch, state, pk=batch.pk)
    return Batch.objects.get(pk=batch.pk)


def force(model: Any, state: str, **which: Any) -> None:
    """Put rows into a state as if their transitions lay behind them."""
    table = model._meta.db_table
    ids = [row.pk for row in model.objects.filter(**which)]
    with connection.cursor() as cursor:
        for one in ids:
            value = one.hex if hasattr(one, "hex") and connection.vendor == "sqlite" else one
            cursor.execute(f"UPDATE {table} SET state = %s WHERE id = %s", [state, value])


def fill(batch: Batch, studies: int, states: dict[int, InstanceState], **values: Any) -> None:
    """Give a batch studies of one instance each; `states` by number, the others are clean."""
    begin = batch.studies.count()
    rows = Study.objects.bulk_create(
        Study(
            batch=batch,
            organization=batch.organization,
            number=number,
            study_index=number.to_bytes(32, "big"),
            cloud_study_id=new_cloud_id(next(NUMBERS)),
            modality="CT",
            **values,
        )
        for number in range(begin + 1, begin + studies + 1)
    )
    Instance.objects.bulk_create(
        Instance(
            batch=batch,
            number=study.number,
            study=study,
            code="damaged" if states.get(study.number) == InstanceState.HELD else "",
        )
        for study in rows
    )
    for study in rows:
        force(Instance, states.get(study.number, InstanceState.DEIDENTIFIED), study=study)


def ids_on(page: str) -> list[str]:
    """Return the cloud ids that a page lists, in order."""
    marked = re.findall(r'data-copy="([0-9A-Z]{13})"', page)
    return list(dict.fromkeys(marked))


def walk(client: Client, address: str) -> list[str]:
    """Follow "More" from a list's first page to its last; return every cloud id in order."""
    found: list[str] = []
    base = address.split("?")[0]
    for _page in range(20):
        page = client.get(address).content.decode()
        found += ids_on(page)
        link = re.search(r'href="([^"]*after=[^"]*)">More<', page)
        if link is None:
            return found
        following = link[1].replace("&amp;", "&")
        address = following if following.startswith("/") else base + following
    raise AssertionError("the list has no end")


def test_every_study_of_a_large_batch_can_be_reached(hospital, coordinator) -> None:
    batch = a_batch(hospital, BatchState.REVIEW, Priority.ROUTINE)
    fill(batch, 2 * batch_studies.PAGE + 7, {})
    wanted = list(batch.studies.order_by("number").values_list("cloud_study_id", flat=True))

    assert walk(coordinator, reverse("batch", args=[batch.pk])) == wanted


def test_studies_of_a_batch_are_filtered_by_what_they_wait_for(hospital, coordinator) -> None:
    batch = a_batch(hospital, BatchState.REVIEW, Priority.ROUTINE)
    held = {3: InstanceState.HELD, batch_studies.PAGE + 5: InstanceState.HELD}
    fill(batch, batch_studies.PAGE + 9, {**held, 4: InstanceState.RECEIVED})
    address = reverse("batch", args=[batch.pk])
    ids = dict(batch.studies.values_list("number", "cloud_study_id"))

    assert walk(coordinator, f"{address}?show=held") == [ids[number] for number in held]
    assert walk(coordinator, f"{address}?show=work") == [ids[4]]
    page = coordinator.get(f"{address}?show=held").content.decode()
    assert f"All {batch_studies.PAGE + 9}" in page
    assert "Held 2" in page
    assert "In work 1" in page
    assert "progress/?show=held" in page, "polling keeps the filter"


@pytest.mark.parametrize("query", ["show=no&after=x", "after=-1", "after=99999999999999999999"])
def test_an_address_that_makes_no_sense_shows_the_first_page(hospital, coordinator, query) -> None:
    batch = a_batch(hospital, BatchState.REVIEW, Priority.ROUTINE)
    fill(batch, 2, {})

    page = coordinator.get(f"{reverse('batch', args=[batch.pk])}?{query}")

    assert page.status_code == 200
    assert len(ids_on(page.content.decode())) == 2


def test_a_batch_says_what_happened_to_it(hospital, coordinator) -> None:
    batch = a_batch(hospital, BatchState.REVIEW, Priority.ROUTINE)

    page = coordinator.get(reverse("batch", args=[batch.pk])).content.decode()

    assert "What happened" in page
    assert "Batch opened" in page
    assert "In the trail" not in page, "the trail is the auditor's"


def test_the_list_of_batches_counts_only_what_it_shows(hospital, coordinator) -> None:
    """A join over every instance of the organization would take seconds after a year."""
    for _each in range(batch_pages.PAGE + 3):
        fill(a_batch(hospital, BatchState.CLOSED, Priority.ROUTINE), 1, {})
    newest = a_batch(hospital, BatchState.REVIEW, Priority.STAT)
    fill(newest, 5, {2: InstanceState.HELD})

    with CaptureQueriesContext(connection) as asked:
        page = coordinator.get(reverse("batches")).content.decode()

    counting = [query["sql"] for query in asked if "studies_instance" in query["sql"]]
    grouped = [sql for sql in counting if "GROUP BY" in sql]
    assert len(grouped) == 1
    assert " IN (" in grouped[0], "counted for the batches of the page alone"
    first = page.split("<tbody")[1].split("</tr>")[0]
    assert str(newest.short_id) in first
    assert re.findall(r'class="num"[^>]*>(\d+)<', first) == ["5", "1"]


def test_studies_delivered_in_the_same_moment_are_all_on_the_worklist(hospital, client) -> None:
    moment = timezone.now() - timedelta(hours=1)
    batch = a_batch(hospital, BatchState.DELIVERED, Priority.HIGH)
    fill(batch, 2 * worklist.PAGE + 3, {}, delivered=moment)
    urgent = a_batch(hospital, BatchState.DELIVERED, Priority.STAT)
    fill(urgent, 1, {}, delivered=timezone.now())
    client.force_login(hospital.people[Role.RADIOLOGIST])

    found: list[str] = []
    address: str | None = reverse("worklist")
    while address:
        page = client.get(address)
        found += [study.cloud_study_id for study in page.context["rows"]]
        mark = page.context["older"]
        address = f"{reverse('worklist')}?after={mark.replace('+', '%2B')}" if mark else None

    assert found[0] == urgent.studies.get().cloud_study_id
    assert sorted(found[1:]) == sorted(batch.studies.values_list("cloud_study_id", flat=True))


def test_an_urgent_image_is_first_at_the_desk_however_many_wait(hospital, coordinator) -> None:
    for priority, number in ((Priority.ROUTINE, desk.SHOWN + 2), (Priority.STAT, 1)):
        batch = a_batch(hospital, BatchState.REVIEW, priority)
        fill(batch, number, {})
        force(Instance, InstanceState.HELD, batch=batch)
        Instance.objects.filter(batch=batch).update(code="pixel-text-review")
        PixelCheck.objects.bulk_create(
            PixelCheck(batch=batch, instance=one, state=PixelState.REVIEW)
            for one in Instance.objects.filter(batch=batch)
        )

    page = coordinator.get(reverse("review"))

    groups = page.context["groups"]
    assert groups[0]["batch"].priority == Priority.STAT
    assert sum(len(group["rows"]) for group in groups) == desk.SHOWN
    assert "3 more images wait" in page.content.decode()
