"""The trail's own acts: looking at it, exporting, verifying and archiving it are audited too."""

from django.utils.translation import gettext_lazy as _

from audit.terms import Action

AUDIT_LOG_USED = ("110101", "Audit Log Used")
SECURITY_ALERT = ("110113", "Security Alert")
APPLICATION = ("110100", "Application Activity")

OWN_ACTIONS: dict[str, Action] = {
    action.name: action
    for action in (
        Action("audit.viewed", _("Audit trail viewed"), AUDIT_LOG_USED, None, "access", "eye"),
        Action(
            "audit.exported",
            _("Audit trail exported"),
            AUDIT_LOG_USED,
            None,
            "extract",
            "download",
            "moving",
        ),
        Action("audit.verified", _("Chain verified"), AUDIT_LOG_USED, None, "", "link", "done"),
        Action("audit.checkpointed", _("Checkpoint signed"), APPLICATION, None, "", "lock", "done"),
        Action(
            "audit.archived", _("Events archived"), AUDIT_LOG_USED, None, "archive", "down", "idle"
        ),
        Action("audit.forwarding", _("Sending on stopped"), SECURITY_ALERT, None, "", "send"),
        Action("audit.late", _("Events not linked in time"), SECURITY_ALERT, None, "", "warn"),
    )
}
