"""Whether a rule of a custom profile makes sense, before it meets any data.

A rule that selects nothing, or asks an attribute for what its VR can't do, would be silently
without effect; a privacy officer has to hear of it when the profile is saved.
"""

import re
from dataclasses import dataclass
from difflib import get_close_matches

from .profile import ProfileError, Rule, RuleAction
from .rules import compiled_pattern

PLACEHOLDERS = ("cloud_patient_id", "cloud_study_id", "prefix")
MAX_TEXT = 1024

# The engine writes these itself, or nothing could be read without them.
_MARKS = ("00080300", "00120062", "00120063", "00120064", "0018A001", "00280303")
_PIXELS = ("7FE00008", "7FE00009", "7FE00010")
PROTECTED = frozenset(("00080005", "00080016", *_MARKS, *_PIXELS))
_IDENTITY_UIDS = frozenset(("00080018", "0020000D", "0020000E"))
_PROTECTED_GROUPS = ("0000", "0002", "0004", "FFFE", "FFFA", "FFFC")

_TAG = re.compile(r"[0-9A-Fx]{8}")
_WRITTEN_TAG = re.compile(r"[\s(\[]*([0-9A-Fa-fxX]{4})\s*,?\s*([0-9A-Fa-fxX]{4})[\s)\]]*")
_TEXT = frozenset(["AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"])
_NUMERIC_TEXT = frozenset(("IS", "DS"))
_DATES = frozenset(("DA", "DT", "TM"))
_TEXT_ACTIONS = frozenset((RuleAction.CLEAN_TEXT, RuleAction.REGEX_REPLACE))
_REFERENCE = re.compile(r"\\(?:\\|(\d)|g<(\d+)>|(.?))", re.DOTALL)


@dataclass(frozen=True)
class Problem:
    """What is wrong with one key of a rule."""

    key: str
    code: str
    message: str


def normal_tag(text: str, *, private: bool = False) -> str | None:
    """Return a written tag as "GGGGEEEE" with x as wildcard, or None.

    Of a private tag the block is dropped: it differs from file to file ("ggggxxee").
    """
    match = _WRITTEN_TAG.fullmatch(text)
    if match is None:
        return None
    tag = (match[1] + match[2]).upper().replace("X", "x")
    if private and "x" not in tag[:4] and "x" not in tag[6:]:
        tag = f"{tag[:4]}xx{tag[6:]}"
    return tag


def normalised(rule: Rule) -> Rule:
    """Return a rule with its tag in the one form that profiles keep."""
    tag = normal_tag(rule.tag, private=bool(rule.private_creator)) if rule.tag else None
    return rule._replace(tag=tag) if tag else rule


def problem_of(rule: Rule) -> Problem | None:
    """Return the first thing wrong with a normalised rule, or None."""
    return _selector_problem(rule) or _value_problem(rule) or _action_problem(rule)


def _selector_problem(rule: Rule) -> Problem | None:
    chosen = [key for key in ("tag", "keyword", "pattern") if getattr(rule, key)]
    if len(chosen) != 1:
        return Problem(
            chosen[1] if chosen else "tag",
            "one-selector",
            "A rule selects by exactly one of tag, keyword and pattern.",
        )
    if rule.private_creator:
        return _private_problem(rule, chosen[0])
    if rule.tag:
        return _tag_problem(rule)
    if rule.keyword:
        return _keyword_problem(rule.keyword)
    try:
        compiled_pattern(rule.pattern)
    except ProfileError as error:
        return Problem("pattern", error.code, error.message)
    return None


def _private_problem(rule: Rule, selector: str) -> Problem | None:
    tag = rule.tag
    is_private = _TAG.fullmatch(tag) and "x" not in tag[:4] and int(tag[:4], 16) % 2 == 1
    if selector != "tag" or not is_private or tag[4:6] != "xx" or "x" in tag[6:]:
        return Problem(
            selector,
            "private-tag",
            "With private_creator, write the tag as (gggg,xxee) with an odd group.",
        )
    return None


def _tag_problem(rule: Rule) -> Problem | None:
    tag = rule.tag
    if not _TAG.fullmatch(tag):
        return Problem("tag", "bad-tag", "Write a tag as (gggg,eeee), in hexadecimal, x for any.")
    if tag[:4] in _PROTECTED_GROUPS or tag in PROTECTED or tag[4:] == "0000":
        return Problem("tag", "protected-attribute", "The engine writes this attribute itself.")
    if "x" not in tag[:4] and int(tag[:4], 16) % 2 == 1:
        return Problem(
            "tag", "private-tag", "A private tag means nothing without its private_creator."
        )
    return None


def _keyword_problem(keyword: str) -> Problem | None:
    tag = _tag_of(keyword)
    if tag is None:
        near = get_close_matches(keyword, _keywords(), n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        return Problem(
            "keyword", "unknown-keyword", f"The data dictionary has no keyword {keyword!r}.{hint}"
        )
    if f"{tag:08X}" in PROTECTED or f"{tag:08X}"[:4] in _PROTECTED_GROUPS:
        return Problem("keyword", "protected-attribute", "The engine writes this attribute itself.")
    return None


def _value_problem(rule: Rule) -> Problem | None:
    for key in ("value", "find", "pattern"):
        text = getattr(rule, key)
        if len(text) > MAX_TEXT:
            return Problem(key, "too-long", f"At most {MAX_TEXT} characters.")
    if rule.action is RuleAction.REGEX_REPLACE:
        return _substitution_problem(rule)
    is_replace = rule.action is RuleAction.REPLACE
    unused = "find" if rule.find else "value" if rule.value and not is_replace else ""
    if unused:
        return Problem(unused, "unused-key", f"{rule.action.value} does not use {unused}.")
    return _template_problem(rule.value) if is_replace else None


def _template_problem(value: str) -> Problem | None:
    rest = value
    for name in PLACEHOLDERS:
        rest = rest.replace("{" + name + "}", "")
    if "{" in rest or "}" in rest:
        names = ", ".join("{" + name + "}" for name in PLACEHOLDERS)
        return Problem(
            "value", "unknown-placeholder", f"A value may hold {names}, no other braces."
        )
    if "\\" in rest or any(ord(character) < 32 for character in rest):
        return Problem("value", "bad-text", "A value holds no backslash and no control character.")
    return None


def _substitution_problem(rule: Rule) -> Problem | None:
    if not rule.find:
        return Problem("find", "missing-key", "regex-replace needs find, what to look for.")
    try:
        pattern = compiled_pattern(rule.find)
    except ProfileError as error:
        return Problem("find", error.code, error.message)
    groups = pattern.groups
    for match in _REFERENCE.finditer(rule.value):
        number = match[1] or match[2]
        if match[3] is not None or (number and int(number) > groups):
            return Problem(
                "value",
                "bad-reference",
                r"A backslash in value starts \1 … \9, a group that find has; write \\ for one.",
            )
    return None


def _action_problem(rule: Rule) -> Problem | None:
    """Compare the action with the VR of the one attribute a rule names."""
    tag = int(rule.tag, 16) if rule.tag and "x" not in rule.tag else _tag_of(rule.keyword)
    if tag is None or rule.private_creator:
        return None
    removes = rule.action not in (RuleAction.KEEP, RuleAction.NEW_UID)
    if removes and f"{tag:08X}" in _IDENTITY_UIDS:
        return Problem(
            "action", "identity-uid", "Study, Series and SOP Instance UID are kept or mapped."
        )
    vrs = _vrs_of(tag)
    wanted = _wanted_vrs(rule.action)
    if vrs and wanted and not vrs & wanted:
        return Problem(
            "action",
            "wrong-vr",
            f"{rule.action.value} works on {', '.join(sorted(wanted))}; this attribute is "
            f"{' or '.join(sorted(vrs))}.",
        )
    return None


def _wanted_vrs(action: RuleAction) -> frozenset[str]:
    """Return the VRs an action works on; an empty set means any."""
    if action is RuleAction.SHIFT_DATE:
        return _DATES
    if action is RuleAction.NEW_UID:
        return frozenset(("UI",))
    if action in _TEXT_ACTIONS:
        return _TEXT
    if action is RuleAction.HASH:
        return _TEXT | _NUMERIC_TEXT
    return frozenset()


def _tag_of(keyword: str) -> int | None:
    from pydicom.datadict import tag_for_keyword

    tag = tag_for_keyword(keyword) if keyword else None
    return None if tag is None else int(tag)


def _vrs_of(tag: int) -> frozenset[str]:
    from pydicom.datadict import dictionary_VR

    try:
        return frozenset(str(dictionary_VR(tag)).split(" or "))
    except KeyError:
        return frozenset()


def _keywords() -> list[str]:
    from pydicom.datadict import keyword_dict

    return list(keyword_dict)
