"""Codes of holding, refusing and stopping, in plain words: what happened, what to do.

Codes come from the engine, the vault and the services; the words are here once, translated.
"""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise


@dataclass(frozen=True)
class Reason:
    """A code in words; `remedies` are what the held case offers: retry, patient, keep-first."""

    title: Text
    why: Text
    remedies: tuple[str, ...] = ()


_UNREADABLE = _(
    "The file is damaged or cut short. Send it again from its source; this copy never leaves."
)
_PATIENT = _("Without a patient id nobody could bring the report back to the right patient.")

REASONS: dict[str, Reason] = {
    "pixel-text-unchecked": Reason(
        _("Text in pixels not checked"),
        _(
            "Pictures of this kind often show the patient's name. Text in pixels is not checked "
            "yet, so they stay here. Leave them out to release the rest."
        ),
    ),
    "document-unchecked": Reason(
        _("A document inside the study"),
        _("An embedded document can't be shown to be free of identifiers. Leave it out."),
    ),
    "two-patients": Reason(
        _("Two patients in one study"),
        _("Files of one study name different patients. Say whose study it is, or leave it out."),
        ("patient",),
    ),
    "identity-conflict": Reason(
        _("The study is known for another patient"),
        _("This study came in earlier for another patient. Correct the patient or leave it out."),
        ("patient",),
    ),
    "patient-id-missing": Reason(_("No patient id"), _PATIENT, ("patient",)),
    "same-uid-other-bytes": Reason(
        _("Same image, other bytes"),
        _("Two files carry one SOP Instance UID but differ. Keep the first, or leave both out."),
        ("keep-first",),
    ),
    "processing-stopped": Reason(
        _("Processing stopped several times"),
        _("Working on this file ended the worker each time. Send it again, or leave it out."),
        ("retry",),
    ),
    "leak-found": Reason(
        _("Leak found by verification"),
        _("The check after de-identification found something identifying. The tag is named."),
        ("retry",),
    ),
    "private-sop-class": Reason(
        _("Private or unknown object type"),
        _("De-identification isn't defined for this type of object. Leave it out."),
    ),
    "not-dicom": Reason(_("Not DICOM"), _("This file is no DICOM object. It was skipped.")),
    "dicomdir": Reason(_("DICOMDIR"), _("A directory of a medium is never passed on. Skipped.")),
    "duplicate": Reason(_("Duplicate"), _("The same image came twice. It is taken once.")),
    "truncated": Reason(_("Damaged file"), _UNREADABLE),
}

STOPPED: dict[str, Text] = {
    "conflict": _("Something is in conflict: decide below what is right."),
    "fault": _("An unexpected fault stopped the work. Nothing left. Tell your administrator."),
    "region-not-allowed": _("The destination's region isn't one that this organization allows."),
    "destination-paused": _("The destination is switched off."),
    "cancelled": _("Cancelled by a person."),
}


def reason(code: str) -> Reason:
    """Return a code in words; an unknown one is named, so that nobody is left without a clue."""
    known = REASONS.get(code)
    if known is not None:
        return known
    return Reason(
        code.replace("-", " ").capitalize(),
        _("The engine could not show that this file is safe to send. Leave it out, or try again."),
        ("retry",),
    )


def stopped(code: str) -> Text:
    """Return why a batch stopped, in words."""
    return STOPPED.get(code, _("Delivery stopped. See the destination for what it answered."))
