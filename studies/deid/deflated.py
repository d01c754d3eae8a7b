"""Deflated data sets: inflated as they are read, deflated as they are written.

A deflate bomb is stopped by its ratio, whatever it claims to hold.
"""

import zlib

from .dataset import MAX_HEADER
from .errors import Held
from .source import Source

_BLOCK = 64 * 1024
_MAX_RATIO = 200


class Inflater:
    """A one-way stream of the inflated bytes behind an offset of a source."""

    def __init__(self, source: Source, offset: int) -> None:
        self._source = source
        self._offset = offset
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        self._read_in = 0
        self._given = 0

    def read(self, count: int) -> bytes:
        """Return up to `count` bytes; b"" at the end."""
        parts: list[bytes] = []
        left = count
        while left > 0 and not self._inflate.eof:
            raw = self._inflate.unconsumed_tail
            if not raw:
                raw = self._source.read_at(self._offset, _BLOCK)
                self._offset += len(raw)
                self._read_in += len(raw)
            try:
                # Without more input there may still be output that had no room before.
                part = self._inflate.decompress(raw, left)
            except zlib.error:
                raise Held(
                    "deflate-damaged",
                    "The deflated data are damaged and can't be read. Send the file again.",
                    f"byte {self._offset}",
                ) from None
            self._given += len(part)
            if self._given > MAX_HEADER and self._given > _MAX_RATIO * self._read_in:
                raise Held(
                    "deflate-ratio",
                    "The deflated data grow beyond any image; the file was not read further.",
                    f"byte {self._offset}",
                )
            if not raw and not part and not self._inflate.eof:
                raise Held(
                    "truncated",
                    "The deflated data end too early; the file is cut off. Send it again.",
                    f"byte {self._offset}",
                )
            parts.append(part)
            left -= len(part)
        return b"".join(parts)
