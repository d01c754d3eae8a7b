"""What every importer gathers: rules that hold here, options, and what could not be expressed.

The identifiers that this portal writes itself are never taken over: a report that comes back is
matched by them.
"""

import re
from dataclasses import dataclass

from studies.deid.dataset import public_vrs, swapped, vr_name
from studies.deid.marked_text import MAX_SIZE, Place
from studies.deid.profile import Option, Profile, ProfileError, Rule, RuleAction
from studies.deid.rule_check import normal_tag, normalised, problem_of

MAX_RULES = 2_000
# Patient Name, Patient ID, Accession Number, Study ID: they carry the cloud ids.
_CLOUD_IDS = frozenset(("00100010", "00100020", "00080050", "00200010"))
_CLOUD_KEYWORDS = frozenset(("PatientName", "PatientID", "AccessionNumber", "StudyID"))
_DATE_VRS = frozenset(("DA", "DT", "TM"))

CLOUD_ID = "The portal writes the cloud id here, so that a report finds its way back."
ONE_SHIFT = "Dates are moved by a number of days of the patient's own, not by the one given here."
ONLY_PRESENT = "The value is written where the attribute is present; it is not added."
BASE_DECIDES = "What is not named here is decided by the Basic Profile, not kept."


@dataclass(frozen=True)
class NotExpressed:
    """One thing a foreign script says that this profile does not, and why."""

    line: int
    key: str
    reason: str


class Collected:
    """Gathers one script's rules; refuses nothing silently."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.rules: list[Rule] = []
        self.options: set[Option] = set()
        self.left_out: list[NotExpressed] = []
        self._said: set[str] = set()

    def leave_out(self, line: int, key: str, reason: str) -> None:
        """Note what is not taken over."""
        self.left_out.append(NotExpressed(line, key, reason))

    def say_once(self, line: int, key: str, reason: str) -> None:
        """Note a difference that holds for the whole script, at its first place."""
        if reason not in self._said:
            self._said.add(reason)
            self.leave_out(line, key, reason)

    def add(self, line: int, key: str, rule: Rule) -> bool:
        """Take a rule over, or note why it can't be."""
        rule = normalised(rule)
        if rule.tag in _CLOUD_IDS or rule.keyword in _CLOUD_KEYWORDS:
            self.leave_out(line, key, CLOUD_ID)
            return False
        problem = problem_of(rule)
        if problem is not None:
            self.leave_out(line, key, problem.message)
            return False
        if rule.action is RuleAction.SHIFT_DATE:
            self.say_once(line, key, ONE_SHIFT)
        if rule not in self.rules:
            self.rules.append(rule)
        if len(self.rules) > MAX_RULES:
            raise Place(self.source, key, line).fault("too-many-rules", f"At most {MAX_RULES}.")
        return True

    def profile(self, name: str) -> Profile:
        """Return what was gathered, as a profile."""
        return Profile(name=name, options=frozenset(self.options), rules=tuple(self.rules))


def check_size(text: str, source: str, limit: int = MAX_SIZE) -> None:
    """Refuse a script too large to be one."""
    if len(text) > limit:
        raise Place(source, "", 1).fault("too-large", f"At most {limit} characters.")


def fault(source: str, line: int, code: str, message: str) -> ProfileError:
    """Return the error for a text that is not in the format at all."""
    return Place(source, "", line).fault(code, message)


def vr_of(tag: str) -> str:
    """Return the VR of a public tag "GGGGEEEE", or nothing."""
    if "x" in tag:
        return ""
    code = public_vrs().get(swapped(int(tag, 16)))
    return "" if code is None else vr_name(code)


def tag_of(keyword: str) -> str:
    """Return the tag of a keyword of the data dictionary, or nothing."""
    from pydicom.datadict import tag_for_keyword

    tag = tag_for_keyword(keyword)
    return "" if tag is None else f"{int(tag):08X}"


def listed_tags(included: list[str], excluded: list[str], *, dates_only: bool = False) -> list[str]:
    """Return the public tags that patterns select, without those that others exclude.

    Plain tags come back as they are; only wildcards are spelled out.
    """
    wanted = [re.compile(tag.replace("x", "[0-9A-F]")) for tag in included]
    unwanted = [re.compile(tag.replace("x", "[0-9A-F]")) for tag in excluded]
    found = [tag for tag in included if "x" not in tag]
    known = sorted(f"{swapped(tag):08X}" for tag in public_vrs())
    found += [tag for tag in known if any(pattern.fullmatch(tag) for pattern in wanted)]
    return [
        tag
        for tag in dict.fromkeys(found)
        if not any(pattern.fullmatch(tag) for pattern in unwanted)
        and (not dates_only or vr_of(tag) in _DATE_VRS)
    ]


def tags_written(texts: list[str]) -> tuple[list[str], list[str]]:
    """Return the normal form of written tags, and those that are none."""
    normal = [(text, normal_tag(text)) for text in texts]
    return [tag for _, tag in normal if tag], [text for text, tag in normal if not tag]
