"""Keys of a batch, an organization and the installation, and what is sealed or indexed by them.

The one room of the services that unwraps a key. Each purpose has a subkey of its own, and sealed
values are bound to the row they belong to, so that none can be moved to another.
"""

import hashlib
import hmac
import secrets
from uuid import UUID

from django.utils.translation import gettext as _

from studies.faults import PermanentError
from studies.models import Batch, InstallationKey, Organization
from studies.sealing import keyring, open_value, seal_value, subkey

KEY_BYTES = 32


class Sealer:
    """Seals, opens and indexes values under one root key, for one row."""

    def __init__(self, root: bytes, context: bytes) -> None:
        self.root = root
        self._context = context
        self._subkeys: dict[str, bytes] = {}

    def seal(self, purpose: str, value: bytes) -> bytes:
        """Seal a value for a purpose."""
        return seal_value(self._subkey(f"seal/{purpose}"), value, self._aad(purpose))

    def open(self, purpose: str, blob: bytes | memoryview) -> bytes:
        """Open what `seal` made for the same row and purpose."""
        return open_value(self._subkey(f"seal/{purpose}"), bytes(blob), self._aad(purpose))

    def index(self, purpose: str, value: bytes) -> bytes:
        """Return the keyed hash (HMAC-SHA256) that finds a value again without telling it."""
        return hmac.new(self._subkey(f"index/{purpose}"), value, hashlib.sha256).digest()

    def _subkey(self, purpose: str) -> bytes:
        key = self._subkeys.get(purpose)
        if key is None:
            key = self._subkeys[purpose] = subkey(self.root, purpose)
        return key

    def _aad(self, purpose: str) -> bytes:
        return self._context + b"/" + purpose.encode()


def new_batch_key(batch_id: UUID) -> bytes:
    """Make a batch's key and return it wrapped, for Batch.wrapped_key."""
    return keyring().wrap(secrets.token_bytes(KEY_BYTES), batch_context(batch_id))


def new_organization_key(organization_id: UUID) -> bytes:
    """Make an organization's key and return it wrapped, for Organization.wrapped_key."""
    return keyring().wrap(secrets.token_bytes(KEY_BYTES), organization_context(organization_id))


def batch_key(batch: Batch) -> bytes:
    """Return a batch's key; a closed batch has none any more."""
    if not batch.wrapped_key:
        raise PermanentError(
            "batch-key-destroyed",
            _("This batch is closed: its originals were destroyed and can't be opened again."),
        )
    return keyring().unwrap(bytes(batch.wrapped_key), batch_context(batch.pk))


def organization_key(organization: Organization) -> bytes:
    """Return the key that seals an organization's credentials and reports."""
    return keyring().unwrap(bytes(organization.wrapped_key), organization_context(organization.pk))


def batch_sealer(batch: Batch) -> Sealer:
    """Return a sealer for a batch; keep it while many values are sealed or opened."""
    return Sealer(batch_key(batch), batch_context(batch.pk))


def organization_sealer(organization: Organization) -> Sealer:
    """Return a sealer for an organization's values."""
    return Sealer(organization_key(organization), organization_context(organization.pk))


def installation_sealer(purpose: str) -> Sealer:
    """Return a sealer for what belongs to no organization; its key is made on first use."""
    context = installation_context(purpose)
    row = InstallationKey.objects.filter(pk=purpose).first()
    if row is None:
        made = keyring().wrap(secrets.token_bytes(KEY_BYTES), context)
        # Another process may make one at the same moment: the stored one is the key.
        row, _made = InstallationKey.objects.get_or_create(
            pk=purpose, defaults={"wrapped_key": made}
        )
    return Sealer(keyring().unwrap(bytes(row.wrapped_key), context), context)


def seal_for_batch(batch: Batch, purpose: str, value: bytes) -> bytes:
    """Seal one value under the batch's key."""
    return batch_sealer(batch).seal(purpose, value)


def open_for_batch(batch: Batch, purpose: str, blob: bytes | memoryview) -> bytes:
    """Open one value that was sealed under the batch's key for the same purpose."""
    return batch_sealer(batch).open(purpose, blob)


def batch_index(batch: Batch, purpose: str, value: bytes) -> bytes:
    """Return the batch's keyed hash of a value."""
    return batch_sealer(batch).index(purpose, value)


def batch_context(batch_id: UUID) -> bytes:
    """Return what a batch's wrapped key is bound to."""
    return b"batch/" + str(batch_id).encode()


def installation_context(purpose: str) -> bytes:
    """Return what a wrapped key of the installation is bound to."""
    return b"installation/" + purpose.encode()


def organization_context(organization_id: UUID) -> bytes:
    """Return what an organization's wrapped key is bound to."""
    return b"organization/" + str(organization_id).encode()
