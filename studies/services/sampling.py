"""Sampling review: so many images of a batch are drawn at random and looked at before it leaves.

The rule is that of zero failures. Were the stated share of the images bad, so many drawn without
return would show none of them with a chance below 1 - confidence; docs/review.md derives it.
"""

import secrets
from datetime import datetime
from fractions import Fraction

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from audit import Actor, record
from studies.faults import PermanentError
from studies.models import (
    Batch,
    BatchState,
    Confidence,
    Instance,
    InstanceState,
    Sample,
    SampleItem,
    SampleState,
    Verdict,
)
from studies.services import batches, pixels

SAMPLING_STATES = (BatchState.REVIEW, BatchState.ATTENTION, BatchState.DELIVERED)


def size_needed(population: int, confidence: int, permille: int) -> int:
    """Return how many of a population must be looked at, if none of them may be bad.

    The smallest n with C(N - D, n) / C(N, n) <= 1 - confidence, D the fewest bad images that are
    no longer "fewer than permille / 1000 of N". Exact arithmetic: no rounding decides.
    """
    if not population or not confidence:
        return 0
    bad = max(-(-population * permille // 1000), 1)
    allowed = Fraction(100 - confidence, 100)
    chance = Fraction(1)
    for drawn in range(population):
        if chance <= allowed:
            return drawn
        chance *= Fraction(max(population - bad - drawn, 0), population - drawn)
    return population


def is_wanted(batch: Batch) -> bool:
    """Say whether the organization wants samples looked at before a batch leaves."""
    return batch.organization.sampling_confidence != Confidence.NONE or bool(
        batch.organization.sampling_size
    )


def uncovered(batch: Batch) -> QuerySet[Instance]:
    """Return what waits to leave and was in no sample that passed since the last failure."""
    rows = Instance.objects.filter(
        batch=batch, state=InstanceState.DEIDENTIFIED, delivery_chunk__isnull=True
    )
    covered = _covered_until(batch)
    return rows.filter(processed__gt=covered) if covered else rows


def _covered_until(batch: Batch) -> datetime | None:
    last: datetime | None = None
    for sample in Sample.objects.filter(batch=batch).order_by("drawn"):
        if sample.state == SampleState.FAILED:
            last = None
        elif sample.state == SampleState.PASSED:
            last = sample.drawn
    return last


def open_sample(batch: Batch) -> Sample | None:
    """Return the sample that people are looking at, if there is one."""
    return Sample.objects.filter(batch=batch, state=SampleState.OPEN).first()


def last_sample(batch: Batch) -> Sample | None:
    """Return the newest sample of a batch."""
    return Sample.objects.filter(batch=batch).order_by("-drawn").first()


def refusal(batch: Batch) -> PermanentError | None:
    """Return why sampling keeps a batch from leaving now, or None."""
    if open_sample(batch) is not None:
        return PermanentError(
            "sample-open", _("Release opens when the drawn sample has been looked at.")
        )
    last = last_sample(batch)
    if last is not None and last.state == SampleState.FAILED:
        if not last.items.filter(verdict=Verdict.FINDING).exists():
            return PermanentError(
                "sample-incomplete",
                _("Drawn images left the batch before they were looked at: draw a new sample."),
            )
        return PermanentError(
            "sample-failed",
            _(
                "An identifier was found in the sample. Mend or exclude that image, look for "
                "others like it, and draw a new sample."
            ),
        )
    if is_wanted(batch) and uncovered(batch).exists():
        return PermanentError(
            "sample-missing", _("Release opens when a sample has been drawn and looked at.")
        )
    return None


# --- drawing -------------------------------------------------------------------------------------


def draw(batch: Batch, actor: Actor) -> Sample:
    """Draw a sample of what waits to leave; each image has the same chance."""
    with transaction.atomic():
        batch = Batch.objects.select_for_update().select_related("organization").get(pk=batch.pk)
        if batch.state not in SAMPLING_STATES or batches.ledger(batch).in_work:
            raise PermanentError(
                "not-deciding", _("A sample is drawn when nothing of the batch is in work.")
            )
        if open_sample(batch) is not None:
            raise PermanentError("sample-open", _("A sample is being looked at already."))
        _refuse_while_a_finding_stands(batch)
        population = list(uncovered(batch).order_by("number"))
        if not population:
            raise PermanentError("nothing-to-sample", _("Nothing waits to leave."))
        sample = _drawn(batch, population, actor)
    return sample


def _drawn(batch: Batch, population: list[Instance], actor: Actor) -> Sample:
    policy = batch.organization
    confidence = policy.sampling_confidence or Confidence.NINETY_FIVE
    needed = size_needed(len(population), confidence, policy.sampling_permille)
    size = min(max(needed, policy.sampling_size), len(population))
    sample = Sample.objects.create(
        batch=batch,
        population=len(population),
        size=size,
        confidence=confidence,
        permille=policy.sampling_permille,
        drawn_by=actor.label[:150],
    )
    chosen = secrets.SystemRandom().sample(population, size)
    SampleItem.objects.bulk_create(
        SampleItem(sample=sample, number=number, check_row=pixels.check_of(row))
        for number, row in enumerate(chosen, 1)
    )
    _record(sample, "sample.drawn", actor, {"population": len(population), "size": size})
    return sample


def _refuse_while_a_finding_stands(batch: Batch) -> None:
    """Refuse a new draw while an image that showed an identifier is as it was."""
    for item in SampleItem.objects.filter(
        sample__batch=batch, verdict=Verdict.FINDING
    ).select_related("check_row__instance"):
        row = item.check_row.instance
        if row.state == InstanceState.DEIDENTIFIED and row.output_sha256 == item.output_sha256:
            raise PermanentError(
                "finding-stands",
                _("File {number} showed an identifier: mend or exclude it first.").format(
                    number=row.number
                ),
            )


# --- looking -------------------------------------------------------------------------------------


def next_item(sample: Sample) -> SampleItem | None:
    """Return the first drawn image that nobody has judged."""
    _drop_gone(sample)
    return (
        sample.items.filter(verdict=Verdict.NONE)
        .select_related("check_row__instance__study", "check_row__batch__organization")
        .order_by("number")
        .first()
    )


def _drop_gone(sample: Sample) -> None:
    """Mark drawn images that left the batch meanwhile: nobody can judge what isn't sent."""
    gone = sample.items.filter(verdict=Verdict.NONE).exclude(
        check_row__instance__state=InstanceState.DEIDENTIFIED
    )
    gone.update(verdict=Verdict.GONE, judged=timezone.now())


def judge(item: SampleItem, is_clean: bool, actor: Actor) -> Sample:
    """Keep a person's verdict on a drawn image; the last one, or a finding, ends the sample."""
    with transaction.atomic():
        sample = Sample.objects.select_for_update().select_related("batch").get(pk=item.sample_id)
        row = Instance.objects.select_for_update().get(pk=item.check_row.instance_id)
        if sample.state != SampleState.OPEN or row.state != InstanceState.DEIDENTIFIED:
            raise PermanentError(
                "not-deciding", _("This image can't be judged now: it is in work, or it has left.")
            )
        verdict = Verdict.CLEAN if is_clean else Verdict.FINDING
        judged = sample.items.filter(pk=item.pk, verdict=Verdict.NONE).update(
            verdict=verdict,
            output_sha256=row.output_sha256,
            judged_by=actor.label[:150],
            judged=timezone.now(),
        )
        if not judged:
            raise PermanentError("judged-already", _("Somebody has judged this image already."))
        _record(
            sample,
            "sample.judged",
            actor,
            {"file": row.number, "verdict": str(verdict), "number": item.number},
        )
        if not is_clean:
            _finish(sample, SampleState.FAILED, actor)
        elif next_item(sample) is None:
            _finish(sample, SampleState.PASSED, actor)
    return sample


def settle(sample: Sample, actor: Actor) -> None:
    """End a sample of which nothing is left to look at, because the rest left the batch."""
    with transaction.atomic():
        locked = Sample.objects.select_for_update().select_related("batch").get(pk=sample.pk)
        if locked.state == SampleState.OPEN and next_item(locked) is None:
            _finish(locked, SampleState.PASSED, actor)


def _finish(sample: Sample, state: SampleState, actor: Actor) -> None:
    looked = sample.items.filter(verdict=Verdict.CLEAN).count()
    if state == SampleState.PASSED and looked < sample.size:
        # Fewer were looked at than the statement needs: it holds for what was drawn only.
        looked_for = size_needed(sample.population, sample.confidence, sample.permille)
        if looked < looked_for:
            state = SampleState.FAILED
    sample.move(state, finished=timezone.now())
    _record(
        sample,
        "sample.passed" if state == SampleState.PASSED else "sample.failed",
        actor,
        {"looked": looked, "size": sample.size, "population": sample.population},
    )


def _record(sample: Sample, action: str, actor: Actor, detail: dict[str, int | str]) -> None:
    record(
        action,
        actor=actor,
        chain=str(sample.batch.organization_id),
        subject=str(sample.batch_id),
        subject_kind="batch",
        context=str(sample.batch_id),
        detail={"confidence": sample.confidence, "permille": sample.permille, **detail},
    )
