"""The opened keys of one linkage domain, and everything that is computed from them.

The root gives UIDs and date offsets for ever. Each key version gives the keys that seal rows and
that index them blindly, and can be replaced. Must not be kept longer than one job or look-up.
"""

import hmac
import uuid
from dataclasses import dataclass

from studies.sealing import KeyRing, keyring, new_key, subkey
from studies.sealing.ring import read_wrapped
from studies.vault.faults import UnknownDomain
from studies.vault.models import Domain, DomainKey

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


def open_keys(domain_id: uuid.UUID) -> DomainKeys:
    """Unwrap all keys of a domain. With AWS KMS this is a network call: not in a transaction."""
    rows = list(DomainKey.objects.filter(domain_id=domain_id).select_related("domain"))
    if not rows:
        raise UnknownDomain(f"linkage domain {domain_id} isn't in the vault")
    domain = rows[0].domain
    ring = keyring()
    return DomainKeys(
        domain_id,
        ring.unwrap(bytes(domain.wrapped_root), root_context(domain_id)),
        {
            key.version: ring.unwrap(bytes(key.wrapped), version_context(domain_id, key.version))
            for key in rows
        },
        domain.key_version,
    )
