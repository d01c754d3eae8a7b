"""The body of a STOW-RS request, made while it is sent, and what the answer says of each instance.

PS3.18 10.5; an instance that the answer doesn't name as stored isn't taken for stored.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from studies.delivery.base import Outgoing
from studies.delivery.faults import staged_changed

_FAILED, _STORED = "00081198", "00081199"
_UID, _REASON = "00081155", "00081197"
READ = 1 << 18


class MultipartBody:
    """Part after part of opened objects, of a length known before; never more than a block of it.

    `requests` reads it like a file and sends its length.
    """

    def __init__(self, objects: Sequence[Outgoing], boundary: str) -> None:
        self._objects = objects
        self._boundary = boundary
        self._blocks = self._parts()
        self._rest = b""
        self.len = sum(len(self._head(n)) + one.size for n, one in enumerate(objects))
        self.len += len(self._tail())

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes; fewer only at the end."""
        wanted = self.len if size < 0 else size
        found = bytearray(self._rest[:wanted])
        self._rest = self._rest[wanted:]
        while len(found) < wanted:
            block = next(self._blocks, b"")
            if not block:
                break
            missing = wanted - len(found)
            found += block[:missing]
            self._rest = block[missing:]
        return bytes(found)

    def close(self) -> None:
        """Close what is open, wherever reading stopped."""
        self._blocks.close()

    def _parts(self) -> "_Blocks":
        return _Blocks(self._generate())

    def _generate(self) -> Iterator[bytes]:
        for number, one in enumerate(self._objects):
            yield self._head(number)
            left = one.size
            with ExitStack() as stack:
                stream = one.open()
                stack.callback(stream.close)
                while block := stream.read(min(READ, left + 1)):
                    left -= len(block)
                    if left < 0:
                        raise staged_changed()
                    yield block
                    if not left:
                        break
            if left:
                raise staged_changed()
        yield self._tail()

    def _head(self, number: int) -> bytes:
        begin = "\r\n" if number else ""
        return f"{begin}--{self._boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()

    def _tail(self) -> bytes:
        return f"\r\n--{self._boundary}--\r\n".encode()


class _Blocks:
    """A generator of blocks that can be closed while a block is being read."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks: Any = blocks

    def __next__(self) -> bytes:
        found: bytes = next(self._blocks)
        return found

    def __iter__(self) -> "_Blocks":
        return self

    def close(self) -> None:
        self._blocks.close()


@dataclass
class StoreAnswer:
    """What a recipient said of each instance, by SOP Instance UID."""

    stored: set[str] = field(default_factory=set)
    failed: dict[str, int] = field(default_factory=dict)


def read_answer(body: bytes) -> StoreAnswer | None:
    """Read a Store Instances Response in JSON; None where it isn't one."""
    try:
        data = json.loads(body)
    except ValueError:
        return None
    if isinstance(data, list):
        data = data[0] if data else {}
    if not isinstance(data, dict):
        return None
    answer = StoreAnswer()
    for item in _items(data, _STORED):
        answer.stored.add(str(_value(item, _UID)))
    for item in _items(data, _FAILED):
        reason = _value(item, _REASON)
        answer.failed[str(_value(item, _UID))] = reason if isinstance(reason, int) else 0x0110
    answer.stored -= set(answer.failed)
    return answer


def _items(data: dict[str, Any], tag: str) -> list[dict[str, Any]]:
    element = data.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    return [item for item in values if isinstance(item, dict)] if isinstance(values, list) else []


def _value(item: dict[str, Any], tag: str) -> Any:
    element = item.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    return values[0] if isinstance(values, list) and values else ""
