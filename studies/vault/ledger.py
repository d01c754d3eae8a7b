"""The shred ledger: one line for each destruction, in a file beside the key file.

It lies apart from the databases, so that a restore of an older backup doesn't take it back too:
after a restore it is applied again. It holds cloud ids and domain ids only.
"""

import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from studies.vault.faults import VaultError


@dataclass(frozen=True)
class Entry:
    """One destruction; `subject` is a cloud patient id, or empty for the whole domain."""

    kind: str
    domain_id: uuid.UUID
    organization_id: uuid.UUID
    subject: str


def ledger_path() -> Path:
    """Return where the ledger lies: SHRED_LEDGER, else beside the key file."""
    path = getattr(settings, "SHRED_LEDGER", "")
    return Path(path) if path else Path(settings.KEY_FILE).with_name("shred-ledger.jsonl")


def append(entry: Entry) -> None:
    """Write a line, on the disk when this returns."""
    path = ledger_path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    line = {
        "kind": entry.kind,
        "domain": str(entry.domain_id),
        "organization": str(entry.organization_id),
        "subject": entry.subject,
    }
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, (json.dumps(line) + "\n").encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def entries() -> Iterator[Entry]:
    """Give all entries, oldest first."""
    path = ledger_path()
    if not path.exists():
        return
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            data = json.loads(line)
            entry = Entry(
                data["kind"],
                uuid.UUID(data["domain"]),
                uuid.UUID(data["organization"]),
                data["subject"],
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            raise VaultError(
                f"line {number} of the shred ledger {path} can't be read; repair it first"
            ) from None
        yield entry
