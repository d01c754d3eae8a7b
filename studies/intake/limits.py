"""How much one batch, one request and one archive may hold; all by setting."""

from dataclasses import dataclass

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
    return Limits(
        files=settings.BATCH_MAX_FILES,
        bytes=settings.BATCH_MAX_BYTES,
        archive_depth=settings.ARCHIVE_MAX_DEPTH,
        archive_ratio=settings.ARCHIVE_MAX_RATIO,
        archive_grace=settings.ARCHIVE_RATIO_GRACE_BYTES,
    )
