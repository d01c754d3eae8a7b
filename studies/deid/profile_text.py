"""Custom profiles as people write them: YAML or JSON in, YAML or JSON out.

Every error names the line and the key. Scalars are taken as they stand in the file, so that a tag
00100010 or a value 2024-01-01 is text and nothing else.
"""

import json
from collections.abc import Iterator
from typing import Any, Literal

import yaml
from yaml.nodes import Node

from .marked_text import NodeReader, compose
from .profile import Option, Profile, ProfileError, Rule, RuleAction, builtin_profile
from .rule_check import normalised, problem_of

MAX_RULES = 2_000
_PROFILE_KEYS = ("name", "description", "base", "options", "rules")
_RULE_KEYS = ("action", "tag", "keyword", "pattern", "private_creator", "find", "value")
_BASES = ("basic", "cloud", "teleradiology")


def load_profile(text: str, *, source: str = "") -> Profile:
    """Read a custom profile from YAML or JSON; raise ProfileError that names line and key."""
    reader = NodeReader(source)
    root = compose(text, source)
    members = reader.mapping(root, "", _PROFILE_KEYS)
    name = reader.text(members["name"], "name").strip() if "name" in members else ""
    if not name:
        raise reader.place(members.get("name", root), "name").fault(
            "missing-key", "A profile has a name."
        )
    base = _base(reader, members.get("base"))
    options = base.options | _options(reader, members.get("options"))
    rules = tuple(_rules(reader, members.get("rules")))
    description = members.get("description")
    try:
        return Profile(
            name=name,
            options=options,
            rules=rules,
            base=base.base,
            description="" if description is None else reader.text(description, "description"),
        )
    except ProfileError as error:
        place = reader.place(members.get("options", root), "options")
        raise place.fault(error.code, error.message) from error


def dump_profile(profile: Profile, form: Literal["yaml", "json"] = "yaml") -> str:
    """Write a profile so that `load_profile` reads the same one back."""
    data: dict[str, Any] = profile.to_dict()
    if profile.description:
        data = {"name": data.pop("name"), "description": profile.description, **data}
    if form == "json":
        return json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)


def _base(reader: NodeReader, node: Node | None) -> Profile:
    if node is None:
        return builtin_profile("basic")
    name = reader.text(node, "base")
    if name not in _BASES:
        raise reader.place(node, "base").fault("unknown-base", f"Bases are {', '.join(_BASES)}.")
    return builtin_profile(name)


def _options(reader: NodeReader, node: Node | None) -> frozenset[Option]:
    found = set()
    for key, item in reader.items(node, "options") if node is not None else ():
        name = reader.text(item, key)
        try:
            found.add(Option(name))
        except ValueError:
            known = ", ".join(option.value for option in Option)
            raise reader.place(item, key).fault(
                "unknown-option", f"The options are {known}."
            ) from None
    return frozenset(found)


def _rules(reader: NodeReader, node: Node | None) -> Iterator[Rule]:
    if node is None:
        return
    for index, (key, item) in enumerate(reader.items(node, "rules")):
        if index >= MAX_RULES:
            raise reader.place(item, key).fault("too-many-rules", f"At most {MAX_RULES} rules.")
        yield _rule(reader, key, item)


def _rule(reader: NodeReader, key: str, node: Node) -> Rule:
    members = reader.mapping(node, key, _RULE_KEYS)
    texts = {name: reader.text(value, f"{key}.{name}") for name, value in members.items()}
    action = texts.pop("action", "")
    try:
        rule = normalised(Rule(action=RuleAction(action), **texts))
    except ValueError:
        known = ", ".join(member.value for member in RuleAction)
        place = reader.place(members.get("action", node), f"{key}.action")
        raise place.fault("unknown-action", f"The actions are {known}.") from None
    if rule.action is RuleAction.REPLACE and "value" not in members:
        raise reader.place(node, f"{key}.value").fault(
            "missing-key", "replace needs a value; '' stands for no text."
        )
    problem = problem_of(rule)
    if problem is not None:
        place = reader.place(members.get(problem.key, node), f"{key}.{problem.key}")
        raise place.fault(problem.code, problem.message)
    return rule
