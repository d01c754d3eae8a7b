"""What the vault's tests share: a vault of its own per test, in real files, on both databases."""

import dataclasses
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections
from django.db.utils import load_backend

from anonportal.databases import from_url
from studies.deid.outcome import Originals
from studies.vault import service as vault

ORGANIZATION = uuid.UUID(int=7)
BATCH = uuid.UUID(int=1)


@dataclasses.dataclass
class VaultFiles:
    """Where a test's vault keeps its bytes."""

    vendor: str
    folder: Path
    settings: dict[str, Any]


@pytest.fixture(autouse=True)
def key_file(settings: Any, tmp_path: Path) -> Path:
    """Give each test a key file of its own."""
    settings.KEY_FILE = tmp_path / "keys" / "keyring.json"
    return settings.KEY_FILE


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def files(
    request: pytest.FixtureRequest, tmp_path: Path, django_db_blocker: Any
) -> Iterator[VaultFiles]:
    """Put an empty vault, migrated, in place of the project's; no test transaction around it."""
    base = connections.settings["vault"]
    if request.param == "sqlite":
        where = tmp_path / "vault.sqlite3"
        database = {**base, "NAME": str(where)}
    else:
        database = {
            **connections.settings["vault"],
            "OPTIONS": {},
            **from_url(request.getfixturevalue("postgres").create_database()),
        }
        where = tmp_path
    with django_db_blocker.unblock(), vault_in_place(database):
        call_command("migrate", "vault", database="vault", verbosity=0)
        yield VaultFiles(request.param, where.parent, database)


class vault_in_place:
    """Replace the connection `vault` by one to another database."""

    def __init__(self, database: dict[str, Any]) -> None:
        self._database = database

    def __enter__(self) -> None:
        self._before = connections["vault"]
        self._settings = connections.settings["vault"]
        connections.settings["vault"] = self._database
        connections["vault"] = load_backend(self._database["ENGINE"]).DatabaseWrapper(
            self._database, "vault"
        )

    def __exit__(self, *exception: object) -> None:
        connections["vault"].close()
        connections.settings["vault"] = self._settings
        connections["vault"] = self._before


@pytest.fixture
def domain(files: VaultFiles) -> uuid.UUID:
    """Return a fresh linkage domain."""
    domain_id = uuid.uuid4()
    vault.create_domain(domain_id, ORGANIZATION, "default")
    return domain_id


@pytest.fixture
def new_domain(files: VaultFiles) -> Callable[[], uuid.UUID]:
    """Return a maker of linkage domains."""

    def make() -> uuid.UUID:
        domain_id = uuid.uuid4()
        vault.create_domain(domain_id, ORGANIZATION, "other")
        return domain_id

    return make


def identities(domain_id: uuid.UUID, **changes: Any) -> vault.DomainIdentities:
    """Return the identities of a domain as an organization without special wishes asks for them."""
    return vault.identities(domain_id, **{"prefix": "HOSP", "scheme": "patient", **changes})


def send(
    domain_id: uuid.UUID,
    patient_id: str = "MRN0017",
    study_uid: str = "1.2.826.0.1.17",
    *,
    batch: uuid.UUID = BATCH,
    chunk: str = "1",
    instances: int = 2,
    name: str = "Moreau^Alice",
    birth_date: str = "19600102",
) -> tuple[str, str]:
    """Do to the vault what de-identifying a small study does; return its cloud ids."""
    ours = identities(domain_id)
    patient = ours.patient(patient_id, "HOSPITAL")
    study = ours.study(study_uid, patient)
    for number in range(instances):
        originals = example_originals(
            ours, patient_id, study_uid, number, name=name, birth_date=birth_date
        )
        ours.remember(
            originals,
            cloud_study_id=study,
            cloud_patient_id=patient,
            new_sop_uid=ours.uid(originals.sop_instance_uid),
            original_path=f"{name}/IM{number:04}",
        )
    ours.flush(batch, chunk)
    return patient, study


def example_originals(
    ours: vault.DomainIdentities,
    patient_id: str,
    study_uid: str,
    number: int,
    *,
    name: str = "Moreau^Alice",
    birth_date: str = "19600102",
) -> Originals:
    """Return what the engine reports of one instance."""
    sop, series, frame = f"{study_uid}.1.{number}", f"{study_uid}.1", f"{study_uid}.9"
    uids = (sop, series, study_uid, frame, f"{sop}.5")
    return Originals(
        patient={
            "PatientID": (patient_id,),
            "IssuerOfPatientID": ("HOSPITAL",),
            "PatientName": (name,),
            "PatientBirthDate": (birth_date,),
        },
        study={"StudyInstanceUID": (study_uid,), "AccessionNumber": (f"A{patient_id}",)},
        dates=(("(0008,0020)", "20260301", "20190704"), ("(0008,0021)", "20260301", "20190704")),
        uids={uid: ours.uid(uid) for uid in uids},
        sop_instance_uid=sop,
        series_instance_uid=series,
        study_instance_uid=study_uid,
        frame_of_reference_uids=(frame,),
    )
