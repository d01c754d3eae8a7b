"""Every code that can hold, refuse or stop something is said in words on the pages."""

import re
from pathlib import Path

from studies.web.mark_words import MARKS
from studies.web.reasons import REASONS, STOPPED

ROOT = Path(__file__).parents[2]
# Raised while a profile is written or a command runs: never the code of an instance.
NOT_OF_INSTANCES = re.compile(r"profile|option|rule|importers|command")
CODE = re.compile(
    r"""(?:Held|NotDicom|Unsupported|LeakFound|EngineError)\(\s*["']([a-z0-9-]+)["']"""
)


def codes() -> set[str]:
    found: set[str] = set()
    for folder in ("studies/deid", "studies/vault"):
        for path in (ROOT / folder).rglob("*.py"):
            if not NOT_OF_INSTANCES.search(str(path.relative_to(ROOT))):
                found |= set(CODE.findall(path.read_text(encoding="utf-8")))
    return found


def test_every_code_of_the_engine_and_the_vault_has_words() -> None:
    assert codes(), "the search above finds no code any more: mend it"
    assert codes() - set(REASONS) == set()


def test_words_name_no_code_and_end_as_sentences() -> None:
    for code, reason in REASONS.items():
        assert code not in str(reason.why) or code in {"dicomdir", "duplicate"}
        assert str(reason.why).endswith(".")
        assert not str(reason.title).endswith(".")
    assert all(str(text) for text in STOPPED.values())


def test_every_mark_of_a_report_has_words() -> None:
    marks = re.compile(r"""[Mm]ark\(\s*"([a-z-]+)\"""")
    found: set[str] = set()
    for path in (ROOT / "studies/reports").rglob("*.py"):
        found |= set(marks.findall(path.read_text(encoding="utf-8")))
    assert found, "the search above finds no mark any more: mend it"
    assert found - set(MARKS) == set()


def test_every_fault_of_a_delivery_has_words_for_the_batch_that_stopped() -> None:
    raised = re.compile(r"""Delivery(?:Refused|Unavailable)\(\s*["']([a-z0-9-]+)["']""")
    found: set[str] = set()
    for path in (ROOT / "studies" / "delivery").glob("*.py"):
        found |= set(raised.findall(path.read_text(encoding="utf-8")))
    assert len(found) > 30, "the search above finds too few codes: mend it"
    # Faults of sending a report on stop no batch.
    found = {code for code in found if not code.startswith("message-")}
    assert found - set(STOPPED) == set()
    # Each says what to do: it ends as a sentence.
    assert all(str(STOPPED[code]).endswith(".") for code in found)
