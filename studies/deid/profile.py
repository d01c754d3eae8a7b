"""What to do, as a person states it: a base, PS3.15 options and an ordered list of own rules.

A profile says nothing about how: `plan.py` compiles it. It must stay plain data, so that
versions can be compared, stored and pinned by digest.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple

from .errors import EngineError
from .tables import codes


class Option(StrEnum):
    """The options of PS3.15 Annex E, by the names of the command line."""

    RETAIN_SAFE_PRIVATE = "retain-safe-private"
    RETAIN_UIDS = "retain-uids"
    RETAIN_DEVICE_IDENTITY = "retain-device-identity"
    RETAIN_INSTITUTION_IDENTITY = "retain-institution-identity"
    RETAIN_PATIENT_CHARACTERISTICS = "retain-patient-characteristics"
    RETAIN_FULL_DATES = "retain-full-dates"
    RETAIN_MODIFIED_DATES = "retain-modified-dates"
    CLEAN_DESCRIPTORS = "clean-descriptors"
    CLEAN_STRUCTURED_CONTENT = "clean-structured-content"
    CLEAN_GRAPHICS = "clean-graphics"
    CLEAN_PIXEL_DATA = "clean-pixel-data"
    CLEAN_RECOGNIZABLE_VISUAL_FEATURES = "clean-recognizable-visual-features"

    @property
    def code(self) -> str:
        """The option's code in CID 7050."""
        return codes.OPTION_CODES[self.value]


class RuleAction(StrEnum):
    """What a rule of a custom profile does with an attribute."""

    KEEP = "keep"
    REMOVE = "remove"
    EMPTY = "empty"
    REPLACE = "replace"
    HASH = "hash"
    SHIFT_DATE = "shift-date"
    CLEAN_TEXT = "clean-text"
    REGEX_REPLACE = "regex-replace"
    NEW_UID = "new-uid"


class Rule(NamedTuple):
    """One rule: exactly one of tag, keyword, pattern (of tags or keywords) selects attributes.

    `tag` is "ggggeeee" in hexadecimal and may hold x as a wildcard digit. `private_creator` makes
    `tag` block-relative ("ggggxxee"). `pattern` is a regular expression over the keyword.
    `value` is what `replace` writes; it may hold {cloud_patient_id}, {cloud_study_id} and {prefix}.
    `find` and `value` are the two halves of `regex-replace`.
    """

    action: RuleAction
    tag: str = ""
    keyword: str = ""
    pattern: str = ""
    private_creator: str = ""
    value: str = ""
    find: str = ""

    def to_dict(self) -> dict[str, str]:
        """Return the rule's non-empty members."""
        members = {
            "action": self.action.value,
            "tag": self.tag,
            "keyword": self.keyword,
            "pattern": self.pattern,
            "private_creator": self.private_creator,
            "find": self.find,
            "value": self.value,
        }
        always = {"action", "value"} if self.action is RuleAction.REPLACE else {"action"}
        return {key: text for key, text in members.items() if text or key in always}


class ProfileError(EngineError):
    """A profile that cannot be used; `where` names line and key."""


class Profile:
    """A de-identification profile; nobody changes one. Its digest is over content, not name."""

    def __init__(
        self,
        name: str,
        options: frozenset[Option] = frozenset(),
        rules: tuple[Rule, ...] = (),
        base: str = "basic",
        description: str = "",
    ) -> None:
        self.name = name
        self.options = options
        self.rules = rules
        self.base = base
        self.description = description
        self._require_usable()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Profile):
            return NotImplemented
        return self.name == other.name and self.content == other.content

    def __hash__(self) -> int:
        return hash((self.name, self.content))

    @property
    def content(self) -> tuple[str, frozenset[Option], tuple[Rule, ...]]:
        """What the profile does; equal for profiles of one digest."""
        return self.base, self.options, self.rules

    def _require_usable(self) -> None:
        if self.base != "basic":
            raise ProfileError("unknown-base", "The only base is 'basic', PS3.15 Table E.1-1.")
        if {Option.RETAIN_FULL_DATES, Option.RETAIN_MODIFIED_DATES} <= self.options:
            raise ProfileError(
                "options-exclude-each-other",
                "retain-full-dates and retain-modified-dates exclude each other.",
            )
        if Option.CLEAN_RECOGNIZABLE_VISUAL_FEATURES in self.options:
            raise ProfileError(
                "option-not-available",
                "clean-recognizable-visual-features is not built, so it can't be promised.",
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the profile as plain data, in a stable order."""
        return {
            "name": self.name,
            "base": self.base,
            "options": sorted(option.value for option in self.options),
            "rules": [rule.to_dict() for rule in self.rules],
        }

    @cached_property
    def canonical(self) -> str:
        """The content as canonical JSON: sorted keys, no spaces, without the name."""
        import json

        content = {key: value for key, value in self.to_dict().items() if key != "name"}
        return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON: what a batch pins."""
        import hashlib

        return hashlib.sha256(self.canonical.encode()).hexdigest()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Profile":
        """Build a profile from plain data that `to_dict` made."""
        return cls(
            name=str(data.get("name", "")),
            base=str(data.get("base", "basic")),
            options=frozenset(Option(name) for name in data.get("options", ())),
            rules=tuple(
                Rule(**{**rule, "action": RuleAction(rule["action"])})
                for rule in data.get("rules", ())
            ),
        )

    def with_options(self, *options: Option) -> "Profile":
        """Return this profile with more options switched on."""
        added = self.options | set(options)
        name = self.name if added == self.options else f"{self.name}+"
        return Profile(name, added, self.rules, self.base)


_CLOUD = frozenset({Option.RETAIN_DEVICE_IDENTITY, Option.CLEAN_DESCRIPTORS})
_BUILTIN = {
    "basic": Profile("basic"),
    "cloud": Profile("cloud", _CLOUD),
    # A study without dates, age, sex and weight can't be read safely.
    "teleradiology": Profile(
        "teleradiology",
        _CLOUD
        | {
            Option.RETAIN_PATIENT_CHARACTERISTICS,
            Option.RETAIN_MODIFIED_DATES,
            Option.CLEAN_GRAPHICS,
            Option.CLEAN_STRUCTURED_CONTENT,
            Option.CLEAN_PIXEL_DATA,
            Option.RETAIN_SAFE_PRIVATE,
        },
    ),
}


def builtin_profile(name: str) -> Profile:
    """Return the built-in profile `basic`, `cloud` or `teleradiology`."""
    try:
        return _BUILTIN[name]
    except KeyError:
        raise ProfileError(
            "unknown-profile", f"The built-in profiles are {', '.join(_BUILTIN)}."
        ) from None
