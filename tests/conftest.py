"""What every room's tests share; tests/settings.py puts the run below a temporary folder.

`redis_server`, `redis`, `postgres` come from tests/servers.py, `proof` from tests/proof.py, the
rule for browser tests from tests/browsers.py.
"""

import gc
import os
import shutil
from collections.abc import Iterator

import hypothesis
import pytest

from anonportal.settings import DATA_DIR
from tests.append_only import flush_past_triggers

pytest_plugins = ["tests.proof", "tests.browsers", "tests.servers", "tests.api.server"]

hypothesis.settings.register_profile("small", deadline=None, max_examples=25, print_blob=True)
hypothesis.settings.register_profile("full", deadline=None, max_examples=500, print_blob=True)
hypothesis.settings.load_profile("full" if os.environ.get("PROVE") == "1" else "small")

# Playwright's loop runs in the test's thread, where Django would refuse a query.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


# What takes minutes with full counts begins first: at the end, one worker would run it alone.
LONGEST = (
    *("deid/test_text_finder.py", "acceptance/test_large_drop.py", "vault/test_races.py"),
    *("api/test_specification.py", "deid/test_generated_datasets.py", "studies/test_kills.py"),
    *("deid/test_conformance.py", "studies/test_matching.py", "deid/test_hostile.py"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first."""
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(
        key=lambda item: place.get("/".join(item.path.parts[-2:]), len(place)),
    )


@pytest.fixture(scope="session")
def django_db_modify_db_settings_parallel_suffix() -> None:
    """Keep the databases' names: each parallel worker has a data folder of its own."""


@pytest.fixture(scope="session", autouse=True)
def _flush_append_only_tables() -> Iterator[None]:
    """Let transaction tests empty tables that the product may only append to."""
    with flush_past_triggers():
        yield


@pytest.fixture(autouse=True)
def _sockets_are_collected_where_they_were_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Collect what a DICOM peer that went away leaves open, in the test that allows for it.

    pynetdicom leaves such sockets to the garbage collector, which would blame a later test.
    """
    yield
    if any("socket" in str(mark.args) for mark in request.node.iter_markers("filterwarnings")):
        gc.collect()


@pytest.fixture(scope="module", autouse=True)
def _sealed_objects_go_with_their_module() -> Iterator[None]:
    """Remove what batches left on the disk: later searches of the whole folder would read it."""
    yield
    for folder in DATA_DIR.joinpath("sealed").glob("*"):
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def base_url() -> None:
    """Have no base address: a browser test names its live server. (The plugin's own one warns.)"""
