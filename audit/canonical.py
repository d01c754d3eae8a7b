"""The bytes that are hashed and signed. docs/audit.md specifies them for a second implementation.

Canonical JSON here is RFC 8785 narrowed: keys printable ASCII, numbers whole and below 2^53,
no NUL and no lone surrogate. Pure functions, no Django.
"""

import hashlib
import json
import re
from datetime import UTC, datetime
from json.encoder import encode_basestring as _quote
from typing import Any

EVENT_MARK = b"audit event 1\n"
LINK_MARK = b"audit link 1\n"
CHECKPOINT_MARK = b"audit checkpoint 1\n"
ARCHIVE_MARK = b"audit archive 1\n"
GENESIS = bytes(32)

_KEY = re.compile(r"[\x20-\x7e]{1,128}\Z")
_GREATEST = 2**53 - 1
_DEEPEST = 16
# Made once: json.dumps would make one for each event.
_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)


class NotCanonical(ValueError):
    """A value has no single spelling; the message says where it stands, not what it is."""


def canonical_json(value: Any) -> str:
    """Return the one spelling of a value, or raise NotCanonical naming the place."""
    _check(value, "", 0)
    return _ENCODER.encode(value)


def _check(value: Any, where: str, depth: int) -> None:
    if depth > _DEEPEST:
        raise NotCanonical(f"nested too deep at {where}")
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, int):
        if abs(value) > _GREATEST:
            raise NotCanonical(f"number too large at {where or 'the top'}")
    elif isinstance(value, str):
        check_text(value, where)
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str) or not _KEY.match(key):
                raise NotCanonical(f"a key below {where or 'the top'} is not printable ASCII")
            _check(item, f"{where}.{key}" if where else key, depth + 1)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _check(item, f"{where}[{index}]", depth + 1)
    else:
        raise NotCanonical(f"a {type(value).__name__} has no canonical form, at {where}")


def check_text(value: str, where: str) -> None:
    """Refuse text that UTF-8 or a database can't hold unchanged."""
    if "\x00" in value:
        raise NotCanonical(f"a NUL character at {where}")
    if value.isascii():
        return
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise NotCanonical(f"a lone surrogate at {where}") from None


def canonical_time(moment: datetime) -> str:
    """Return UTC with six decimals and Z."""
    if moment.tzinfo is None:
        raise NotCanonical("a moment without a time zone")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def canonical_event(
    *,
    uid: str,
    at: str,
    chain: str,
    action: str,
    outcome: str,
    actor_kind: str,
    actor_id: str,
    actor_label: str,
    actor_role: str,
    actor_address: str,
    subject_kind: str,
    subject: str,
    context: str,
    detail: str,
) -> bytes:
    """Return an event's canonical JSON; `detail` is canonical JSON already and stands as it is.

    Written out key by key because verifying runs through here for every event there ever was.
    """
    return (
        f'{{"action":{_quote(action)},"actor":{{"address":{_quote(actor_address)},'
        f'"id":{_quote(actor_id)},"kind":{_quote(actor_kind)},"label":{_quote(actor_label)},'
        f'"role":{_quote(actor_role)}}},"at":{_quote(at)},"chain":{_quote(chain)},'
        f'"context":{_quote(context)},"detail":{detail},"outcome":{_quote(outcome)},'
        f'"subject":{_quote(subject)},"subject_kind":{_quote(subject_kind)},'
        f'"uid":{_quote(uid)},"v":1}}'
    ).encode()


def event_digest(canonical: bytes) -> bytes:
    """Return the digest an event carries."""
    return hashlib.sha256(EVENT_MARK + canonical).digest()


def canonical_link(chain: str, sequence: int, event: bytes, previous: bytes) -> bytes:
    """Return a link's canonical JSON: event's digest and the digest of the link before."""
    return (
        f'{{"chain":{_quote(chain)},"event":"{event.hex()}",'
        f'"previous":"{previous.hex()}","sequence":{sequence},"v":1}}'
    ).encode()


def link_digest(chain: str, sequence: int, event: bytes, previous: bytes) -> bytes:
    """Return the digest of a link, which the next one carries as `previous`."""
    return hashlib.sha256(LINK_MARK + canonical_link(chain, sequence, event, previous)).digest()
