"""Exports of a chain: CSV, JSON Lines with proof, FHIR Bundle, DICOM A.5 XML. Streams, reads only.

Without filters an export is a gapless piece of the chain, oldest first, and the offline verifier
proves it. With filters it has gaps by nature: every event is proved, but not that none is missing.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from audit.canonical import canonical_json, canonical_time
from audit.chains import archived_head, head
from audit.checkpoints import Signed
from audit.dicom import audit_message
from audit.fhir import bundle_entry
from audit.models import Checkpoint, Event, Link
from audit.sealer import seal_chain
from audit.timeline import Filters, Place, events, page

_BATCH = 500

Writer = Callable[[str, Filters, int], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write events down."""

    name: str
    label: "str | Promise"
    hint: "str | Promise"
    suffix: str
    content_type: str
    write: Writer


def links(chain: str, filters: Filters, limit: int) -> Iterator[Link]:
    """Yield links with their events: the newest `limit`, ascending; with filters descending."""
    seal_chain(chain)
    if filters:
        yield from _filtered(chain, filters, limit)
        return
    end = head(chain).sequence
    place = max(archived_head(chain).sequence, end - limit)
    while place < end:
        rows = list(
            Link.objects.filter(chain=chain, sequence__gt=place, sequence__lte=end)
            .select_related("event")
            .order_by("sequence")[:_BATCH]
        )
        if not rows:
            return
        yield from rows
        place = rows[-1].sequence


def _filtered(chain: str, filters: Filters, limit: int) -> Iterator[Link]:
    found = events(chain, filters).filter(link__isnull=False).select_related("link")
    before, left = "", limit
    while left > 0:
        shown = page(found, before=before, size=min(_BATCH, left))
        for event in shown.events:
            link: Link = event.link
            link.event = event
            yield link
        left -= len(shown.events)
        if not shown.older:
            return
        before = str(Place.of(shown.events[-1]))


# --- JSON Lines, with everything the offline verifier needs -----------------------------------


def json_lines(chain: str, filters: Filters, limit: int) -> Iterator[bytes]:
    """Write a head line, a line per event with its link, and the signed checkpoints."""
    yield _line(
        {
            "chain": chain,
            "filters": filters.as_dict(),
            "is_gapless": not filters,
            "kind": "audit export",
            "v": 1,
        }
    )
    last = 0
    for link in links(chain, filters, limit):
        last = max(last, link.sequence)
        yield _line(link_document(link))
    for row in Checkpoint.objects.filter(chain=chain, sequence__lte=last).order_by("sequence"):
        yield _line({"checkpoint": _signed(row), "kind": "checkpoint"})


def link_document(link: Link) -> dict[str, object]:
    """Return an event with its link as the offline verifier reads it."""
    return {
        "digest": bytes(link.digest).hex(),
        "event": json.loads(link.event.canonical()),
        "event_digest": bytes(link.event_digest).hex(),
        "kind": "event",
        "previous": bytes(link.previous).hex(),
        "sequence": link.sequence,
    }


def _signed(row: Checkpoint) -> dict[str, object]:
    signed = Signed(row.document, bytes(row.signature), bytes(row.public_key))
    parts: dict[str, object] = json.loads(signed.to_bytes())
    return parts


def _line(value: object) -> bytes:
    return canonical_json(value).encode() + b"\n"


# --- CSV --------------------------------------------------------------------------------------

_COLUMNS = (
    "sequence",
    "time",
    "action",
    "outcome",
    "actor_kind",
    "actor_id",
    "actor",
    "role",
    "address",
    "subject_kind",
    "subject",
    "context",
    "detail",
    "event_digest",
    "link_digest",
)


def comma_separated(chain: str, filters: Filters, limit: int) -> Iterator[bytes]:
    """Write one row per event."""
    yield _row(_COLUMNS)
    for link in links(chain, filters, limit):
        event: Event = link.event
        yield _row(
            (
                link.sequence,
                canonical_time(event.at),
                event.action,
                event.outcome,
                event.actor_kind,
                event.actor_id,
                event.actor_label,
                event.actor_role,
                event.actor_address,
                event.subject_kind,
                event.subject,
                event.context,
                event.detail_json,
                bytes(event.digest).hex(),
                bytes(link.digest).hex(),
            )
        )


def _row(values: tuple[object, ...]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow([_harmless(value) for value in values])
    return text.getvalue().encode()


def _harmless(value: object) -> object:
    """Keep a spreadsheet from running a value as a formula."""
    if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"}:
        return f"'{value}"
    return value


# --- for other systems ------------------------------------------------------------------------


def fhir_bundle(chain: str, filters: Filters, limit: int) -> Iterator[bytes]:
    """Write a FHIR R5 Bundle of AuditEvents."""
    yield b'{"resourceType":"Bundle","type":"collection","entry":['
    for index, link in enumerate(links(chain, filters, limit)):
        yield b"," * bool(index) + json.dumps(bundle_entry(link.event)).encode()
    yield b"]}"


def dicom_xml(chain: str, filters: Filters, limit: int) -> Iterator[bytes]:
    """Write the events as AuditMessage elements inside one AuditMessages element."""
    yield b'<?xml version="1.0" encoding="UTF-8"?>\n<AuditMessages>\n'
    for link in links(chain, filters, limit):
        yield audit_message(link.event) + b"\n"
    yield b"</AuditMessages>\n"


FORMATS: dict[str, Format] = {
    one.name: one
    for one in (
        Format(
            "jsonl",
            _("JSON Lines, with proof"),
            _("Events, links and signed checkpoints: the verifier checks it without this portal."),
            "jsonl",
            "application/jsonl",
            json_lines,
        ),
        Format(
            "csv",
            _("CSV"),
            _("One row per event, for a spreadsheet."),
            "csv",
            "text/csv; charset=utf-8",
            comma_separated,
        ),
        Format(
            "fhir",
            _("FHIR AuditEvent"),
            _("A Bundle of FHIR R5 AuditEvent resources."),
            "json",
            "application/fhir+json",
            fhir_bundle,
        ),
        Format(
            "dicom",
            _("DICOM audit messages"),
            _("XML of PS3.15 A.5, one AuditMessage per event."),
            "xml",
            "application/xml",
            dicom_xml,
        ),
    )
}
