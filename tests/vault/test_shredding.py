"""What was shredded leads back nowhere: not by the vault, and not by any byte of its files."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from django.db import connections

from studies.sealing import KeyMissing, keyring
from studies.vault import erasure, ledger, shredding
from studies.vault import service as vault
from studies.vault.models import (
    Domain,
    DomainKey,
    InstanceRow,
    Patient,
    SentUid,
    Shredding,
    Study,
)
from studies.vault.rotation import rewrap_domains, rotate_domain
from studies.vault.shredding import (
    finish_shreddings,
    reapply_ledger,
    shred_domain,
    shred_patient,
)
from studies.vault.verification import verify
from tests.vault.conftest import VaultFiles, identities, send


def quiet(done: int, total: int) -> None:
    """Take progress and show nothing."""


def row_bytes(cloud_patient_id: str) -> dict[str, bytes]:
    """Return what of a patient's rows could be looked for on a disk."""
    patient = Patient.objects.get(cloud_id=cloud_patient_id)
    pieces = {
        "the patient's index": bytes(patient.index),
        "the patient's sealed values": bytes(patient.sealed)[:40],
        "the cloud patient id": patient.cloud_id.encode(),
    }
    for study in patient.studies.all():
        row = study.instance_rows.get()
        pieces |= {
            "the study's index": bytes(study.index),
            "the study's sealed values": bytes(study.sealed)[:40],
            "the cloud study id": study.cloud_id.encode(),
            "the instances": bytes(row.sealed)[:40],
            "a UID that was sent": study.sent_uids.order_by("uid")[0].uid.encode(),
        }
    return pieces


def found_on_disk(files: VaultFiles, pieces: dict[str, bytes], *, with_log: bool) -> set[str]:
    """Return which pieces stand in any file of the database, whatever part of it."""
    if files.vendor == "sqlite":
        paths = list(files.folder.glob("vault.sqlite3*"))
    else:
        with connections["vault"].cursor() as cursor:
            cursor.execute("CHECKPOINT")
            cursor.execute("SHOW data_directory")
            folder = Path(cursor.fetchone()[0])
            cursor.execute("SELECT oid FROM pg_database WHERE datname = current_database()")
            (oid,) = cursor.fetchone()
        paths = [path for path in (folder / "base" / str(oid)).iterdir() if path.is_file()]
        if with_log:
            paths += [path for path in (folder / "pg_wal").iterdir() if path.is_file()]
    assert paths
    content = b"\0".join(path.read_bytes() for path in paths)
    return {name for name, piece in pieces.items() if piece in content}


def test_after_a_patient_is_shredded_nothing_in_any_file_leads_back(domain, files):
    send(domain, "MRN0018", "1.2.18")
    for number in range(40):
        send(domain, f"MRN1{number:03}", f"1.3.{number}", instances=8)
    patient, study = send(domain, instances=30)
    pieces = row_bytes(patient)
    assert found_on_disk(files, pieces, with_log=True) == pieces.keys()
    with connections["vault"].cursor() as cursor:
        # PostgreSQL does so by itself from time to time, and keeps samples of what it read.
        cursor.execute("ANALYZE")
    shred_patient(domain, patient)
    pieces.pop("the cloud patient id")  # stands in the record of what was shredded
    assert found_on_disk(files, pieces, with_log=files.vendor == "sqlite") == set()
    assert vault.find_study([domain], study) is None
    assert vault.find_patient([domain], patient) is None
    assert vault.search_patient([domain], "MRN0017", "HOSPITAL") == []
    assert vault.search_patient([domain], "MRN0018", "HOSPITAL") != []
    assert Patient.objects.count() == 41
    assert verify(quiet) == []


def test_after_a_domain_is_shredded_nothing_in_any_file_leads_back(domain, new_domain, files):
    patient, study = send(domain)
    other = new_domain()
    kept = send(other)[1]
    pieces = row_bytes(patient) | {
        "the wrapped root": bytes(Domain.objects.get(pk=domain).wrapped_root),
        "the wrapped key": bytes(DomainKey.objects.get(domain=domain).wrapped),
    }
    assert found_on_disk(files, pieces, with_log=True) == pieces.keys()
    shred_domain(domain)
    assert found_on_disk(files, pieces, with_log=files.vendor == "sqlite") == set()
    with pytest.raises(vault.UnknownDomain):
        identities(domain)
    assert vault.find_study([domain, other], study) is None
    assert vault.find_study([domain, other], kept) is not None
    for kind in (Patient, Study, InstanceRow, SentUid, DomainKey):
        assert {row.domain_id for row in kind.objects.all()} == {other}


def test_a_shredded_patient_who_comes_again_is_a_new_one(domain):
    patient, study = send(domain)
    shred_patient(domain, patient)
    again, new_study = send(domain)
    assert (again, new_study) != (patient, study)
    assert {again, new_study}.isdisjoint({patient, study})


def test_rotation_leaves_older_backups_without_a_key(domain):
    """A backup taken before, or PostgreSQL's log, opens only with keys that are gone by then."""
    patient, _ = send(domain)
    older = bytes(DomainKey.objects.get().wrapped)
    shred_patient(domain, patient)
    rotate_domain(domain, quiet)
    keyring().add_version()
    rewrap_domains(quiet)
    keyring().forget(1)
    with pytest.raises(KeyMissing, match="version 1"):
        keyring().unwrap(older, f"vault/domain/{domain}/key/1".encode())


def test_an_interrupted_shredding_is_finished_later(domain, monkeypatch):
    patient, study = send(domain)

    def die() -> None:
        raise vault.NotErased("busy")

    monkeypatch.setattr(shredding, "erase_freed", die)
    with pytest.raises(vault.NotErased):
        shred_patient(domain, patient)
    assert vault.find_study([domain], study) is None
    assert Shredding.objects.get().done is None
    monkeypatch.undo()
    assert [finished.subject for finished in finish_shreddings()] == [patient]
    assert Shredding.objects.get().done is not None
    assert finish_shreddings() == []
    shred_patient(domain, patient)


def test_a_reader_in_the_way_is_told_of_and_nothing_is_called_erased(files, domain, monkeypatch):
    patient, _study = send(domain)
    pieces = row_bytes(patient)
    pieces.pop("the cloud patient id")  # stands in the record of what was shredded
    monkeypatch.setattr(erasure, "PATIENCE", 0.3)
    with reading(files), pytest.raises(vault.NotErased, match="run the same command again"):
        shred_patient(domain, patient)
    assert Shredding.objects.get().done is None
    assert len(finish_shreddings()) == 1
    assert found_on_disk(files, pieces, with_log=files.vendor == "sqlite") == set()


@contextmanager
def reading(files: VaultFiles) -> Iterator[None]:
    """Read the patients' table in a transaction that stays open."""
    if files.vendor == "sqlite":
        with connections["vault"].cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout = 50")
        with closing(sqlite3.connect(files.folder / "vault.sqlite3")) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM vault_patient").fetchone()
            yield
        return
    # Its statement is over and no row of it is locked: only what it may still read counts.
    with closing(connections["vault"].copy()) as other, other.cursor() as cursor:
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SELECT 1")
        yield


def test_a_restore_doesnt_bring_a_shredded_patient_back(domain, new_domain):
    patient, study = send(domain)
    kept = send(domain, "MRN0018", "1.2.18")[1]
    other = new_domain()
    backup = [list(kind.objects.all()) for kind in (Domain, DomainKey, Patient, Study, InstanceRow)]
    shred_patient(domain, patient)
    shred_domain(other)
    for kind in (InstanceRow, SentUid, Study, Patient, DomainKey, Domain, Shredding):
        kind.objects.all().delete()
    for rows in backup:
        type(rows[0]).objects.bulk_create(rows)
    assert vault.find_study([domain], study) is not None
    assert {entry.subject for entry in reapply_ledger()} == {patient, ""}
    assert vault.find_study([domain], study) is None
    assert vault.find_study([domain], kept) is not None
    assert not Domain.objects.filter(pk=other).exists()
    assert reapply_ledger() == []


def test_the_ledger_lies_apart_and_names_no_patient(domain, key_file):
    patient, _ = send(domain)
    shred_patient(domain, patient)
    path = ledger.ledger_path()
    assert path.parent == key_file.parent
    assert path.stat().st_mode & 0o777 == 0o600
    assert patient in path.read_text()
    assert "MRN0017" not in path.read_text()
    path.write_text(path.read_text() + "{}\n")
    with pytest.raises(vault.VaultError, match="line 2"):
        reapply_ledger()


def test_what_isnt_there_cant_be_shredded(domain):
    patient, _ = send(domain)
    with pytest.raises(vault.VaultError, match="isn't in this domain"):
        shred_patient(domain, "0000000000000")
    shred_domain(domain)
    with pytest.raises(vault.VaultError):
        shred_patient(domain, patient)
    assert next(iter(ledger.entries())).subject == ""
    shred_domain(domain)
