"""Searching a PACS for a batch over REST, and finding a study again by its cloud id.

What is searched for names a patient, in the body only; what comes back does not: a machine gets a
sealed choice for each study that matches, and learns of it no more than its size.
"""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Annotated, Any, TypeVar
from uuid import UUID

from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Router
from pydantic import Field, StringConstraints

from studies import jobs
from studies.api.operations import Declare, machine, operation
from studies.api.problems import Problem
from studies.api.schemas import Day, In, MovedOut, Name, Out, Text
from studies.deid.cloudid import parse_cloud_id
from studies.faults import TransientError
from studies.intake import remote
from studies.models import Scope, Source, Study
from studies.services import machines, retrieving, searching, selecting
from studies.services.searching import Choosable

router = Router(tags=["Search"])
Choice = Annotated[
    str, StringConstraints(min_length=1, max_length=4000, pattern=r"^[A-Za-z0-9_=-]+$")
]
MOST_PLACES = 200
# No wildcard (PS3.4 C.2.2.2.4), no list of values.
WHOLE_ID = r"^[^\x00-\x1f*?\\]*$"
Answer = TypeVar("Answer")


class FindIn(In):
    """What to search for in which source; an empty field asks for anything.

    Whole ids only: with names or wildcards a machine could guess its way to who is in the PACS.
    """

    source: Name = Field(description="A PACS or DICOMweb service, by name or id")
    patient_id: str = Field("", max_length=64, pattern=WHOLE_ID)
    accession: str = Field("", max_length=16, pattern=WHOLE_ID)
    date_from: Day | None = None
    date_to: Day | None = None
    modality: str = Field("", pattern=r"^[A-Z0-9_]{0,16}$")


class FoundOut(Out):
    """A study or series that matches: how large it is, and the token that chooses it."""

    choice: str
    modalities: list[str]
    series: int | None
    instances: int | None


class FoundPage(Out):
    """What was found; `isMore` says that the search has to be narrower."""

    items: list[FoundOut]
    is_more: bool


class SeriesIn(In):
    """A study that was found."""

    source: Name
    choice: Choice


class TakeIn(In):
    """Studies and series that were found."""

    source: Name
    choices: Annotated[list[Choice], Field(min_length=1, max_length=searching.MOST_CHOSEN)]


class TakenOut(Out):
    """How many series will be brought."""

    series: int


class RetrievalOut(Out):
    """A chosen series: what the source said it has, and what has come of it."""

    study: int
    series: int
    modality: str
    expected: int | None
    received: int
    state: str


class StudyPlaceOut(Out):
    """A study in one of the batches that it was sent in."""

    study_id: UUID
    batch_id: UUID
    cloud_study_id: str
    cloud_patient_id: str
    modality: str


def _in_batch(
    method: str, path: str, scope: str, answers: object, name: str
) -> Declare[Callable[..., Any]]:
    return operation(
        router,
        method,
        f"/batches/{{uuid:batch_id}}/{path}",
        scope,
        answers={200: answers},
        url_name=name,
    )


@_in_batch("POST", "find", Scope.BATCHES_WRITE, FoundPage, "batch_find")
def find_studies(request: HttpRequest, batch_id: UUID, said: FindIn) -> FoundPage:
    """Search a PACS for studies; the answer names no patient."""
    caller = machine(request)
    batch, source = machines.batch_of(caller, batch_id), _source(request, said.source)
    query = remote.Query.typed(
        patient_id=said.patient_id,
        accession=said.accession,
        first=_date(said.date_from),
        last=_date(said.date_to),
        modality=said.modality,
    )
    found, is_more = _asked(lambda: searching.search(batch, source, query, caller.actor))
    return FoundPage(items=_found(found), is_more=is_more)


@_in_batch("POST", "find/series", Scope.BATCHES_WRITE, FoundPage, "batch_series")
def find_series(request: HttpRequest, batch_id: UUID, said: SeriesIn) -> FoundPage:
    """List the series of a study that was found."""
    caller = machine(request)
    batch, source = machines.batch_of(caller, batch_id), _source(request, said.source)
    found = _asked(lambda: searching.series_of(batch, source, said.choice, caller.actor))
    return FoundPage(items=_found(found), is_more=False)


@_in_batch("POST", "take", Scope.BATCHES_WRITE, TakenOut, "batch_take")
def take_found(request: HttpRequest, batch_id: UUID, said: TakeIn) -> TakenOut:
    """Choose what was found; it is brought once the batch is submitted."""
    caller = machine(request)
    batch, source = machines.batch_of(caller, batch_id), _source(request, said.source)
    count = _asked(lambda: selecting.choose_found(batch, source, said.choices, caller.actor))
    return TakenOut(series=count)


@_in_batch("GET", "series", Scope.BATCHES_READ, list[RetrievalOut], "batch_retrievals")
def list_retrievals(request: HttpRequest, batch_id: UUID) -> list[RetrievalOut]:
    """List the series that were chosen from a PACS; one that came short is a gap."""
    batch = machines.batch_of(machine(request), batch_id)
    return [
        RetrievalOut(
            study=row.study_number,
            series=row.series_number,
            modality=row.modality,
            expected=row.expected,
            received=row.received,
            state=row.state,
        )
        for row in batch.retrievals.order_by("study_number", "series_number")
    ]


@_in_batch("POST", "fetch-again", Scope.BATCHES_WRITE, MovedOut, "batch_fetch_again")
def fetch_again(request: HttpRequest, batch_id: UUID) -> MovedOut:
    """Ask the source again for what it was short of."""
    caller = machine(request)
    batch = machines.batch_of(caller, batch_id)
    count = retrieving.fetch_again(batch, caller.actor)
    jobs.continue_batch(batch)
    return MovedOut(count=count)


def _source(request: HttpRequest, named: str) -> Source:
    source = machines.source_of(machine(request), named)
    if not source.is_active or not selecting.is_remote(source):
        said = _("Only an active PACS or DICOMweb source is searched.")
        raise Problem(409, "source-kind", said)
    return source


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _asked(ask: Callable[[], Answer]) -> Answer:
    try:
        return ask()
    except TransientError as fault:
        # It is the source that failed, not the portal: nothing to wait for here.
        raise Problem(409, fault.code, fault.message) from None


def _found(rows: Sequence[Choosable]) -> list[FoundOut]:
    return [
        FoundOut(
            choice=row.token,
            modalities=list(row.found.modalities)
            if isinstance(row.found, remote.FoundStudy)
            else [row.found.modality],
            series=row.found.series if isinstance(row.found, remote.FoundStudy) else None,
            instances=row.found.instances,
        )
        for row in rows
    ]


class CloudIdIn(In):
    """A cloud id as it was read somewhere."""

    cloud_id: Annotated[Text, Field(min_length=1, max_length=64)] = Field(
        description="Of a study or a patient"
    )


@operation(
    router,
    "POST",
    "/studies/find",
    Scope.BATCHES_READ,
    answers={200: list[StudyPlaceOut]},
    url_name="studies_find",
)
def find_by_cloud_id(request: HttpRequest, said: CloudIdIn) -> list[StudyPlaceOut]:
    """Find the batches that a study, or a patient's studies, were sent in, newest first."""
    known = parse_cloud_id(said.cloud_id)
    if not known:
        return []
    rows = Study.objects.filter(organization=machine(request).organization).filter(
        Q(cloud_study_id=known) | Q(cloud_patient_id=known)
    )
    return [
        StudyPlaceOut(
            study_id=row.pk,
            batch_id=row.batch_id,
            cloud_study_id=row.cloud_study_id,
            cloud_patient_id=row.cloud_patient_id,
            modality=row.modality,
        )
        for row in rows.order_by("-batch__created", "-pk")[:MOST_PLACES]
    ]
