"""What every destination can do, and the two ways in which it can fail to.

A key is `<batch>/<cloud study>/<series number>/<new SOP UID>.dcm` or `<batch>/manifest.json`:
nothing of an original name. Putting the same bytes twice is the same as once.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol
from uuid import UUID

from studies.faults import PermanentError, TransientError

_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")


class DeliveryRefused(PermanentError):
    """The destination doesn't take it, and won't until a person changes something."""


class DeliveryUnavailable(TransientError):
    """The destination can't take it now; the delivery is tried again by itself."""


@dataclass(frozen=True)
class Outgoing:
    """One de-identified object on its way: its key, what it has to be, and how to read it."""

    key: str
    size: int
    sha256: str
    open: Callable[[], BinaryIO]
    # An earlier run may have sent it without learning whether it arrived.
    was_begun: bool = False

    @property
    def sop_instance_uid(self) -> str:
        """Return the new SOP Instance UID, which the key ends with."""
        return self.key.rpartition("/")[2].removesuffix(".dcm")


class Place(Protocol):
    """What a store and an archive have in common."""

    def check(self) -> None:
        """Try what a delivery needs; raise what would stop one."""

    def uri(self, batch_id: UUID) -> str:
        """Return where a batch's objects lie, to tell the recipient."""

    def close(self) -> None:
        """Let go of connections and files."""


class Store(Place, Protocol):
    """A place that keeps objects under keys and can be asked for them: folder, bucket, container.

    The manifest is put beside the objects.
    """

    def put(
        self, key: str, stream: BinaryIO, size: int, sha256: str, metadata: Mapping[str, str]
    ) -> None:
        """Store an object, or raise; when it returns, the object is there and checked."""

    def put_bytes(self, key: str, data: bytes, metadata: Mapping[str, str]) -> None:
        """Store a small object, such as the manifest."""

    def exists(self, key: str, sha256: str) -> bool:
        """Say whether an object with this content is there already."""


class Archive(Place, Protocol):
    """A place that takes DICOM objects only and files them its own way: STOW-RS, C-STORE.

    It can't be asked by checksum: the portal keeps a receipt for each object that it confirmed.
    No manifest can lie there; it stays in the portal, for download.
    """

    together: int

    def store(self, objects: Sequence[Outgoing], stored: Callable[[Outgoing], None]) -> None:
        """Send objects, at most `together`; `stored` hears of each one that was confirmed.

        All are tried before the first fault of a single one is raised.
        """


Destination = Store | Archive


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
