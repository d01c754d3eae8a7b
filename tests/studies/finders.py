"""Text finders for tests, behind the real socket: one that is told what to see, or the real one."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from studies.deid.pixels import FoundText, TextFinder
from studies.finding import Address, FinderServer
from studies.management.commands.text_finder import load_finder


class Told:
    """A finder that sees in every picture what a test says."""

    def __init__(self, *found: FoundText) -> None:
        self.found = list(found)
        self.looks = 0

    def find(self, image: np.ndarray, *, enlarged: bool = False) -> list[FoundText]:
        """Return what it was told."""
        self.looks += 1
        return self.found


@contextmanager
def text_finder(settings: Any, finder: TextFinder | None = None) -> Iterator[None]:
    """Let a text finder answer on a socket of this machine; the real one if none is given."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "finder.sock"
        server = FinderServer(Address(path), load_finder if finder is None else lambda: finder)
        thread = threading.Thread(target=server.serve)
        thread.start()
        settings.TEXT_FINDER_SOCKETS = [path]
        try:
            yield
        finally:
            server.stop()
            thread.join(30)
