"""What every destination can do, and the two ways in which it can fail to.

A key is `<batch>/<cloud study>/<series number>/<new SOP UID>.dcm` or `<batch>/manifest.json`:
nothing of an original name. Putting the same bytes twice is the same as once.
"""

import re
from collections.abc import Mapping
from typing import BinaryIO, Protocol
from uuid import UUID

from studies.faults import PermanentError, TransientError

_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")


class DeliveryRefused(PermanentError):
    """The destination doesn't take it, and won't until a person changes something."""


class DeliveryUnavailable(TransientError):
    """The destination can't take it now; the delivery is tried again by itself."""


class Destination(Protocol):
    """A place that takes de-identified objects."""

    def put(
        self, key: str, stream: BinaryIO, size: int, sha256: str, metadata: Mapping[str, str]
    ) -> None:
        """Store an object, or raise; when it returns, the object is there and checked."""

    def put_bytes(self, key: str, data: bytes, metadata: Mapping[str, str]) -> None:
        """Store a small object, such as the manifest."""

    def exists(self, key: str, sha256: str) -> bool:
        """Say whether an object with this content is there already."""

    def check(self) -> None:
        """Put, read back and delete a test object; raise what would stop a delivery."""

    def uri(self, batch_id: UUID) -> str:
        """Return where a batch's objects lie, to tell the recipient."""


def key_segments(key: str) -> list[str]:
    """Split a key, or raise ValueError for one that could be more than a place below the root."""
    segments = key.split("/")
    if not all(_SEGMENT.match(segment) for segment in segments):
        raise ValueError("a key is segments of letters, digits, '.', '_' and '-'")
    return segments


def content_type(key: str) -> str:
    """Return the media type of an object by its key."""
    if key.endswith(".dcm"):
        return "application/dicom"
    return "application/json" if key.endswith(".json") else "application/octet-stream"
