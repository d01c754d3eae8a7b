"""Device templates over REST: the boxes that are blanked on every image of one device."""

from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router
from ninja.responses import Status
from pydantic import Field, StringConstraints

from studies.api.desk import Length, Pixels
from studies.api.operations import machine, operation
from studies.api.problems import Problem, not_found
from studies.api.schemas import In, Out
from studies.faults import PermanentError
from studies.models import DeviceTemplate, Scope
from studies.services import device_templates
from studies.services.device_templates import LONGEST, Size
from studies.services.pixels import MOST_BOXES

router = Router(tags=["Device templates"])
# As a header has it once its blanks are folded; so it is compared.
Word = Annotated[str, StringConstraints(max_length=LONGEST, pattern=r"^[^\s\x00]+( [^\s\x00]+)*$")]


class RectangleIn(In):
    """A rectangle, in pixels from the image's top left."""

    x: Pixels
    y: Pixels
    width: Length
    height: Length


class RectangleOut(Out):
    """A rectangle that is blanked."""

    x: int
    y: int
    width: int
    height: int


class TemplateIn(In):
    """What is blanked on the images of a device that have this size."""

    manufacturer: Word = Field(description="As (0008,0070) names it")
    model: Word = Field(description="As (0008,1090) names it")
    rows: Length
    columns: Length
    boxes: Annotated[list[RectangleIn], Field(min_length=1, max_length=MOST_BOXES)]


class TemplateOut(Out):
    """A device template."""

    template_id: UUID
    manufacturer: str
    model: str
    rows: int
    columns: int
    boxes: list[RectangleOut]
    created_by: str


@operation(
    router,
    "GET",
    "/device-templates",
    Scope.BATCHES_READ,
    answers={200: list[TemplateOut]},
    url_name="templates",
)
def list_templates(request: HttpRequest) -> list[TemplateOut]:
    """List what is blanked on which device."""
    rows = DeviceTemplate.objects.filter(organization=machine(request).organization)
    return [_template(row) for row in rows.order_by("manufacturer", "model", "columns", "rows")]


@operation(
    router,
    "POST",
    "/device-templates",
    Scope.SETTINGS_WRITE,
    answers={201: TemplateOut},
    url_name="templates",
    idempotent=True,
)
def save_template(request: HttpRequest, said: TemplateIn) -> Status[Any]:
    """Keep boxes for a device and image size, in place of those kept before."""
    caller = machine(request)
    drawn = [
        [box.x, box.y, box.width, box.height, None, None, "person", False] for box in said.boxes
    ]
    try:
        row = device_templates.keep(
            caller.organization,
            (said.manufacturer, said.model),
            Size(said.rows, said.columns),
            drawn,
            caller.actor,
        )
    except PermanentError as fault:
        raise Problem(422, fault.code, fault.message) from None
    return Status(201, _template(row))


@operation(
    router,
    "DELETE",
    "/device-templates/{uuid:template_id}",
    Scope.SETTINGS_WRITE,
    answers={204: None},
    url_name="template",
)
def remove_template(request: HttpRequest, template_id: UUID) -> HttpResponse:
    """Forget a template; what was blanked with it stays as it is."""
    caller = machine(request)
    if not device_templates.remove(caller.organization, template_id, caller.actor):
        raise not_found()
    return HttpResponse(status=204)


def _template(row: DeviceTemplate) -> TemplateOut:
    names = ("manufacturer", "model", "rows", "columns", "created_by")
    boxes = [RectangleOut(x=box[0], y=box[1], width=box[2], height=box[3]) for box in row.boxes]
    values = {name: getattr(row, name) for name in names}
    return TemplateOut(template_id=row.pk, boxes=boxes, **values)
