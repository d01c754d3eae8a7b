"""Lets pynetdicom hand C-STORE data sets on while they arrive, so that none is kept or spooled.

By itself pynetdicom holds a data set in memory, or writes it in clear to a temporary file. Here
its bytes go, behind the file meta information they get, to whoever seals them.
"""

import logging
from collections.abc import Callable
from io import BytesIO
from typing import Any

from pydicom.filewriter import write_file_meta_info
from pynetdicom import _config
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import C_STORE_RQ, DIMSEMessage
from pynetdicom.dsutils import create_file_meta

from studies.faults import Fault
from studies.intake.part10 import is_uid
from studies.intake.remote import Incoming

# Larger than the usual 16 KB: a quarter of the work per byte.
PDU_BYTES = 256 << 10

# Nothing of a data set, a query or an answer may reach a log, nor be decoded for one.
_config.LOG_HANDLER_LEVEL = "none"
_config.LOG_REQUEST_IDENTIFIERS = False
_config.LOG_RESPONSE_IDENTIFIERS = False
# Any storage class is taken: what can't be de-identified is held later, with a reason.
_config.UNRESTRICTED_STORAGE_SERVICE = True
logging.getLogger("pynetdicom").setLevel(logging.CRITICAL + 1)

# Given an association, the place where its next object goes.
Open = Callable[[Any], Incoming]


class Arriving(BytesIO):
    """A message's data set: of a C-STORE request passed on in blocks, of any other kept.

    Runs in the thread that reads from the network: a fault is kept for the one that answers, and
    the rest of the object is read and forgotten.
    """

    def __init__(self, association: Any, message: Any, open_: Open, touch: Callable[[], None]):
        super().__init__()
        self._association = association
        self._message = message
        self._open = open_
        self._touch = touch
        self._is_over = False
        self.incoming: Incoming | None = None
        self.fault: Exception | None = None

    def write(self, data: Any, /) -> int:
        """Take a fragment."""
        self._touch()
        if not isinstance(self._message, C_STORE_RQ):
            return super().write(data)
        if self.fault is None and not self._is_over:
            try:
                if self.incoming is None:
                    self.incoming = self._open(self._association)
                    self.incoming.write(self._file_meta())
                self.incoming.write(bytes(data))
            except (Fault, OSError, ValueError) as fault:
                self.fault = fault
                self.drop()
        return len(data)

    def drop(self) -> None:
        """Forget an object that didn't come whole, or can't be kept."""
        self._is_over = True
        if self.incoming is not None:
            self.incoming.drop()
            self.incoming = None

    def finish(self) -> bool:
        """Take the object as whole; False where the sender is to stop. Raises what went wrong."""
        self._is_over = True
        if self.fault is not None:
            raise self.fault
        incoming, self.incoming = self.incoming, None
        return incoming.done() if incoming is not None else True

    def _file_meta(self) -> bytes:
        command = self._message.command_set
        context = self._association._accepted_cx[self._message.context_id]
        sop_class = str(command.AffectedSOPClassUID)
        sop_instance = str(command.AffectedSOPInstanceUID)
        if not (is_uid(sop_class) and is_uid(sop_instance)):
            raise ValueError("no UIDs")
        meta = create_file_meta(
            sop_class_uid=sop_class,
            sop_instance_uid=sop_instance,
            transfer_syntax=context.transfer_syntax[0],
        )
        buffer = BytesIO(b"\0" * 128 + b"DICM")
        buffer.seek(0, 2)
        write_file_meta_info(buffer, meta)
        return buffer.getvalue()


class StreamingProvider(DIMSEServiceProvider):  # type: ignore[misc]
    """pynetdicom's DIMSE provider of one association, with data sets that pass through."""

    def __init__(self, association: Any, open_: Open, touch: Callable[[], None]) -> None:
        super().__init__(association)
        self._open = open_
        self._touch = touch
        self._arriving: Arriving | None = None

    def receive_primitive(self, primitive: Any) -> None:
        """Take fragments of a message; the first one of it makes its data set's place."""
        if self.message is None:
            message = DIMSEMessage()
            self._arriving = Arriving(self.assoc, message, self._open, self._touch)
            message.data_set = self._arriving
            self.message: Any = message
        super().receive_primitive(primitive)

    def close(self) -> None:
        """Drop what was still arriving when the association ended."""
        if self._arriving is not None:
            self._arriving.drop()


def stream(association: Any, open_: Open, touch: Callable[[], None] = lambda: None) -> None:
    """Have an association's C-STORE requests pass through; before its first message comes."""
    association.dimse = StreamingProvider(association, open_, touch)


def arriving(event: Any) -> Arriving:
    """Return the data set of a C-STORE event."""
    found: Arriving = event.request.DataSet
    return found
