"""RSNA CTP anonymizer scripts: the XML form and the older properties form.

An element's script is a small language; what is one plain function call of it is taken over.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.parsers import expat

from studies.deid.profile import Option, Profile, Rule, RuleAction

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

MAX_SIZE = 1_048_576  # a script lists every attribute of the dictionary, most of them unchecked
_CALL = re.compile(r"@(\w+)\(([^()]*)\)", re.DOTALL)
_CONTENTS = re.compile(r'@contents\(\s*(\w+)\s*,\s*"(.*)"\s*,\s*"(.*)"\s*\)', re.DOTALL)
_PRIVATE = re.compile(r"([0-9A-Fa-f]{4})\[([^\]]+)\]([0-9A-Fa-f]{2})")
_PROPERTY = re.compile(r"(#?)(param|set|keep|remove)\.([^=]*)=?(.*)")
_SET = re.compile(r"\[([^\]]*)\](.*)")

_HASHES = frozenset(("hash", "hashname", "hashptid", "hashpn", "integer", "lookup", "encrypt"))
_SHIFTS = frozenset(("incrementdate", "hashdate"))
_SIMPLE = {"keep": RuleAction.KEEP, "remove": RuleAction.REMOVE, "empty": RuleAction.EMPTY}
_DONE_BY_BASE = frozenset(("privategroups", "curves", "overlays"))


@dataclass(frozen=True)
class _Entry:
    """One line of a script: kind is p, e, k or r."""

    line: int
    kind: str
    tag: str
    name: str
    text: str
    enabled: bool


def import_ctp(text: str, *, name: str, source: str = "") -> tuple[Profile, list[NotExpressed]]:
    """Read a CTP anonymizer script."""
    check_size(text, source, MAX_SIZE)
    is_xml = text.lstrip("\ufeff \t\r\n").startswith("<")
    entries = list(_xml_entries(text, source) if is_xml else _property_entries(text))
    if not any(entry.kind in "ekr" for entry in entries):
        raise fault(source, 1, "not-ctp", "The text is no CTP anonymizer script.")
    parameters = {entry.tag: entry.text for entry in entries if entry.kind == "p"}
    collected = Collected(source)
    for entry in entries:
        if entry.enabled and entry.kind == "e":
            _element(collected, entry, parameters)
        elif entry.enabled and entry.kind in "kr":
            _whole(collected, entry)
    collected.say_once(1, "", BASE_DECIDES)
    return collected.profile(name), collected.left_out


def _xml_entries(text: str, source: str) -> list[_Entry]:
    """Read the XML form; a document type declaration is refused, entities can't grow."""
    parser = expat.ParserCreate()
    entries: list[_Entry] = []
    opened: list[tuple[int, str, dict[str, str], list[str]]] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        opened.append((parser.CurrentLineNumber, tag, attributes, []))

    def characters(data: str) -> None:
        opened[-1][3].append(data)

    def end(_tag: str) -> None:
        line, tag, attributes, parts = opened.pop()
        if len(opened) == 1 and tag in ("p", "e", "k", "r"):
            entries.append(
                _Entry(
                    line,
                    tag,
                    attributes.get("t", "").strip(),
                    attributes.get("n", ""),
                    "".join(parts).strip(),
                    attributes.get("en", "T") == "T",
                )
            )

    def doctype(*_args: object) -> None:
        raise fault(source, parser.CurrentLineNumber, "not-ctp", "A script has no DTD.")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = characters, doctype
    try:
        parser.Parse(text.lstrip("\ufeff \t\r\n"), True)
    except expat.ExpatError as error:
        message = f"No valid XML: {expat.ErrorString(error.code)}."
        raise fault(source, error.lineno, "not-ctp", message) from error
    return entries


def _property_entries(text: str) -> Iterator[_Entry]:
    """Read the properties form: `set.[0010,0010]PatientName=@hash(this)`; # means unchecked."""
    for number, line in enumerate(text.splitlines(), 1):
        match = _PROPERTY.match(line.strip())
        if match is None:
            continue
        off, kind, rest, value = match.groups()
        if kind == "set":
            place = _SET.match(rest)
            if place is None:
                continue
            tag, name = place[1].replace(",", ""), place[2].strip()
        else:
            tag, name = rest.strip().removeprefix("group"), ""
        yield _Entry(number, _KINDS[kind], tag, name, value.strip(), not off)


_KINDS = {"param": "p", "set": "e", "keep": "k", "remove": "r"}


def _whole(collected: Collected, entry: _Entry) -> None:
    """A rule about groups or whole kinds of elements."""
    key = entry.name or entry.tag
    if entry.kind == "k" and entry.tag.startswith("safe"):
        collected.options.add(Option.RETAIN_SAFE_PRIVATE)
    elif entry.kind == "k":
        collected.leave_out(entry.line, key, "A group is not kept whole: the base decides.")
    elif entry.tag == "unspecifiedelements":
        collected.leave_out(
            entry.line,
            key,
            "Attributes the script does not name are kept or removed as the Basic Profile says.",
        )
    elif entry.tag not in _DONE_BY_BASE:
        collected.leave_out(entry.line, key, "This kind of removal is not known.")


def _element(collected: Collected, entry: _Entry, parameters: dict[str, str]) -> None:
    key = entry.name or entry.tag
    private = _PRIVATE.fullmatch(entry.tag)
    where = (
        {"tag": f"{private[1]}xx{private[3]}", "private_creator": private[2]}
        if private
        else {"tag": entry.tag.strip("[]() ").replace(",", "")}
    )
    script = entry.text
    if script.startswith("@always()"):
        script = script.removeprefix("@always()").strip()
        collected.say_once(entry.line, key, ONLY_PRESENT)
    rule = _rule(collected, entry, script, where, parameters)
    if rule is not None:
        collected.add(entry.line, key, rule)


def _rule(
    collected: Collected,
    entry: _Entry,
    script: str,
    where: dict[str, str],
    parameters: dict[str, str],
) -> Rule | None:
    """Return the rule for an element's script, or note why there is none."""
    key = entry.name or entry.tag
    if not script:
        return Rule(RuleAction.EMPTY, **where)
    contents = _CONTENTS.fullmatch(script)
    if contents is not None:
        return _substitution(collected, entry, contents, where)
    if not script.startswith("@") and "@" not in script:
        return Rule(RuleAction.REPLACE, value=script, **where)
    call = _CALL.fullmatch(script)
    if call is None:
        collected.leave_out(entry.line, key, "A script of several steps has no counterpart here.")
        return None
    function, argument = call[1].lower(), call[2].strip()
    if function in _SIMPLE:
        return Rule(_SIMPLE[function], **where)
    if function == "blank":
        return Rule(RuleAction.EMPTY, **where)
    if function == "require":
        collected.say_once(entry.line, key, ONLY_PRESENT)
        return Rule(RuleAction.KEEP, **where)
    if function == "process" and vr_of(where["tag"].upper()) == "SQ":
        return Rule(RuleAction.KEEP, **where)
    if function in _HASHES:
        return Rule(RuleAction.HASH, **where)
    if function == "hashuid":
        return Rule(RuleAction.NEW_UID, **where)
    if function in _SHIFTS:
        return Rule(RuleAction.SHIFT_DATE, **where)
    if function == "param" and argument.lstrip("@") in parameters:
        return Rule(RuleAction.REPLACE, value=parameters[argument.lstrip("@")], **where)
    collected.leave_out(entry.line, key, f"The function @{function} has no counterpart here.")
    return None


def _substitution(
    collected: Collected, entry: _Entry, contents: "re.Match[str]", where: dict[str, str]
) -> Rule | None:
    """`@contents(this,"regex","replacement")`, where it is about the element itself."""
    element, find, replacement = contents.groups()
    if element != "this" and tag_of(element) != where["tag"].upper():
        collected.leave_out(
            entry.line, entry.name or entry.tag, "A value can't be taken from another attribute."
        )
        return None
    value = re.sub(r"\$(\d)", r"\\\1", replacement.replace("\\", "\\\\"))
    return Rule(RuleAction.REGEX_REPLACE, find=find, value=value, **where)
