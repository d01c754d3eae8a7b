"""FHIR resources as JSON trees: reading them strictly, checking them, writing them as they were.

R4 goes through the R4B models: what reports use is the same in both. The models are only asked
whether a resource is valid; what goes back is the tree that came, with its numbers as written.
"""

import html
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any, NamedTuple

from fhir.resources import get_fhir_model_class as r5_model
from fhir.resources.R4B import get_fhir_model_class as r4_model
from pydantic import ValidationError

from studies.reports.report import ReportError

Tree = dict[str, Any]
_PLAIN = re.compile(r"[A-Za-z]{1,40}\Z")
_MARK = "\ue000"


class Document:
    """A FHIR document: its tree, the version it is valid in, and how it was written."""

    def __init__(self, text: str) -> None:
        self._mark = _MARK
        while self._mark in text:
            self._mark += _MARK
        self.root = _loaded(text, lambda number: f"{self._mark}{number}{self._mark}")
        self._indent = 2 if "\n" in text.strip()[:200] else None
        self.release = _release(_loaded(text, Decimal))
        self.resources = list(_resources(self.root))

    def of_type(self, kind: str) -> list[Tree]:
        """Return the resources of a type, contained ones too."""
        return [one for one in self.resources if one.get("resourceType") == kind]

    def full_urls(self) -> set[str]:
        """Return the addresses under which a Bundle's entries stand in it."""
        entries = self.root.get("entry") or []
        return {
            str(one["fullUrl"]) for one in entries if isinstance(one, dict) and "fullUrl" in one
        }

    def to_bytes(self) -> bytes:
        """Return the document as JSON, its numbers as they were written."""
        separators = None if self._indent else (",", ":")
        text = json.dumps(self.root, ensure_ascii=False, indent=self._indent, separators=separators)
        mark = re.escape(self._mark)
        text = re.sub(rf'"{mark}([-+.0-9Ee]+){mark}"', r"\1", text)
        return text.encode()


def parse(body: bytes) -> Document:
    """Read a DiagnosticReport, or a Bundle with one, of R4 or R5."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ReportError("wrong-charset") from None
    try:
        document = Document(text)
    except (ValueError, RecursionError, AttributeError, TypeError, KeyError):
        raise ReportError("fhir-malformed") from None
    if not document.of_type("DiagnosticReport"):
        raise ReportError("fhir-not-a-report", "resourceType")
    return document


class Text(NamedTuple):
    """A string of a tree: the resource it is in, its path of names there, and what holds it."""

    resource: str
    path: tuple[str, ...]
    holder: Any
    key: Any

    @property
    def value(self) -> str:
        """The string as it stands now."""
        return str(self.holder[self.key])

    @property
    def name(self) -> str:
        """The name of its element."""
        return self.path[-1] if self.path else ""


def strings(tree: Any, resource: str = "", path: tuple[str, ...] = ()) -> Iterator[Text]:
    """Give every string of a tree."""
    if isinstance(tree, dict) and isinstance(tree.get("resourceType"), str):
        resource, path = tree["resourceType"], ()
    items: Any = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in items:
        here = (*path, key) if isinstance(key, str) else path
        if isinstance(value, str):
            yield Text(resource, here, tree, key)
        elif isinstance(value, dict | list):
            yield from strings(value, resource, here)


def plain_html(markup: str) -> str:
    """Return the words of XHTML or HTML; its scripts and styles are dropped, nothing is run."""
    reader = _Words()
    reader.feed(markup)
    reader.close()
    return re.sub(r"[ \t]*\n\s*", "\n", "".join(reader.words)).strip()


def escape_html(value: str) -> str:
    """Return a value as it is written inside markup."""
    return html.escape(value, quote=True)


class _Words(HTMLParser):
    _BLOCKS = frozenset({"p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "table"})
    _SILENT = frozenset({"script", "style", "template"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Break the line at blocks, and fall silent inside scripts."""
        self._silent += tag in self._SILENT
        if tag in self._BLOCKS:
            self.words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        """Speak again after a script."""
        if tag in self._SILENT and self._silent:
            self._silent -= 1

    def handle_data(self, data: str) -> None:
        """Keep the words."""
        if not self._silent:
            self.words.append(data)


def _loaded(text: str, number: Any) -> Tree:
    def once(pairs: list[tuple[str, Any]]) -> Tree:
        # A name twice lets two readers see two reports.
        if len({name for name, _value in pairs}) != len(pairs):
            raise ValueError
        return dict(pairs)

    def never(_name: str) -> None:
        raise ValueError

    tree = json.loads(text, parse_float=number, parse_constant=never, object_pairs_hook=once)
    if not isinstance(tree, dict):
        raise ReportError("fhir-malformed")
    return tree


def _release(tree: Tree) -> str:
    """Return the release that a resource is valid in, or raise ReportError with the place."""
    kind = tree.get("resourceType")
    if kind not in ("Bundle", "DiagnosticReport"):
        raise ReportError("fhir-not-a-report", "resourceType")
    where = ""
    for release, model in (("R5", r5_model), ("R4", r4_model)):
        try:
            model(kind).model_validate(tree)
        except ValidationError as error:
            where = _place(kind, error)
        else:
            return release
    raise ReportError("fhir-invalid", where)


def _place(kind: str, error: ValidationError) -> str:
    """Return the names on the way to the first fault; what a document invented is left out."""
    first = error.errors(include_input=False, include_context=False, include_url=False)[0]
    known = [str(part) for part in first["loc"] if _PLAIN.match(str(part))]
    if first["type"] == "extra_forbidden":
        known = known[:-1]
    return ".".join([kind, *known])[:80]


def _resources(tree: Any) -> Iterator[Tree]:
    if isinstance(tree, dict):
        if isinstance(tree.get("resourceType"), str):
            yield tree
        for value in tree.values():
            yield from _resources(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _resources(value)
