"""docs/profiles.md says what the code does: its example loads, its tables are complete."""

import re
from pathlib import Path

import pytest

from studies.deid.importers import FORMATS
from studies.deid.importers.__main__ import main
from studies.deid.profile import Option, RuleAction, builtin_profile
from studies.deid.profile_text import load_profile

PAGE = (Path(__file__).parents[2] / "docs" / "profiles.md").read_text(encoding="utf-8")


def test_the_example_is_a_profile() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    profile = load_profile(example)
    assert Option.RETAIN_MODIFIED_DATES in profile.options
    assert len(profile.rules) == 6


def test_every_action_and_format_is_described() -> None:
    for action in RuleAction:
        assert f"`{action.value}`" in PAGE
    for name in FORMATS:
        assert f"| `{name}` |" in PAGE


def test_the_built_in_profiles_are_described_as_they_are() -> None:
    added = builtin_profile("teleradiology").options - builtin_profile("cloud").options
    (row,) = re.findall(r"\| `teleradiology` \|.*", PAGE)
    assert {option.value for option in added} == set(re.findall(r"[a-z]+(?:-[a-z]+)+", row))


def test_a_script_is_imported_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "ours.deid"
    recipe.write_text("FORMAT dicom\n%header\nKEEP PatientSex\nREMOVE ALL\n")
    assert main(["deid", str(recipe)]) == 1
    said = capsys.readouterr()
    profile = load_profile(said.out)
    assert profile.name == "ours"
    assert [rule.keyword for rule in profile.rules] == ["PatientSex"]
    assert "line 4: REMOVE ALL: " in said.err


def test_the_command_line_writes_json_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "d.json").write_text('{"(0x0010, 0x0040)": "keep"}')
    assert main(["kitware", str(tmp_path / "d.json"), "--name", "x", "--json"]) == 1
    assert load_profile(capsys.readouterr().out).name == "x"


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", b"nothing of the kind"])
def test_what_cannot_be_read_is_said_in_one_line(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "script"
    if content is not None:
        script.write_bytes(content)
    assert main(["ctp", str(script)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
