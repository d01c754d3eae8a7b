"""Whether there is room for more: what comes in by itself is refused before the disk is full."""

import shutil
import threading
import time
from pathlib import Path

from django.conf import settings
from django.db.models import Sum
from django.utils.translation import gettext as _

from studies.faults import TransientError
from studies.models import Batch, Instance
from studies.models.states import OPEN_STATES

# Counting what is sealed takes longer than receiving a small object.
COUNTED_FOR = 5.0


class NoRoom(TransientError):
    """Senders are to wait: the disk, or the share of it that originals may take, is used up."""

    def __init__(self) -> None:
        super().__init__(
            "no-room",
            _(
                "There is no room for more studies now. Release or cancel batches, or give the "
                "portal more disk; senders try again by themselves."
            ),
        )


class _Counted:
    """What is sealed, counted every few seconds at most."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at = 0.0
        self._volume = 0

    def volume(self) -> int:
        """Return about how many bytes of originals are sealed."""
        with self._lock:
            now = time.monotonic()
            if not self._at or now - self._at > COUNTED_FOR:
                self._volume = _sealed_bytes()
                self._at = now
            return self._volume

    def forget(self) -> None:
        """Count again at the next question."""
        with self._lock:
            self._at = 0.0


counted = _Counted()


def require_room() -> None:
    """Raise NoRoom where nothing more may be taken in."""
    folder = Path(settings.SEALED_DIR)
    while not folder.exists():
        folder = folder.parent
    if shutil.disk_usage(folder).free < settings.MIN_FREE_BYTES:
        raise NoRoom
    if settings.ORIGINALS_MAX_BYTES and counted.volume() >= settings.ORIGINALS_MAX_BYTES:
        raise NoRoom


def _sealed_bytes() -> int:
    """Return the bytes of all batches whose originals are still here."""
    open_ = Batch.objects.filter(state__in=OPEN_STATES)
    coming = open_.aggregate(volume=Sum("announced_bytes"))["volume"] or 0
    entries = Instance.objects.filter(batch__state__in=OPEN_STATES)
    return coming + (entries.aggregate(volume=Sum("size"))["volume"] or 0)
