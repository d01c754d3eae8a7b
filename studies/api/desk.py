"""The review desk over REST: what waits for eyes, boxes added, images left out, samples drawn.

A machine may have more blanked, and less sent. That an image is fit to leave is a person's word,
given on the pages, because no picture comes out here.
"""

from typing import Annotated, Any
from uuid import UUID

from django.db.models import F
from django.http import HttpRequest
from ninja import Router
from ninja.responses import Status
from pydantic import Field

from studies import jobs
from studies.api.batches import Cursor, Limit
from studies.api.operations import machine, operation
from studies.api.paging import DEFAULT, in_order
from studies.api.schemas import WHOLE, In, MovedOut, Out, Text
from studies.models import PixelCheck, Sample, Scope, Verdict
from studies.services import desk, machines, pixels, sampling
from studies.services.pixels import MOST_BOXES, Row

router = Router(tags=["Review desk"])
Pixels = Annotated[int, Field(ge=0, le=65_535), WHOLE]
Length = Annotated[int, Field(ge=1, le=65_535), WHOLE]
Frame = Annotated[int, Field(ge=1, le=100_000), WHOLE]


class BoxIn(In):
    """A rectangle of an image, in pixels from its top left; frames count from 1."""

    x: Pixels
    y: Pixels
    width: Length
    height: Length
    first_frame: Frame | None = Field(None, description="Without it, on all frames")
    last_frame: Frame | None = None

    @property
    def row(self) -> Row:
        """Return the box as a model keeps it."""
        first = None if self.first_frame is None else self.first_frame - 1
        last = first if self.last_frame is None else self.last_frame - 1
        if first is None and last is not None:
            first = 0
        return [self.x, self.y, self.width, self.height, first, last, "person", False]


class BoxOut(Out):
    """A rectangle, why it is there, and whether what it shows stays."""

    x: int
    y: int
    width: int
    height: int
    first_frame: int | None
    last_frame: int | None
    because: str
    kept: bool


class CheckOut(Out):
    """The verdict on an image's pixels: reasons name attributes, never what they say."""

    check_id: UUID
    number: int
    study_id: UUID | None
    state: str
    held_code: str
    because: list[str]
    boxes: list[BoxOut]
    rows: int
    columns: int
    frames: int
    is_approved: bool


class CheckPage(Out):
    """Some images, and where the next ones begin."""

    items: list[CheckOut]
    next_cursor: str | None


class BoxesIn(In):
    """What else is to be blanked."""

    boxes: Annotated[list[BoxIn], Field(min_length=1, max_length=MOST_BOXES)]


class ReasonIn(In):
    """Why; no patient data."""

    reason: Annotated[Text, Field(min_length=1, max_length=200, pattern=r"[^\s\x00]")]


class SampleOut(Out):
    """A sample of what a batch is about to send, and what people have said of it so far."""

    sample_id: UUID
    state: str
    population: int
    size: int
    confidence: int
    permille: int
    looked: int
    findings: int


@operation(
    router,
    "GET",
    "/batches/{uuid:batch_id}/checks",
    Scope.BATCHES_READ,
    answers={200: CheckPage},
    url_name="batch_checks",
)
def list_checks(
    request: HttpRequest,
    batch_id: UUID,
    waiting: bool = False,
    cursor: Cursor = None,
    limit: Limit = DEFAULT,
) -> CheckPage:
    """List the images of a batch whose pixels were looked at; `waiting`: that wait for a person."""
    batch = machines.batch_of(machine(request), batch_id)
    rows = desk.queue(batch.organization) if waiting else PixelCheck.objects.all()
    rows = rows.filter(batch=batch).annotate(number=F("instance__number"))
    page, following = in_order(rows.select_related("instance"), cursor, limit)
    return CheckPage(items=[_check(row) for row in page], next_cursor=following)


@operation(
    router,
    "POST",
    "/checks/{uuid:check_id}/boxes",
    Scope.BATCHES_WRITE,
    answers={200: CheckOut},
    url_name="check_boxes",
    idempotent=True,
)
def add_boxes(request: HttpRequest, check_id: UUID, said: BoxesIn) -> CheckOut:
    """Have more of an image blanked; then it waits for a person's look."""
    caller = machine(request)
    check = machines.check_of(caller, check_id)
    desk.add(check, [box.row for box in said.boxes], caller.actor)
    jobs.continue_batch(check.batch)
    return _check(machines.check_of(caller, check_id))


@operation(
    router,
    "POST",
    "/checks/{uuid:check_id}/exclude",
    Scope.BATCHES_WRITE,
    answers={200: MovedOut},
    url_name="check_exclude",
    idempotent=True,
)
def exclude_image(request: HttpRequest, check_id: UUID, said: ReasonIn) -> MovedOut:
    """Leave one image out, even one that was found clean; it can be undone."""
    caller = machine(request)
    check = machines.check_of(caller, check_id)
    desk.exclude(check, said.reason, caller.actor)
    jobs.continue_batch(check.batch)
    return MovedOut(count=1)


def _check(row: PixelCheck) -> CheckOut:
    boxes = row.boxes if row.person_boxes is None else row.person_boxes
    return CheckOut(
        check_id=row.pk,
        number=row.instance.number,
        study_id=row.instance.study_id,
        state=row.state,
        held_code=row.instance.code,
        because=row.because,
        boxes=[
            BoxOut(
                x=box.x,
                y=box.y,
                width=box.width,
                height=box.height,
                first_frame=box.frames[0] + 1 if box.frames else None,
                last_frame=box.frames[1] + 1 if box.frames else None,
                because=box.because,
                kept=box.kept,
            )
            for box in pixels.boxes_of(boxes)
        ],
        rows=row.rows,
        columns=row.columns,
        frames=row.frames,
        is_approved=row.approved,
    )


# --- samples -------------------------------------------------------------------------------------


@operation(
    router,
    "GET",
    "/batches/{uuid:batch_id}/samples",
    Scope.BATCHES_READ,
    answers={200: list[SampleOut]},
    url_name="batch_samples",
)
def list_samples(request: HttpRequest, batch_id: UUID) -> list[SampleOut]:
    """List the samples that were drawn of a batch, newest first."""
    batch = machines.batch_of(machine(request), batch_id)
    return [_sample(row) for row in batch.samples.order_by("-drawn")]


@operation(
    router,
    "POST",
    "/batches/{uuid:batch_id}/samples",
    Scope.BATCHES_WRITE,
    answers={201: SampleOut},
    url_name="batch_samples",
)
def draw_sample(request: HttpRequest, batch_id: UUID) -> Status[Any]:
    """Draw a sample of what waits to leave, for people to look at."""
    caller = machine(request)
    drawn = sampling.draw(machines.batch_of(caller, batch_id), caller.actor)
    return Status(201, _sample(drawn))


def _sample(row: Sample) -> SampleOut:
    items = row.items
    return SampleOut(
        sample_id=row.pk,
        state=row.state,
        population=row.population,
        size=row.size,
        confidence=row.confidence,
        permille=row.permille,
        looked=items.filter(verdict__in=[Verdict.CLEAN, Verdict.FINDING]).count(),
        findings=items.filter(verdict=Verdict.FINDING).count(),
    )
