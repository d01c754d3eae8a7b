"""How the pixels of a batch are judged, and what is kept of the verdict: boxes, never text."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, cast, get_args

from django.utils.translation import gettext as _

from studies.deid.pixels import Box, PixelPolicy, PixelVerdict, Template, TextFinder
from studies.deid.pixels.policy import Because
from studies.faults import PermanentError
from studies.models import DeviceTemplate, Instance, Organization, PixelCheck, PixelState
from studies.services.statements import Rows

MOST_BOXES = 500
# Made again as a person drew it, and kept here until a person has looked at it and says so.
AWAITS_APPROVAL = "pixel-awaits-approval"
# As a model keeps a box: place and size, first and last frame, why, and whether it stays.
Row = list[Any]


def rows_of(boxes: Iterable[Box]) -> list[Row]:
    """Return boxes as a model keeps them."""
    return [
        [
            box.x,
            box.y,
            box.width,
            box.height,
            *(box.frames or (None, None)),
            box.because,
            box.kept,
        ]
        for box in boxes
    ]


def boxes_of(rows: Sequence[Row]) -> tuple[Box, ...]:
    """Return the boxes that a model keeps."""
    return tuple(
        Box(x, y, width, height, None if first is None else (first, last), because, kept)
        for x, y, width, height, first, last, because, kept in rows
    )


def checked_boxes(rows: Sequence[Row], *, columns: int, height: int, frames: int) -> list[Row]:
    """Return boxes that a person drew, cut to the image; raise PermanentError where they are none.

    `columns` and `height` are the image's size, `frames` the number of its frames.
    """
    if len(rows) > MOST_BOXES:
        raise PermanentError("too-many-boxes", _("These are more boxes than an image can need."))
    found = []
    for box in boxes_of(rows):
        if box.because not in get_args(Because):
            raise PermanentError("box-invalid", _("A box has a reason that doesn't exist."))
        if box.frames is not None and not 0 <= box.frames[0] <= box.frames[1] < max(frames, 1):
            raise PermanentError("box-invalid", _("A box names frames that the image lacks."))
        inside = box.clipped(height, columns)
        if inside is None:
            raise PermanentError("box-invalid", _("A box lies outside the image."))
        found.append(inside)
    return rows_of(found)


def templates_of(organization: Organization) -> tuple[Template, ...]:
    """Return the organization's device templates as the engine takes them."""
    return tuple(
        Template(row.manufacturer, row.model, row.rows, row.columns, boxes_of(row.boxes))
        for row in _TEMPLATES.read(organization.pk)
    )


_TEMPLATES = Rows(DeviceTemplate, "organization_id = %s")


def policy(
    organization: Organization,
    finder: TextFinder | None,
    templates: tuple[Template, ...],
    check: PixelCheck | None = None,
) -> PixelPolicy:
    """Return how one instance is judged: by the organization's policy, or a person's word."""
    drawn = check.person_boxes if check else None
    return PixelPolicy(
        finder=finder,
        templates=templates,
        unsure=cast(Literal["blank", "review"], str(organization.unsure_pixels)),
        person_boxes=None if drawn is None else boxes_of(drawn),
        approved=bool(check and check.approved),
        documents=cast(Literal["hold", "drop"], str(organization.documents)),
    )


def check_of(row: Instance) -> PixelCheck:
    """Return the check of an instance, made now where nothing said that it shows text."""
    return PixelCheck.objects.get_or_create(
        instance=row, defaults={"batch_id": row.batch_id, "state": row.pixels}
    )[0]


def keep(row: Instance, verdict: PixelVerdict | None) -> None:
    """Store a verdict; where nothing said that an image shows text, only that."""
    if verdict is None:
        return
    Instance.objects.filter(pk=row.pk).update(pixels=verdict.state)
    if verdict.state == PixelState.NOT_AT_RISK.value:
        PixelCheck.objects.filter(instance=row).update(state=verdict.state)
        return
    PixelCheck.objects.update_or_create(
        instance=row,
        defaults={
            "batch_id": row.batch_id,
            "state": verdict.state,
            "because": list(verdict.because),
            "boxes": rows_of(verdict.boxes),
            "frames": verdict.frames,
            "frames_looked": verdict.frames_looked,
            "rows": verdict.rows,
            "columns": verdict.columns,
            "lossy": verdict.lossy,
        },
    )
