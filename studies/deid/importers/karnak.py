"""Karnak YAML profiles: a list of profile elements, of which the first that applies decides."""

import re
from dataclasses import dataclass

from yaml.nodes import MappingNode, Node, SequenceNode

from studies.deid.marked_text import NodeReader, compose
from studies.deid.profile import Option, Profile, Rule, RuleAction

from .collected import (
    ONE_SHIFT,
    Collected,
    NotExpressed,
    fault,
    listed_tags,
    tags_written,
)

_TOP_KEYS = ("name", "version", "minimumKarnakVersion", "defaultIssuerOfPatientID",
             "profileElements", "masks")  # fmt: skip
_ELEMENT_KEYS = ("name", "codename", "condition", "action", "option", "arguments", "args", "tags",
                 "excludedTags")  # fmt: skip
_LETTERS = {"X": RuleAction.REMOVE, "K": RuleAction.KEEP, "Z": RuleAction.EMPTY,
            "U": RuleAction.NEW_UID}  # fmt: skip
_EXPRESSIONS = {"Keep()": RuleAction.KEEP, "Remove()": RuleAction.REMOVE,
                "ReplaceNull()": RuleAction.EMPTY, "UID()": RuleAction.NEW_UID}  # fmt: skip
_REPLACE = re.compile(r"Replace\(\s*'([^']*)'\s*\)")
_MAX_SPELLED_OUT = 200


@dataclass(frozen=True)
class _Element:
    """One profile element with its texts."""

    line: int
    key: str
    codename: str
    action: str
    option: str
    condition: str
    arguments: dict[str, str]
    tags: list[str]
    excluded: list[str]
    after_basic: bool


def import_karnak(text: str, *, name: str, source: str = "") -> tuple[Profile, list[NotExpressed]]:
    """Read a Karnak profile."""
    root = compose(text, source)
    reader, collected = NodeReader(source), Collected(source)
    if not isinstance(root, MappingNode):
        raise fault(source, 1, "not-karnak", "The text is no Karnak profile.")
    members = reader.mapping(root, "", _TOP_KEYS)
    if "profileElements" not in members:
        raise fault(source, 1, "not-karnak", "A Karnak profile has profileElements.")
    for key in ("masks", "defaultIssuerOfPatientID"):
        if key in members and _is_filled(members[key]):
            line = reader.place(members[key], key).line
            collected.leave_out(line, key, "This is set in the organization, not in a profile.")
    has_basic = False
    for key, node in reader.items(members["profileElements"], "profileElements"):
        element = _element(reader, node, key, has_basic)
        has_basic = has_basic or element.codename == "basic.dicom.profile"
        _take_over(collected, element)
    if not has_basic:
        collected.leave_out(1, "profileElements", "The Basic Profile is always the base here.")
    return collected.profile(name), collected.left_out


def _is_filled(node: Node) -> bool:
    return bool(node.value) and node.value not in ("~", "null")


def _element(reader: NodeReader, node: Node, key: str, after_basic: bool) -> _Element:
    members = reader.mapping(node, key, _ELEMENT_KEYS)

    def text(name: str) -> str:
        return reader.text(members[name], f"{key}.{name}").strip() if name in members else ""

    def texts(name: str) -> list[str]:
        if name not in members:
            return []
        return [reader.text(item, place) for place, item in
                reader.items(members[name], f"{key}.{name}")]  # fmt: skip

    arguments = members.get("arguments", members.get("args"))
    return _Element(
        line=reader.place(node, key).line,
        key=key,
        codename=text("codename"),
        action=text("action").upper(),
        option=text("option"),
        condition=text("condition"),
        arguments=_arguments(reader, arguments, f"{key}.arguments"),
        tags=texts("tags"),
        excluded=texts("excludedTags"),
        after_basic=after_basic,
    )


def _arguments(reader: NodeReader, node: Node | None, key: str) -> dict[str, str]:
    if not isinstance(node, MappingNode):
        return {}
    return {
        reader.text(name, key): reader.text(value, key)
        for name, value in node.value
        if not isinstance(value, (MappingNode, SequenceNode))
    }


def _take_over(collected: Collected, element: _Element) -> None:
    if element.codename == "basic.dicom.profile":
        return
    reason = _why_not(element)
    if reason:
        collected.leave_out(element.line, element.key, reason)
        return
    if element.codename == "clean.pixel.data":
        collected.options.add(Option.CLEAN_PIXEL_DATA)
    elif element.codename == "action.on.dates" and not element.tags and not element.excluded:
        collected.options.add(Option.RETAIN_MODIFIED_DATES)
        collected.say_once(element.line, element.key, ONE_SHIFT)
    elif element.codename in _WITH_TAGS:
        _on_tags(collected, element)


_WITH_TAGS = ("action.on.specific.tags", "expression.on.tags", "action.on.dates")
_WITHOUT_TAGS = ("clean.pixel.data", "replace.uid")
_NO_COUNTERPART = "This kind of profile element has no counterpart here."


def _why_not(element: _Element) -> str:
    """Return why a whole element can't be expressed, or nothing."""
    if element.codename == "action.on.privatetags":
        if element.action == "X":
            return ""
        return "Private tags without their creator can't be kept; use retain-safe-private."
    if element.codename == "action.add.tag":
        return "Attributes are not added."
    if element.codename not in (*_WITH_TAGS, *_WITHOUT_TAGS):
        return _NO_COUNTERPART
    if element.condition:
        return "A condition has no counterpart here."
    if element.after_basic and element.codename in _WITH_TAGS:
        return "It stands after basic.dicom.profile, which decides first."
    if element.codename == "action.on.dates" and element.option not in ("shift", "shift_range"):
        return "Of the date options only shifting has a counterpart."
    return ""


def _action(element: _Element) -> tuple[RuleAction, str] | None:
    """Return what an element does and the value it writes, or None."""
    if element.codename == "action.on.dates":
        return RuleAction.SHIFT_DATE, ""
    if element.codename == "action.on.specific.tags":
        action = _LETTERS.get(element.action)
        return None if action is None else (action, "")
    expression = element.arguments.get("expr", "").strip()
    if expression in _EXPRESSIONS:
        return _EXPRESSIONS[expression], ""
    value = _REPLACE.fullmatch(expression)
    return None if value is None else (RuleAction.REPLACE, value[1])


def _on_tags(collected: Collected, element: _Element) -> None:
    chosen = _action(element)
    included, unreadable = tags_written(element.tags)
    excluded, unreadable_too = tags_written(element.excluded)
    if chosen is None:
        reason = "Only one plain action has a counterpart here, no expression and no dummy."
        collected.leave_out(element.line, element.key, reason)
        return
    if unreadable or unreadable_too:
        collected.leave_out(element.line, element.key, "A tag is not written as (gggg,eeee).")
        return
    is_date = element.codename == "action.on.dates"
    tags = included
    if is_date or excluded:
        tags = listed_tags(included, excluded, dates_only=is_date)
    if len(tags) > _MAX_SPELLED_OUT:
        reason = f"It would spell out more than {_MAX_SPELLED_OUT} rules."
        collected.leave_out(element.line, element.key, reason)
        return
    for tag in tags:
        collected.add(element.line, element.key, Rule(chosen[0], tag=tag, value=chosen[1]))
