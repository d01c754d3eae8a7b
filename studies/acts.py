"""The closed vocabulary of the trail: every act of this product, with its codes.

Codes are those of PS3.15 A.5 / PS3.16 CID 400 (scheme DCM) and of ISO 21089 lifecycle events.
"""

from django.utils.translation import gettext_lazy as _

from audit import Action

EXPORT = ("110106", "Export")
IMPORT = ("110107", "Import")
ACCESSED = ("110103", "DICOM Instances Accessed")
QUERY = ("110112", "Query")
AUTHENTICATION = ("110114", "User Authentication")
ALERT = ("110113", "Security Alert")
APPLICATION = ("110100", "Application Activity")
PATIENT = ("110110", "Patient Record")
LOGIN = ("110122", "Login")
LOGOUT = ("110123", "Logout")
ROLES_CHANGED = ("110136", "Security Roles Changed")
PERSON_CHANGED = ("110137", "User Security Attributes Changed")
CONFIGURED = ("110128", "Network Configuration")
SECURITY_CONFIGURED = ("110129", "Security Configuration")

_ALL = (
    # people and settings
    Action("person.signed_in", _("Signed in"), AUTHENTICATION, LOGIN, "", "key", "done"),
    Action("person.sign_in_refused", _("Sign-in refused"), AUTHENTICATION, LOGIN, "", "slash"),
    Action("person.signed_out", _("Signed out"), AUTHENTICATION, LOGOUT, "", "key"),
    Action("person.password_changed", _("Password changed"), ALERT, PERSON_CHANGED, "", "lock"),
    Action("person.reauthenticated", _("Re-authenticated"), AUTHENTICATION, LOGIN, "", "key"),
    Action(
        "person.reauthentication_refused",
        _("Re-authentication refused"),
        AUTHENTICATION,
        LOGIN,
        "",
        "slash",
    ),
    Action("person.factor_added", _("Second factor set up"), ALERT, PERSON_CHANGED, "", "lock"),
    Action("person.factor_removed", _("Second factor removed"), ALERT, PERSON_CHANGED, "", "lock"),
    Action("person.created", _("Account made"), ALERT, PERSON_CHANGED, "", "plus"),
    Action("person.changed", _("Account changed"), ALERT, PERSON_CHANGED, "", "sliders"),
    Action("membership.granted", _("Role given"), ALERT, ROLES_CHANGED, "", "plus"),
    Action("membership.revoked", _("Role taken"), ALERT, ROLES_CHANGED, "", "minus"),
    Action("organization.created", _("Organization made"), APPLICATION, None, "", "plus"),
    Action(
        "organization.changed", _("Settings changed"), ALERT, SECURITY_CONFIGURED, "", "sliders"
    ),
    Action("destination.created", _("Destination added"), ALERT, CONFIGURED, "", "plug"),
    Action("destination.changed", _("Destination changed"), ALERT, CONFIGURED, "", "plug"),
    Action("destination.tested", _("Destination tested"), APPLICATION, None, "", "plug", "done"),
    Action("source.created", _("Source added"), ALERT, CONFIGURED, "", "folder"),
    Action("source.changed", _("Source changed"), ALERT, CONFIGURED, "", "folder"),
    Action("source.tested", _("Source tested"), APPLICATION, None, "", "plug", "done"),
    Action("source.browsed", _("Source browsed"), QUERY, None, "access", "folder"),
    Action("source.searched", _("Source searched"), QUERY, None, "access", "search", "review",
           is_look_up=True),
    Action("listener.created", _("Listener rule added"), ALERT, CONFIGURED, "", "plug"),
    Action("listener.changed", _("Listener rule changed"), ALERT, CONFIGURED, "", "plug"),
    Action("listener.refused", _("Sender refused"), IMPORT, None, "receive", "slash"),
    Action("profile.created", _("Profile version made"), ALERT, SECURITY_CONFIGURED, "", "sliders"),
    # batches
    Action("batch.opened", _("Batch opened"), APPLICATION, None, "originate", "plus", "moving"),
    Action("batch.files_received", _("Files received"), IMPORT, None, "receive", "down", "moving"),
    Action("batch.retrieved", _("Series retrieved"), IMPORT, None, "receive", "down", "moving"),
    Action("batch.retrieval_gap", _("Series incomplete at arrival"), IMPORT, None, "receive",
           "hold", "held"),
    Action("batch.fetched_again", _("Missing images asked for again"), QUERY, None, "receive",
           "undo", "moving"),
    Action("batch.refused_upload", _("Upload refused"), IMPORT, None, "receive", "x"),
    Action("batch.submitted", _("Batch submitted"), IMPORT, None, "originate", "clock", "moving"),
    Action("batch.moved", _("Batch moved on"), APPLICATION, None, "", "half", "moving"),
    Action("batch.inventoried", _("Inventory done"), IMPORT, None, "receive", "clock"),
    Action("batch.alerted", _("Alert sent"), APPLICATION, None, "", "bell", "held"),
    Action("batch.released", _("Batch released"), EXPORT, None, "transmit", "up", "moving"),
    Action("batch.cancelled", _("Batch cancelled"), APPLICATION, None, "", "slash"),
    Action("batch.delivered", _("Batch delivered"), EXPORT, None, "transmit", "ok", "done"),
    Action("batch.delivery_failed", _("Delivery stopped"), EXPORT, None, "transmit", "warn"),
    Action("batch.closed", _("Batch closed, originals destroyed"), APPLICATION, None, "destroy",
           "lock"),
    Action("manifest.downloaded", _("Manifest downloaded"), EXPORT, None, "report", "download"),
    Action("identifiers.viewed", _("Identifiers shown"), ACCESSED, None, "access", "eye", "review",
           is_look_up=True),
    # studies and instances
    Action("study.deidentified", _("Study de-identified"), APPLICATION, None, "deidentify",
           "shield", "moving"),
    Action("study.held", _("Images held"), APPLICATION, None, "hold", "hold", "held"),
    Action("study.delivered", _("Study delivered"), EXPORT, None, "transmit", "ok", "done"),
    Action("study.patient_entered", _("Patient id entered"), PATIENT, None, "amend", "tick"),
    Action("instance.excluded", _("Images excluded"), APPLICATION, None, "deprecate", "minus"),
    Action("instance.restored", _("Exclusion undone"), APPLICATION, None, "reactivate", "undo"),
    Action("instance.retried", _("Images processed again"), APPLICATION, None, "", "undo",
           "moving"),
    Action("image.drawn", _("Boxes drawn on an image"), APPLICATION, None, "amend", "draw",
           "moving"),
    Action("image.approved", _("Image approved"), APPLICATION, None, "verify", "tick", "done"),
    Action("template.saved", _("Device template saved"), ALERT, SECURITY_CONFIGURED, "", "draw"),
    Action("template.removed", _("Device template removed"), ALERT, SECURITY_CONFIGURED, "",
           "minus"),
    Action("sample.drawn", _("Sample drawn"), APPLICATION, None, "", "eye", "review"),
    Action("sample.judged", _("Drawn image judged"), APPLICATION, None, "verify", "eye", "review"),
    Action("sample.passed", _("Sample passed"), APPLICATION, None, "verify", "ok", "done"),
    Action("sample.failed", _("Sample failed"), APPLICATION, None, "verify", "warn", "stop"),
    # reports
    Action("report.received", _("Report received"), IMPORT, None, "receive", "mail", "moving"),
    Action("report.needs_attention", _("Report needs attention"), IMPORT, None, "receive", "warn"),
    Action("report.sending_asked", _("Report to be sent on"), EXPORT, None, "reidentify", "send",
           "moving", is_look_up=True),
    Action("report.sent_on", _("Report sent on"), EXPORT, None, "transmit", "send", "done"),
    Action("report.acknowledgement_read", _("Acknowledgement read"), ACCESSED, None, "access",
           "eye"),
    Action("report_target.created", _("Report target added"), ALERT, CONFIGURED, "", "plug"),
    Action("report_target.changed", _("Report target changed"), ALERT, CONFIGURED, "", "plug"),
    Action("report_target.tested", _("Report target tested"), APPLICATION, None, "", "plug",
           "done"),
    Action("report.viewed", _("Report read under cloud ids"), ACCESSED, None, "access", "eye"),
    Action("report.settled", _("Report settled by a person"), IMPORT, None, "amend", "tick"),
    Action("report.set_aside", _("Report set aside"), APPLICATION, None, "deprecate", "minus"),
    Action("study.reidentified", _("Patient shown"), ACCESSED, None, "reidentify", "key", "done",
           is_look_up=True),
    Action("report.reidentified", _("Report re-identified"), ACCESSED, None, "reidentify", "key",
           "done", is_look_up=True),
    Action("report.downloaded", _("Report downloaded with its patient"), EXPORT, None, "extract",
           "download", "done", is_look_up=True),
    Action("report.link_made", _("Link to a report given"), ALERT, SECURITY_CONFIGURED, "", "plus"),
    Action("report.link_revoked", _("Link to a report taken back"), ALERT, SECURITY_CONFIGURED, "",
           "minus"),
    Action("bulk.requested", _("Several patients asked for"), ALERT, None, "", "people", "review"),
    Action("bulk.consented", _("Consent to see several patients"), ALERT, None, "", "tick"),
    Action("bulk.declined", _("Several patients declined"), ALERT, None, "", "slash"),
    Action("door.limit_reached", _("Limit of look-ups reached"), ALERT, None, "", "warn", "stop"),
    Action("door.alert_seen", _("Alert of the door seen"), ALERT, None, "", "eye"),
    Action("patient.searched", _("Search by patient"), QUERY, None, "access", "search", "review",
           is_look_up=True),
    # the vault and its keys
    Action("vault.key_rotated", _("Key-encryption key rotated"), ALERT, SECURITY_CONFIGURED, "",
           "lock"),
    Action("vault.domain_created", _("Linkage domain made"), ALERT, SECURITY_CONFIGURED, "",
           "lock"),
    Action("vault.domain_rotated", _("Linkage domain's keys rotated"), ALERT, SECURITY_CONFIGURED,
           "", "lock"),
    Action("vault.patient_shredded", _("Patient's mapping destroyed"), APPLICATION, None,
           "destroy", "x"),
    Action("vault.domain_shredded", _("Linkage domain destroyed"), APPLICATION, None, "destroy",
           "x"),
    Action("vault.exported", _("Mapping exported"), EXPORT, None, "extract", "download",
           is_look_up=True),
    Action("vault.imported", _("Mapping imported"), IMPORT, None, "restore", "up"),
    Action("vault.verified", _("Vault verified"), APPLICATION, None, "", "lock", "done"),
    Action("vault.read", _("Mapping read by command"), ACCESSED, None, "reidentify", "key",
           is_look_up=True),
    # machines
    Action("token.created", _("API token made"), ALERT, SECURITY_CONFIGURED, "", "key"),
    Action("token.revoked", _("API token revoked"), ALERT, SECURITY_CONFIGURED, "", "slash"),
    Action("token.refused", _("API token refused"), AUTHENTICATION, LOGIN, "", "slash"),
    Action("gateway.deidentified", _("De-identified by the gateway"), EXPORT, None, "deidentify",
           "shield", "moving"),
    Action("batch.prepared_removed", _("Prepared files removed"), APPLICATION, None, "destroy",
           "lock"),
    Action("command.deidentified", _("De-identified by command"), EXPORT, None, "deidentify",
           "shield", "moving"),
)  # fmt: skip

ACTIONS: dict[str, Action] = {action.name: action for action in _ALL}
