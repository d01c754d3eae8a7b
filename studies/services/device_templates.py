"""Boxes that a person saved for a device: blanked on all its images of that size from then on."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from audit import Actor, record
from studies.faults import PermanentError
from studies.models import DeviceTemplate, Organization, PixelCheck
from studies.services import desk, pixels
from studies.services.headers import read_header

LONGEST = 64


class Size(NamedTuple):
    """The size of an image, and how many frames it has."""

    rows: int
    columns: int
    frames: int = 1


def device_of(check: PixelCheck) -> tuple[str, str]:
    """Return manufacturer and model as the original names them; "" where it doesn't."""
    with desk.original(check) as reader:
        header = read_header(reader)
    words = (str(header.get(key, "") or "") for key in ("Manufacturer", "ManufacturerModelName"))
    manufacturer, model = (" ".join(word.split())[:LONGEST] for word in words)
    return manufacturer, model


def save(check: PixelCheck, rows: Sequence[pixels.Row], actor: Actor) -> DeviceTemplate:
    """Keep the boxes that are blanked on an image for its device and size."""
    manufacturer, model = device_of(check)
    if not (manufacturer and model):
        raise PermanentError(
            "device-unknown",
            _("This image doesn't name its device, so no template can be kept for it."),
        )
    drawn = [row for row in rows if not row[-1]]
    size = Size(check.rows, check.columns, check.frames)
    return keep(check.batch.organization, (manufacturer, model), size, drawn, actor)


def keep(
    organization: Organization,
    device: tuple[str, str],
    size: Size,
    rows: Sequence[pixels.Row],
    actor: Actor,
) -> DeviceTemplate:
    """Keep boxes for a device, by manufacturer and model, at one image size.

    What was kept for it before is replaced. Raises PermanentError where no box lies in the image.
    """
    drawn = pixels.checked_boxes(rows, columns=size.columns, height=size.rows, frames=size.frames)
    if not drawn:
        raise PermanentError("template-empty", _("A template needs at least one blanked box."))
    boxes = [[*row[:4], None, None, "template", False] for row in drawn]
    with transaction.atomic():
        template, _made = DeviceTemplate.objects.update_or_create(
            organization=organization,
            manufacturer=device[0],
            model=device[1],
            rows=size.rows,
            columns=size.columns,
            defaults={"boxes": boxes, "created_by": actor.label[:150]},
        )
        _record("template.saved", template, actor)
    return template


def remove(organization: Organization, template_id: UUID, actor: Actor) -> bool:
    """Forget a template; return False where the organization has none of that id."""
    with transaction.atomic():
        template = DeviceTemplate.objects.filter(organization=organization, pk=template_id).first()
        if template is None:
            return False
        _record("template.removed", template, actor)
        template.delete()
    return True


def _record(action: str, template: DeviceTemplate, actor: Actor) -> None:
    record(
        action,
        actor=actor,
        chain=str(template.organization_id),
        subject=str(template.pk),
        subject_kind="template",
        detail={
            "device": f"{template.manufacturer} {template.model}",
            "rows": template.rows,
            "columns": template.columns,
            "boxes": len(template.boxes),
        },
    )
