"""The portal's own database, staging, cache and queue name no patient, and after a batch was closed
and its patient shredded they hold nothing that leads back either."""

from pathlib import Path

import pytest
from django.db import connections
from django.utils import timezone

from studies import jobs
from studies.faults import PermanentError
from studies.models import Batch, BatchState, Instance, Role, Study
from studies.services.keeping import shred_patient
from studies.services.organizations import COMMAND
from studies.services.reidentification import Request, reidentify
from studies.vault import models as vault_models
from tests import datasets
from tests.counts import count
from tests.on_disk import content as on_disk
from tests.searching import words_in
from tests.studies.hospital import Hospital, make_hospital, work_off
from tests.vault.test_dump import forms

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "vault"]),
    pytest.mark.usefixtures("redis_server"),
]
# Each has 16 markers.
PATIENTS = count(3, 63)


@pytest.fixture
def hospital(tmp_path: Path, settings, redis) -> Hospital:
    settings.FOLDER_ROOTS = [str(tmp_path)]
    # The cache as in production, so that a search of Redis finds what it holds.
    backend = "django.core.cache.backends.redis.RedisCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": settings.REDIS_URL}}
    return make_hospital(tmp_path)


@pytest.fixture(autouse=True)
def key_file(settings) -> Path:
    """Keep the portal's own key file: the organization's key was wrapped under it."""
    return Path(settings.KEY_FILE)


def everything(data: Path, redis) -> bytes:
    """Return every file below the data folder, free pages and logs included, and Redis' content."""
    parts = [on_disk(path) for path in sorted(data.rglob("*")) if path.is_file()]
    for key in redis.scan_iter():
        parts += [key, redis.dump(key)]
        if redis.type(key) == b"hash":
            parts += [piece for pair in redis.hgetall(key).items() for piece in pair]
    return b"\0".join(parts) + table_content("default")


def table_content(alias: str) -> bytes:
    """Return all values of all tables."""
    connection, parts = connections[alias], []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            for row in cursor.fetchall():
                parts += [
                    bytes(value)
                    if isinstance(value, bytes | memoryview)
                    else str(value).encode("utf-8", "surrogateescape")
                    for value in row
                ]
    return b"\n".join(parts)


def deliver(hospital: Hospital, patients: list[datasets.Markers]) -> Batch:
    """Send a study of each patient."""
    for number, markers in enumerate(patients):
        folder = hospital.inbox / f"{markers.family}-{number}"
        datasets.write_series(folder, [datasets.ct(markers, number=1)])
    batch = hospital.submit(release="when-clean")
    work_off()
    batch.refresh_from_db()
    assert batch.state == BatchState.DELIVERED
    return batch


def test_what_the_portal_keeps_at_work_holds_no_marker(hospital, settings, redis):
    patients = [datasets.Markers() for _ in range(PATIENTS)]
    batch = deliver(hospital, patients)
    content = everything(Path(settings.DATA_DIR), redis)
    assert str(batch.pk).encode() in content
    tokens = {token for markers in patients for token in markers.tokens()}
    assert words_in(content, {form for token in tokens for form in forms(token)}) == set()


def leading_back(batch: Batch, cloud_patient_id: str) -> dict[str, bytes]:
    """Return what, with the key file, would lead back: keys and sealed values of both."""
    batch.refresh_from_db()
    study, instance = Study.objects.get(batch=batch), Instance.objects.get(batch=batch)
    patient = vault_models.Patient.objects.get(cloud_id=cloud_patient_id)
    row = patient.studies.get()
    return {
        "the batch's wrapped key": bytes(batch.wrapped_key),
        "the inventory": bytes(study.sealed_inventory),
        "the path of the original": bytes(instance.sealed_path),
        "where the original lay": str(instance.original[0][0]).encode(),
        "where the staged instance lay": instance.staged.encode(),
        "the patient's index": bytes(patient.index),
        "the patient's sealed values": bytes(patient.sealed),
        "the study's sealed values": bytes(row.sealed),
        "the instances": bytes(row.instance_rows.get().sealed),
    }


def test_after_closing_and_shredding_nothing_of_the_portal_leads_back(hospital, settings, redis):
    markers, data = datasets.Markers(), Path(settings.DATA_DIR)
    batch = deliver(hospital, [markers])
    study = Study.objects.get(batch=batch)
    pieces = leading_back(batch, study.cloud_patient_id)
    assert all(len(piece) > 16 for piece in pieces.values())
    database = b"".join(on_disk(path) for path in (data / "db").iterdir())
    assert {name for name, piece in pieces.items() if piece[:32] in database} == pieces.keys()
    radiologist = hospital.viewer(Role.RADIOLOGIST)
    asked = Request(study.cloud_study_id, "report")
    assert reidentify(radiologist, asked, is_fresh=True).patient["PatientID"] == (
        markers.patient_id,
    )
    with pytest.raises(PermanentError, match="batch-open"):
        shred_patient(hospital.organization, study.cloud_patient_id, reason="asked", actor=COMMAND)

    Batch.objects.filter(pk=batch.pk).update(closes=timezone.now())
    assert jobs.close_due() == 1
    shred_patient(hospital.organization, study.cloud_patient_id, reason="asked", actor=COMMAND)

    content = everything(data, redis)
    assert {name for name, piece in pieces.items() if piece[:32] in content} == set()
    assert [token for token in markers.tokens() if any(f in content for f in forms(token))] == []
    assert not (Path(settings.SEALED_DIR) / str(batch.pk)).exists()
    assert study.cloud_study_id.encode() in content
    with pytest.raises(PermanentError) as refused:
        reidentify(radiologist, asked, is_fresh=True)
    assert refused.value.code == "mapping-gone"
