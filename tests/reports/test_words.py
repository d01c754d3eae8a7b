"""Whatever a report's module says by a code, the pages say in words."""

import re
from pathlib import Path

from studies.web.mark_words import MARKS
from studies.web.reasons import REASONS

ROOM = Path(__file__).parents[2] / "studies" / "reports"
SERVICES = ROOM.parent / "services"


def said(pattern: str, *files: Path) -> set[str]:
    return {code for file in files for code in re.findall(pattern, file.read_text("utf-8"))}


def test_every_reason_to_stop_a_report_has_words() -> None:
    codes = said(r'ReportError\(\s*"([a-z0-9-]+)"', *ROOM.glob("*.py"))
    codes |= said(r'Match\(None, "([a-z-]+)"', SERVICES / "matching.py")
    codes |= said(r'study, code = None, "([a-z-]+)"', SERVICES / "returning.py")
    assert len(codes) > 20
    assert codes - set(REASONS) == set()


def test_every_mark_has_words() -> None:
    codes = said(r'(?:\bmark|Mark)\(\s*"([a-z-]+)"', *ROOM.glob("*.py"))
    codes |= said(r'"(date-[a-z-]+)"', ROOM / "text.py")
    assert len(codes) > 7
    assert codes == set(MARKS)
