"""pydicom/deid recipes: the header section's actions on fields and field expanders.

A recipe has no order of lines: of two actions on one field KEEP goes before ADD, REPLACE, JITTER,
REMOVE and BLANK, and so the rules are ordered here.
"""

import re
from dataclasses import dataclass

from studies.deid.profile import Profile, Rule, RuleAction

from .collected import (
    BASE_DECIDES,
    ONLY_PRESENT,
    Collected,
    NotExpressed,
    check_size,
    fault,
    tag_of,
    vr_of,
)

_PRECEDENCE = ("KEEP", "ADD", "REPLACE", "JITTER", "REMOVE", "BLANK")
_ACTIONS = {
    "KEEP": RuleAction.KEEP,
    "ADD": RuleAction.REPLACE,
    "REPLACE": RuleAction.REPLACE,
    "JITTER": RuleAction.SHIFT_DATE,
    "REMOVE": RuleAction.REMOVE,
    "BLANK": RuleAction.EMPTY,
}
_EXPANDERS = {"startswith": "(?i)^({})", "endswith": "(?i)({})$", "contains": "(?i)({})"}
_PRIVATE = re.compile(r"\(?([0-9A-Fa-f]{4}),\s*['\"]([^'\"]+)['\"],\s*([0-9A-Fa-f]{1,2})\)?")
_GROUP = re.compile(r"select:group:(?:0x)?([0-9A-Fa-f]{1,4})", re.IGNORECASE)
_TAG = re.compile(r"\(?[0-9A-Fa-f]{4},?\s?[0-9A-Fa-f]{4}\)?")
_LINE = re.compile(r"""(\w+)\s+(\([^)]*\)|\S+)\s*(.*)""")


@dataclass(frozen=True)
class _Action:
    line: int
    name: str
    field: str
    value: str


def import_deid_recipe(
    text: str, *, name: str, source: str = ""
) -> tuple[Profile, list[NotExpressed]]:
    """Read a deid recipe."""
    check_size(text, source)
    collected = Collected(source)
    actions, lists = _parsed(text, source, collected)
    for action in sorted(actions, key=lambda action: _PRECEDENCE.index(action.name)):
        for field in _fields(action, lists):
            _take_over(collected, action, field)
    collected.say_once(1, "", BASE_DECIDES)
    return collected.profile(name), sorted(collected.left_out, key=lambda item: item.line)


def _parsed(
    text: str, source: str, collected: Collected
) -> tuple[list[_Action], dict[str, list[str]]]:
    """Return the header's actions and the named lists of fields."""
    actions: list[_Action] = []
    lists: dict[str, list[str]] = {}
    section, listed, has_format = "", "", False
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        words = line.split("#", 1)[0].split()
        if words and words[0].upper() == "FORMAT":
            has_format = True
        elif line.startswith("%"):
            section = words[0][1:].lower()
            listed = words[1] if len(words) > 1 else ""
            if section not in ("header", "fields", "labels"):
                collected.leave_out(
                    number, line.split()[0], "Filters of pixels and of values have no place here."
                )
        elif section == "header":
            action = _action(number, line)
            if action is None:
                raise fault(source, number, "not-deid", "This line is no action on a field.")
            actions.append(action)
        elif section == "fields" and len(words) > 1 and words[0].upper() == "FIELD":
            lists.setdefault(listed, []).append(words[1])
    if not has_format and not actions:
        raise fault(source, 1, "not-deid", "The text is no deid recipe.")
    return actions, lists


def _action(number: int, line: str) -> _Action | None:
    match = _LINE.fullmatch(line)
    if match is None or match[1].upper() not in _ACTIONS:
        return None
    return _Action(number, match[1].upper(), match[2], match[3].split("#", 1)[0].strip())


def _fields(action: _Action, lists: dict[str, list[str]]) -> list[str]:
    kind, _, name = action.field.partition(":")
    if kind == "fields":
        return lists.get(name, [action.field])
    return [action.field]


def _take_over(collected: Collected, action: _Action, field: str) -> None:
    key = f"{action.name} {field}"
    where = _selector(field)
    if where is None:
        collected.leave_out(action.line, key, _why_not(field))
        return
    rule = _rule(collected, action, key, where)
    if rule is not None and collected.add(action.line, key, rule) and action.name == "ADD":
        collected.say_once(action.line, key, ONLY_PRESENT)


def _rule(collected: Collected, action: _Action, key: str, where: dict[str, str]) -> Rule | None:
    is_computed = action.value.startswith(("var:", "func:", "deid_func:"))
    if action.name in ("ADD", "REPLACE") and is_computed:
        if _is_uid(where):
            return Rule(RuleAction.NEW_UID, **where)
        collected.leave_out(action.line, key, "What the function or variable yields is not known.")
        return None
    if action.name == "REMOVE" and action.value:
        collected.leave_out(action.line, key, "Removal on a condition has no counterpart here.")
        return None
    if action.name in ("ADD", "REPLACE"):
        return Rule(RuleAction.REPLACE, value=action.value, **where)
    return Rule(_ACTIONS[action.name], **where)


def _is_uid(where: dict[str, str]) -> bool:
    tag = where.get("tag") or tag_of(where.get("keyword", ""))
    return bool(tag) and "private_creator" not in where and vr_of(tag.upper()) == "UI"


def _selector(field: str) -> dict[str, str] | None:
    """Return the part of a rule that says where, or None."""
    private = _PRIVATE.fullmatch(field)
    if private is not None:
        return {
            "tag": f"{private[1]}xx{private[3].zfill(2)}",
            "private_creator": private[2],
        }
    group = _GROUP.fullmatch(field)
    if group is not None:
        return {"tag": f"{group[1].zfill(4)}xxxx"}
    kind, _, expression = field.partition(":")
    if kind.lower() in _EXPANDERS and expression:
        return {"pattern": _EXPANDERS[kind.lower()].format(expression)}
    if _TAG.fullmatch(field):
        return {"tag": re.sub(r"[^0-9A-Fa-f]", "", field)}
    return (
        {"keyword": field}
        if field.isidentifier() and "__" not in field and (field.upper() != "ALL")
        else None
    )


def _why_not(field: str) -> str:
    if field.upper() == "ALL":
        return BASE_DECIDES
    if "__" in field:
        return "A rule holds at every depth; one for a single path has no counterpart here."
    return "This way to select fields has no counterpart here."
