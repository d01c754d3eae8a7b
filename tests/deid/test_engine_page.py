"""docs/engine.md, the map of the package, names what is there, and its example is true."""

import re
from pathlib import Path

import studies.deid
from studies.deid import builtin_profile

from .builders import ct, passed, plan

PACKAGE = Path(studies.deid.__file__).parent
PAGE = (PACKAGE.parent.parent / "docs" / "engine.md").read_text(encoding="utf-8")


def test_every_file_that_the_page_names_is_there() -> None:
    """And every file of the way of an instance is named."""
    named = set(re.findall(r"`((?:pixels/)?[a-z_]+\.py)`", PAGE))
    assert len(named) > 30
    assert [name for name in sorted(named) if not (PACKAGE / name).is_file()] == []
    folders = set(re.findall(r"`([a-z]+)/`", PAGE))
    assert [name for name in sorted(folders) if not (PACKAGE / name).is_dir()] == []


def test_every_name_in_code_that_the_page_mentions_is_there() -> None:
    """`file.name` is a name in that file."""
    for module, name in re.findall(r"`([a-z_]+)\.([A-Za-z_]+)(?:\.[A-Za-z_]+)?`", PAGE):
        path = PACKAGE / f"{module}.py"
        if path.is_file() and name != "py":
            assert re.search(rf"\b{name}\b", path.read_text(encoding="utf-8")), (module, name)


def test_the_element_on_the_page_fares_as_it_says() -> None:
    """Referring Physician's Name goes; its name in an attribute no table names goes, too."""
    ds = ct(ReferringPhysicianName="Thistlewood^Barnaby", ScanOptions="THISTLEWOOD 3")
    out = passed(ds, plan(builtin_profile("cloud").name))
    assert (out.ReferringPhysicianName, out.ScanOptions) == ("", "REMOVED 3")
