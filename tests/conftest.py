"""What every room's tests share; tests/settings.py puts the run below a temporary folder.

`redis_server`, `redis`, `postgres` come from tests/servers.py, `proof` from tests/proof.py, the
rule for browser tests from tests/browsers.py.
"""

import os
from collections.abc import Iterator

import hypothesis
import pytest

from tests.append_only import flush_past_triggers

pytest_plugins = ["tests.proof", "tests.browsers", "tests.servers", "tests.api.server"]

hypothesis.settings.register_profile("small", deadline=None, max_examples=25, print_blob=True)
hypothesis.settings.register_profile("full", deadline=None, max_examples=500, print_blob=True)
hypothesis.settings.load_profile("full" if os.environ.get("PROVE") == "1" else "small")

# Playwright's loop runs in the test's thread, where Django would refuse a query.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


@pytest.fixture(scope="session")
def django_db_modify_db_settings_parallel_suffix() -> None:
    """Keep the databases' names: each parallel worker has a data folder of its own."""


@pytest.fixture(scope="session", autouse=True)
def _flush_append_only_tables() -> Iterator[None]:
    """Let transaction tests empty tables that the product may only append to."""
    with flush_past_triggers():
        yield


@pytest.fixture(scope="session")
def base_url() -> None:
    """Have no base address: a browser test names its live server. (The plugin's own one warns.)"""
