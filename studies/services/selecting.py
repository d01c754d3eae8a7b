"""Choosing studies and series of a PACS for a batch: sealed rows of what is to be brought.

The source is asked for the series of each study, and its own counts are compared: what a study has
by its count but not by its list is a row, too, so that it can't be passed over.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from audit import Actor, record
from studies.faults import PermanentError
from studies.intake.limits import limits
from studies.intake.remote import FoundSeries, Remote
from studies.intake.sources import SEARCHABLE
from studies.models import Batch, BatchState, Retrieval, Source
from studies.services.entries import about
from studies.services.keys import Sealer, batch_sealer
from studies.services.modalities import known_modality
from studies.services.searching import Choice, choices, open_remote

# What a row's UIDs, and a batch's list of what is to come, are sealed for.
UIDS = "uids"
SELECTION = "selection"


def is_remote(source: Source) -> bool:
    """Say whether a source is a PACS that is searched."""
    return source.kind in SEARCHABLE


# --- choosing ------------------------------------------------------------------------------------


def choose_found(batch: Batch, source: Source, tokens: Sequence[str], actor: Actor) -> int:
    """Remember, sealed, what to bring from a PACS; return how many series that is."""
    chosen = choices(batch, tokens)
    remote = open_remote(source)
    planned: list[Planned] = []
    for number, choice in enumerate(_by_study(chosen), start=1):
        planned += _plan(remote, number, choice)
    expected = sum(plan.expected or 0 for plan in planned)
    if expected > limits().files:
        raise PermanentError(
            "too-many-files",
            _("The selection is larger than a batch may be. Send it in several batches."),
        )
    sealer = batch_sealer(batch)
    with transaction.atomic():
        locked = Batch.objects.select_for_update().get(pk=batch.pk)
        if locked.state != BatchState.RECEIVING:
            raise PermanentError("already-submitted", _("This batch was already started."))
        forget(batch)
        Retrieval.objects.bulk_create([plan.row(batch, sealer) for plan in planned])
        Batch.objects.filter(pk=batch.pk).update(
            source=source, sealed_selection=sealer.seal(SELECTION, b"[]")
        )
        record(
            "source.browsed",
            actor=actor,
            detail={
                "source": str(source.pk),
                "selected_series": len(planned),
                "selected_images": expected,
            },
            **about(batch),
        )
    batch.refresh_from_db()
    return len(planned)


def forget(batch: Batch) -> None:
    """Forget what was chosen from a PACS, in the caller's transaction: something else is."""
    Retrieval.objects.filter(batch=batch).delete()


@dataclass(frozen=True)
class Planned:
    """A series to bring; without a series UID, what a study is short of in its own listing."""

    study_number: int
    series_number: int
    study_uid: str
    series_uid: str
    modality: str
    expected: int | None

    def row(self, batch: Batch, sealer: Sealer) -> Retrieval:
        """Return the row of it, with its UIDs sealed."""
        return Retrieval(
            batch=batch,
            study_number=self.study_number,
            series_number=self.series_number,
            modality=known_modality(self.modality),
            sealed_uids=sealer.seal(UIDS, json.dumps([self.study_uid, self.series_uid]).encode()),
            expected=self.expected,
        )


def _by_study(chosen: Sequence[Choice]) -> list[list[Choice]]:
    grouped: dict[str, list[Choice]] = {}
    for choice in chosen:
        grouped.setdefault(choice.study_uid, []).append(choice)
    return list(grouped.values())


def _plan(remote: Remote, number: int, chosen: list[Choice]) -> list[Planned]:
    """Return the series of one chosen study, and what of it the source's listing lacks."""
    first = chosen[0]
    if first.series_uid:
        found = [
            FoundSeries(one.study_uid, one.series_uid, "", one.modality, "", one.instances)
            for one in chosen
        ]
    else:
        found = remote.find_series(first.study_uid)
    planned = [
        Planned(number, at, series.study_uid, series.uid, series.modality, series.instances)
        for at, series in enumerate(found, start=1)
    ]
    lacking = _lacking(first, found) if not first.series_uid else 0
    if lacking:
        planned.append(Planned(number, len(found) + 1, first.study_uid, "", "", lacking))
    return planned


def _lacking(study: Choice, found: Sequence[FoundSeries]) -> int:
    """Return how many images a study has, by its own count, beyond those of its listed series."""
    listed = [series.instances for series in found]
    if study.instances is not None and None not in listed:
        return max(study.instances - sum(count or 0 for count in listed), 0)
    if not found:
        return 1
    return max((study.series or 0) - len(found), 0)
