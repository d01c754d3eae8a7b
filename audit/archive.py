"""Retention: old segments of a chain leave the database for signed files, and nothing else does.

One guarded path. A segment is written to its file and read back, its digest recorded in the chain
and its row opened in one transaction; only then do the triggers let exactly those events and
links go, and the row is closed again before the commit. The chain stays verifiable: what is left
begins at the archive's signed end, and the file holds the rest.
"""

import gzip
import hashlib
import json
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, transaction
from django.utils import timezone

from audit import conf
from audit.canonical import ARCHIVE_MARK, GENESIS, canonical_json, canonical_time
from audit.chains import archived_head, lock_chain
from audit.checkpoints import sign
from audit.exports import link_document
from audit.models import Archive, Checkpoint, Forwarding, Link
from audit.recording import record
from audit.terms import Actor
from audit.verification import verify_chain

SEGMENT = 10_000


class ArchiveRefused(Exception):
    """A segment stays where it is; the message says why."""


@dataclass(frozen=True, slots=True)
class Segment:
    """What an archiving run moved."""

    chain: str
    first: int
    last: int
    path: Path


def archive_chain(chain: str, actor: Actor, now: datetime | None = None) -> list[Segment]:
    """Archive every whole segment of a chain that is older than the retention."""
    days = int(conf.option("RETENTION_DAYS"))
    below = conf.folder()
    if days <= 0:
        return []
    if below is None:
        raise ArchiveRefused("settings.AUDIT has no FOLDER to put archives in")
    report = verify_chain(chain)
    if not report.is_intact:
        raise ArchiveRefused("the chain is not intact; nothing is archived before that is cleared")
    before = (now or timezone.now()) - timedelta(days=days)
    done: list[Segment] = []
    while True:
        last = _end_of_segment(chain, before)
        if last is None:
            return done
        done.append(_archive_segment(chain, last, actor, below / "archive"))


def _end_of_segment(chain: str, before: datetime) -> int | None:
    """Return where the next segment ends: all of it old, signed over and sent on."""
    start = archived_head(chain).sequence
    signed = Checkpoint.objects.filter(chain=chain).order_by("-sequence").first()
    limit = min(start + SEGMENT, signed.sequence if signed else 0)
    if conf.option("SYSLOG"):
        sent = Forwarding.objects.filter(chain=chain).first()
        limit = min(limit, sent.sequence if sent else 0)
    young = (
        Link.objects.filter(chain=chain, sequence__gt=start, sequence__lte=limit)
        .filter(event__at__gte=before)
        .order_by("sequence")
        .first()
    )
    last = young.sequence - 1 if young else limit
    return last if last > start else None


def _archive_segment(chain: str, last: int, actor: Actor, below: Path) -> Segment:
    key = conf.signer()
    if key is None:
        raise ArchiveRefused("settings.AUDIT has no SIGNER: an unsigned archive proves nothing")
    before = archived_head(chain)
    rows = list(
        Link.objects.filter(chain=chain, sequence__gt=before.sequence, sequence__lte=last)
        .select_related("event")
        .order_by("sequence")
    )
    content = b"".join(canonical_json(link_document(row)).encode() + b"\n" for row in rows)
    document: dict[str, Any] = {
        "at": canonical_time(timezone.now()),
        "chain": chain,
        "events": len(rows),
        "first": before.sequence + 1,
        "head": bytes(rows[-1].digest).hex(),
        "key": key.key_id,
        "kind": "archive",
        "last": last,
        "previous": before.digest.hex(),
        "sha256": hashlib.sha256(content).hexdigest(),
        "v": 1,
    }
    signed = sign(document, ARCHIVE_MARK, key)
    path = below / chain / f"{document['first']:012d}-{last:012d}.jsonl.gz"
    _write(path, signed.to_bytes() + b"\n" + content)
    with transaction.atomic(using=DEFAULT_DB_ALIAS):
        lock_chain(chain)
        record(
            "audit.archived",
            actor=actor,
            chain=chain,
            detail={name: document[name] for name in ("first", "last", "head", "sha256", "key")},
        )
        archive = Archive.objects.create(
            chain=chain,
            first=document["first"],
            last=last,
            at=timezone.now(),
            document=signed.document,
            signature=signed.signature,
            public_key=signed.public_key,
        )
        _let_go(archive)
        archive.is_open = False
        archive.save(update_fields=["is_open"])
    return Segment(chain, document["first"], last, path)


def _let_go(archive: Archive) -> None:
    """Delete the segment's events, then its links: the triggers look at the links."""
    place = (archive.chain, archive.first, archive.last)
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM audit_event WHERE id IN (SELECT event_id FROM audit_link"
            " WHERE chain = %s AND sequence BETWEEN %s AND %s)",
            place,
        )
        cursor.execute(
            "DELETE FROM audit_link WHERE chain = %s AND sequence BETWEEN %s AND %s", place
        )


def _write(path: Path, content: bytes) -> None:
    """Write a file whole and read it back before anything is let go."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("wb") as raw:
        raw.write(gzip.compress(content, mtime=0))
        raw.flush()
        os.fsync(raw.fileno())
    part.replace(path)
    if gzip.decompress(path.read_bytes()) != content:
        raise ArchiveRefused("the archive's file does not read back as it was written")


def read_archive(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return an archive's signed head and its lines; raises ArchiveRefused where they disagree."""
    head, _, content = gzip.decompress(path.read_bytes()).partition(b"\n")
    parts: dict[str, Any] = json.loads(head)
    document = parts["document"]
    if hashlib.sha256(content).hexdigest() != document["sha256"]:
        raise ArchiveRefused("the archive's content is not what was signed")
    lines = [json.loads(line) for line in content.splitlines()]
    first = lines[0]["previous"] if lines else GENESIS.hex()
    if first != document["previous"] or lines[-1]["digest"] != document["head"]:
        raise ArchiveRefused("the archive's ends are not what was signed")
    return parts, lines
