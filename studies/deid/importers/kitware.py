"""Kitware dicom-anonymizer dictionaries: JSON from a tag, written as a tuple, to an action."""

import re
from collections.abc import Iterator

from yaml.nodes import MappingNode, Node

from studies.deid.marked_text import NodeReader, compose
from studies.deid.profile import Profile, Rule, RuleAction

from .collected import BASE_DECIDES, Collected, NotExpressed, fault, vr_of

_HEX = re.compile(r"0[xX]([0-9A-Fa-f]{1,4})")
_OPTION_KEYS = ("action", "find", "replace", "value")
# Dummies by VR, as that tool writes them.
_DUMMIES = {
    **dict.fromkeys(("LO", "SH", "PN", "CS"), "ANONYMIZED"),
    "DA": "00010101",
    "DT": "00010101010101.000000+0000",
    "TM": "000000.00",
    "IS": "0",
    "ST": "",
}
_NAMES = {
    "replace": "dummy",
    "replace_element": "dummy",
    "replace_element_date": "dummy",
    "replace_element_date_time": "dummy",
    "empty_or_replace": "dummy",
    "delete_or_replace": "dummy",
    "delete_or_empty_or_replace": "dummy",
    "empty": "empty",
    "empty_element": "empty",
    "delete_or_empty": "empty",
    "delete": "remove",
    "delete_element": "remove",
    "keep": "keep",
    "clean": "clean-text",
    "replace_uid": "new-uid",
    "replace_element_uid": "new-uid",
    "delete_or_empty_or_replace_uid": "uid-or-empty",
    "regexp": "regex-replace",
    "replace_with_value": "replace",
}


def import_kitware(text: str, *, name: str, source: str = "") -> tuple[Profile, list[NotExpressed]]:
    """Read a dictionary file of dicom-anonymizer."""
    root = compose(text, source)
    reader, collected = NodeReader(source), Collected(source)
    if not isinstance(root, MappingNode):
        raise fault(source, 1, "not-kitware", "The dictionary is no JSON object.")
    for key_node, value in root.value:
        key = reader.text(key_node, "")
        line = reader.place(key_node, key).line
        tag = _tag(key)
        if tag is None:
            raise fault(source, line, "not-kitware", "A key is a tag such as (0x0010, 0x0010).")
        for rule in _rules(reader, collected, line, key, tag, value):
            collected.add(line, key, rule)
    collected.say_once(1, "", BASE_DECIDES)
    return collected.profile(name), collected.left_out


def _tag(key: str) -> str | None:
    """Return a tuple of two numbers, or of two and two masks, as a tag with wildcards."""
    parts = [part.strip() for part in key.strip().strip("()").split(",")]
    numbers = [_HEX.fullmatch(part) for part in parts]
    if len(parts) not in (2, 4) or not all(numbers):
        return None
    words = [number[1].zfill(4).upper() for number in numbers if number]
    digits, mask = "".join(words[:2]), "".join(words[2:]) or "FFFFFFFF"
    if set(mask) - {"0", "F"}:
        return None
    return "".join("x" if m == "0" else d for d, m in zip(digits, mask, strict=True))


def _rules(
    reader: NodeReader, collected: Collected, line: int, key: str, tag: str, node: Node
) -> Iterator[Rule]:
    if isinstance(node, MappingNode):
        members = reader.mapping(node, key, _OPTION_KEYS)
        options = {name: reader.text(value, f"{key}.{name}") for name, value in members.items()}
    else:
        options = {"action": reader.text(node, key)}
    name = _snake(options.get("action", ""))
    action = _NAMES.get(name)
    vr = vr_of(tag)
    if action is None:
        collected.leave_out(line, key, "An action of the caller's own program is not known.")
    elif action == "dummy" and vr not in (*_DUMMIES, "UI"):
        collected.leave_out(line, key, "The Basic Profile writes the dummy for this kind of value.")
    elif action == "dummy" and vr != "UI":
        yield Rule(RuleAction.REPLACE, tag=tag, value=_DUMMIES[vr])
    elif action == "regex-replace":
        value, find = options.get("replace", ""), options.get("find", "")
        yield Rule(RuleAction.REGEX_REPLACE, tag=tag, find=find, value=value)
    elif action == "replace":
        yield Rule(RuleAction.REPLACE, tag=tag, value=options.get("value", ""))
    elif action == "new-uid" or (vr == "UI" and action in ("dummy", "uid-or-empty")):
        yield Rule(RuleAction.NEW_UID, tag=tag)
    elif action == "uid-or-empty":
        yield Rule(RuleAction.EMPTY, tag=tag)
    else:
        yield Rule(RuleAction(action), tag=tag)


def _snake(name: str) -> str:
    """Old dictionaries write replaceElementUID for replace_element_UID."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.strip()).lower()
