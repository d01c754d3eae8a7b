"""The opened keys of one linkage domain, and everything that is computed from them.

The root gives UIDs and date offsets for ever. Each key version gives the keys that seal rows and
that index them blindly, and can be replaced. A process keeps a few domains' keys for minutes; it
asks the vault each time whether they still are the domain's.
"""

import copy
import hmac
import threading
import time
import uuid
from dataclasses import dataclass
from typing import Any

from studies.sealing import KeyRing, keyring, new_key, subkey
from studies.sealing.ring import read_wrapped
from studies.vault.faults import UnknownDomain
from studies.vault.models import Domain, DomainKey
from studies.vault.statements import select, uuid_value

LONGEST_SHIFT = 3650
# DICOM's own root: SOP classes, transfer syntaxes, coding schemes, well-known instances.
_REGISTERED = "1.2.840.10008."


@dataclass(frozen=True)
class VersionKeys:
    """What one key version of a domain seals and indexes with."""

    seal: bytes
    index: bytes


class DomainKeys:
    """The keys of one domain."""

    def __init__(
        self, domain_id: uuid.UUID, root: bytes, versions: dict[int, bytes], current: int
    ) -> None:
        self.domain_id = domain_id
        self.current = current
        self.versions = {
            version: VersionKeys(subkey(key, "vault/seal"), subkey(key, "vault/index"))
            for version, key in versions.items()
        }
        self._uid_key = subkey(root, "vault/uid")
        self._date_key = subkey(root, "vault/date")

    def uid(self, uid: str) -> str:
        """Return the UID that stands for `uid`; a registered one stands for itself."""
        uid = uid.strip(" \0")
        if not uid or uid.startswith(_REGISTERED):
            return uid
        digest = hmac.digest(self._uid_key, uid.encode(), "sha256")
        return f"2.25.{int.from_bytes(digest[:16], 'big')}"

    def date_shift(self, cloud_patient_id: str) -> int:
        """Return by how many days this patient's dates go back, 1 to 3650."""
        digest = hmac.digest(self._date_key, cloud_patient_id.encode(), "sha256")
        return 1 + int.from_bytes(digest[:16], "big") % LONGEST_SHIFT

    def patient_index(self, version: int, patient_id: str, issuer: str) -> bytes:
        """Return the blind index of a normalised patient id and issuer."""
        return self._index(version, b"patient", patient_id, issuer)

    def study_index(self, version: int, study_uid: str) -> bytes:
        """Return the blind index of an original Study Instance UID."""
        return self._index(version, b"study", study_uid)

    def _index(self, version: int, kind: bytes, *parts: str) -> bytes:
        """Return the HMAC of the parts, each with its length: no two lists look alike."""
        encoded = (part.encode() for part in parts)
        message = kind + b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
        return hmac.digest(self.versions[version].index, message, "sha256")


def root_context(domain_id: uuid.UUID) -> bytes:
    """Return what a domain's wrapped root is bound to."""
    return f"vault/domain/{domain_id}/root".encode()


def version_context(domain_id: uuid.UUID, version: int) -> bytes:
    """Return what a wrapped key version of a domain is bound to."""
    return f"vault/domain/{domain_id}/key/{version}".encode()


def wrap(ring: KeyRing, key: bytes, context: bytes) -> tuple[bytes, int]:
    """Wrap a key; return it with the version of the key-encryption key that did it."""
    wrapped = ring.wrap(key, context)
    return wrapped, read_wrapped(wrapped).version


def new_version(domain: Domain, version: int) -> DomainKey:
    """Make a fresh key version of a domain, not yet saved."""
    wrapped, kek = wrap(keyring(), new_key(), version_context(domain.pk, version))
    return DomainKey(domain=domain, version=version, wrapped=wrapped, kek_version=kek)


# --- opening -----------------------------------------------------------------------------------

# Unwrapping takes longer than all else of a look-up, and with AWS KMS it is a network call.
_KEPT_DOMAINS = 64
_KEPT_SECONDS = 300.0
_SELECT_WRAPPED = (
    "SELECT k.version, k.wrapped, k.kek_version, d.wrapped_root, d.kek_version, d.key_version"
    " FROM vault_domainkey k JOIN vault_domain d ON d.id = k.domain_id"
    " WHERE k.domain_id = %s ORDER BY k.version"
)


@dataclass(frozen=True)
class _Opened:
    """A domain's opened keys, and what they were opened from."""

    keys: DomainKeys
    ring: KeyRing
    wrapped: tuple[bytes, ...]
    until: float


_opened: dict[uuid.UUID, _Opened] = {}
_opening = threading.Lock()


def open_keys(domain_id: uuid.UUID, *, anew: bool = False) -> DomainKeys:
    """Return all keys of a domain; unwrap them, unless this process did minutes ago (or `anew`).

    What is kept serves only while the vault has the same wrapped keys and the key ring every
    version that wraps them: a rotation, a destruction or a forgotten key ends it at once. With
    AWS KMS unwrapping is a network call: not in a transaction.
    """
    rows = select(_SELECT_WRAPPED, [uuid_value(domain_id)])
    if not rows:
        forget_keys(domain_id)
        raise UnknownDomain(f"linkage domain {domain_id} isn't in the vault")
    ring, wrapped = keyring(), (bytes(rows[0][3]), *(bytes(row[1]) for row in rows))
    kept = _opened.get(domain_id)
    needed = {rows[0][4], *(row[2] for row in rows)}
    if (
        anew
        or kept is None
        or kept.ring is not ring
        or kept.wrapped != wrapped
        or kept.until < time.monotonic()
        or not needed <= set(ring.versions)
    ):
        kept = _Opened(_unwrap(ring, domain_id, rows), ring, wrapped, _deadline())
        _keep(domain_id, kept)
    # Whoever holds the domain for writing sets `current` on its own copy.
    keys = copy.copy(kept.keys)
    keys.current = int(rows[0][5])
    return keys


def forget_keys(domain_id: uuid.UUID) -> None:
    """Drop what this process keeps of a domain's keys."""
    with _opening:
        _opened.pop(domain_id, None)


def _unwrap(ring: KeyRing, domain_id: uuid.UUID, rows: list[tuple[Any, ...]]) -> DomainKeys:
    root = ring.unwrap(bytes(rows[0][3]), root_context(domain_id))
    versions = {
        int(row[0]): ring.unwrap(bytes(row[1]), version_context(domain_id, row[0])) for row in rows
    }
    return DomainKeys(domain_id, root, versions, int(rows[0][5]))


def _deadline() -> float:
    return time.monotonic() + _KEPT_SECONDS


def _keep(domain_id: uuid.UUID, opened: _Opened) -> None:
    """Keep a domain's keys in place of those that were opened the longest time ago."""
    with _opening:
        now = time.monotonic()
        for known in [known for known, kept in _opened.items() if kept.until < now]:
            del _opened[known]
        _opened.pop(domain_id, None)
        while len(_opened) >= _KEPT_DOMAINS:
            del _opened[next(iter(_opened))]
        _opened[domain_id] = opened
