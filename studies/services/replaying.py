"""Idempotency keys: the same request sent again is answered again, and not acted on again.

Only what succeeded is kept, sealed, for a day; a request that failed did nothing and may be sent
again under its key.
"""

import json
import re
from dataclasses import dataclass
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from studies.faults import PermanentError
from studies.models import Replay
from studies.services import keys
from studies.services.tokens import Machine

KEPT_FOR = timedelta(days=1)
# A request that was at work this long ago died with its process.
AT_WORK_FOR = timedelta(minutes=5)
_KEY = re.compile(r"[!-~]{1,255}")
_PURPOSE = "replay"


@dataclass(frozen=True)
class Answer:
    """An answer as it was given."""

    status: int
    headers: dict[str, str]
    body: bytes

    def to_bytes(self) -> bytes:
        """Return the form that is sealed."""
        return json.dumps([self.status, self.headers]).encode() + b"\n" + self.body

    @classmethod
    def from_bytes(cls, data: bytes) -> "Answer":
        """Read the form that was sealed."""
        head, _line, body = data.partition(b"\n")
        status, headers = json.loads(head)
        return cls(status, headers, body)


class Replaying:
    """One request under an idempotency key."""

    def __init__(self, machine: Machine, key: str, request: bytes) -> None:
        if not _KEY.fullmatch(key):
            raise PermanentError(
                "idempotency-key-invalid",
                _("An Idempotency-Key has 1 to 255 printable ASCII characters, and no blank."),
            )
        self._machine = machine
        self._sealer = keys.organization_sealer(machine.organization)
        self._key = self._sealer.index("replay-key", key.encode())
        self._request = self._sealer.index("replay-request", request)
        self._row: Replay | None = None

    def begin(self) -> Answer | None:
        """Claim the key; return the answer that was given under it already, if any."""
        self._forget_old()
        for _try in range(3):
            try:
                with transaction.atomic():
                    self._row = Replay.objects.create(
                        token_id=self._machine.token_id,
                        key_index=self._key,
                        request_index=self._request,
                    )
                return None
            except IntegrityError:
                found = Replay.objects.filter(
                    token_id=self._machine.token_id, key_index=self._key
                ).first()
            if found is not None:
                return self._answer_of(found)
        raise _at_work()

    def _answer_of(self, row: Replay) -> Answer:
        if bytes(row.request_index) != self._request:
            raise PermanentError(
                "idempotency-key-reused",
                _("This Idempotency-Key was used for another request. Use a new one."),
            )
        if row.sealed_answer is None:
            raise _at_work()
        return Answer.from_bytes(self._sealer.open(_PURPOSE, bytes(row.sealed_answer)))

    def keep(self, answer: Answer) -> None:
        """Seal the answer for those who send the same again."""
        if self._row is not None:
            sealed = self._sealer.seal(_PURPOSE, answer.to_bytes())
            Replay.objects.filter(pk=self._row.pk).update(sealed_answer=sealed)

    def forget(self) -> None:
        """Let the key go: nothing was done under it."""
        if self._row is not None:
            Replay.objects.filter(pk=self._row.pk).delete()

    def _forget_old(self) -> None:
        now = timezone.now()
        mine = Replay.objects.filter(token_id=self._machine.token_id)
        mine.filter(created__lt=now - KEPT_FOR).delete()
        mine.filter(sealed_answer=None, created__lt=now - AT_WORK_FOR).delete()


def _at_work() -> PermanentError:
    return PermanentError(
        "idempotency-in-progress",
        _("The first request under this Idempotency-Key is still at work. Ask again shortly."),
    )
