"""Context processors of the page kit; `shell` is asked only when a page draws its frame."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from anonportal.ui.shell import shell_for


def shell(request: HttpRequest) -> dict[str, Any]:
    """Return `shell`, worked out on first use: a partial for htmx never asks for it."""
    return {"shell": SimpleLazyObject(lambda: shell_for(request))}
