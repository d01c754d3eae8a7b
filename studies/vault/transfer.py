"""Takes a whole domain out of a vault, and into another one, sealed to a named public key.

The file is a magic, the file's key under HPKE (RFC 9180: X25519, HKDF-SHA256, AES-256-GCM), and a
sealed stream of JSON lines: the domain with its keys, then its rows as they are sealed.
"""

import base64
import json
import uuid
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from django.db import transaction

from studies.sealing import (
    KeyWrong,
    SealedCorrupt,
    SealedReader,
    SealedWriter,
    keyring,
    new_key,
)
from studies.vault.faults import UnknownDomain, VaultError
from studies.vault.keys import root_context, version_context, wrap
from studies.vault.models import Domain, DomainKey, InstanceRow, Patient, SentUid, Study
from studies.vault.statements import VAULT

Progress = Callable[[int, int], None]
MAGIC = b"APVAULT1"
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_AT_ONCE = 500


def read_public_key(pem: bytes) -> X25519PublicKey:
    """Return the X25519 key of a PEM file; others are refused."""
    try:
        key = load_pem_public_key(pem)
    except ValueError:
        key = None
    if not isinstance(key, X25519PublicKey):
        raise VaultError("the public key isn't X25519 in PEM (openssl genpkey -algorithm X25519)")
    return key


def read_private_key(pem: bytes) -> X25519PrivateKey:
    """Return the X25519 key of an unencrypted PEM file; others are refused."""
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, X25519PrivateKey):
        raise VaultError("the private key isn't X25519 in PEM, or it has a passphrase")
    return key


def seal_to(public: X25519PublicKey, raw: BinaryIO, purpose: str) -> SealedWriter:
    """Begin a file that only the holder of the private key opens; write to what is returned."""
    key = new_key()
    sealed = _SUITE.encrypt(key, public, purpose.encode())
    raw.write(MAGIC + len(sealed).to_bytes(2, "big") + sealed)
    return SealedWriter(raw, key, purpose)


def open_sealed(private: X25519PrivateKey, raw: BinaryIO, purpose: str) -> SealedReader:
    """Open a file that was sealed to a public key for the same purpose."""
    head = raw.read(len(MAGIC) + 2)
    if len(head) < len(MAGIC) + 2 or not head.startswith(MAGIC):
        raise SealedCorrupt("the file is no export of a vault")
    sealed = raw.read(int.from_bytes(head[-2:], "big"))
    try:
        key = _SUITE.decrypt(sealed, private, purpose.encode())
    except (InvalidTag, ValueError):
        raise KeyWrong(
            "the file was sealed to another key, for another purpose, or was changed"
        ) from None
    return SealedReader(raw, key, name="the export")


# --- a whole domain ----------------------------------------------------------------------------

DOMAIN_PURPOSE = "vault-domain"
_ROWS = (Patient, Study, InstanceRow, SentUid)
_LEFT_OUT = {"id", "domain", "patient", "study"}


def export_domain(
    domain_id: uuid.UUID, public: X25519PublicKey, raw: BinaryIO, on_progress: Progress
) -> int:
    """Write a domain to a file; return how many rows it has. Callers audit before."""
    domain = Domain.objects.filter(pk=domain_id).first()
    if domain is None:
        raise UnknownDomain(f"linkage domain {domain_id} isn't in the vault")
    total = sum(kind.objects.filter(domain=domain).count() for kind in _ROWS)
    with seal_to(public, raw, DOMAIN_PURPOSE) as writer:
        for done, line in enumerate(_lines(domain)):
            writer.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
            if done % _AT_ONCE == 0 or done == total:
                on_progress(done, total)
    return total


def _lines(domain: Domain) -> Iterator[dict[str, Any]]:
    ring, pk = keyring(), domain.pk
    yield {
        "kind": "Domain",
        "id": str(pk),
        "organization": str(domain.organization_id),
        "name": domain.name,
        "key_version": domain.key_version,
        "root": _text(ring.unwrap(bytes(domain.wrapped_root), root_context(pk))),
        "keys": {
            key.version: _text(ring.unwrap(bytes(key.wrapped), version_context(pk, key.version)))
            for key in domain.keys.all()
        },
    }
    patients = dict(Patient.objects.filter(domain=domain).values_list("pk", "cloud_id"))
    studies = dict(Study.objects.filter(domain=domain).values_list("pk", "cloud_id"))
    for kind in _ROWS:
        for row in kind.objects.filter(domain=domain).order_by("pk").iterator():
            line: dict[str, Any] = {"kind": kind.__name__}
            if isinstance(row, Study):
                line["patient"] = patients[row.patient_id]
            elif isinstance(row, InstanceRow | SentUid):
                line["study"] = studies[row.study_id]
            for field in kind._meta.concrete_fields:
                if field.name not in _LEFT_OUT:
                    line[field.name] = _text(getattr(row, field.name))
            yield line


def import_domain(
    private: X25519PrivateKey,
    raw: BinaryIO,
    on_progress: Progress,
    *,
    organization_id: uuid.UUID | None = None,
) -> uuid.UUID:
    """Read a domain from a file into this vault; an import that was interrupted goes on.

    `organization_id` is whose it becomes here, if not the one that it belonged to.

    The vault's own rows win nothing and lose nothing: a row that stands in its way is an error.
    """
    reader = open_sealed(private, raw, DOMAIN_PURPOSE)
    lines = (json.loads(line) for line in _split(reader))
    head = next(lines)
    domain = _import_head(head, organization_id or uuid.UUID(head["organization"]))
    done = 0
    while some := list(islice(lines, _AT_ONCE)):
        with transaction.atomic(using=VAULT, durable=True):
            for kind in _ROWS:
                _import_rows(kind, domain, [line for line in some if line["kind"] == kind.__name__])
        done += len(some)
        on_progress(done, done)
    return domain.pk


def _split(reader: SealedReader) -> Iterator[bytes]:
    """Give the stream's lines; each is verified before it is given."""
    rest = b""
    while block := reader.read(1 << 20):
        *lines, rest = (rest + block).split(b"\n")
        yield from lines


def _import_head(head: dict[str, Any], organization_id: uuid.UUID) -> Domain:
    """Make the domain with its keys wrapped by this installation, or find it with the same."""
    ring, domain_id, root = keyring(), uuid.UUID(head["id"]), _bytes(head["root"])
    wrapped, kek = wrap(ring, root, root_context(domain_id))
    versions = [
        (int(version), *wrap(ring, _bytes(key), version_context(domain_id, int(version))))
        for version, key in head["keys"].items()
    ]
    with transaction.atomic(using=VAULT, durable=True):
        domain, is_new = Domain.objects.get_or_create(
            pk=domain_id,
            defaults={
                "organization_id": organization_id,
                "name": head["name"],
                "wrapped_root": wrapped,
                "kek_version": kek,
                "key_version": head["key_version"],
            },
        )
        if is_new:
            DomainKey.objects.bulk_create(
                DomainKey(domain=domain, version=version, wrapped=blob, kek_version=kek)
                for version, blob, kek in versions
            )
    ours = ring.unwrap(bytes(domain.wrapped_root), root_context(domain_id))
    if ours != root or {key.version for key in domain.keys.all()} != {v for v, _, _ in versions}:
        raise VaultError(
            f"domain {domain_id} is in this vault with other keys; an import can't be merged"
            " into it"
        )
    return domain


def _import_rows(kind: type[Any], domain: Domain, lines: list[dict[str, Any]]) -> None:
    """Insert the rows that aren't there; a row that stands in the way of one is an error."""
    patients = _by_cloud_id(Patient, domain, (line.get("patient") for line in lines))
    studies = _by_cloud_id(Study, domain, (line.get("study") for line in lines))
    rows = []
    for line in lines:
        values = {
            field.name: _value(field, line[field.name])
            for field in kind._meta.concrete_fields
            if field.name not in _LEFT_OUT
        }
        if "patient" in line:
            values["patient"] = patients[line["patient"]]
        if "study" in line:
            values["study"] = studies[line["study"]]
        rows.append(kind(domain=domain, **values))
    kind.objects.bulk_create(rows, ignore_conflicts=True)
    for row in rows:
        if not kind.objects.filter(domain=domain, **_same(row)).exists():
            raise VaultError(
                f"{kind.__name__} {row} of the import is in this vault as another one; shred the"
                " domain first, or import into a vault that doesn't have it"
            )


def _by_cloud_id(
    kind: type[Patient] | type[Study], domain: Domain, cloud_ids: Iterable[str | None]
) -> dict[str, Any]:
    wanted = {cloud_id for cloud_id in cloud_ids if cloud_id}
    rows: Iterable[Any] = kind.objects.filter(domain=domain, cloud_id__in=wanted)
    return {row.cloud_id: row for row in rows}


def _same(row: Any) -> dict[str, Any]:
    """Return by which fields a row is known to be the same, whatever its sealed content."""
    if isinstance(row, Patient | Study):
        return {"cloud_id": row.cloud_id, "index": row.index}
    if isinstance(row, InstanceRow):
        return {"study": row.study, "batch_id": row.batch_id, "chunk": row.chunk}
    return {"uid": row.uid}


def _text(value: Any) -> Any:
    """Return a value as JSON holds it."""
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(bytes(value)).decode()
    return str(value) if isinstance(value, uuid.UUID) else value


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)


def _value(field: Any, value: Any) -> Any:
    if field.get_internal_type() == "BinaryField":
        return _bytes(value)
    return field.to_python(value)
