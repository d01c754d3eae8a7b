"""Signed checkpoints: who holds one can prove later what the chain was then.

A checkpoint goes to the second place first and to the database after, so that none is missing
there. The private key stays with the host's signer.
"""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import DEFAULT_DB_ALIAS, transaction
from django.utils import timezone

from audit import conf
from audit.canonical import CHECKPOINT_MARK, canonical_json, canonical_time
from audit.chains import Head, head, known_chains
from audit.models import Checkpoint, Event, Link
from audit.recording import record, record_alone
from audit.terms import Actor, Outcome

logger = logging.getLogger(__name__)

_RETRY_AFTER = timedelta(minutes=1)


class BadCheckpoint(Exception):
    """A checkpoint's form, signature or key is not right; the message says which."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A document of the trail with its signature, as the second place holds it."""

    document: str
    signature: bytes
    public_key: bytes

    def to_bytes(self) -> bytes:
        """Return the file's content: canonical JSON of document, public key and signature."""
        return canonical_json(
            {
                "document": json.loads(self.document),
                "public_key": self.public_key.hex(),
                "signature": self.signature.hex(),
            }
        ).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> "Signed":
        """Read a file's content; raises BadCheckpoint."""
        try:
            parts = json.loads(content)
            return cls(
                canonical_json(parts["document"]),
                bytes.fromhex(parts["signature"]),
                bytes.fromhex(parts["public_key"]),
            )
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise BadCheckpoint("a checkpoint can't be read") from error

    def opened(self, mark: bytes, trusted: set[bytes]) -> dict[str, Any]:
        """Return the document if a trusted key signed it under this mark; raises BadCheckpoint."""
        if self.public_key not in trusted:
            raise BadCheckpoint("it is signed by a key that is not trusted")
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(
                self.signature, mark + self.document.encode()
            )
            document: dict[str, Any] = json.loads(self.document)
        except (InvalidSignature, ValueError) as error:
            raise BadCheckpoint("its signature is not right") from error
        return document


def sign(document: dict[str, Any], mark: bytes, key: conf.Signer) -> Signed:
    """Sign a document's canonical JSON under a mark that says what it is."""
    text = canonical_json(document)
    return Signed(text, key.sign(mark + text.encode()), bytes(key.public_key))


def trusted_keys() -> set[bytes]:
    """Return the public keys that checkpoints may be signed with.

    The signer's own, and after a rotation those of its attribute `trusted_keys`.
    """
    key = conf.signer()
    if key is None:
        return set()
    earlier = getattr(key, "trusted_keys", ())
    return {bytes(key.public_key), *(bytes(one) for one in earlier)}


def checkpoint_if_due(actor: Actor, chains: Sequence[str] | None = None) -> int:
    """Write a checkpoint for every chain (or every given one) that is due; return how many.

    A chain whose second place fails is tried again a minute later, and the failure is an event.
    The signer is asked for only when something is due: it may live in a key service.
    """
    if not conf.option("SIGNER"):
        return 0
    written = 0
    for chain in known_chains() if chains is None else chains:
        if not _is_due(chain, timezone.now()):
            continue
        try:
            key = conf.signer()
            written += key is not None and write_checkpoint(chain, actor, key) is not None
        except Exception as error:  # sink and signer are the host's: what they raise is an outcome
            logger.exception("checkpoint of chain %s was not stored", chain)
            record_alone(
                "audit.checkpointed",
                Outcome.FAILED,
                actor=actor,
                chain=chain,
                detail={"error": type(error).__name__},
            )
    return written


def _is_due(chain: str, now: datetime) -> bool:
    last = Checkpoint.objects.filter(chain=chain).order_by("-sequence").first()
    end = head(chain)
    new = end.sequence - (last.sequence if last else 0)
    if new <= 0 or (new == 1 and last is not None and _is_own_event(chain, end)):
        return False
    failed = (
        Event.objects.filter(
            chain=chain,
            action="audit.checkpointed",
            outcome=Outcome.FAILED,
            at__gt=now - _RETRY_AFTER,
        )
        .only("id")
        .exists()
    )
    if failed:
        return False
    if last is None or new >= conf.option("CHECKPOINT_EVENTS"):
        return True
    return now - last.at >= timedelta(minutes=conf.option("CHECKPOINT_MINUTES"))


def _is_own_event(chain: str, end: Head) -> bool:
    """Tell whether the head is the event of the last checkpoint itself, which needs no other."""
    return Link.objects.filter(
        chain=chain, sequence=end.sequence, event__action="audit.checkpointed"
    ).exists()


def write_checkpoint(chain: str, actor: Actor, key: conf.Signer) -> Checkpoint | None:
    """Sign a chain's head and store it in both places; None where the head is signed already."""
    end = head(chain)
    last = Checkpoint.objects.filter(chain=chain).order_by("-sequence").first()
    if end.sequence == 0 or (last is not None and last.sequence >= end.sequence):
        return None
    now = timezone.now()
    before = hashlib.sha256(last.document.encode()).hexdigest() if last else ""
    signed = sign(
        {
            "at": canonical_time(now),
            "chain": chain,
            "head": end.digest.hex(),
            "key": key.key_id,
            "kind": "checkpoint",
            "previous": before,
            "sequence": end.sequence,
            "v": 1,
        },
        CHECKPOINT_MARK,
        key,
    )
    digest = hashlib.sha256(signed.document.encode()).hexdigest()
    _store(f"{chain}/{end.sequence:012d}-{digest[:8]}.json", signed.to_bytes())
    with transaction.atomic(using=DEFAULT_DB_ALIAS):
        row = Checkpoint.objects.create(
            chain=chain,
            sequence=end.sequence,
            at=now,
            document=signed.document,
            signature=signed.signature,
            public_key=signed.public_key,
        )
        record(
            "audit.checkpointed",
            actor=actor,
            chain=chain,
            detail={"sequence": end.sequence, "key": key.key_id, "sha256": digest},
        )
    return row


def _store(name: str, content: bytes) -> None:
    write = conf.sink()
    if write is not None:
        write(name, content)
        return
    below = conf.folder()
    if below is not None:
        store_in_folder(below / "checkpoints", name, content)


def store_in_folder(below: Path, name: str, content: bytes) -> None:
    """Write a new file below a folder, whole or not at all."""
    path = below / name
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(content)
    part.replace(path)


def second_place(chain: str) -> list[bytes]:
    """Return what the second place holds of a chain."""
    read = conf.stored_checkpoints()
    if read is not None:
        return list(read(chain))
    below = conf.folder()
    if below is None or conf.sink() is not None:
        return []
    return [path.read_bytes() for path in sorted((below / "checkpoints" / chain).glob("*.json"))]
