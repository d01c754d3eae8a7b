"""Texts with places: YAML and JSON as nodes that know the line and the key they stand at.

Scalars are taken as they were written: no number, date or Boolean is made of them. Builds no
object that a text names.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from .profile import ProfileError

MAX_SIZE = 131_072
_NULL = "tag:yaml.org,2002:null"


@dataclass(frozen=True)
class Place:
    """Where in which text a key stands."""

    source: str
    key: str
    line: int

    def fault(self, code: str, message: str) -> ProfileError:
        """Return the error to raise for this place."""
        source = f"{self.source}, " if self.source else ""
        key = f", {self.key}" if self.key else ""
        return ProfileError(code, message, f"{source}line {self.line}{key}")


class NodeReader:
    """Walks the nodes of one text and knows where it is."""

    def __init__(self, source: str) -> None:
        self.source = source

    def place(self, node: Node, key: str) -> Place:
        """Return where a node stands."""
        return Place(self.source, key, node.start_mark.line + 1)

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


def compose(text: str, source: str) -> Node:
    """Return the root node of a YAML or JSON text."""
    if len(text) > MAX_SIZE:
        raise Place(source, "", 1).fault("too-large", f"At most {MAX_SIZE} characters.")
    try:
        root = yaml.compose(_without_json_tabs(text), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = 1 if mark is None else mark.line + 1
        problem = error.problem or "the text is not well-formed"
        raise Place(source, "", line).fault("not-yaml", f"No valid YAML: {problem}.") from error
    except yaml.YAMLError as error:
        raise Place(source, "", _line_of_bad_character(text)).fault(
            "not-yaml", "No valid YAML: a character that may not stand in a text."
        ) from error
    except RecursionError as error:
        raise Place(source, "", 1).fault("too-deep", "The text is nested too deeply.") from error
    if root is None:
        raise Place(source, "", 1).fault("empty", "The text holds no profile.")
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
