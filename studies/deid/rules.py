"""Regular expressions of custom profiles, on an engine whose time is linear in the text."""

import re
from functools import lru_cache
from typing import Any

from .profile import ProfileError

_REFERENCE = re.compile(r"\\(?:(\d)|g<(\d+)>|(\\))")


class Pattern:
    """A compiled expression: what a profile may ask of it, and no more."""

    __slots__ = ("_compiled", "groups")

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled
        self.groups = int(compiled.groups)

    def search(self, text: str) -> bool:
        """Tell whether the expression matches anywhere in a text."""
        return self._compiled.search(text) is not None

    def sub(self, replacement: str, text: str) -> str:
        r"""Return the text with every match replaced; \1 to \9 stand for the match's groups.

        The binding's own `sub` reads a replacement as Latin-1 escapes and spoils other scripts.
        """
        if "\\" not in replacement:
            return str(self._compiled.sub(lambda _match: replacement, text))
        return str(self._compiled.sub(lambda match: _expanded(replacement, match), text))


def _expanded(replacement: str, match: Any) -> str:
    def group(reference: "re.Match[str]") -> str:
        number = reference[1] or reference[2]
        return "\\" if number is None else match.group(int(number)) or ""

    return _REFERENCE.sub(group, replacement)


@lru_cache(maxsize=256)
def compiled_pattern(pattern: str) -> Pattern:
    """Compile a profile's expression; raise ProfileError without quoting it."""
    import re2

    options = re2.Options()
    options.log_errors = False  # else the library writes a bad expression to standard error
    try:
        return Pattern(re2.compile(pattern, options))
    except re2.error as error:
        raise ProfileError("bad-pattern", "A rule's pattern is no valid RE2 expression.") from error
