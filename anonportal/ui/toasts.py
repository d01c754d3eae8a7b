"""Toasts: the result of an act, with Undo where the service can undo. Errors are never toasts.

They ride on Django's messages (kept in the session, never in a cookie). A text never holds a
patient value.
"""

from dataclasses import dataclass
from urllib.parse import quote, unquote

from django.contrib import messages
from django.contrib.messages.storage.base import Message
from django.http import HttpRequest
from django.utils.functional import Promise

Text = str | Promise


@dataclass(frozen=True)
class Toast:
    """A toast as the page draws it."""

    text: Text
    icon: str = "ok"
    family: str = "done"
    undo: str = ""


def toast(
    request: HttpRequest, text: Text, *, icon: str = "ok", family: str = "done", undo: str = ""
) -> None:
    """Show a toast on the next page; `undo` is a URL that takes a POST."""
    tags = f"toast icon:{icon} family:{family} undo:{quote(undo)}"
    messages.success(request, str(text), extra_tags=tags)


def toast_of(message: Message) -> Toast:
    """Read a toast back from a message; a plain message becomes a plain toast."""
    parts = dict(
        part.partition(":")[::2] for part in (message.extra_tags or "").split() if ":" in part
    )
    return Toast(
        text=message.message,
        icon=parts.get("icon", "info"),
        family=parts.get("family", "idle"),
        undo=unquote(parts.get("undo", "")),
    )
