"""Codes of holding, refusing and stopping, in plain words: what happened, what to do.

Codes come from the engine, the vault and the services; the words are here once, translated.
"""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from studies.web.report_reasons import REPORT_REASONS

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
_VERIFY = _(
    "The check after de-identification found the output not as it has to be. The place is named; "
    "tell your administrator, and leave the file out."
)
_LIMIT = _(
    "The file is built so that reading it could exhaust this machine. Send it again from its "
    "source, or leave it out."
)
_PIXELS = _(
    "The picture doesn't fit its own description, so nobody can say what it shows. Send it again "
    "from its source, or leave it out."
)
_ARCHIVE = _("It can't be unfolded safely. Unfold it yourself, and drop the folder instead.")
_PATIENT = _("Without a patient id nobody could bring the report back to the right patient.")

REASONS: dict[str, Reason] = {
    "source-gap": Reason(
        _("Missing: the source has more than it sent"),
        _(
            "The source says that the series has more images than arrived, even after asking "
            "again. Fetch them again when its operator has looked, or leave them out and say why."
        ),
        ("fetch",),
    ),
    "source-not-asked": Reason(
        _("Sent without being asked for"),
        _(
            "The source sent an image that isn't in its own list of the series. It wasn't kept. "
            "Choose the series anew if the image belongs to it."
        ),
    ),
    "pixel-text-unchecked": Reason(
        _("Text in pixels not checked"),
        _(
            "Pictures of this kind often show the patient's name, and the text finder did not run. "
            "Try again, look at it and decide, or leave it out."
        ),
        ("retry",),
    ),
    "pixel-text-found": Reason(
        _("Text in the picture"),
        _(
            "The picture shows text, and the profile doesn't clean pixels. Look at it and decide, "
            "use a profile that cleans them, or leave it out."
        ),
        ("retry",),
    ),
    "pixel-text-review": Reason(
        _("A picture to look at"),
        _(
            "The picture shows what may be text, and it could not be read. Look at it and say what "
            "is blanked, or leave it out."
        ),
        ("retry",),
    ),
    "pixel-awaits-approval": Reason(
        _("Made again, waits for your approval"),
        _("The picture was made again with the boxes as drawn. Look at it, then approve it."),
    ),
    "pixel-undecodable": Reason(
        _("A picture that can't be decoded"),
        _(
            "Pictures of this kind often show the patient's name, and this one can't be decoded to "
            "look for it. Send it again in another transfer syntax, or leave it out."
        ),
        ("retry",),
    ),
    "verify-pixels": Reason(_("Pixels not as they have to be"), _VERIFY, ("retry",)),
    "document-unchecked": Reason(
        _("A document that was not checked"),
        _(
            "The pages of an embedded document are looked at by the text finder, which did not run,"
            " or the document is of a kind that can't be checked. Try again, or leave it out."
        ),
        ("retry",),
    ),
    "document-identifies": Reason(
        _("A document that names somebody"),
        _(
            "An embedded document shows a name, a number, a date or a place. Leave it out, or have"
            " its source write it without."
        ),
    ),
    "document-text-unread": Reason(
        _("A document with text in pictures"),
        _("A page shows text that only a picture holds, as a scan does. Leave it out."),
    ),
    "document-unreadable": Reason(
        _("A document that can't be read"),
        _(
            "An embedded document is damaged, encrypted, too large, or not what it says it is. "
            "Leave it out, or have its source write it anew."
        ),
    ),
    "attributes-behind-pixels": Reason(
        _("Attributes out of order"),
        _(
            "What says whose image this is stands behind the pixels, or is missing before them. "
            "Have the source write it anew, or leave it out."
        ),
    ),
    "document-missing": Reason(
        _("An object for a document, without one"),
        _("The file may be cut off. Send it again, or leave it out."),
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
    "identity-too-large": Reason(_("Too many identifying values"), _LIMIT),
    "truncated": Reason(_("Damaged file"), _UNREADABLE),
    "malformed": Reason(_("Damaged file"), _UNREADABLE),
    "deflate-damaged": Reason(_("Damaged file"), _UNREADABLE),
    "pixels-missing": Reason(_("Picture without pixels"), _PIXELS),
    "unreadable": Reason(_("Unreadable file"), _UNREADABLE),
    "header-too-large": Reason(_("Header too large"), _LIMIT),
    "header-too-complex": Reason(_("Header too complex"), _LIMIT),
    "trailer-too-large": Reason(_("Too much after the pixels"), _LIMIT),
    "nesting-too-deep": Reason(_("Nested too deeply"), _LIMIT),
    "deflate-ratio": Reason(_("Compressed beyond reason"), _LIMIT),
    "transfer-syntax": Reason(
        _("Unknown transfer syntax"),
        _("The portal can't read how this file is encoded. Convert it at its source."),
    ),
    "uid-missing": Reason(
        _("A UID is missing"),
        _("The file lacks a UID that every DICOM object has. Send it again from its source."),
    ),
    "study-uid-missing": Reason(
        _("No Study Instance UID"),
        _("Without it the file belongs to no study. Send it again from its source."),
    ),
    "unknown-sop-class": Reason(
        _("Unknown object type"),
        _("De-identification isn't defined for this type of object. Leave it out."),
    ),
    "video-unchecked": Reason(
        _("Video not checked"),
        _("Text in video can't be checked yet, so it stays here. Leave it out."),
    ),
    "frame-unreadable": Reason(_("Unreadable picture"), _PIXELS),
    "pixel-description-missing": Reason(_("Picture without description"), _PIXELS),
    "pixel-encoding-mismatch": Reason(_("Picture and encoding disagree"), _PIXELS),
    "pixel-length": Reason(_("Picture of wrong length"), _PIXELS),
    "verify-marks": Reason(_("Marks missing after de-identification"), _VERIFY, ("retry",)),
    "verify-meta": Reason(_("File meta not as it has to be"), _VERIFY, ("retry",)),
    "verify-preamble": Reason(_("Preamble not empty"), _VERIFY, ("retry",)),
    "verify-private": Reason(_("Private data left"), _VERIFY, ("retry",)),
    "verify-structure": Reason(_("Output not well formed"), _VERIFY, ("retry",)),
    "verify-type": Reason(_("A required attribute is missing"), _VERIFY, ("retry",)),
    "verify-uid": Reason(_("A UID was not replaced"), _VERIFY, ("retry",)),
    "archive-damaged": Reason(_("Damaged zip"), _ARCHIVE),
    "archive-too-large": Reason(_("Zip too large"), _ARCHIVE),
    "archive-too-many": Reason(_("Zip with too many files"), _ARCHIVE),
    "archive-too-deep": Reason(_("Zip inside zip, too deep"), _ARCHIVE),
    "archive-encrypted": Reason(_("Encrypted zip"), _ARCHIVE),
    "archive-unsupported": Reason(_("Unknown kind of zip"), _ARCHIVE),
    "archive-entry-damaged": Reason(_("Damaged file inside a zip"), _ARCHIVE),
    "source-unreadable": Reason(
        _("Could not be read at its source"),
        _("The file is there but the portal may not read it. Check its permissions."),
    ),
    "no-cloud-id": Reason(
        _("No cloud id in the report"),
        _("The report names no study that was sent. Ask the reader for the cloud study id."),
    ),
    "unknown-cloud-id": Reason(
        _("Unknown cloud id in the report"),
        _("A cloud id in the report is none of this organization. Ask the reader to check it."),
    ),
    "two-patients-in-report": Reason(
        _("Two patients in one report"),
        _("Ids in the report lead to different patients. Ask the reader for one report each."),
    ),
    "several-studies-in-report": Reason(
        _("Several studies in one report"),
        _("The report names more than one study of the patient. Bring it in once per study."),
    ),
    "no-study-id": Reason(
        _("No study in the report"),
        _("The report names the patient's cloud id but no study. Ask the reader which one."),
    ),
}

REASONS |= {code: Reason(*words) for code, words in REPORT_REASONS.items()}

STOPPED: dict[str, Text] = {
    "conflict": _("Something is in conflict: decide below what is right."),
    "fault": _("An unexpected fault stopped the work. Nothing left. Tell your administrator."),
    "region-not-allowed": _("The destination's region isn't one that this organization allows."),
    "destination-paused": _("The destination is switched off."),
    "cancelled": _("Cancelled by a person."),
    "folder-outside": _("The source's folder isn't one that this installation allows."),
    "folder-unavailable": _("The source's folder can't be read. Check that it is mounted."),
    "source-unavailable": _(
        "The source can't be reached or broke off. What arrived is kept; try again to go on."
    ),
    "source-slow": _("The source stopped answering. What arrived is kept; try again to go on."),
    "source-busy": _("The source is too busy. What arrived is kept; try again later to go on."),
    "source-refused": _("The source refused us. Check AE titles or password, then try again."),
    "source-untrusted": _(
        "The source's certificate can't be trusted. Nothing was sent to it. Correct the source."
    ),
    "source-strange": _(
        "The source answered what the portal doesn't understand. Check its address."
    ),
    "source-cannot": _("The source doesn't offer this way of retrieving. Choose the other one."),
    "move-port-busy": _("Other retrievals kept the port of C-MOVE busy. Try again."),
    "certificate-unreadable": _("A certificate in the settings can't be read. Correct it."),
    "address-invalid": _("The source's address isn't one. Correct the source."),
    "storage-full": _("The portal's disk is full. Nothing was lost; free some space, try again."),
    "destination-denied": _("The destination refused to take objects. Check its permissions."),
    "destination-full": _("The destination is full. Make room there, then try again."),
    "destination-in-the-way": _("Something stands where the destination's folder has to be."),
    "destination-missing": _("The destination's folder is gone. Check that it is mounted."),
    "destination-outside": _("The destination's folder isn't one that this installation allows."),
    "destination-unreadable": _("What was delivered can't be read back. Check the destination."),
    "checksum-differs": _("What arrived at the destination differs from what was sent. Try again."),
    "connection-refused": _(
        "Nobody answers at the destination's address. Check address and port there."
    ),
    "connection-lost": _(
        "The connection to the destination broke off again and again. Check the network."
    ),
    "host-unknown": _(
        "The destination's host name isn't known. Check its spelling and this machine's DNS."
    ),
    "host-unreachable": _(
        "The destination can't be reached from here. Check network and firewall."
    ),
    "destination-slow": _(
        "The destination didn't answer in time. Ask its operator, then try again."
    ),
    "destination-busy": _(
        "The destination is overloaded. Lower its parallel connections, then try again."
    ),
    "destination-error": _(
        "The destination reports a fault of its own. Ask its operator, then try again."
    ),
    "destination-incomplete": _(
        "The destination's settings aren't complete. Fill them in on its page."
    ),
    "destination-kind": _(
        "This version doesn't know this kind of destination. Choose another one."
    ),
    "object-unconfirmed": _(
        "The destination didn't confirm every object. Ask its operator, then try again."
    ),
    "object-refused": _(
        "The recipient refused objects. Its page has the code; ask its operator about it."
    ),
    "object-kept": _(
        "The recipient keeps earlier versions of objects. Have them deleted, then try again."
    ),
    "object-too-large": _("An object is larger than the destination takes. Have its limit raised."),
    "credentials-wrong": _(
        "The destination doesn't accept the credentials. Enter them again on its page."
    ),
    "credentials-expired": _(
        "The credentials have expired. Enter new ones on the destination's page."
    ),
    "credentials-missing": _("The destination has no credentials. Enter them on its page."),
    "client-certificate": _(
        "The portal's own certificate for the destination isn't readable. Enter it again."
    ),
    "clock-differs": _(
        "This machine's clock differs too much from the destination's. Set it right."
    ),
    "bucket-missing": _(
        "The bucket or container doesn't exist. Make it, or correct its name on the page."
    ),
    "encryption-key": _(
        "The destination can't use the encryption key that is set. Check the key's id."
    ),
    "address-wrong": _("Somebody else answers at the destination's address. Check it on its page."),
    "ae-title-unknown": _(
        "An AE title isn't known at the destination. Correct it, or have it added there."
    ),
    "plain-connection": _(
        "Without TLS nothing is sent to this host. Use TLS, or have the host allowed."
    ),
    "machine-identity": _(
        "This installation lends no cloud identity. Enter credentials for the destination."
    ),
    "tls-wrong-name": _(
        "The destination's certificate is for another name: nothing was sent. Check the address."
    ),
    "tls-expired": _(
        "The destination's certificate isn't valid today: nothing was sent. Have it renewed."
    ),
    "tls-untrusted": _(
        "The destination's certificate is from nobody trusted here: nothing was sent."
    ),
    "tls-failed": _(
        "No encrypted connection to the destination came about. Check that TLS is spoken there."
    ),
    "staged-object-changed": _("A prepared object was changed on disk. Nothing of it was sent."),
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
