"""Why a returned report waits for a person, in words: what is wrong with it, what to do."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_AGAIN = _("Ask the reader to send the report again; what came stays sealed.")
_MESSAGE = _("The message isn't built as HL7 v2 has it. Ask the sender's administrator to mend it.")
_FHIR = _("The resource isn't what FHIR R4 or R5 have it. Ask the sender's administrator.")
_OBJECT = _("The object isn't built as its DICOM class has it. Ask the reader to send it again.")
_PDF = _("The PDF can't be opened safely. Ask the reader for a plain one.")

REPORT_REASONS: dict[str, tuple[str | Promise, str | Promise]] = {
    "mistyped-cloud-id": (
        _("Mistyped cloud id"),
        _("An id in the report has a wrong check character. Say which study it is for."),
    ),
    "control-id-reused": (
        _("Message number used twice"),
        _("Another message with this number said something else. Ask the sender which one counts."),
    ),
    "report-empty": (_("Empty report"), _AGAIN),
    "report-too-long": (_("Text too long"), _AGAIN),
    "report-too-large": (_("Report too large"), _AGAIN),
    "wrong-charset": (
        _("Wrong character set"),
        _("The bytes aren't in the character set that the report states. Ask for it again."),
    ),
    "format-unknown": (
        _("Unknown format"),
        _("The report is neither text, HL7, FHIR, DICOM nor PDF. Ask for one of these."),
    ),
    "hl7-malformed": (_("Damaged HL7 message"), _MESSAGE),
    "hl7-batch": (_("HL7 batch file"), _MESSAGE),
    "hl7-not-a-report": (
        _("HL7 message without a report"),
        _("Only ORU^R01 messages bring reports. Ask the sender's administrator what this is."),
    ),
    "hl7-version": (_("Unknown HL7 version"), _MESSAGE),
    "hl7-processing-id": (_("Unknown HL7 processing id"), _MESSAGE),
    "hl7-charset": (_("Unknown HL7 character set"), _MESSAGE),
    "fhir-malformed": (_("Damaged FHIR resource"), _FHIR),
    "fhir-not-json": (
        _("FHIR in XML"),
        _("FHIR reports are taken as JSON only. Ask the sender's administrator for JSON."),
    ),
    "fhir-invalid": (_("FHIR resource not valid"), _FHIR),
    "fhir-not-a-report": (_("FHIR resource without a report"), _FHIR),
    "fhir-foreign-reference": (
        _("FHIR report points elsewhere"),
        _("The report names its patient or study by an address of another server. "
          "It is never fetched. Ask for the resources inside the report."),
    ),
    "report-withdrawn": (
        _("Report withdrawn"),
        _("The sender says that the report was cancelled or entered in error. Ask the reader."),
    ),
    "dicom-malformed": (_("Damaged DICOM object"), _OBJECT),
    "dicom-not-a-report": (
        _("DICOM object that is no report"),
        _("Only reports and objects derived from a study come back. Images go out as studies."),
    ),
    "sr-structure": (_("Structured report not well formed"), _OBJECT),
    "sr-template": (_("Structured report of another template"), _OBJECT),
    "uid-of-another-patient": (
        _("Object refers to another patient"),
        _("A UID in the object was made for another patient's study. It never goes on. "
          "Ask the reader for one object per patient."),
    ),
    "value-does-not-fit": (_("A value doesn't fit its place"), _OBJECT),
    "pdf-malformed": (_("Damaged PDF"), _PDF),
    "pdf-encrypted": (
        _("Encrypted PDF"),
        _("The PDF is protected by a password. Ask the reader for one without."),
    ),
    "mapping-gone": (
        _("Mapping destroyed"),
        _("The mapping of this study was destroyed. Nobody can say any more whose it was."),
    ),
    "message-rejected": (
        _("Rejected for now"),
        _("The hospital's system takes no messages now. It is tried again by itself."),
    ),
    "message-refused": (
        _("Refused by the hospital's system"),
        _("It found an error in the message. Ask its administrator, then send it on again."),
    ),
    "sending-stopped": (
        _("Sending stopped several times"),
        _("Each try ended the worker. Tell your administrator."),
    ),
    "target-format": (
        _("Not for this target"),
        _("The target takes no reports of this format. Choose another one."),
    ),
    "pdf-too-large": (_("PDF too large to open"), _PDF),
}  # fmt: skip
