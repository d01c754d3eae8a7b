"""Sampling review: the size of a sample, verdicts that count once, and the release that waits."""

from fractions import Fraction
from itertools import combinations
from math import comb
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from audit.models import Event
from studies import jobs
from studies.faults import PermanentError
from studies.models import (
    Batch,
    BatchState,
    Instance,
    Role,
    Sample,
    SampleItem,
    SampleState,
    Verdict,
)
from studies.services import releasing, review, sampling
from studies.services.sampling import size_needed
from tests import datasets
from tests.studies.hospital import Hospital, counts, make_hospital, work_off


def chance_of_none(population: int, bad: int, drawn: int) -> Fraction:
    """The chance to draw none of the bad ones, by the textbook."""
    return Fraction(comb(population - bad, drawn), comb(population, drawn))


@given(
    st.integers(1, 400), st.sampled_from([90, 95, 99]), st.sampled_from([1, 5, 10, 50, 100, 200])
)
def test_the_size_is_the_smallest_that_carries_the_statement(population, confidence, permille):
    size = size_needed(population, confidence, permille)
    bad = max(-(-population * permille // 1000), 1)
    assert Fraction(bad, population) >= Fraction(permille, 1000)
    assert 1 <= size <= population
    assert chance_of_none(population, bad, size) <= Fraction(100 - confidence, 100)
    assert chance_of_none(population, bad, size - 1) > Fraction(100 - confidence, 100)


def test_the_rule_agrees_with_counting_every_possible_draw() -> None:
    population, bad = 12, 3  # 20 % of 12 is 2.4: three are no longer fewer
    size = size_needed(population, 95, 200)
    draws = list(combinations(range(population), size))
    clean = sum(1 for draw in draws if not any(image < bad for image in draw))
    assert clean / len(draws) <= 0.05


def test_sizes_that_the_documentation_names() -> None:
    sizes = {n: size_needed(n, 95, 10) for n in (10, 50, 300, 1204, 10_000, 100_000)}
    assert sizes == {10: 10, 50: 48, 300: 189, 1204: 247, 10_000: 294, 100_000: 298}
    assert size_needed(0, 95, 10) == size_needed(50, 0, 10) == 0
    text = (Path(__file__).parents[2] / "docs" / "review.md").read_text(encoding="utf-8")
    for population, size in sizes.items():
        assert f"| {population:,} | {size:,} |" in text


# --- with a batch --------------------------------------------------------------------------------


@pytest.fixture
def hospital(tmp_path: Path, settings) -> Hospital:
    settings.FOLDER_ROOTS = [str(tmp_path)]
    hospital = make_hospital(tmp_path, sampling_confidence=95, sampling_permille=200)
    markers = datasets.Markers()
    objects = [datasets.ct(markers, number=n) for n in range(1, 7)]
    datasets.write_series(hospital.inbox / "one", objects)
    return hospital


def submitted(hospital: Hospital, **choices: str) -> Batch:
    batch = hospital.submit(**choices)
    work_off()
    batch.refresh_from_db()
    return batch


def refused(batch: Batch, hospital: Hospital) -> str:
    with pytest.raises(PermanentError) as error:
        releasing.release(batch, hospital.viewer(Role.COORDINATOR).actor)
    return error.value.code


def look(sample: Sample, hospital: Hospital, *, is_clean: bool = True) -> SampleItem:
    item = sampling.next_item(sample)
    assert item is not None
    sampling.judge(item, is_clean, hospital.viewer(Role.COORDINATOR).actor)
    sample.refresh_from_db()
    return item


@pytest.mark.django_db(transaction=True, databases=["default", "vault"])
@pytest.mark.usefixtures("redis_server")
def test_a_batch_waits_for_its_sample_and_goes_once_all_of_it_was_clean(hospital) -> None:
    batch = submitted(hospital, release="when-clean")
    assert batch.state == BatchState.REVIEW, "it may not release itself"
    assert refused(batch, hospital) == "sample-missing"
    actor = hospital.viewer(Role.COORDINATOR).actor
    sample = sampling.draw(batch, actor)
    assert (sample.population, sample.size) == (6, size_needed(6, 95, 200))
    assert refused(batch, hospital) == "sample-open"
    with pytest.raises(PermanentError):
        sampling.draw(batch, actor)
    for number in range(sample.size):
        assert sample.state == SampleState.OPEN
        assert look(sample, hospital).number == number + 1
    assert sample.state == SampleState.PASSED
    assert sampling.refusal(batch) is None
    acts = [row.action for row in Event.objects.filter(action__startswith="sample.").order_by("pk")]
    assert acts == ["sample.drawn", *["sample.judged"] * sample.size, "sample.passed"]
    jobs.release_by_policy(batch.pk)
    work_off()
    assert counts(batch) == {"delivered": 6}


@pytest.mark.django_db(transaction=True, databases=["default", "vault"])
@pytest.mark.usefixtures("redis_server")
def test_one_finding_stops_the_release_until_it_is_mended_and_drawn_anew(hospital) -> None:
    batch = submitted(hospital)
    actor = hospital.viewer(Role.COORDINATOR).actor
    sample = sampling.draw(batch, actor)
    look(sample, hospital)
    found = look(sample, hospital, is_clean=False)
    assert sample.state == SampleState.FAILED
    assert refused(batch, hospital) == "sample-failed"
    with pytest.raises(PermanentError) as error:
        sampling.draw(batch, actor)
    assert error.value.code == "finding-stands"

    review.exclude(batch, [found.check_row.instance.number], "shows a name", actor)
    assert refused(batch, hospital) == "sample-failed", "mended, but nobody looked again"
    second = sampling.draw(batch, actor)
    assert second.population == 5, "all that is left, also what was looked at before"
    while second.state == SampleState.OPEN:
        look(second, hospital)
    releasing.release(batch, actor)


@pytest.mark.django_db(transaction=True, databases=["default", "vault"])
@pytest.mark.usefixtures("redis_server")
def test_what_is_processed_after_the_draw_needs_a_sample_of_its_own(hospital) -> None:
    batch = submitted(hospital)
    actor = hospital.viewer(Role.COORDINATOR).actor
    first = Instance.objects.filter(batch=batch).earliest("number")
    review.exclude(batch, [first.number], "later", actor)
    sample = sampling.draw(batch, actor)
    while sample.state == SampleState.OPEN:
        look(sample, hospital)
    review.restore(batch, [first.number], actor)
    jobs.continue_batch(batch)
    work_off()
    batch.refresh_from_db()
    assert refused(batch, hospital) == "sample-missing"
    assert list(sampling.uncovered(batch)) == [first]
    assert sampling.draw(batch, actor).population == 1


@pytest.mark.django_db(transaction=True, databases=["default", "vault"])
@pytest.mark.usefixtures("redis_server")
def test_drawn_images_that_leave_the_batch_unseen_prove_nothing(hospital) -> None:
    batch = submitted(hospital)
    actor = hospital.viewer(Role.COORDINATOR).actor
    sample = sampling.draw(batch, actor)
    drawn = [item.check_row.instance.number for item in sample.items.all()]
    look(sample, hospital)
    review.exclude(batch, drawn[1:], "not needed", actor)
    assert sampling.next_item(sample) is None
    sampling.settle(sample, actor)
    sample.refresh_from_db()
    assert sample.state == SampleState.FAILED
    assert refused(batch, hospital) == "sample-incomplete"


@pytest.mark.django_db(transaction=True, databases=["default", "vault"])
@pytest.mark.usefixtures("redis_server")
def test_a_verdict_counts_once_and_a_stat_batch_waits_as_well(hospital) -> None:
    batch = submitted(hospital, priority="STAT", release="when-clean")
    assert counts(batch) == {"deidentified": 6}
    actor = hospital.viewer(Role.COORDINATOR).actor
    sample = sampling.draw(batch, actor)
    item = look(sample, hospital)
    with pytest.raises(PermanentError) as error:
        sampling.judge(item, False, actor)
    assert error.value.code == "judged-already"
    item.refresh_from_db()
    assert (item.verdict, item.judged_by) == (Verdict.CLEAN, actor.label)


@pytest.mark.django_db(transaction=True, databases=["default", "vault"])
@pytest.mark.usefixtures("redis_server")
def test_on_the_pages_each_drawn_image_is_looked_at_and_the_last_lets_the_batch_go(
    hospital,
) -> None:
    batch = submitted(hospital, release="when-clean")
    client = Client()
    client.force_login(hospital.people[Role.COORDINATOR])
    assert "Draw a sample" in client.get(reverse("batch", args=[batch.pk])).content.decode()
    page = client.post(reverse("sample_draw", args=[batch.pk]))
    url = page["Location"]
    sample = Sample.objects.get(batch=batch)
    size = sample.size
    for number in range(1, size + 1):
        shown = client.get(url)
        assert "no-store" in shown["Cache-Control"]
        assert f"Drawn image {number} of {size}" in shown.content.decode()
        item = sampling.next_item(sample)
        assert item is not None
        client.post(
            reverse("sample_judge", args=[sample.pk]), {"item": item.pk, "verdict": "clean"}
        )
    assert "None of" in client.get(url).content.decode()
    work_off()
    assert counts(batch) == {"delivered": 6}
    looks = Event.objects.filter(action="identifiers.viewed").count()
    assert looks == size, "each look at an original is in the trail"
