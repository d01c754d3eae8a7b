"""An HL7 message that came over MLLP: received, and what its sender is told.

AA means that the report is sealed, committed and matched. AE: it is kept, but a person has to look
at it. AR: it isn't taken, for its kind, its receiver or its size, or for a fault on this side.
Nothing of a message's content is repeated but its header.
"""

import logging
import uuid
from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from audit import SYSTEM_CHAIN, Actor, Outcome, record_alone
from studies.faults import Fault
from studies.models import Organization, Report, ReportState
from studies.reports import ReportError
from studies.reports.hl7_syntax import header_of, require_kind
from studies.services import returning

log = logging.getLogger(__name__)

# HL7 table 0357.
_OK, _REQUIRED, _DATA, _TABLE = "0", "101", "102", "103"
_TYPE, _PROCESSING, _VERSION, _UNKNOWN_KEY, _DUPLICATE, _INTERNAL = (
    "200", "202", "203", "204", "205", "207",
)  # fmt: skip
_WORDS = {
    _OK: "Message accepted",
    _REQUIRED: "Required field missing",
    _DATA: "Data type error",
    _TABLE: "Table value not found",
    _TYPE: "Unsupported message type",
    _PROCESSING: "Unsupported processing id",
    _VERSION: "Unsupported version id",
    _UNKNOWN_KEY: "Unknown key identifier",
    _DUPLICATE: "Duplicate key identifier",
    _INTERNAL: "Application internal error",
}
_REJECTED = {
    "hl7-not-a-report": _TYPE,
    "hl7-version": _VERSION,
    "hl7-processing-id": _PROCESSING,
}
_KEYS = {
    "no-cloud-id", "unknown-cloud-id", "mistyped-cloud-id", "no-study-id",
    "several-studies-in-report", "two-patients-in-report",
}  # fmt: skip
_ENHANCED = {"AL", "SU", "ER"}
_CLEAN = str.maketrans({"\x0b": None, "\x1c": None, "\r": None, "\n": None})


def answer(message: bytes, peer: str) -> bytes:
    """Take in one message and return its acknowledgement; whatever happens, there is one."""
    close_old_connections()
    header = header_of(message)
    actor = Actor(kind="system", id="mllp", label="MLLP listener", address=peer)
    try:
        return _taken(message, header, actor)
    except DatabaseError:
        log.exception("a message over MLLP could not be stored")
        return _acknowledgement(header, "R", _INTERNAL)
    finally:
        close_old_connections()


def too_large(peer: str) -> bytes:
    """Refuse a message beyond the limit; its header is gone with it."""
    actor = Actor(kind="system", id="mllp", label="MLLP listener", address=peer)
    _refused(None, actor, "report-too-large")
    return _acknowledgement(lambda _number: "", "R", _INTERNAL)


def _taken(message: bytes, header: Callable[[int], str], actor: Actor) -> bytes:
    organization = _organization(header(6))
    if not header(10) or not header(9):
        _refused(organization, actor, "hl7-malformed")
        return _acknowledgement(header, "R", _REQUIRED, "MSH^1^10")
    try:
        require_kind(header(9), header(12), header(11))
    except ReportError as error:
        _refused(organization, actor, error.code)
        return _acknowledgement(header, "R", _REJECTED[error.code], _place(error.where))
    if organization is None:
        _refused(None, actor, "unknown-receiver")
        return _acknowledgement(header, "R", _TABLE, "MSH^1^6")
    try:
        report = returning.receive(
            organization, message, actor, hint="application/hl7-v2", channel="mllp"
        )
    except Fault as fault:
        _refused(organization, actor, fault.code)
        return _acknowledgement(header, "R", _INTERNAL)
    return _said(report, header)


def _said(report: Report, header: Callable[[int], str]) -> bytes:
    if report.state != ReportState.ATTENTION:
        return _acknowledgement(header, "A", _OK)
    if report.code in _KEYS:
        return _acknowledgement(header, "E", _UNKNOWN_KEY, _place(report.where))
    if report.code == "control-id-reused":
        return _acknowledgement(header, "E", _DUPLICATE, "MSH^1^10")
    return _acknowledgement(header, "E", _DATA, _place(report.where))


def _organization(facility: str) -> Organization | None:
    """Return whom a message is for: the receiving facility (MSH-6), else the one that is set."""
    name = facility.split("^")[0].strip()
    rows = Organization.objects.all()
    if name:
        found = rows.filter(slug__iexact=name).first() or rows.filter(prefix__iexact=name).first()
        if found is not None:
            return found
    return rows.filter(slug=settings.MLLP_ORGANIZATION).first()


def _refused(organization: Organization | None, actor: Actor, code: str) -> None:
    record_alone(
        "report.received",
        Outcome.REFUSED,
        actor=actor,
        chain=str(organization.pk) if organization else SYSTEM_CHAIN,
        detail={"code": code, "channel": "mllp"},
    )


def _place(where: str) -> str:
    """Return a field's place as ERR-2 has it: "PID-3" is PID^1^3."""
    segment, _dash, number = where.partition("-")
    return f"{segment}^1^{number}" if number.isdigit() else ""


def _acknowledgement(
    header: Callable[[int], str], outcome: str, code: str, where: str = ""
) -> bytes:
    """Return ACK with MSA, and ERR where something is wrong; enhanced mode gets its commit code."""
    mode = "C" if header(15) in _ENHANCED else "A"
    version = header(12) or "2.5.1"
    event = header(9).split("^")[1] if "^" in header(9) else ""
    now = f"{timezone.now():%Y%m%d%H%M%S}+0000"
    lines = [
        f"MSH|^~\\&|{header(5)}|{header(6)}|{header(3)}|{header(4)}|{now}||ACK^{event}^ACK"
        f"|{uuid.uuid4().hex[:20]}|{header(11) or 'P'}|{version}",
        f"MSA|{mode}{outcome}|{header(10)}",
    ]
    if code != _OK:
        words = f"{code}^{_WORDS[code]}^HL70357"
        if version.startswith(("2.3", "2.4")):
            lines[1] += f"|{_WORDS[code]}|||{words}"
        else:
            lines.append(f"ERR||{where}|{words}|E")
    text = "\r".join(line.translate(_CLEAN) for line in lines) + "\r"
    return text.encode("ascii", "replace")
