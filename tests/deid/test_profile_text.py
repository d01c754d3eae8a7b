"""Custom profiles as text: what may stand in one, how each mistake is told, and the way back."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studies.deid.marked_text import MAX_SIZE
from studies.deid.profile import Option, Profile, ProfileError, Rule, RuleAction, builtin_profile
from studies.deid.profile_text import dump_profile, load_profile
from studies.deid.rules import compiled_pattern
from tests.counts import count

WHOLE = """\
# what our hospital sends to the reading centre
name: Chest reading
description: agreed with the data protection officer
base: cloud
options: [retain-modified-dates]
rules:
  - {tag: 00100040, action: keep}
  - tag: (0010,1010)
    action: keep
  - keyword: InstitutionName
    action: replace
    value: "{prefix}"
  - {tag: "(0043,1027)", private_creator: GEMS_PARM_01, action: keep}
  - {pattern: ^Scheduled, action: remove}
  - {tag: 60xx3000, action: remove}
  - {keyword: StudyDescription, action: regex-replace, find: 'WARD (\\d+)', value: 'station \\1'}
  - {keyword: RequestingService, action: empty}
  - {keyword: DeviceUID, action: new-uid}
  - {keyword: MedicalRecordLocator, action: hash}
  - {keyword: AdmittingDate, action: shift-date}
  - {keyword: ProtocolName, action: clean-text}
"""


def fault(text: str, source: str = "") -> ProfileError:
    with pytest.raises(ProfileError) as caught:
        load_profile(text, source=source)
    return caught.value


def rule_fault(rule: str) -> ProfileError:
    return fault(f"name: x\nrules:\n  - {rule}\n")


def test_a_profile_says_base_options_and_rules_in_order() -> None:
    profile = load_profile(WHOLE)
    assert profile.name == "Chest reading"
    assert profile.description == "agreed with the data protection officer"
    assert profile.base == "basic"
    assert profile.options == builtin_profile("cloud").options | {Option.RETAIN_MODIFIED_DATES}
    assert [rule.action for rule in profile.rules] == [
        RuleAction.KEEP,
        RuleAction.KEEP,
        RuleAction.REPLACE,
        RuleAction.KEEP,
        RuleAction.REMOVE,
        RuleAction.REMOVE,
        RuleAction.REGEX_REPLACE,
        RuleAction.EMPTY,
        RuleAction.NEW_UID,
        RuleAction.HASH,
        RuleAction.SHIFT_DATE,
        RuleAction.CLEAN_TEXT,
    ]
    assert profile.rules[2].value == "{prefix}"
    assert profile.rules[6] == Rule(
        RuleAction.REGEX_REPLACE,
        keyword="StudyDescription",
        find=r"WARD (\d+)",
        value=r"station \1",
    )


@pytest.mark.parametrize(
    "written", ["00100040", "0010,0040", "(0010,0040)", "(0010, 0040)", "[0010,0040]"]
)
def test_tags_are_kept_in_one_form(written: str) -> None:
    profile = load_profile(f"name: x\nrules: [{{tag: '{written}', action: keep}}]")
    assert profile.rules[0].tag == "00100040"


def test_wildcards_and_private_blocks_are_kept_in_one_form() -> None:
    profile = load_profile(
        "name: x\nrules:\n  - {tag: '60XX,3000', action: remove}\n"
        "  - {tag: '(0019,100c)', private_creator: SIEMENS MR HEADER, action: keep}\n"
    )
    assert [rule.tag for rule in profile.rules] == ["60xx3000", "0019xx0C"]


def test_scalars_are_text_as_they_stand() -> None:
    profile = load_profile(
        "name: 2024\nrules:\n"
        "  - {keyword: StudyDescription, action: replace, value: 2024-01-01}\n"
        "  - {keyword: SeriesDescription, action: replace, value: 010}\n"
        "  - {keyword: ProtocolName, action: replace, value: yes}\n"
        "  - {keyword: StationName, action: replace, value:}\n"
    )
    assert profile.name == "2024"
    assert [rule.value for rule in profile.rules] == ["2024-01-01", "010", "yes", ""]


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_what_is_written_reads_back_as_the_same_profile(form: str) -> None:
    profile = load_profile(WHOLE)
    again = load_profile(dump_profile(profile, form))  # type: ignore[arg-type]
    assert again == profile
    assert again.digest == profile.digest
    assert again.description == profile.description


@pytest.mark.parametrize("name", ["basic", "cloud", "teleradiology"])
def test_built_in_profiles_can_be_written_and_read(name: str) -> None:
    assert load_profile(dump_profile(builtin_profile(name))) == builtin_profile(name)


def test_json_with_tabs_and_escapes_is_read() -> None:
    data = {"name": "\U0001f52c", "rules": [{"keyword": "StudyID", "action": "keep"}]}
    text = json.dumps(data, indent="\t")
    assert "\t" in text and "\\ud83d" in text
    assert load_profile(text).name == "\U0001f52c"


def test_the_digest_does_not_depend_on_how_it_was_written() -> None:
    one = load_profile("name: a\nrules: [{tag: '(0010,0040)', action: keep}]")
    two = load_profile('{"rules": [{"action": "keep", "tag": "00100040"}], "name": "b"}')
    assert one.digest == two.digest
    assert one.digest != load_profile("name: a").digest


@pytest.mark.parametrize(
    ("text", "code", "where"),
    [
        ("", "empty", "line 1"),
        ("a: [", "not-yaml", "line 1"),
        ("name: x\nrules:\n\t- tag", "not-yaml", "line 3"),
        ("name: x\n---\nname: y", "not-yaml", "line 2"),
        ("name: x\nbase: \x01", "not-yaml", "line 2"),
        ("- a", "not-a-mapping", "line 1"),
        ("!!python/object/apply:os.getcwd []", "not-a-mapping", "line 1"),
        ("base: basic", "missing-key", "line 1, name"),
        ("name:\nbase: basic", "missing-key", "line 1, name"),
        ("name: x\nrulez: []", "unknown-key", "line 2, rulez"),
        ("name: x\nname: y", "duplicate-key", "line 2, name"),
        ("name: [x]", "not-a-text", "line 1, name"),
        ("name: x\nbase: hipaa", "unknown-base", "line 2, base"),
        ("name: x\noptions: retain-uids", "not-a-list", "line 2, options"),
        ("name: x\noptions:\n  - retain-uids\n  - keep", "unknown-option", "line 4, options[1]"),
        ("name: x\nrules: {a: b}", "not-a-list", "line 2, rules"),
        ("name: x\nrules: [keep]", "not-a-mapping", "line 2, rules[0]"),
        ('{"name": "\\ud800"}', "bad-text", "line 1, name"),
        (
            "name: x\noptions: [retain-full-dates, retain-modified-dates]",
            "options-exclude-each-other",
            "line 2, options",
        ),
        (
            "name: x\noptions: [clean-recognizable-visual-features]",
            "option-not-available",
            "line 2, options",
        ),
        ("name: " + "x" * MAX_SIZE, "too-large", "line 1"),
        ("[" * 1200, "too-deep", "line 1"),
        ("name: x\nrules: [" + "{tag: 00100040, action: keep}," * 2001 + "]", "too-many-rules",
         "line 2, rules[2000]"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_and_key(text: str, code: str, where: str) -> None:
    error = fault(text)
    assert (error.code, error.where) == (code, where)
    assert error.message.endswith(".")


def test_the_source_is_part_of_the_place() -> None:
    assert fault("name: x\nfoo: y", source="ward.yaml").where == "ward.yaml, line 2, foo"


@pytest.mark.parametrize(
    ("rule", "code", "key"),
    [
        ("{action: keep}", "one-selector", "tag"),
        ("{tag: 00100010, keyword: PatientName, action: keep}", "one-selector", "keyword"),
        ("{tag: 0010001, action: keep}", "bad-tag", "tag"),
        ("{tag: 0010gggg, action: keep}", "bad-tag", "tag"),
        ("{tag: 00190010, action: keep}", "private-tag", "tag"),
        ("{tag: 00100010, private_creator: GE, action: keep}", "private-tag", "tag"),
        ("{keyword: PatientName, private_creator: GE, action: keep}", "private-tag", "keyword"),
        ("{tag: 00080005, action: remove}", "protected-attribute", "tag"),
        ("{tag: 00020010, action: keep}", "protected-attribute", "tag"),
        ("{tag: 00100000, action: keep}", "protected-attribute", "tag"),
        ("{keyword: PixelData, action: remove}", "protected-attribute", "keyword"),
        ("{keyword: PatientIdentityRemoved, action: replace, value: 'NO'}",
         "protected-attribute", "keyword"),
        ("{keyword: MediaStorageSOPClassUID, action: keep}", "protected-attribute", "keyword"),
        ("{keyword: PatientNmae, action: keep}", "unknown-keyword", "keyword"),
        ("{pattern: '(', action: keep}", "bad-pattern", "pattern"),
        ("{pattern: 'a(?=b)', action: keep}", "bad-pattern", "pattern"),
        ("{keyword: PatientName, action: anonymize}", "unknown-action", "action"),
        ("{keyword: PatientName}", "unknown-action", "action"),
        ("{keyword: StudyID, action: replace}", "missing-key", "value"),
        ("{keyword: StudyID, action: replace, value: '{mrn}'}", "unknown-placeholder", "value"),
        (r"{keyword: StudyID, action: replace, value: 'a\b'}", "bad-text", "value"),
        ("{keyword: StudyID, action: keep, value: a}", "unused-key", "value"),
        ("{keyword: StudyID, action: replace, find: a, value: a}", "unused-key", "find"),
        ("{keyword: StudyID, action: regex-replace, value: a}", "missing-key", "find"),
        ("{keyword: StudyID, action: regex-replace, find: '[', value: a}", "bad-pattern", "find"),
        (r"{keyword: StudyID, action: regex-replace, find: a, value: '\1'}",
         "bad-reference", "value"),
        (r"{keyword: StudyID, action: regex-replace, find: a, value: 'b\'}",
         "bad-reference", "value"),
        ("{keyword: PatientName, action: shift-date}", "wrong-vr", "action"),
        ("{keyword: StudyDate, action: clean-text}", "wrong-vr", "action"),
        ("{keyword: StudyDate, action: new-uid}", "wrong-vr", "action"),
        ("{keyword: StudyInstanceUID, action: remove}", "identity-uid", "action"),
        ("{tag: 00080018, action: empty}", "identity-uid", "action"),
        ("{keyword: StudyID, action: replace, value: " + "a" * 1025 + "}", "too-long", "value"),
        ("{keyword: StudyID, action: keep, keep: yes}", "unknown-key", "keep"),
    ],
)  # fmt: skip
def test_a_rule_that_makes_no_sense_is_refused(rule: str, code: str, key: str) -> None:
    error = rule_fault(rule)
    assert (error.code, error.where) == (code, f"line 3, rules[0].{key}")


def test_an_unknown_keyword_is_answered_with_a_near_one() -> None:
    assert "PatientName" in rule_fault("{keyword: PatientNmae, action: keep}").message


def test_errors_quote_no_value_and_no_pattern() -> None:
    for rule in (
        "{keyword: StudyID, action: replace, value: '{Meier}'}",
        "{keyword: StudyID, action: regex-replace, find: 'Meier(', value: a}",
        "{keyword: StudyID, action: keep, value: Meier}",
    ):
        assert "Meier" not in rule_fault(rule).message


def test_a_bad_pattern_is_not_written_to_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    rule_fault("{keyword: StudyID, action: regex-replace, find: 'Meier(', value: a}")
    assert "Meier" not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("find", "value", "text", "wanted"),
    [
        ("b", "é架", "abc", "aé架c"),
        (r"(\d+)-(\d+)", r"\2/\1", "12-34", "34/12"),
        ("(a)|(b)", r"[\1\2]", "ab", "[a][b]"),
        ("a", r"\\", "cat", r"c\t"),
        ("架+", r"<\g<0>>", "x架架", "x<架架>"),
        ("", "-", "ab", "-a-b-"),
    ],
)
def test_replacing_keeps_every_script(find: str, value: str, text: str, wanted: str) -> None:
    assert compiled_pattern(find).sub(value, text) == wanted


def rule(**members: Any) -> Rule:
    """Return a rule with these members and no others."""
    return Rule(**members)


words = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="{}\\"), max_size=30
)
rules = st.one_of(
    st.builds(
        rule,
        action=st.just(RuleAction.REPLACE),
        keyword=st.sampled_from(["StudyID", "PatientName", "StudyDescription"]),
        value=words,
    ),
    st.builds(
        rule,
        action=st.sampled_from([RuleAction.KEEP, RuleAction.REMOVE, RuleAction.EMPTY]),
        tag=st.sampled_from(["00100040", "60xx3000", "00181000", "0008103E"]),
    ),
    st.builds(
        rule,
        action=st.just(RuleAction.KEEP),
        tag=st.sampled_from(["0019xx0C", "0043xx27"]),
        private_creator=words.filter(bool),
    ),
    st.builds(
        rule,
        action=st.just(RuleAction.REGEX_REPLACE),
        keyword=st.just("StudyDescription"),
        find=st.sampled_from(["a", "(b)c", r"\d{3}", "é+"]),
        value=words,
    ),
)


@settings(max_examples=count(60, 2000), deadline=None)
@given(
    name=words.filter(str.strip),
    options=st.frozensets(
        st.sampled_from(
            sorted(
                set(Option) - {Option.RETAIN_FULL_DATES, Option.CLEAN_RECOGNIZABLE_VISUAL_FEATURES}
            )
        )
    ),
    listed=st.lists(rules, max_size=6),
    form=st.sampled_from(["yaml", "json"]),
)
def test_every_profile_survives_the_round_trip(
    name: str, options: frozenset[Option], listed: list[Rule], form: str
) -> None:
    profile = Profile(name.strip(), options, tuple(listed))
    assert load_profile(dump_profile(profile, form)) == profile  # type: ignore[arg-type]


@settings(max_examples=count(100, 5000), deadline=None)
@given(st.text(st.sampled_from("name: basic\n-[]{}&*!|>'\"%@`#\t,x\\rules"), max_size=60))
def test_no_text_raises_anything_but_a_profile_error(text: str) -> None:
    try:
        load_profile(text)
    except ProfileError as error:
        assert error.where.startswith("line ")
