"""What goes in and out of the REST API. No field of an answer can hold a patient's identifier.

Names are camelCase on the wire. What comes in is refused where it has a field nobody knows.
"""

import re
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

PriorityName = Literal["STAT", "HIGH", "ROUTINE"]
PolicyName = Literal["manual", "when-clean"]
BatchStateName = Literal[
    "receiving",
    "queued",
    "processing",
    "review",
    "releasing",
    "attention",
    "delivered",
    "closed",
    "cancelled",
]
InstanceStateName = Literal[
    "received",
    "deidentified",
    "held",
    "refused",
    "excluded",
    "delivered",
    "duplicate",
    "skipped",
]
# Text that databases take: PostgreSQL has no NUL in one.
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
Name = Annotated[str, StringConstraints(pattern=r"^[^\x00]+$", max_length=100)]


def _day(text: str) -> str:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError("a day is written like 2026-11-30")
    date.fromisoformat(text)
    return text


# A date as RFC 3339 has it; to pydantic, a number would be one too.
Day = Annotated[str, AfterValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]


def _whole(value: object) -> object:
    """Take 7.0 for 7: JSON knows one kind of number, and a schema's integer is either."""
    if isinstance(value, bool):
        raise ValueError("a whole number, neither true nor false")  # to Python false is a zero
    return int(value) if isinstance(value, float) and value.is_integer() else value


# Stands behind the limits, so that these stay in the description.
WHOLE = BeforeValidator(_whole)
Number = Annotated[int, Field(ge=1, le=2**31 - 1), WHOLE]
Numbers = Annotated[list[Number], Field(max_length=10_000)]


class Out(Schema):
    """An answer."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class In(Schema):
    """A request."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", strict=True
    )


class ProblemOut(Schema):
    """An error, as RFC 9457 has it."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    where: str | None = None


class MeOut(Out):
    """The token itself, as the portal knows it."""

    name: str
    organization_id: str
    organization_name: str
    prefix: str
    scopes: list[str]


# --- batches -----------------------------------------------------------------------------------


class BatchIn(In):
    """A new batch; what isn't said is the organization's default."""

    priority: PriorityName = "ROUTINE"
    profile: Name | None = Field(None, description="A profile's name, or a version's id")
    destination: Name | None = Field(None, description="A destination's name or id")
    release: PolicyName | None = Field(None, description="Who lets the batch go")
    wait_for_held: bool = Field(True, description="Whether it waits for what is held")


class BatchChange(In):
    """What may change while a batch still takes files."""

    priority: PriorityName | None = None
    profile: Name | None = None
    destination: Name | None = None
    release: PolicyName | None = None
    wait_for_held: bool | None = None


class CountsOut(Out):
    """How many entries are in each state: they always add up to the total."""

    received: int
    deidentified: int
    held: int
    refused: int
    excluded: int
    delivered: int
    duplicate: int
    skipped: int
    total: int


class ProgressOut(Out):
    """How fast a batch moves."""

    done: int
    total: int
    percent: int
    seconds_left: int | None


class BatchOut(Out):
    """A batch in a list."""

    batch_id: UUID
    state: BatchStateName
    priority: PriorityName
    profile: str
    profile_version: int
    destination: str
    release: PolicyName
    wait_for_held: bool
    revision: int
    attention_code: str
    created: datetime
    submitted: datetime | None
    released: datetime | None
    delivered: datetime | None
    closes: datetime | None
    closed: datetime | None


class BatchDetailOut(BatchOut):
    """A batch with its counts."""

    counts: CountsOut
    progress: ProgressOut
    release_refusal: str = Field(description="Why it can't be released now; empty where it can")


class BatchPage(Out):
    """Some batches, and where the next ones begin."""

    items: list[BatchOut]
    next_cursor: str | None


class StudyOut(Out):
    """A study of a batch, by its cloud ids."""

    study_id: UUID
    number: int
    cloud_study_id: str
    cloud_patient_id: str
    modality: str
    body_part: str
    images: int
    held: int
    delivered: datetime | None


class StudyPage(Out):
    """Some studies, and where the next ones begin."""

    items: list[StudyOut]
    next_cursor: str | None


class InstanceOut(Out):
    """An entry of a batch: its number, where it is, and why."""

    number: int
    state: InstanceStateName
    code: str
    where: str
    study_id: UUID | None
    modality: str
    size: int
    sop_instance_uid: str = Field(description="The new one; empty until it is de-identified")
    output_size: int
    output_sha256: str


class InstancePage(Out):
    """Some entries, and where the next ones begin."""

    items: list[InstanceOut]
    next_cursor: str | None


class DeliveryOut(Out):
    """One run of delivering a batch."""

    revision: int
    outcome: str
    code: str
    uri: str
    objects_sent: int
    bytes_sent: int
    started: datetime
    completed: datetime | None


# --- filling and deciding ------------------------------------------------------------------------


class WantedIn(In):
    """A file that is meant to come."""

    path: Annotated[str, StringConstraints(min_length=1, max_length=4000)]
    size: Annotated[int, Field(ge=0, le=2**50), WHOLE]
    modified: Annotated[int, Field(ge=0, le=2**50), WHOLE] = 0


class AnnounceIn(In):
    """The files that are meant to come."""

    files: Annotated[list[WantedIn], Field(max_length=200_000)]


class AnnouncedOut(Out):
    """A number for each file, and how large a part may be."""

    numbers: list[int]
    part_bytes: int


class PartOut(Out):
    """What became of one part; `problem` is empty where it is sealed and counted."""

    file: int
    offset: int
    length: int
    sha256: str
    problem: str


class PartsOut(Out):
    """What became of the parts of one request."""

    parts: list[PartOut]


class UploadOut(Out):
    """What of an upload is there."""

    announced_files: int
    announced_bytes: int
    received_bytes: int
    whole_files: int
    missing_files: int


class SelectIn(In):
    """Files of one of the organization's folder sources."""

    source: Name = Field(description="A source's name or id")
    entries: Annotated[
        list[Annotated[str, StringConstraints(max_length=4000)]],
        Field(min_length=1, max_length=1000, description="Paths below the source's folder"),
    ]


class SelectedOut(Out):
    """How many files were chosen."""

    files: int


_NUMBERS_OR_CODE: dict[str, Any] = {
    "anyOf": [
        {"required": ["numbers"], "properties": {"numbers": {"type": "array"}}},
        {"required": ["code"], "properties": {"code": {"type": "string"}}},
    ]
}


class ChosenIn(In):
    """Which entries an act is about: by number, or all with a code."""

    model_config = ConfigDict(json_schema_extra=_NUMBERS_OR_CODE)

    numbers: Numbers | None = None
    code: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,60}$")] | None = None


class ExcludeIn(ChosenIn):
    """Which entries are left out, and why."""

    reason: Annotated[str, StringConstraints(min_length=3, max_length=200, pattern=r"^[^\x00]+$")]


class NumbersIn(In):
    """Which entries an act is about."""

    numbers: Numbers


class MovedOut(Out):
    """How many entries an act moved."""

    count: int


class PatientIn(In):
    """Whose study it is, where its files don't say or disagree; sealed, it never comes back."""

    patient_id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    issuer: Annotated[str, StringConstraints(max_length=64)] = ""


# --- profiles, places ----------------------------------------------------------------------------


class ProfileOut(Out):
    """The newest version of a profile."""

    version_id: UUID
    name: str
    number: int
    digest: str
    is_builtin: bool
    is_default: bool
    is_conformant: bool


class ProfileDetailOut(ProfileOut):
    """A version with what it does."""

    definition: dict[str, Any]


class ProfileIn(In):
    """The next version of a profile of the organization's own, as YAML or JSON."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,49}$")]
    text: Annotated[str, StringConstraints(min_length=1, max_length=200_000)]


class DestinationOut(Out):
    """Where studies go. Its credentials and its address stay in the portal."""

    destination_id: UUID
    name: str
    kind: str
    region: str
    operator: str
    agreement: str
    state: str
    tested: datetime | None


class PauseIn(In):
    """Whether a destination is switched off."""

    paused: bool


class SourceOut(Out):
    """Where studies come from. Its credentials and its address stay in the portal."""

    source_id: UUID
    name: str
    kind: str
    is_active: bool
    tested: datetime | None


# --- reports -------------------------------------------------------------------------------------


class ReportOut(Out):
    """A returned report, without its text."""

    report_id: UUID
    format: str
    state: str
    code: str = Field(description="What is in its way; empty where nothing is")
    where: str
    version: str = Field(description="What it says of itself: preliminary, final …")
    cloud_study_id: str
    cloud_patient_id: str
    size: int
    created: datetime


class ReportPage(Out):
    """Some reports, and where the next ones begin."""

    items: list[ReportOut]
    next_cursor: str | None


class WorkOut(Out):
    """A delivered study, and the state of its report."""

    study_id: UUID
    batch_id: UUID
    cloud_study_id: str
    cloud_patient_id: str
    priority: PriorityName
    modality: str
    body_part: str
    delivered: datetime
    report_state: str
    report_id: UUID | None


class WorkPage(Out):
    """Some delivered studies, and where the next ones begin."""

    items: list[WorkOut]
    next_cursor: str | None


# --- preparing -----------------------------------------------------------------------------------


class PrepareIn(In):
    """Studies of a folder, to be de-identified into a folder."""

    organization_id: Annotated[str, StringConstraints(min_length=1, max_length=50)] = Field(
        description="The organization's slug, which is the token's"
    )
    study_directory: Annotated[str, StringConstraints(min_length=1, max_length=4000)] = Field(
        description="A folder below one of the organization's folder sources"
    )
    priority: PriorityName = "ROUTINE"
    destination: Name | None = Field(
        None, description="A folder destination; else the only one there is"
    )


class PreparedOut(Out):
    """How far a prepared batch is."""

    batch_id: UUID
    success: bool
    state: str
    total_files: int
    successful_files: int
    manifest_path: str
    staging_directory: str
