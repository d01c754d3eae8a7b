"""The rule for browser tests: Chromium, or one loud line; under CI=true no browser is a failure."""

import os
import shutil
from pathlib import Path

import pytest

ON_PATH = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium() -> str | None:
    """Return the machine's Chromium, None where there is none."""
    for name in ON_PATH:
        found = shutil.which(name)
        if found:
            return found
    cache = Path.home() / ".cache" / "ms-playwright"
    for path in sorted(cache.glob("chromium-*/chrome-linux*/chrome")):
        return str(path)
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a browser test where no browser is; fail it under CI=true."""
    if not item.get_closest_marker("acceptance") or find_chromium():
        return
    if os.environ.get("CI") == "true":
        pytest.fail("no Chromium on this machine, and CI=true", pytrace=False)
    pytest.skip("no Chromium on this machine")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say loudly, at the very end, that the browser tests did not run."""
    skipped = [
        report
        for report in terminalreporter.stats.get("skipped", [])
        if "no Chromium on this machine" in str(report.longrepr)
    ]
    if skipped:
        terminalreporter.section("NO BROWSER", sep="!", red=True, bold=True)
        terminalreporter.line(
            f"{len(skipped)} BROWSER TESTS WERE NOT RUN: install chromium", red=True, bold=True
        )


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, object]) -> dict[str, object]:
    """Drive the machine's own Chromium; as root it has no sandbox to enter."""
    arguments = [
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
    ]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")
    return {**browser_type_launch_args, "executable_path": find_chromium(), "args": arguments}
