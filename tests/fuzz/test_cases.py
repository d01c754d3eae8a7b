"""Inputs that once failed, each under the name of what was wrong with them."""

from pathlib import Path

import pytest

from tests.fuzz.target import check

CASES = sorted((Path(__file__).parent / "cases").glob("*.dcm"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_what_failed_once_holds(case: Path) -> None:
    check(case.read_bytes())
