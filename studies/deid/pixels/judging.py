"""The verdict on the pixels of one instance: by its attributes, and by what was found in them.

Loads what looks at pixels only for an image at risk.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from ..errors import EngineError, Held
from ..filemeta import FileMeta
from ..outcome import Risk
from ..risk import OVERLAY_IN_PIXELS, device_boxes
from ..source import Source
from ..survey import Survey
from .policy import Box, PixelPolicy, PixelVerdict

if TYPE_CHECKING:
    from ..identifying import IdentifyingValues
    from .blanking import PixelWork
    from .frames import Frames

_WHERE = "(7FE0,0010)"


class Judgement(NamedTuple):
    """What was decided: the verdict, what is to be done, and why the instance is held."""

    verdict: PixelVerdict | None = None
    work: PixelWork | None = None
    held: EngineError | None = None

    @property
    def is_checked(self) -> bool:
        """Tell whether somebody looked, so that the marks may say so."""
        verdict = self.verdict
        return self.held is None and verdict is not None and verdict.state in ("clean", "blanked")


def by_attributes(found: Survey, risk: Risk | None) -> PixelVerdict:
    """Return the verdict before anybody looked at the pixels."""
    return _unlooked(
        risk.reasons if risk is not None else (),
        found.integer(0x00280008) or 1,
        found.number(0x00280010) or 0,
        found.number(0x00280011) or 0,
    )


@lru_cache(maxsize=256)
def _unlooked(because: tuple[str, ...], frames: int, rows: int, columns: int) -> PixelVerdict:
    """Return what the images of a series share."""
    return PixelVerdict(
        state="unchecked" if because else "not-at-risk",
        because=because,
        frames=frames,
        rows=rows,
        columns=columns,
    )


NOTHING_TO_DO = Judgement()


def judge(
    source: Source,
    meta: FileMeta,
    found: Survey,
    risk: Risk | None,
    policy: PixelPolicy | None,
    known: Callable[[], IdentifyingValues],
    *,
    may_blank: bool,
) -> Judgement:
    """Look at the pixels of an image at risk; `may_blank` is the Clean Pixel Data option.

    `known` gives the data set's identifying values, if text is to be compared with them.
    """
    person = policy.person_boxes if policy is not None else None
    # What a person drew is blanked, also where nothing else says that the image shows text.
    if risk is None and (person is None or found.pixel is None):
        return NOTHING_TO_DO
    verdict = by_attributes(found, risk)
    only_masks = risk is not None and risk.reasons == (OVERLAY_IN_PIXELS,)
    is_unseen = policy is None or policy.finder is None
    if risk is not None and not only_masks and person is None and is_unseen:
        return Judgement(verdict, held=_unchecked(risk))
    from .frames import Frames
    from .image import Image

    try:
        frames = Frames(source, found, Image.of(meta, found))
        if only_masks and person is None:
            from .blanking import PixelWork

            return Judgement(verdict._replace(state="not-at-risk"), PixelWork(frames, (), True))
        if person is not None:
            boxes = _clipped(person, verdict)
            return _finished(verdict, frames, boxes, masks=frames.image.may_hide_bits)
        assert policy is not None  # noqa: S101  # without one the image was held above
        return _searched(verdict, frames, found, policy, known, may_blank=may_blank)
    except EngineError as error:
        return Judgement(verdict, held=error)


def _searched(
    verdict: PixelVerdict,
    frames: Frames,
    found: Survey,
    policy: PixelPolicy,
    known: Callable[[], IdentifyingValues],
    *,
    may_blank: bool,
) -> Judgement:
    """Judge by what the finder sees, the device's regions and the templates drawn for it."""
    from .looking import Look, merged
    from .ultrasound import image_areas

    if policy.finder is None:
        raise ValueError("nobody is there to look for text")
    seen = Look(frames, policy.finder, known(), image_areas(found)).run()
    fixed = (*device_boxes(found), *_templates(policy, found, verdict))
    boxes = merged((*fixed, *seen.boxes))
    verdict = verdict._replace(boxes=boxes, frames_looked=seen.looked)
    blanks = any(not box.kept for box in boxes)
    if seen.unsure and policy.unsure == "review" and not policy.approved:
        return Judgement(verdict._replace(state="review"), held=_review())
    if blanks and not may_blank:
        return Judgement(verdict._replace(state="review"), held=_text_found())
    return _finished(verdict, frames, boxes, masks=seen.has_unused_bits)


def _finished(
    verdict: PixelVerdict, frames: Frames, boxes: tuple[Box, ...], *, masks: bool
) -> Judgement:
    """Return what is to be done with an image that may leave."""
    from .blanking import PixelWork

    blanks = tuple(box for box in boxes if not box.kept)
    work = PixelWork(frames, blanks, masks) if blanks or masks else None
    final = verdict._replace(
        state="blanked" if blanks else "clean",
        boxes=boxes,
        lossy=work.is_lossy if work is not None else False,
    )
    return Judgement(final, work)


def _clipped(boxes: tuple[Box, ...], verdict: PixelVerdict) -> tuple[Box, ...]:
    """Return a person's boxes as far as they lie in the image."""
    inside = (box.clipped(verdict.rows, verdict.columns) for box in boxes)
    return tuple(box for box in inside if box is not None)


def _templates(policy: PixelPolicy, found: Survey, verdict: PixelVerdict) -> tuple[Box, ...]:
    """Return the boxes that were drawn for this device and matrix size."""
    maker, model = (found.text(tag).casefold() for tag in (0x00080070, 0x00081090))
    boxes = tuple(
        box._replace(because="template", kept=False)
        for template in policy.templates
        if template.manufacturer.casefold().strip() in ("", maker)
        and template.model.casefold().strip() in ("", model)
        and (template.rows, template.columns) == (verdict.rows, verdict.columns)
        for box in template.boxes
    )
    return _clipped(boxes, verdict)


def _unchecked(risk: Risk) -> Held:
    return Held(
        "pixel-text-unchecked",
        "The image may show text and was not checked for it: " + "; ".join(risk.reasons) + ".",
        _WHERE,
    )


def _text_found() -> Held:
    return Held(
        "pixel-text-found",
        "Text was found in the image, and the profile does not clean pixel data. Use a profile "
        "with Clean Pixel Data, or look at the image and decide.",
        _WHERE,
    )


def _review() -> Held:
    return Held(
        "pixel-text-review",
        "The image shows what may be text and could not be read. Look at it and decide.",
        _WHERE,
    )
