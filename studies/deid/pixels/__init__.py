"""Pixels: which images may show text, where it is, and how it is blanked in the stored values.

Everything but the plain data of `policy` is loaded when it is asked for: an image without any
evidence of text must not pay for numpy, codecs or a text finder.
"""

from typing import TYPE_CHECKING, Any

from .policy import Box, FoundText, PixelPolicy, PixelVerdict, Template, TextFinder

if TYPE_CHECKING:
    from .previewing import PreviewHints, preview, preview_hints

__all__ = [
    "Box",
    "FoundText",
    "PixelPolicy",
    "PixelVerdict",
    "PreviewHints",
    "Template",
    "TextFinder",
    "preview",
    "preview_hints",
]


def __getattr__(name: str) -> Any:
    """Load what needs numpy when it is asked for."""
    if name in ("PreviewHints", "preview", "preview_hints"):
        from . import previewing as module

        return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
