"""Without a browser, browser tests are skipped loudly; under CI=true that is a failure."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests import browsers


def item_marked(marker: str | None) -> Any:
    """Return a test item that carries a marker."""
    return SimpleNamespace(get_closest_marker=lambda name: name == marker)


@pytest.fixture(autouse=True)
def _no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browsers, "find_chromium", lambda: None)
    monkeypatch.delenv("CI", raising=False)


def test_a_browser_test_is_skipped() -> None:
    with pytest.raises(pytest.skip.Exception, match="no Chromium"):
        browsers.pytest_runtest_setup(item_marked("acceptance"))


def test_under_ci_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no Chromium"):
        browsers.pytest_runtest_setup(item_marked("acceptance"))


def test_other_tests_run() -> None:
    browsers.pytest_runtest_setup(item_marked("chain"))


def test_with_a_browser_browser_tests_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browsers, "find_chromium", lambda: "/usr/bin/chromium")
    browsers.pytest_runtest_setup(item_marked("acceptance"))


def test_the_end_of_the_run_says_loudly_how_many_were_skipped() -> None:
    lines: list[str] = []
    reporter: Any = SimpleNamespace(
        stats={"skipped": [SimpleNamespace(longrepr="no Chromium on this machine")] * 3},
        section=lambda title, **_: lines.append(title),
        line=lambda text, **_: lines.append(text),
    )
    browsers.pytest_terminal_summary(reporter, reporter)
    assert lines == ["NO BROWSER", "3 BROWSER TESTS WERE NOT RUN: install chromium"]
