"""One object over an association: its command, then its data set, read while it is sent.

pynetdicom sends a data set from memory or from a file in clear; what is sent here is a sealed
stream. So the fragments are made here, and never more of them wait than a connection needs.
"""

import io
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from studies.delivery import addresses, faults
from studies.delivery.base import Outgoing

_PREFIX = 132
_GROUP_LENGTH_END = 144
# Fragments on their way to the socket, of 16 KiB as a rule.
MOST_WAITING = 64
PDU_OVERHEAD = 6
LARGEST_PDU = 128 << 10


@dataclass(frozen=True)
class DimseObject:
    """What an association has to know of an object."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax: str
    offset: int

    @property
    def context(self) -> tuple[str, str]:
        """Return the context that it needs."""
        return self.sop_class_uid, self.transfer_syntax


def read_object(one: Outgoing) -> DimseObject:
    """Read an object's file meta information."""
    from pydicom.filereader import read_dataset

    with closing(one.open()) as stream:
        head = stream.read(_GROUP_LENGTH_END)
        is_meta = head[128:132] == b"DICM" and head[_PREFIX : _PREFIX + 6] == b"\x02\0\0\0UL"
        if len(head) < _GROUP_LENGTH_END or not is_meta:
            raise faults.staged_changed()
        length = int.from_bytes(head[140:144], "little")
        meta = read_dataset(io.BytesIO(stream.read(min(length, 1 << 16))), False, True)
    return DimseObject(
        str(meta.get("MediaStorageSOPClassUID", "")),
        str(meta.get("MediaStorageSOPInstanceUID", "")),
        str(meta.get("TransferSyntaxUID", "")),
        _GROUP_LENGTH_END + length,
    )


def send_object(association: Any, context_id: int, one: Outgoing, known: DimseObject) -> int:
    """Send an object and return the status that the other side answers."""
    _pause_reactor(association)
    try:
        for fragment in _fragments(association, context_id, one, known):
            _wait_for_room(association)
            association.dul.send_pdu(fragment)
        asked = time.monotonic()
        _context, answer = association.dimse.get_msg(block=True)
    finally:
        association._reactor_checkpoint.set()
    if answer is None or not answer.is_valid_response:
        # Without an answer the wait ends early where the connection did.
        is_late = time.monotonic() - asked >= addresses.ANSWER_SECONDS
        if association.is_established:
            association.abort()
        raise faults.too_slow() if is_late else faults.lost()
    return int(answer.Status)


def _pause_reactor(association: Any) -> None:
    """Keep the association's own loop from taking the answer; as pynetdicom does itself."""
    association._reactor_checkpoint.clear()
    until = time.monotonic() + addresses.CONNECT_SECONDS
    while not association._is_paused:
        if not association.is_established or time.monotonic() > until:
            association._reactor_checkpoint.set()
            raise faults.lost()
        time.sleep(0.0005)


def _wait_for_room(association: Any) -> None:
    """Wait while enough is on its way; give up on a connection that nothing leaves by."""
    queue = association.dul.to_provider_queue
    since, left = time.monotonic(), queue.qsize()
    while queue.qsize() >= MOST_WAITING:
        if not association.is_established:
            raise faults.lost()
        if queue.qsize() < left:
            since, left = time.monotonic(), queue.qsize()
        elif time.monotonic() - since > addresses.ANSWER_SECONDS:
            _cut(association)
            raise faults.too_slow()
        time.sleep(0.001)
    if not association.is_established:
        raise faults.lost()


def _cut(association: Any) -> None:
    """End a connection that hangs in the middle of sending."""
    connection = association.dul.socket
    raw = connection.socket if connection is not None else None
    if raw is not None:
        raw.shutdown(socket.SHUT_RDWR)


def _fragments(
    association: Any, context_id: int, one: Outgoing, known: DimseObject
) -> Iterator[Any]:
    """Yield the command's and then the data set's fragments (PS3.8 annex D)."""
    from pynetdicom.pdu_primitives import P_DATA

    largest = association.dimse.maximum_pdu_size or LARGEST_PDU
    step = max(min(largest, LARGEST_PDU) - PDU_OVERHEAD, 1024)
    yield from _command(context_id, known, largest)
    with closing(one.open()) as stream:
        stream.seek(known.offset)
        left = one.size - known.offset
        block = _exactly(stream, min(step, left))
        while left > 0:
            if not block:
                raise faults.staged_changed()
            left -= len(block)
            following = _exactly(stream, min(step, left)) if left else b""
            fragment = P_DATA()
            flag = b"\x00" if left else b"\x02"
            fragment.presentation_data_value_list.append((context_id, flag + block))
            yield fragment
            block = following


def _command(context_id: int, known: DimseObject, largest: int) -> Iterator[Any]:
    from pynetdicom.dimse_messages import C_STORE_RQ
    from pynetdicom.dimse_primitives import C_STORE

    request = C_STORE()
    request.MessageID = 1
    request.Priority = 0
    request.AffectedSOPClassUID = known.sop_class_uid
    request.AffectedSOPInstanceUID = known.sop_instance_uid
    # Says that a data set follows; its own fragments are made from the stream.
    request.DataSet = io.BytesIO(b"\0\0")
    message = C_STORE_RQ()
    message.primitive_to_message(request)
    for fragment in message.encode_msg(context_id, largest):
        _id, value = fragment.presentation_data_value_list[0]
        if value[0] & 1:
            yield fragment


def _exactly(stream: Any, length: int) -> bytes:
    found = bytearray()
    while len(found) < length and (block := stream.read(length - len(found))):
        found += block
    return bytes(found)
