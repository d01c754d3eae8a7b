"""How much one batch, one request and one archive may hold; all by setting."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings

MIB = 1 << 20

# A part body: 8 MiB of files, and room for the descriptions of many small ones.
PART_BYTES = 8 * MIB
BODY_BYTES = PART_BYTES + 4 * MIB


@dataclass(frozen=True)
class Limits:
    """Quotas of a batch, and what an archive may unfold to."""

    files: int
    bytes: int
    archive_depth: int
    archive_ratio: int
    archive_grace: int


def limits() -> Limits:
    """Read the quotas from the settings."""

    def setting(name: str, default: int) -> int:
        value: Any = getattr(settings, name, default)
        return int(value)

    return Limits(
        files=setting("BATCH_MAX_FILES", 200_000),
        bytes=setting("BATCH_MAX_BYTES", 500 * 1024 * MIB),
        archive_depth=setting("ARCHIVE_MAX_DEPTH", 2),
        # Blank images pack a thousandfold, so only what is large as a whole can be a bomb.
        archive_ratio=setting("ARCHIVE_MAX_RATIO", 100),
        archive_grace=setting("ARCHIVE_RATIO_GRACE_BYTES", 256 * MIB),
    )
