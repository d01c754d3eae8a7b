"""Other tools' scripts as profiles: what is taken over, and what is listed as not expressed."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studies.deid.importers import FORMATS, NotExpressed, import_profile
from studies.deid.importers.collected import BASE_DECIDES, CLOUD_ID, ONE_SHIFT, ONLY_PRESENT
from studies.deid.profile import Option, Profile, ProfileError, Rule, RuleAction
from studies.deid.profile_text import dump_profile, load_profile
from tests.counts import count

Imported = tuple[Profile, list[NotExpressed]]


def read(form: str, text: str) -> Imported:
    return import_profile(text, form, name="imported", source="script")


def by_selector(profile: Profile) -> dict[str, Rule]:
    return {rule.tag or rule.keyword or rule.pattern: rule for rule in profile.rules}


def lines(imported: Imported) -> dict[str, int]:
    return {item.key: item.line for item in imported[1]}


def reasons(imported: Imported) -> dict[str, str]:
    return {item.key: item.reason for item in imported[1]}


CTP = """\
<script>
  <p t="DATEINC">-77</p>
  <p t="SITE">Harbour site</p>
  <e en="T" t="00080020" n="StudyDate">@incrementdate(this,@DATEINC)</e>
  <e en="T" t="00080018" n="SOPInstanceUID">@hashuid(@UIDROOT,this)</e>
  <e en="T" t="00080090" n="ReferringPhysicianName">@empty()</e>
  <e en="T" t="00081010" n="StationName">@hash(this,8)</e>
  <e en="F" t="00081030" n="StudyDescription">@remove()</e>
  <e en="T" t="0008103e" n="SeriesDescription">@keep()</e>
  <e en="T" t="00081040" n="Department"></e>
  <e en="T" t="00100010" n="PatientName">@hashname(this,6,2)</e>
  <e en="T" t="00100040" n="PatientSex">@require()</e>
  <e en="T" t="00120030" n="ClinicalTrialSiteID">@always()@param(@SITE)</e>
  <e en="T" t="00120062" n="PatientIdentityRemoved">@always()YES</e>
  <e en="T" t="00181030" n="ProtocolName">@contents(this,"WARD (\\d+)","unit $1")</e>
  <e en="T" t="00081080" n="Diagnosis">@contents(StudyID,"a","b")</e>
  <e en="T" t="00104000" n="PatientComments">@if(this,isblank){@remove()}{@keep()}</e>
  <e en="T" t="00101010" n="PatientAge">@round(this,5)</e>
  <e en="T" t="0019[SIEMENS MR HEADER]0c" n="BValue">@keep()</e>
  <e en="T" t="00400275" n="RequestAttributesSeq">@process()</e>
  <e en="T" t="00180015" n="BodyPart">CHEST</e>
  <k en="T" t="safeprivateelements">Safe</k>
  <k en="T" t="0018">Keep group 18</k>
  <r en="T" t="privategroups">Remove private groups</r>
  <r en="T" t="unspecifiedelements">Remove unchecked elements</r>
</script>
"""


def test_a_ctp_script_becomes_rules() -> None:
    profile, _ = read("ctp", CTP)
    assert by_selector(profile) == {
        "00080020": Rule(RuleAction.SHIFT_DATE, tag="00080020"),
        "00080018": Rule(RuleAction.NEW_UID, tag="00080018"),
        "00080090": Rule(RuleAction.EMPTY, tag="00080090"),
        "00081010": Rule(RuleAction.HASH, tag="00081010"),
        "0008103E": Rule(RuleAction.KEEP, tag="0008103E"),
        "00081040": Rule(RuleAction.EMPTY, tag="00081040"),
        "00100040": Rule(RuleAction.KEEP, tag="00100040"),
        "00120030": Rule(RuleAction.REPLACE, tag="00120030", value="Harbour site"),
        "00181030": Rule(
            RuleAction.REGEX_REPLACE, tag="00181030", find=r"WARD (\d+)", value=r"unit \1"
        ),
        "0019xx0C": Rule(RuleAction.KEEP, tag="0019xx0C", private_creator="SIEMENS MR HEADER"),
        "00400275": Rule(RuleAction.KEEP, tag="00400275"),
        "00180015": Rule(RuleAction.REPLACE, tag="00180015", value="CHEST"),
    }
    assert profile.options == {Option.RETAIN_SAFE_PRIVATE}


def test_what_a_ctp_script_says_beyond_that_is_listed_with_its_line() -> None:
    imported = read("ctp", CTP)
    said = reasons(imported)
    assert said["StudyDate"] == ONE_SHIFT
    assert said["PatientName"] == CLOUD_ID
    assert said["PatientSex"] == ONLY_PRESENT
    assert "writes this attribute itself" in said["PatientIdentityRemoved"]
    assert "another attribute" in said["Diagnosis"]
    assert "several steps" in said["PatientComments"]
    assert "@round" in said["PatientAge"]
    assert "group" in said["0018"]
    assert "Basic Profile" in said["unspecifiedelements"]
    assert said[""] == BASE_DECIDES
    assert "StudyDescription" not in said, "an unchecked element says nothing"
    assert lines(imported)["PatientName"] == 11
    assert lines(imported)["PatientAge"] == 18


def test_the_properties_form_of_ctp_says_the_same() -> None:
    imported = read(
        "ctp",
        "# a comment\n"
        "param.SITE=Harbour\n"
        "set.[0008,0090]ReferringPhysicianName=@empty()\n"
        "#set.[0008,1010]StationName=@keep()\n"
        "set.[0012,0030]ClinicalTrialSiteID=@param(@SITE)\n"
        "set.[0010,1010]PatientAge=@round(this,5)\n"
        "keep.group18=\n"
        "remove.privategroups=\n",
    )
    assert by_selector(imported[0]) == {
        "00080090": Rule(RuleAction.EMPTY, tag="00080090"),
        "00120030": Rule(RuleAction.REPLACE, tag="00120030", value="Harbour"),
    }
    assert lines(imported)["PatientAge"] == 6
    assert lines(imported)["18"] == 7


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("nothing here", 1),
        ("<script>\n<e", 2),
        ("<other/>", 1),
        ('<!DOCTYPE a [<!ENTITY b "c">]>\n<script>&b;</script>', 1),
        ("<a>" * 100_000, 1),
    ],
)
def test_what_is_no_ctp_script_is_refused(text: str, line: int) -> None:
    with pytest.raises(ProfileError) as caught:
        read("ctp", text)
    assert caught.value.code == "not-ctp"
    assert caught.value.where == f"script, line {line}"


RECIPE = """\
FORMAT dicom

%header

# the order of lines does not count
BLANK PatientSex
KEEP PatientSex
ADD ClinicalTrialSiteID Harbour site  # ours
REPLACE PatientID var:suid
REPLACE StudyInstanceUID func:generate_uid
REPLACE InstitutionName func:place
JITTER StudyDate var:days
JITTER endswith:Date 31
REMOVE ReferringPhysicianName
REMOVE ALL func:is_name
REMOVE startswith:Operator
BLANK contains:Address
KEEP select:group:0028
BLANK select:VR:TM
REMOVE ALL
BLANK except:StudyDate|StudyTime
KEEP (0008,103e)
KEEP (0019,"SIEMENS MR HEADER",0c)
REPLACE RequestAttributesSequence__RequestedProcedureID x
REMOVE fields:staff

%fields staff
FIELD PhysiciansOfRecord
FIELD OperatorsName

%filter dangerous
LABEL cookie
contains PatientSex M
"""


def test_a_deid_recipe_becomes_rules_in_its_precedence() -> None:
    profile, _ = read("deid", RECIPE)
    assert [(rule.action.value, rule.tag or rule.keyword or rule.pattern) for rule in
            profile.rules] == [
        ("keep", "PatientSex"),
        ("keep", "0028xxxx"),
        ("keep", "0008103E"),
        ("keep", "0019xx0C"),
        ("replace", "ClinicalTrialSiteID"),
        ("new-uid", "StudyInstanceUID"),
        ("shift-date", "StudyDate"),
        ("shift-date", "(?i)(Date)$"),
        ("remove", "ReferringPhysicianName"),
        ("remove", "(?i)^(Operator)"),
        ("remove", "PhysiciansOfRecord"),
        ("remove", "OperatorsName"),
        ("empty", "PatientSex"),
        ("empty", "(?i)(Address)"),
    ]  # fmt: skip
    assert by_selector(profile)["ClinicalTrialSiteID"].value == "Harbour site"
    assert by_selector(profile)["0019xx0C"].private_creator == "SIEMENS MR HEADER"


def test_what_a_recipe_says_beyond_that_is_listed_with_its_line() -> None:
    imported = read("deid", RECIPE)
    said = [(item.line, item.key) for item in imported[1]]
    assert said == sorted(said, key=lambda item: item[0])
    assert (9, "REPLACE PatientID") in said
    assert (11, "REPLACE InstitutionName") in said
    assert (15, "REMOVE ALL") in said
    assert (19, "BLANK select:VR:TM") in said
    assert (20, "REMOVE ALL") in said
    assert (21, "BLANK except:StudyDate|StudyTime") in said
    assert (24, "REPLACE RequestAttributesSequence__RequestedProcedureID") in said
    assert (31, "%filter") in said


@pytest.mark.parametrize(
    ("text", "line"), [("", 1), ("%header\nFORGET PatientID", 2), ("%header\nKEEP", 2)]
)
def test_what_is_no_deid_recipe_is_refused(text: str, line: int) -> None:
    with pytest.raises(ProfileError) as caught:
        read("deid", text)
    assert (caught.value.code, caught.value.where) == ("not-deid", f"script, line {line}")


KITWARE = """\
{
    "(0x0008, 0x0020)": "replace",
    "(0x0008, 0x0090)": "empty",
    "(0x0008, 0x1010)": "delete",
    "(0x0008, 0x103E)": {"action": "regexp", "find": "WARD.*", "replace": "ward"},
    "(0x0008, 0x1040)": {"action": "replace_with_value", "value": "unit"},
    "(0x0010, 0x0010)": "replace",
    "(0x0010, 0x0040)": "keep",
    "(0x0020, 0x0052)": "replaceUID",
    "(0x0008, 0x0018)": "delete_or_empty_or_replace_UID",
    "(0x0008, 0x1110)": "delete_or_empty_or_replace_UID",
    "(0x0008, 0x1030)": "clean",
    "(0x0008, 0x1080)": "delete_or_replace",
    "(0x6000, 0x3000, 0xFF00, 0xFFFF)": "delete",
    "(0x0018, 0x1030)": "ourOwnFunction",
    "(0x0010, 0x1020)": "replace"
}
"""


def test_a_kitware_dictionary_becomes_rules() -> None:
    profile, _ = read("kitware", KITWARE)
    assert by_selector(profile) == {
        "00080020": Rule(RuleAction.REPLACE, tag="00080020", value="00010101"),
        "00080090": Rule(RuleAction.EMPTY, tag="00080090"),
        "00081010": Rule(RuleAction.REMOVE, tag="00081010"),
        "0008103E": Rule(RuleAction.REGEX_REPLACE, tag="0008103E", find="WARD.*", value="ward"),
        "00081040": Rule(RuleAction.REPLACE, tag="00081040", value="unit"),
        "00100040": Rule(RuleAction.KEEP, tag="00100040"),
        "00200052": Rule(RuleAction.NEW_UID, tag="00200052"),
        "00080018": Rule(RuleAction.NEW_UID, tag="00080018"),
        "00081110": Rule(RuleAction.EMPTY, tag="00081110"),
        "00081030": Rule(RuleAction.CLEAN_TEXT, tag="00081030"),
        "00081080": Rule(RuleAction.REPLACE, tag="00081080", value="ANONYMIZED"),
        "60xx3000": Rule(RuleAction.REMOVE, tag="60xx3000"),
    }


def test_what_a_dictionary_says_beyond_that_is_listed_with_its_line() -> None:
    imported = read("kitware", KITWARE)
    assert reasons(imported)["(0x0010, 0x0010)"] == CLOUD_ID
    assert lines(imported)["(0x0018, 0x1030)"] == 15
    assert lines(imported)["(0x0010, 0x1020)"] == 16


@pytest.mark.parametrize(
    ("text", "line"),
    [("[]", 1), ('{\n"PatientName": "keep"}', 2), ('{"(0x0010)": "keep"}', 1),
     ('{"(0x0010, 0x0010, 0x0F0F, 0xFF12)": "keep"}', 1)],
)  # fmt: skip
def test_what_is_no_kitware_dictionary_is_refused(text: str, line: int) -> None:
    with pytest.raises(ProfileError) as caught:
        read("kitware", text)
    assert (caught.value.code, caught.value.where) == ("not-kitware", f"script, line {line}")


KARNAK = """\
name: Trial
version: "1.0"
minimumKarnakVersion: "0.9.7"
defaultIssuerOfPatientID:
profileElements:
  - name: pixels
    codename: clean.pixel.data
  - name: shift all
    codename: action.on.dates
    option: shift_range
    arguments: {max_seconds: 60, min_days: 50, max_days: 100}
  - name: shift some
    codename: action.on.dates
    option: shift
    arguments: {seconds: 0, days: 5}
    tags: ["0008,002X"]
    excludedTags: ["0008,0022"]
  - name: remove
    codename: action.on.specific.tags
    action: X
    tags: ["(6000,XXXX)", "0010,21b0"]
  - name: keep
    codename: action.on.specific.tags
    action: K
    tags: ["00100040"]
  - name: write
    codename: expression.on.tags
    arguments: {expr: "Replace('unit')"}
    tags: ["(0008,1040)"]
  - name: decide
    codename: expression.on.tags
    arguments: {expr: "stringValue == null ? Keep() : Remove()"}
    tags: ["(0008,1010)"]
  - name: conditional
    codename: action.on.specific.tags
    condition: "tagValueContains(#Tag.StudyDescription, 'R2D2')"
    action: K
    tags: ["(0008,1030)"]
  - name: private
    codename: action.on.privatetags
    action: K
    tags: ["(7053,xx00)"]
  - name: no private
    codename: action.on.privatetags
    action: X
  - name: add
    codename: action.add.tag
    arguments: {value: "YES", vr: CS}
    tags: ["(0028,0302)"]
  - name: basic
    codename: basic.dicom.profile
  - name: late
    codename: action.on.specific.tags
    action: K
    tags: ["(0008,0080)"]
"""


def test_a_karnak_profile_becomes_rules() -> None:
    profile, _ = read("karnak", KARNAK)
    assert profile.options == {Option.CLEAN_PIXEL_DATA, Option.RETAIN_MODIFIED_DATES}
    shifted = {rule.tag for rule in profile.rules if rule.action is RuleAction.SHIFT_DATE}
    assert {"00080020", "00080021", "00080023", "0008002A"} <= shifted
    assert "00080022" not in shifted
    others = [rule for rule in profile.rules if rule.action is not RuleAction.SHIFT_DATE]
    assert others == [
        Rule(RuleAction.REMOVE, tag="6000xxxx"),
        Rule(RuleAction.REMOVE, tag="001021B0"),
        Rule(RuleAction.KEEP, tag="00100040"),
        Rule(RuleAction.REPLACE, tag="00081040", value="unit"),
    ]


def test_what_a_karnak_profile_says_beyond_that_is_listed_with_its_line() -> None:
    imported = read("karnak", KARNAK)
    assert {item.line for item in imported[1]} == {8, 30, 34, 39, 46, 52}
    assert reasons(imported)["profileElements[1]"] == ONE_SHIFT
    assert "condition" in reasons(imported)["profileElements[7]"]
    assert "creator" in reasons(imported)["profileElements[8]"]
    assert "after basic" in reasons(imported)["profileElements[12]"]


def test_a_karnak_profile_without_the_basic_profile_still_stands_on_it() -> None:
    imported = read("karnak", "profileElements:\n  - {codename: replace.uid}\n")
    assert imported[0].rules == ()
    assert "always the base" in reasons(imported)["profileElements"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[]", "not-karnak"),
        ("name: x", "not-karnak"),
        ("profileElements: x", "not-a-list"),
        ("profileElements: [x]", "not-a-mapping"),
        ("profileElements: [{codenames: x}]", "unknown-key"),
    ],
)
def test_what_is_no_karnak_profile_is_refused(text: str, code: str) -> None:
    with pytest.raises(ProfileError) as caught:
        read("karnak", text)
    assert caught.value.code == code
    assert caught.value.where.startswith("script, line 1")


@pytest.mark.parametrize(
    ("form", "text"), [("ctp", CTP), ("deid", RECIPE), ("kitware", KITWARE), ("karnak", KARNAK)]
)
def test_an_import_can_be_edited_as_text(form: str, text: str) -> None:
    profile, _ = read(form, text)
    assert load_profile(dump_profile(profile)) == profile


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ProfileError, match="ctp, deid, kitware, karnak"):
        read("dicat", "")


def test_no_import_lets_identifiers_of_the_way_back_through() -> None:
    scripts = {
        "ctp": '<script><e en="T" t="00100020" n="PatientID">@keep()</e></script>',
        "deid": "FORMAT dicom\n%header\nKEEP PatientID",
        "kitware": json.dumps({"(0x0010, 0x0020)": "keep"}),
        "karnak": "profileElements:\n  - {codename: action.on.specific.tags, action: K, "
        "tags: ['0010,0020']}",
    }
    assert scripts.keys() == FORMATS.keys()
    for form, text in scripts.items():
        profile, left_out = read(form, text)
        assert profile.rules == (), form
        assert CLOUD_ID in {item.reason for item in left_out}, form


@settings(max_examples=count(40, 2000), deadline=None)
@given(
    form=st.sampled_from(sorted(FORMATS)),
    cuts=st.tuples(st.integers(0, 900), st.integers(0, 900)),
    noise=st.text(st.sampled_from("<>@()[]{}:,\"'%#\n KEEPx0"), max_size=8),
)
def test_a_damaged_script_is_refused_or_read_but_nothing_else(
    form: str, cuts: tuple[int, int], noise: str
) -> None:
    whole = {"ctp": CTP, "deid": RECIPE, "kitware": KITWARE, "karnak": KARNAK}[form]
    start, end = sorted(cuts)
    try:
        profile, _ = read(form, whole[:start] + noise + whole[end:])
    except ProfileError as error:
        assert error.where.startswith("script, line ")
    else:
        assert load_profile(dump_profile(profile)) == profile
