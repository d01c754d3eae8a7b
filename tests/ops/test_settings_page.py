"""docs/settings.md lists each variable that the code reads, and no other."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
READERS = {"env", "env_bool", "env_int", "env_list", "env_secret"}
# Built from the databases' names in settings.py.
DATABASE_URLS = {"ANONPORTAL_PORTAL_DATABASE_URL", "ANONPORTAL_VAULT_DATABASE_URL"}


def read_by(path: Path) -> set[str]:
    """Return the variables that a module reads, through a reader or by name."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            function = node.func
            name = function.id if isinstance(function, ast.Name) else ""
            first = node.args[0] if node.args else None
            if name in READERS and isinstance(first, ast.Constant):
                found.add(f"ANONPORTAL_{first.value}")
            if (
                isinstance(function, ast.Attribute)
                and isinstance(first, ast.Constant)
                and str(first.value).startswith("ANONPORTAL_")
            ):
                found.add(str(first.value))
    return found


def code() -> list[Path]:
    rooms = ("anonportal", "studies", "audit", "deploy")
    return [path for room in rooms for path in (ROOT / room).rglob("*.py")]


def test_the_page_and_the_code_name_the_same_variables() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `(ANONPORTAL_[A-Z_]+)`", page, re.MULTILINE))
    read = set().union(*(read_by(path) for path in code())) | DATABASE_URLS
    assert listed == {name for name in read if not name.endswith("_FILE") or name in listed}


def test_the_page_marks_what_is_secret() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    marked = set(re.findall(r"^\| `(ANONPORTAL_[A-Z_]+)`.*\*secret\*", page, re.MULTILINE))
    secret = {
        f"ANONPORTAL_{node.args[0].value}"
        for path in code()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "env_secret"
        and isinstance(node.args[0], ast.Constant)
    }
    assert marked == secret | DATABASE_URLS
