"""What a file was called where it came from, made harmless: a label to show, never a path to open.

A label is sealed as soon as it is here; no file of the portal is ever named after one.
"""

import unicodedata

MAX_LABEL = 1000


def clean_label(path: str) -> str:
    """Return a path as a label: forward slashes, no `..`, no drive, no control characters."""
    text = unicodedata.normalize("NFC", path.replace("\\", "/"))
    text = "".join(sign for sign in text if unicodedata.category(sign) not in {"Cc", "Cf", "Cs"})
    parts = [part for part in text.split("/") if part not in {"", ".", ".."}]
    if parts and len(parts[0]) == 2 and parts[0][1] == ":":
        parts = parts[1:]
    return "/".join(parts)[-MAX_LABEL:] or "unnamed"
