"""A profile compiled: one table per kind of place, from tag to what happens there.

An entry is either an integer, which says "keep, if the VR is this one" (the fast path of the scan
loops), or an `Action`. Text has `TEXT` added, long VRs are kept by their negative code. No entry:
not known, removed. Entries are made when first asked for: objects use a tenth of the dictionary.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from . import actions
from .actions import Action, Handler
from .dataset import (
    PIXEL_DATA,
    SHORT_VRS,
    SQ,
    TEXT,
    TEXT_VRS,
    UI,
    UN,
    public_vrs,
    retired_tags,
    swapped,
    vr_code,
)
from .documents import DOCUMENT, DOCUMENT_LENGTH
from .dummies import DUMMY_SEQUENCES
from .errors import Unsupported
from .graphics import ANNOTATIONS, OVERLAY_DATA
from .profile import Option, Profile, Rule, RuleAction
from .resolve import CONTENT_SEQUENCE, Path, attribute_types, decide, override, table_rows
from .tables import codes, iod_types

if TYPE_CHECKING:
    from .series import Sample

Entry = int | Action


class Table(dict[int, Entry | None]):
    """What happens to each attribute at one kind of place; None where it is not known.

    Ask by index: `get` knows only the entries that were asked for before.
    """

    def __init__(self, entry_of: Callable[[int], Entry | None]) -> None:
        super().__init__()
        self._entry_of = entry_of

    def __missing__(self, tag: int) -> Entry | None:
        entry = self._entry_of(tag)
        if entry is not None:  # tags that nobody knows come from the file
            self[tag] = entry
        return entry


# Type and whether a mandatory module says so, by tag, at one kind of place in an IOD.
Kinds = Mapping[int, tuple[str, bool]]

# UIDs of classes, syntaxes and schemes name no instance (PS3.15 E.3.9).
_CLASS_UIDS = frozenset(
    (0x00080016, 0x0008001A, 0x0008001B, 0x00080062, 0x0008010C, 0x0008010D, 0x00080117,
     0x00080118, 0x0008040E, 0x00081150, 0x0008115A, 0x00083002, 0x00340003, 0x04000010,
     0x04000510, 0x30100052, 0x30100053)
)  # fmt: skip
# Written from the cloud ids at the top level, whatever stood there.
FIXED = (0x00080050, 0x00080080, 0x00100010, 0x00100020, 0x00200010)
STUDY_DESCRIPTION = 0x00081030
MARKS = (0x00120062, 0x00120063, 0x00120064, 0x00280303)
CONTRIBUTING_EQUIPMENT = 0x0018A001
# A rule by wildcard or pattern passes over these: without them an object can't be read, marked or
# found again. A rule that names one of them is checked when the profile is read.
_IDENTITY = (0x00080016, 0x00080018, 0x0020000D, 0x0020000E)
_SPARED = frozenset(
    swapped(tag) for tag in (0x00080005, *_IDENTITY, CONTRIBUTING_EQUIPMENT, *FIXED, *MARKS)
)
# Encrypted Attributes hold the identity an earlier de-identifier took out, for who has the key;
# the parameters of signatures are of no use without the signatures.
_OF_AN_EARLIER_HAND = frozenset((0x04000500, 0x4FFE0001))
_MAX_TABLES = 1024
_AGE_VR = vr_code("AS")
_PN = vr_code("PN")
_DATE_OPTIONS = ("retain-full-dates", "retain-modified-dates")
_DATE_CELLS = dict(zip(_DATE_OPTIONS, ("K", "C"), strict=True))
# VRs that say what a value is; others are kept where no table names the attribute.
_BY_VR = frozenset((SQ, UI, _PN, _AGE_VR, actions.DA, actions.DT))
_HANDLERS: dict[str, Handler] = {
    "X": actions.remove,
    "Z": actions.empty,
    "D": actions.dummy,
    "U": actions.new_uid,
    "C": actions.clean_text,
}
_SEQUENCES = {"X": "remove", "Z": "empty"}
_DEVICE, _INSTITUTION = Option.RETAIN_DEVICE_IDENTITY, Option.RETAIN_INSTITUTION_IDENTITY

# Which attributes say who or where, and under which option they may stay.
IDENTIFYING: dict[int, str] = {
    **dict.fromkeys((0x00100020, 0x00101000, 0x00080050, 0x00200010, 0x00402016, 0x00402017), "id"),
    **dict.fromkeys((0x00401001, 0x00400009, 0x00380010, 0x00380060, 0x00101090), "id"),
    **dict.fromkeys((0x00101050, 0x00081100, 0x00401008), "id"),
    **dict.fromkeys((0x00101040, 0x00080092, 0x00080081, 0x00380400), "address"),
    **dict.fromkeys((0x00102154, 0x00080094, 0x00401103), "phone"),
    **dict.fromkeys((0x00080080, 0x0040A027), "institution"),
    **dict.fromkeys((0x00081010, 0x00181000, 0x00181002), "device"),
    0x00100030: "birth",
}


def _overlays() -> Iterable[int]:
    return [tag for tag in public_vrs() if 0x6000 <= tag & 0xFFFF < 0x6020]


# What goes although no table names it. Where several reasons hold, the last of these is told.
_GONE: tuple[tuple[str, Callable[[], Iterable[int]]], ...] = (
    ("overlay", _overlays),
    ("out of place", lambda: PIXEL_DATA),  # the pixels themselves never come here
    ("signed or encrypted before", lambda: map(swapped, _OF_AN_EARLIER_HAND)),
    ("retired", retired_tags),
)


@lru_cache(maxsize=1)
def _gone() -> dict[int, str]:
    """Return why an attribute goes although no table names it, by tag."""
    return {tag: because for because, tags in _GONE for tag in tags()}


class IodPlan:
    """The tables of one IOD: top level, nested by path where Types differ, nested otherwise."""

    __slots__ = (
        *("_levels", "_plan", "_tables", "beginnings", "items", "nested_default", "special"),
        *("top", "unchanged"),
    )

    def __init__(self, plan: "Plan", kinds: Mapping[Path, Kinds]) -> None:
        self.top = plan.table(kinds.get((), {}), top=True)
        self.nested_default = plan.nested_default
        self._plan = plan
        self._levels = {path: level for path, level in kinds.items() if path}
        self._tables: dict[Path, Table] = {}
        # Sequences with a table of their own somewhere: all others are alike wherever they stand.
        self.special = frozenset(path[-1] for path in self._levels)
        # What came out as it went in, with the texts in it: code sequences, content items (with
        # what Table E.3.4-1 says of their concept) and beginnings of content items. They repeat
        # thousands of times.
        self.unchanged: dict[bytes, tuple[bytes, ...]] = {}
        self.items: dict[bytes, tuple[str, tuple[bytes, ...]]] = {}
        self.beginnings: dict[bytes, tuple[bytes, ...]] = {}

    def nested(self, path: Path) -> Table:
        """Return the table for what stands in the sequence at `path`; made when first asked."""
        if path[-1] not in self.special:
            return self.nested_default
        table = self._tables.get(path)
        if table is None:
            level = self._levels.get(path)
            table = self._plan.table(level, top=False) if level else self.nested_default
            if len(self._tables) < _MAX_TABLES:  # paths come from the file
                self._tables[path] = table
        return table


class Plan:
    """What a profile means for every attribute; shared by all instances and threads."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.options = profile.options
        self.shifts_dates = Option.RETAIN_MODIFIED_DATES in self.options
        shifts = any(rule.action is RuleAction.SHIFT_DATE for rule in profile.rules)
        self.needs_shift = self.shifts_dates or shifts
        self.keeps_dates = Option.RETAIN_FULL_DATES in self.options
        self.keeps_uids = Option.RETAIN_UIDS in self.options
        self.cleans_text = Option.CLEAN_DESCRIPTORS in self.options
        self.cleans_graphics = Option.CLEAN_GRAPHICS in self.options
        self.cleans_content = Option.CLEAN_STRUCTURED_CONTENT in self.options
        self.keeps_safe_private = Option.RETAIN_SAFE_PRIVATE in self.options
        self.keeps_institution = _INSTITUTION in self.options
        self.keeps_device = _DEVICE in self.options
        self._rules = _compile_rules(profile.rules)
        self.private_rules = _private_rules(profile.rules)
        self._iods: dict[str, IodPlan] = {}
        # What Table E.3.4-1 says of a content item, by value type and concept as encoded.
        self.letters: dict[tuple[bytes, bytes], str] = {}
        # What is known of the series in work; replaced as a whole, never changed.
        self.series: list[Sample] = []

    @property
    def digest(self) -> str:
        """The digest of the profile: what a batch pins."""
        return self.profile.digest

    def for_class(self, sop_class_uid: str) -> IodPlan:
        """Return the tables for objects of one SOP class."""
        known = self._iods.get(sop_class_uid)
        if known is None:
            try:
                iod = iod_types.SOP_CLASSES[sop_class_uid][0]
            except KeyError:
                raise _unknown_class(sop_class_uid) from None
            known = self._iods[sop_class_uid] = IodPlan(self, attribute_types(iod))
        return known

    @cached_property
    def nested_default(self) -> Table:
        """The table of what stands in a sequence for whose attributes no module names a Type."""
        return self.table({}, top=False)

    def table(self, kinds: Kinds, *, top: bool) -> Table:
        """Return the table of one kind of place; own rules come first, Table E.1-1 third."""
        rules, rows = self._rules, table_rows()
        before = {**(self._top_only if top else {}), **rules}

        def entry_of(tag: int) -> Entry | None:
            if tag in before:
                return before[tag]
            if swapped(tag) in rows:
                return self._listed(tag, *kinds.get(tag, ("3", False)), top=top)
            return self._unlisted(tag)

        return Table(entry_of)

    def _listed(self, tag: int, kind: str, mandatory: bool, *, top: bool) -> Entry:
        """Return the entry of an attribute that Table E.1-1 names."""
        plain = swapped(tag)
        _name, basic, cells = table_rows()[plain]
        code, because = override(basic, cells, self.options)
        letter, why = decide(code, kind, mandatory)
        fallback, _ = decide(basic, kind, mandatory)
        if plain == STUDY_DESCRIPTION and letter == "X" and top:
            letter, why = "Z", "clients need it"
        vr = public_vrs().get(tag, UN)
        return self._entry(plain, vr, letter, why or because, fallback)

    def _unlisted(self, tag: int) -> Entry | None:
        """Return the entry of what the dictionary knows and Table E.1-1 does not name."""
        vr = public_vrs().get(tag)
        if vr is None:
            return None
        because = _gone().get(tag)
        if because == "overlay" and self.cleans_graphics and vr != SQ:
            return Action("C", "clean-graphics", swapped(tag), vr, actions.overlay)
        if because is not None:
            return self._entry(swapped(tag), vr, "X", because, "X")
        return self._unlisted_entry(swapped(tag), vr) if vr in _BY_VR else keep_entry(vr)

    def _unlisted_entry(self, plain: int, vr: int) -> Entry:
        """Return the entry of an attribute that its VR decides about."""
        letter, because = "K", ""
        if vr == UI and plain not in _CLASS_UIDS:
            letter, because = ("K", "") if self.keeps_uids else ("U", "uid")
        elif vr == _PN:
            letter, because = "D", "name"
        elif vr in (actions.DA, actions.DT):
            letter, because = override("X", _DATE_CELLS, self.options)
        return self._entry(plain, vr, letter, because, "X")

    def _entry(self, tag: int, vr: int, letter: str, because: str, fallback: str) -> Entry:
        if letter == "K":
            if vr == SQ:
                return self._keep_sequence(tag)
            if vr == _AGE_VR:
                return Action("K", "age", tag, vr, actions.age)
            return keep_entry(vr)
        kind = IDENTIFYING.get(tag, "name" if vr == _PN else "")
        handler = actions.document if (tag, letter) == (DOCUMENT, "D") else _HANDLERS[letter]
        if letter == "C" and because in _DATE_OPTIONS:
            handler = actions.shift_date
        elif letter == "C" and because == "clean-graphics" and tag & 0xFF00FFFF == OVERLAY_DATA:
            handler = actions.overlay
        elif letter == "C" and because == "clean-graphics" and vr != SQ:
            letter, handler = fallback, actions.fall_back
        sequence = _SEQUENCES.get(letter, "recurse")
        if letter == "D" and tag in DUMMY_SEQUENCES:
            sequence = "dummy"
        if letter == "C" and tag == ANNOTATIONS:
            sequence = "graphics"
        if letter == "C" and because == "clean-structured-content":
            sequence = "content" if tag != 0x00400610 else "recurse"
        return Action(letter, because, tag, vr, handler, sequence, kind, fallback)

    def _keep_sequence(self, tag: int) -> Action:
        content = self.cleans_content and tag in (0x00400612, 0x00400441)
        how = "content" if content else "recurse"
        if tag == CONTRIBUTING_EQUIPMENT:
            how = "equipment"
        return Action("K", "", tag, SQ, actions.keep, how, repeats=how == "recurse")

    @cached_property
    def _top_only(self) -> dict[int, Entry]:
        vrs = public_vrs()
        table: dict[int, Entry] = {}
        for tag in FIXED:
            if tag == 0x00080080 and self.keeps_institution:
                continue
            kind = IDENTIFYING.get(tag, "name")
            vr = vrs[swapped(tag)]
            table[swapped(tag)] = Action("D", "cloud id", tag, vr, actions.fixed, kind=kind)
        table[swapped(DOCUMENT_LENGTH)] = Action(
            "K", "document", DOCUMENT_LENGTH, vr_code("UL"), actions.document_length
        )
        for tag in MARKS:
            table[swapped(tag)] = Action("X", "mark", tag, vrs[swapped(tag)], actions.remove)
        return table

    @cached_property
    def concepts(self) -> dict[tuple[str, str, str], str]:
        """Actions of Table E.3.4-1 by code value, scheme and value type, options united."""
        from .tables import sr_content

        found: dict[tuple[str, str, str], str] = {}
        for value, scheme, value_type, basic, cells, _meaning in sr_content.ROWS:
            code, _because = override(basic, cells, self.options)
            # An item's template is not known here: a dummy suits Type 1 and Type 3 alike.
            found[value, scheme.split(" ")[0], value_type] = code.rsplit("/", maxsplit=1)[-1]
        return found

    @cached_property
    def content_tables(self) -> dict[str, Table]:
        """Tables for SR content items: C cleans text values, D replaces them, K keeps them."""
        text, code = 0x0040A160, 0x0040A168
        vr = vr_code("UT")
        clean = Action("C", "clean-structured-content", text, vr, actions.clean_text, fallback="D")
        nested = Action(
            "C", "clean-structured-content", CONTENT_SEQUENCE, SQ, actions.keep, "content"
        )
        cleaned: dict[int, Entry] = {swapped(text): clean, swapped(CONTENT_SEQUENCE): nested}
        dummy = Action("D", "concept", text, vr, actions.dummy)
        dummy_code = Action("D", "concept", code, SQ, actions.dummy, "dummy")
        dummies: dict[int, Entry] = {**cleaned, swapped(text): dummy, swapped(code): dummy_code}
        kept: dict[int, Entry] = {**cleaned, swapped(text): keep_entry(vr)}
        default = self.nested_default

        def over_default(own: dict[int, Entry]) -> Table:
            return Table(lambda tag: own[tag] if tag in own else default[tag])

        cleaning = over_default(cleaned)
        return {
            **{"C": cleaning, "": cleaning, "U": cleaning},
            **{"D": over_default(dummies), "K": over_default(kept)},
        }

    @cached_property
    def is_conformant(self) -> bool:
        """Tell whether the profile keeps nothing beyond the standard's options."""
        rows = table_rows()
        if any(entry.letter != "X" and not self._is_safe(key) for key, entry in self.private_rules):
            return False
        for tag, entry in self._rules.items():
            row = rows.get(swapped(tag))
            keeps = isinstance(entry, int) or entry.handler in (
                actions.keep,
                actions.regex_replace,
                actions.shift_date,
                actions.clean_text,
                actions.hashed,
            )
            if keeps and row is not None and override(row[1], row[2], self.options)[0] != "K":
                return False
        return True

    def _is_safe(self, private: tuple[str, int, int]) -> bool:
        """Tell whether the Retain Safe Private Option keeps a private element anyway."""
        from .private import safe_elements

        return self.keeps_safe_private and private in safe_elements()

    @cached_property
    def claimed_codes(self) -> tuple[tuple[str, str], ...]:
        """Code and meaning of the profile and of each option that is applied in full."""
        unbuilt = {Option.CLEAN_PIXEL_DATA}
        if not self.is_conformant:
            return ()
        applied = sorted(option.code for option in self.options - unbuilt)
        return tuple((code, codes.MEANINGS[code]) for code in (codes.BASIC, *applied))


def keep_entry(vr: int) -> int:
    """Return the entry that keeps an attribute of this VR."""
    marked = vr + TEXT if vr in TEXT_VRS else vr
    return marked if vr in SHORT_VRS else -marked


def _unknown_class(uid: str) -> Unsupported:
    if uid.startswith("1.2.840.10008."):
        return Unsupported(
            "unknown-sop-class",
            "The SOP class is not among those of the standard's edition in use.",
            "(0008,0016)",
        )
    return Unsupported(
        "private-sop-class",
        "The SOP class is private or missing; de-identification is not defined for it.",
        "(0008,0016)",
    )


def _compile_rules(rules: tuple[Rule, ...]) -> dict[int, Entry]:
    """Return entries for the rules; the first rule that selects an attribute decides."""
    table: dict[int, Entry] = {}
    for rule in rules:
        if rule.private_creator:
            continue
        spared = frozenset() if rule.keyword or "x" not in (rule.tag or "x") else _SPARED
        for tag in _selected(rule):
            if tag not in table and tag not in spared and tag not in PIXEL_DATA:
                table[tag] = rule_entry(rule, swapped(tag), public_vrs().get(tag, vr_code("UN")))
    return table


def _private_rules(rules: tuple[Rule, ...]) -> tuple[tuple[tuple[str, int, int], Action], ...]:
    """Return entries for private elements by creator in upper case, group and low byte."""
    found: list[tuple[tuple[str, int, int], Action]] = []
    for rule in rules:
        if not rule.private_creator:
            continue
        group, low = int(rule.tag[:4], 16), int(rule.tag[-2:], 16)
        entry = rule_entry(rule, int(rule.tag[:4] + "10" + rule.tag[-2:], 16), vr_code("UN"))
        if not isinstance(entry, Action):
            entry = Action("K", "rule", group << 16 | low, vr_code("UN"), actions.keep, "recurse")
        found.append(((rule.private_creator.upper(), group, low), entry))
    return tuple(found)


def _selected(rule: Rule) -> list[int]:
    if rule.tag:
        pattern = re.compile(rule.tag.upper().replace("X", "[0-9A-F]"))
        if "x" not in rule.tag.lower():
            return [swapped(int(rule.tag, 16))]
        return [tag for tag in public_vrs() if pattern.fullmatch(f"{swapped(tag):08X}")]
    from pydicom.datadict import keyword_for_tag, tag_for_keyword

    if rule.keyword:
        found = tag_for_keyword(rule.keyword)
        return [] if found is None else [swapped(int(found))]
    from .rules import compiled_pattern

    matcher = compiled_pattern(rule.pattern)
    return [tag for tag in public_vrs() if matcher.search(keyword_for_tag(swapped(tag)))]


def rule_entry(rule: Rule, tag: int, vr: int) -> Entry:
    """Return the entry that carries out one rule of a custom profile."""
    if rule.action is RuleAction.KEEP and vr != SQ:
        return keep_entry(vr)
    letter, handler, sequence = {
        RuleAction.KEEP: ("K", actions.keep, "recurse"),
        RuleAction.REMOVE: ("X", actions.remove, "remove"),
        RuleAction.EMPTY: ("Z", actions.empty, "empty"),
        RuleAction.REPLACE: ("D", actions.replace, "empty"),
        RuleAction.HASH: ("D", actions.hashed, "empty"),
        RuleAction.SHIFT_DATE: ("C", actions.shift_date, "recurse"),
        RuleAction.CLEAN_TEXT: ("C", actions.clean_text, "recurse"),
        RuleAction.REGEX_REPLACE: ("C", actions.regex_replace, "recurse"),
        RuleAction.NEW_UID: ("U", actions.new_uid, "recurse"),
    }[rule.action]
    kind = IDENTIFYING.get(tag, "name" if vr == _PN else "")
    value = rule.value.encode()
    return Action(letter, "rule", tag, vr, handler, sequence, kind, "X", value, rule.find)


_PLANS: dict[object, Plan] = {}
_MAX_PLANS = 64


def compile_plan(profile: Profile) -> Plan:
    """Return the compiled plan of a profile; equal content gives the same plan."""
    plan = _PLANS.get(profile.content)
    if plan is None:
        if len(_PLANS) >= _MAX_PLANS:
            _PLANS.clear()
        plan = _PLANS[profile.content] = Plan(profile)
    return plan
