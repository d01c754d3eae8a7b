"""docs/library.md: its examples run as they stand, one after the other."""

import re
from pathlib import Path

import pytest

from tests import datasets

PAGE = Path(__file__).parents[2] / "docs" / "library.md"


def test_every_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = PAGE.read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(examples) > 5
    datasets.write(datasets.ct(), tmp_path / "one.dcm")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for example in examples:
        line = text[: text.index(example)].count("\n")
        exec(
            compile("\n" * line + example, str(PAGE), "exec"), names
        )  # errors name the page's line
    said = capsys.readouterr().out
    assert len(said.split()[0]) == 13
