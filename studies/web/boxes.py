"""Boxes of an image between the page's form and the services: numbers, a fate, a reason."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from studies.faults import PermanentError
from studies.models import PixelCheck, PixelState
from studies.services.pixels import Row

Text = str | Promise
BLANK, KEEP, UNDECIDED = "blank", "keep", ""
_WHY: dict[str, Text] = {
    "identifier": gettext_lazy("Matches an identifier of the study"),
    "text": gettext_lazy("Text that may identify"),
    "device": gettext_lazy("Where this device writes"),
    "template": gettext_lazy("From a device template"),
    "region": gettext_lazy("Outside the image’s own regions"),
    "person": gettext_lazy("Drawn by a person"),
    "mark": gettext_lazy("A clinical mark"),
}
_FAMILY = {BLANK: "moving", KEEP: "done", UNDECIDED: "held"}


@dataclass(frozen=True)
class ShownBox:
    """One box as the page lists and draws it; frames count from 1, None is all of them."""

    number: int
    x: int
    y: int
    width: int
    height: int
    first: int | None
    last: int | None
    because: str
    fate: str

    @property
    def why(self) -> Text:
        """Return why the box is there, in words."""
        return _WHY.get(self.because, self.because)

    @property
    def family(self) -> str:
        """Return the colour family of its fate."""
        return _FAMILY[self.fate]

    @property
    def fields(self) -> list[tuple[str, Text, int | None]]:
        """Return the number fields of its place: name, label, value."""
        return [
            ("x", _("From the left"), self.x),
            ("y", _("From the top"), self.y),
            ("width", _("Width"), self.width),
            ("height", _("Height"), self.height),
            ("first", _("First frame"), self.first),
            ("last", _("Last frame"), self.last),
        ]

    @property
    def is_undecided(self) -> bool:
        """Say whether a person still has to say what becomes of it; until then it is blanked."""
        return self.fate == UNDECIDED


NEW_BOX = ShownBox(0, 0, 0, 1, 1, None, None, "person", BLANK)


def boxes_shown(check: PixelCheck) -> list[ShownBox]:
    """Return the boxes of an image: what a person drew, else what was found."""
    rows: Sequence[Row] = check.boxes if check.person_boxes is None else check.person_boxes
    is_unsure = check.person_boxes is None and check.state == PixelState.REVIEW
    return [
        ShownBox(
            number,
            x,
            y,
            width,
            height,
            None if first is None else first + 1,
            None if last is None else last + 1,
            because,
            KEEP if kept else (UNDECIDED if is_unsure and because == "text" else BLANK),
        )
        for number, (x, y, width, height, first, last, because, kept) in enumerate(rows, 1)
    ]


def boxes_posted(posted: QueryDict) -> list[Row]:
    """Return the boxes of a form; raise PermanentError where one is incomplete or undecided."""
    names = ("x", "y", "width", "height", "first", "last", "because", "fate")
    columns = [posted.getlist(name) for name in names]
    if len({len(column) for column in columns}) != 1:
        raise PermanentError("box-invalid", _("A box is incomplete. Reload the page."))
    return [_row(number, values) for number, values in enumerate(zip(*columns, strict=True), 1)]


def _row(number: int, values: tuple[str, ...]) -> Row:
    *place, first, last, because, fate = values
    if fate not in (BLANK, KEEP):
        raise PermanentError(
            "box-undecided",
            _("Box {number} waits for you: blank it or keep it.").format(number=number),
        )
    try:
        x, y, width, height = (int(text) for text in place)
        start, end = (int(text) - 1 if text else None for text in (first, last))
    except ValueError:
        raise PermanentError(
            "box-invalid", _("Box {number} needs whole numbers.").format(number=number)
        ) from None
    if width < 1 or height < 1 or (start is None) != (end is None):
        raise PermanentError(
            "box-invalid", _("Box {number} has no size, or half a range.").format(number=number)
        )
    return [x, y, width, height, start, end, because, fate == KEEP]
