"""Pages of a list by cursor, and entity tags of answers. A cursor holds a time and an id only."""

import base64
import binascii
import hashlib
import json
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from studies.api.problems import Problem
from studies.api.schemas import Out

DEFAULT, MOST = 50, 200
Row = TypeVar("Row", bound=Model)


def newest_first(
    rows: QuerySet[Row], cursor: str | None, limit: int, column: str = "created"
) -> tuple[list[Row], str | None]:
    """Return a page of rows by time, newest first, and the cursor of the next page."""
    if cursor:
        moment, key = _moment_of(cursor)
        rows = rows.filter(Q(**{f"{column}__lt": moment}) | Q(**{column: moment, "pk__lt": key}))
    page: list[Row] = list(rows.order_by(f"-{column}", "-pk")[: limit + 1])
    if len(page) <= limit:
        return page, None
    last = page[limit - 1]
    return page[:limit], _encode([getattr(last, column).isoformat(), str(last.pk)])


def in_order(
    rows: QuerySet[Row], cursor: str | None, limit: int, column: str = "number"
) -> tuple[list[Row], str | None]:
    """Return a page of rows by a number that is unique among them, and the next cursor."""
    if cursor:
        rows = rows.filter(**{f"{column}__gt": _number_of(cursor)})
    page = list(rows.order_by(column)[: limit + 1])
    if len(page) <= limit:
        return page, None
    return page[:limit], _encode([getattr(page[limit - 1], column)])


def _encode(values: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def _decode(cursor: str, count: int) -> list[Any]:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        raise _invalid() from None
    if not isinstance(values, list) or len(values) != count:
        raise _invalid()
    return values


def _moment_of(cursor: str) -> tuple[datetime, UUID]:
    moment, key = _decode(cursor, 2)
    try:
        found = datetime.fromisoformat(moment), UUID(key)
    except (ValueError, TypeError, AttributeError):
        raise _invalid() from None
    if found[0].tzinfo is None:
        raise _invalid()
    return found


def _number_of(cursor: str) -> int:
    (number,) = _decode(cursor, 1)
    if not isinstance(number, int) or not 0 <= number < 2**31:
        raise _invalid()
    return number


def _invalid() -> Problem:
    return Problem(400, "cursor-invalid", _("The cursor isn't one that an earlier answer gave."))


def entity_tag(answer: Out) -> str:
    """Return the entity tag of an answer: the same content has the same tag."""
    body = answer.model_dump_json(by_alias=True).encode()
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def tagged(request: HttpRequest, response: HttpResponse, answer: Out) -> bool:
    """Tag an answer; say whether the caller has it already (If-None-Match)."""
    tag = entity_tag(answer)
    response["ETag"] = tag
    response["Cache-Control"] = "private, no-cache"
    wanted = {entry.strip() for entry in request.headers.get("If-None-Match", "").split(",")}
    return tag in wanted or "*" in wanted


def require_unchanged(request: HttpRequest, answer: Out) -> None:
    """Refuse a change of something that isn't any more as the caller saw it (If-Match)."""
    wanted = {entry.strip() for entry in request.headers.get("If-Match", "").split(",")}
    if not wanted & {"", "*", entity_tag(answer)}:
        raise Problem(
            412, "changed-meanwhile", _("It was changed since you read it. Read it again first.")
        )
