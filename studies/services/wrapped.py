"""The keys of portal rows that the key ring wraps: wrapped again when it rotates.

Every model with such a column stands in this one list.
"""

from collections.abc import Callable, Iterator
from typing import Any

from studies.models import Batch, InstallationKey, Organization, SigningKey
from studies.sealing import keyring
from studies.sealing.ring import read_wrapped
from studies.services import keys, signing

Progress = Callable[[int, int], None]
# Model, column, and what the key is bound to, by primary key.
_COLUMNS: tuple[tuple[Any, str, Callable[[Any], bytes]], ...] = (
    (Batch, "wrapped_key", keys.batch_context),
    (Organization, "wrapped_key", keys.organization_context),
    (SigningKey, "sealed_private", signing.key_context),
    (InstallationKey, "wrapped_key", keys.installation_context),
)


def count_before(version: int) -> int:
    """Count the keys that a version of the key-encryption key below `version` wraps."""
    return sum(1 for _ in _older(version))


def rewrap(on_progress: Progress) -> int:
    """Wrap each of them under the current version; a row that changed meanwhile is left as is."""
    ring = keyring()
    older = list(_older(ring.current_version))
    for done, (model, column, context, pk, blob) in enumerate(older, 1):
        fresh = ring.wrap(ring.unwrap(blob, context(pk)), context(pk))
        model.objects.filter(**{"pk": pk, column: blob}).update(**{column: fresh})
        on_progress(done, len(older))
    return len(older)


def _older(version: int) -> Iterator[tuple[Any, str, Callable[[Any], bytes], Any, bytes]]:
    for model, column, context in _COLUMNS:
        for pk, value in model.objects.values_list("pk", column).order_by("pk"):
            blob = bytes(value)
            # An empty one is a key that was destroyed.
            if blob and read_wrapped(blob).version < version:
                yield model, column, context, pk, blob
