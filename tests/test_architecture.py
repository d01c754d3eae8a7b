"""The rooms' import rules hold, and no change of a model lacks its migration."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

ROOT = Path(__file__).resolve().parent.parent


def test_the_import_rules_hold() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run(
        [linter, "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.django_db(databases=["default", "vault"])
def test_no_migration_is_missing() -> None:
    told = io.StringIO()
    try:
        call_command("makemigrations", check_changes=True, dry_run=True, stdout=told)
    except SystemExit:
        raise AssertionError(f"a migration is missing:\n{told.getvalue()}") from None


def test_the_engine_starts_no_django() -> None:
    program = "import sys, studies.deid; sys.exit('django' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def test_the_repository_names_no_machine_and_no_package_index() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    forbidden = [b"/work" + b"/main", b"/work" + b"/shared", b"/root/" + b".pyenv"]
    named = [
        name
        for name in listed.stdout.decode().split("\0")
        if name
        and (ROOT / name).is_file()
        and any(text in (ROOT / name).read_bytes() for text in forbidden)
    ]
    assert named == []
