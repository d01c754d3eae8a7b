"""Searching PACS sources for a batch. What is found is shown and forgotten.

A choice travels through the browser sealed under the batch's key; nothing of a search is stored,
cached or queued, and the trail says that it was made and how much it found, not what was asked.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from audit import Actor, Outcome, record_alone
from studies.faults import Fault, PermanentError
from studies.intake.remote import FoundSeries, FoundStudy, Query, Remote
from studies.intake.sources import open_source
from studies.models import Batch, Source
from studies.sealing import SealError
from studies.services.entries import About, about
from studies.services.keys import Sealer, batch_sealer
from studies.services.places import credentials

_CHOICE = "choice"
# A batch is chosen by a person, study by study: more than this is a migration, not a choice.
MOST_CHOSEN = 500


@dataclass(frozen=True)
class Choosable:
    """A study or series that was found, with the sealed token that chooses it."""

    found: FoundStudy | FoundSeries
    token: str


@dataclass(frozen=True)
class Choice:
    """What a token says: a study, and of it one series or all."""

    study_uid: str
    series_uid: str = ""
    modality: str = ""
    series: int | None = None
    instances: int | None = None


def open_remote(source: Source) -> Remote:
    """Return what searches and fetches from a source, with its credentials."""
    return open_source(source, credentials(source))


def try_source(source: Source, actor: Actor) -> None:
    """Ask a source for the least; remember the outcome, and raise a Fault of it."""
    about_source: About = {
        "chain": str(source.organization_id),
        "subject": str(source.pk),
        "subject_kind": "source",
        "context": "",
    }
    try:
        open_remote(source).check()
    except Fault as fault:
        Source.objects.filter(pk=source.pk).update(
            tested=timezone.now(), last_error=str(fault.message)[:300]
        )
        record_alone(
            "source.tested",
            Outcome.FAILED,
            actor=actor,
            detail={"code": fault.code},
            **about_source,
        )
        raise
    Source.objects.filter(pk=source.pk).update(tested=timezone.now(), last_error="")
    record_alone("source.tested", actor=actor, **about_source)


def search(
    batch: Batch, source: Source, query: Query, actor: Actor
) -> tuple[list[Choosable], bool]:
    """Return the studies that match, and whether there are more than are listed."""
    if not any(asdict(query).values()):
        raise PermanentError(
            "query-empty", _("Say what to search for: a patient, an accession, or days.")
        )
    asked = sorted(name for name, value in asdict(query).items() if value)
    studies, is_more = _audited(
        batch, source, actor, asked, lambda: open_remote(source).find_studies(query)
    )
    sealer = batch_sealer(batch)
    return [
        Choosable(
            study,
            _token(
                sealer,
                Choice(
                    study_uid=study.uid,
                    modality=study.modalities[0] if study.modalities else "",
                    series=study.series,
                    instances=study.instances,
                ),
            ),
        )
        for study in studies
    ], is_more


def series_of(batch: Batch, source: Source, token: str, actor: Actor) -> list[Choosable]:
    """Return the series of a study that was found."""
    sealer = batch_sealer(batch)
    choice = _choice(sealer, token)
    found, _is_more = _audited(
        batch,
        source,
        actor,
        ["series"],
        lambda: (open_remote(source).find_series(choice.study_uid), False),
    )
    return [
        Choosable(
            series,
            _token(
                sealer,
                Choice(
                    study_uid=series.study_uid,
                    series_uid=series.uid,
                    modality=series.modality,
                    instances=series.instances,
                ),
            ),
        )
        for series in found
    ]


def choices(batch: Batch, tokens: Sequence[str]) -> list[Choice]:
    """Open what a person chose; a series of a study that is chosen as a whole is part of it."""
    if not tokens:
        raise PermanentError("nothing-selected", _("Tick the studies or series to take."))
    if len(tokens) > MOST_CHOSEN:
        raise PermanentError(
            "too-many-files",
            _("The selection is larger than a batch may be. Send it in several batches."),
        )
    sealer = batch_sealer(batch)
    opened = list(dict.fromkeys(_choice(sealer, token) for token in tokens))
    whole = {choice.study_uid for choice in opened if not choice.series_uid}
    return [choice for choice in opened if not choice.series_uid or choice.study_uid not in whole]


def _audited(batch: Batch, source: Source, actor: Actor, asked: list[str], ask: Any) -> Any:
    """Ask, and record that it was asked before the answer is given to anybody."""
    detail: dict[str, Any] = {"source": str(source.pk), "asked": asked}
    try:
        found, is_more = ask()
    except Fault as fault:
        record_alone(
            "source.searched",
            Outcome.FAILED,
            actor=actor,
            detail={**detail, "code": fault.code},
            **about(batch),
        )
        raise
    record_alone(
        "source.searched", actor=actor, detail={**detail, "found": len(found)}, **about(batch)
    )
    return found, is_more


def _token(sealer: Sealer, choice: Choice) -> str:
    sealed = sealer.seal(_CHOICE, json.dumps(asdict(choice)).encode())
    return urlsafe_b64encode(sealed).decode()


def _choice(sealer: Sealer, token: str) -> Choice:
    try:
        return Choice(**json.loads(sealer.open(_CHOICE, urlsafe_b64decode(token))))
    except (SealError, ValueError):
        raise PermanentError(
            "choice-stale", _("This list is out of date. Search again, then choose.")
        ) from None
