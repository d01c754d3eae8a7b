"""Custom profiles as people write them: YAML or JSON in, YAML or JSON out.

Every error names the line and the key. Scalars are taken as they stand in the file, so that a tag
00100010 or a value 2024-01-01 is text and nothing else.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from .profile import Option, Profile, ProfileError, Rule, RuleAction, builtin_profile
from .rule_check import normalised, problem_of

MAX_SIZE = 131_072
MAX_RULES = 2_000
_PROFILE_KEYS = ("name", "description", "base", "options", "rules")
_RULE_KEYS = ("action", "tag", "keyword", "pattern", "private_creator", "find", "value")
_BASES = ("basic", "cloud", "teleradiology")
_NULL = "tag:yaml.org,2002:null"


@dataclass(frozen=True)
class _Place:
    """Where in which text a key stands."""

    source: str
    key: str
    line: int

    def fault(self, code: str, message: str) -> ProfileError:
        """Return the error to raise for this place."""
        source = f"{self.source}, " if self.source else ""
        key = f", {self.key}" if self.key else ""
        return ProfileError(code, message, f"{source}line {self.line}{key}")


class _Reader:
    """Walks the nodes of one text and knows where it is."""

    def __init__(self, source: str) -> None:
        self.source = source

    def place(self, node: Node, key: str) -> _Place:
        return _Place(self.source, key, node.start_mark.line + 1)

    def mapping(self, node: Node, key: str, allowed: tuple[str, ...]) -> dict[str, Node]:
        """Return the values of a mapping by key; keys are known and stand once."""
        if not isinstance(node, MappingNode):
            raise self.place(node, key).fault("not-a-mapping", "Write 'key: value' pairs here.")
        found: dict[str, Node] = {}
        for key_node, value in node.value:
            name = str(key_node.value) if isinstance(key_node, ScalarNode) else ""
            place = self.place(key_node, f"{key}.{name}".strip("."))
            if name not in allowed:
                raise place.fault("unknown-key", f"The keys here are {', '.join(allowed)}.")
            if name in found:
                raise place.fault("duplicate-key", "This key stands here twice.")
            found[name] = value
        return found

    def text(self, node: Node, key: str) -> str:
        """Return a scalar as it was written; nothing at all is the empty text."""
        if not isinstance(node, ScalarNode):
            raise self.place(node, key).fault("not-a-text", "Write one text here.")
        if node.tag == _NULL and node.style is None:
            return ""
        text = _joined_surrogates(str(node.value))
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise self.place(node, key).fault("bad-text", "The text is not valid Unicode.")
        return text

    def items(self, node: Node, key: str) -> Iterator[tuple[str, Node]]:
        """Yield the items of a list with their keys."""
        if isinstance(node, ScalarNode) and node.tag == _NULL:
            return
        if not isinstance(node, SequenceNode):
            raise self.place(node, key).fault("not-a-list", "Write a list here.")
        for index, item in enumerate(node.value):
            yield f"{key}[{index}]", item


def load_profile(text: str, *, source: str = "") -> Profile:
    """Read a custom profile from YAML or JSON; raise ProfileError that names line and key."""
    reader = _Reader(source)
    root = _composed(text, source)
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


def _composed(text: str, source: str) -> Node:
    """Return the root node of a YAML or JSON text."""
    if len(text) > MAX_SIZE:
        raise _Place(source, "", 1).fault("too-large", f"At most {MAX_SIZE} characters.")
    try:
        root = yaml.compose(_without_json_tabs(text), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = 1 if mark is None else mark.line + 1
        problem = error.problem or "the text is not well-formed"
        raise _Place(source, "", line).fault("not-yaml", f"No valid YAML: {problem}.") from error
    except yaml.YAMLError as error:
        raise _Place(source, "", _line_of_bad_character(text)).fault(
            "not-yaml", "No valid YAML: a character that may not stand in a text."
        ) from error
    except RecursionError as error:
        raise _Place(source, "", 1).fault("too-deep", "The text is nested too deeply.") from error
    if root is None:
        raise _Place(source, "", 1).fault("empty", "The text holds no profile.")
    return root


def _without_json_tabs(text: str) -> str:
    """Return JSON with its tabs as spaces: YAML knows all of JSON but tabs between tokens."""
    if "\t" not in text or not text.lstrip().startswith("{"):
        return text
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text.replace("\t", " ")  # JSON allows no raw tab inside a string


def _line_of_bad_character(text: str) -> int:
    """Return the line of the first character that YAML does not allow."""
    for number, line in enumerate(text.splitlines(), 1):
        if yaml.reader.Reader.NON_PRINTABLE.search(line):
            return number
    return 1


def _joined_surrogates(text: str) -> str:
    """Join the halves of JSON's escaped characters beyond U+FFFF; leave a lone half to fail."""
    if not any("\ud800" <= character <= "\udfff" for character in text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _base(reader: _Reader, node: Node | None) -> Profile:
    if node is None:
        return builtin_profile("basic")
    name = reader.text(node, "base")
    if name not in _BASES:
        raise reader.place(node, "base").fault("unknown-base", f"Bases are {', '.join(_BASES)}.")
    return builtin_profile(name)


def _options(reader: _Reader, node: Node | None) -> frozenset[Option]:
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


def _rules(reader: _Reader, node: Node | None) -> Iterator[Rule]:
    if node is None:
        return
    for index, (key, item) in enumerate(reader.items(node, "rules")):
        if index >= MAX_RULES:
            raise reader.place(item, key).fault("too-many-rules", f"At most {MAX_RULES} rules.")
        yield _rule(reader, key, item)


def _rule(reader: _Reader, key: str, node: Node) -> Rule:
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
