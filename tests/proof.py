"""Collect what the tests proved, and how often, for docs/proof.md (`make prove`).

A test says `proof("kills a worker mid-batch", count=10, result="0 lost, 0 delivered twice")`.
The table is written only by a whole, green run with PROVE=1.
"""

import platform
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.counts import PROVE

PAGE = Path(__file__).resolve().parent.parent / "docs" / "proof.md"
Row = tuple[str, str, int, str]

HEADING = """\
# What was proved

Written by `make prove`, which runs the whole test suite with full counts. One row per claim; the
test that makes it stands in the last column.

"""


def table(rows: list[Row]) -> str:
    """Return the page for (test, claim, count, result) rows, in the order of the tests."""
    lines = ["| what was tried | times | result | test |", "| --- | ---: | --- | --- |"]
    for test, claim, count, result in sorted(set(rows)):
        lines.append(f"| {claim} | {count:,} | {result} | `{test}` |")
    versions = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    return HEADING + "\n".join(lines) + f"\n\n{versions}, {platform.machine()}.\n"


@pytest.fixture
def proof(request: pytest.FixtureRequest) -> Callable[[str, int, str], None]:
    """Return a function that records a claim, how often it was tried, and the outcome."""

    def record(name: str, count: int, result: str) -> None:
        # A report's user properties also travel from parallel workers to the one that writes.
        request.node.user_properties.append(("proof", (name, count, result)))

    return record


class ProofPlugin:
    """Gather the claims of passed tests in the controlling process."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take a passed test's claims."""
        if report.when != "call" or not report.passed:
            return
        test = report.nodeid.split("[")[0]
        for kind, value in report.user_properties:
            if kind == "proof":
                name, count, result = value
                self.rows.append((test, name, int(count), result))

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the page after a whole, green run with full counts."""
        whole = session.config.args_source is not pytest.Config.ArgsSource.ARGS
        if PROVE and whole and exitstatus == 0 and self.rows:
            PAGE.write_text(table(self.rows), encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    """Register the collector, in the controlling process only."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(ProofPlugin(), "proof")
