"""What a profile's options mean for the reader and for the patient, in plain words."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise


@dataclass(frozen=True)
class Effect:
    """One option: its name, what it keeps, what that means."""

    title: Text
    effect: Text
    is_on: bool = False


_EFFECTS: dict[str, tuple[Text, Text]] = {
    "retain-safe-private": (
        _("Safe private attributes"),
        _("Keeps vendor values that the standard lists as safe, such as SUV factors"),
    ),
    "retain-uids": (
        _("Original UIDs"),
        _("Keeps UIDs: whoever knows the original study can find it again"),
    ),
    "retain-device-identity": (
        _("Device"),
        _("Keeps station name and serial number of the device"),
    ),
    "retain-institution-identity": (
        _("Institution"),
        _("Keeps name and address of the hospital"),
    ),
    "retain-patient-characteristics": (
        _("Age, sex, size and weight"),
        _("Keeps what a reader needs to judge size and dose; ages over 89 become 90"),
    ),
    "retain-full-dates": (
        _("Full dates"),
        _("Keeps every date as it is: a date of treatment can identify"),
    ),
    "retain-modified-dates": (
        _("Shifted dates"),
        _("Moves all dates of a patient by one secret number of days; intervals stay exact"),
    ),
    "clean-descriptors": (
        _("Cleaned descriptions"),
        _("Keeps descriptions and comments, without names, dates and numbers of people"),
    ),
    "clean-structured-content": (
        _("Cleaned structured reports"),
        _("Keeps findings and measurements of structured reports, without identity"),
    ),
    "clean-graphics": (
        _("Cleaned graphics"),
        _("Keeps overlays and annotations that are shown to be free of text"),
    ),
    "clean-pixel-data": (
        _("Cleaned pixels"),
        _(
            "Blanks text that is found in pictures, stored values and all; clinical marks that are "
            "recognised stay"
        ),
    ),
}

_BECAUSE: dict[str, Text] = {
    "basic": _("profile"),
    "name": _("profile"),
    "uid": _("profile"),
    "private": _("not on the safe list"),
    "unknown": _("no attribute of the standard"),
    "wrong-vr": _("not encoded as the standard says"),
    "second net": _("an identifier of the study in it"),
}


def because(code: str) -> Text:
    """Return why an attribute was changed, in words: an option's title, or the engine's own."""
    if code in _EFFECTS:
        return _EFFECTS[code][0]
    return _BECAUSE.get(code, code)


_MISSING: dict[str, Text] = {
    "dates": _("Without dates the reader can't put priors in order"),
    "characteristics": _("Without age, sex and weight some findings and all SUV can't be judged"),
    "pixels": _("Images that show text are held for a person instead of being blanked"),
    "descriptors": _("Without descriptions protocol and laterality may be unclear"),
}


def effects(options: Iterable[str]) -> dict[str, list[object]]:
    """Return what a set of options keeps, and what its reader has to do without."""
    chosen = set(options)
    kept: list[object] = [
        Effect(title, effect, is_on=True)
        for name, (title, effect) in _EFFECTS.items()
        if name in chosen
    ]
    lost: list[object] = []
    if not chosen & {"retain-modified-dates", "retain-full-dates"}:
        lost.append(_MISSING["dates"])
    if "retain-patient-characteristics" not in chosen:
        lost.append(_MISSING["characteristics"])
    if "clean-descriptors" not in chosen:
        lost.append(_MISSING["descriptors"])
    if "clean-pixel-data" not in chosen:
        lost.append(_MISSING["pixels"])
    return {"kept": kept, "lost": lost}
