"""`manage.py vault` keeps the vault: each act audited before and after, shown, and repeatable."""

import csv
import json
import subprocess
import uuid
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from audit import Actor
from audit.models import Event
from studies.models import Batch, Instance, LinkageDomain, SigningKey, Study
from studies.models.states import BatchState
from studies.sealing import KeyMissing, keyring
from studies.services import keeping, keys, signing
from studies.vault import service as vault
from studies.vault import shredding
from studies.vault import transfer as vault_transfer
from studies.vault.models import Patient, Shredding
from studies.vault.models import Study as VaultStudy
from tests.studies.batches import make_batch, make_organization
from tests.vault.conftest import BATCH, send

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.parametrize("files", ["sqlite"], indirect=True),
]
DAVE = Actor(kind="person", id="4", label="Dave", role="administrator")


@pytest.fixture
def organization(transactional_db, files):
    return make_organization("hospital")


@pytest.fixture
def domain(organization):
    return keeping.create_domain(organization, "default", actor=DAVE)


def run(*arguments: object) -> str:
    """Run `manage.py vault` and return what it says."""
    out = StringIO()
    call_command("vault", *map(str, arguments), stdout=out)
    return out.getvalue()


def trail(action: str) -> list[tuple[str, str, dict[str, object]]]:
    """Return the outcome, subject and details of the events of an act, oldest first."""
    return [
        (event.outcome, event.subject, json.loads(event.detail_json))
        for event in Event.objects.filter(action=action).order_by("pk")
    ]


def steps(action: str) -> list[tuple[str, object]]:
    return [(outcome, detail.get("step")) for outcome, _, detail in trail(action)]


DONE = [("success", "requested"), ("success", "done")]


def test_a_new_domain_has_identities_of_its_own(organization, domain):
    assert "domain readers made" in run("new-domain", "hospital", "readers")
    readers = LinkageDomain.objects.get(name="readers")
    assert send(readers.pk)[0] != send(domain.pk)[0]
    assert trail("vault.domain_created")[-1][1] == str(readers.pk)
    with pytest.raises(CommandError):
        run("new-domain", "hospital", "readers")
    with pytest.raises(CommandError, match="organization"):
        run("new-domain", "elsewhere", "readers")


def test_a_domain_is_rotated(domain):
    send(domain.pk)
    assert "6 of 6" not in run("rotate-domain", domain.pk)
    assert VaultStudy.objects.get().key_version == 2
    assert steps("vault.domain_rotated") == DONE
    with pytest.raises(CommandError, match="no such domain"):
        run("rotate-domain", uuid.uuid4())
    with pytest.raises(CommandError, match="form"):
        run("rotate-domain", "x")


def test_every_key_of_vault_and_portal_is_wrapped_afresh(organization, domain):
    batch = make_batch(organization)
    signer, root = signing.signer(), keys.organization_key(organization)
    original, key = batch.wrapped_key, keys.batch_key(batch)
    closed = make_batch(organization)
    Batch.objects.filter(pk=closed.pk).update(wrapped_key=b"")
    assert "version 2" in run("rotate-kek")
    assert keeping.keys_wrapped_before(2) == 0
    assert keyring().versions == (1, 2)
    assert "version 3" in run("rotate-kek", "--forget-old")
    assert keyring().versions == (3,)
    assert steps("vault.key_rotated") == DONE * 2
    for row in (batch, organization):
        row.refresh_from_db()
    assert keys.batch_key(batch) == key
    assert keys.organization_key(organization) == root
    assert signing.signer().key_id == signer.key_id
    assert signing.signer().sign(b"manifest") == signer.sign(b"manifest")
    assert SigningKey.objects.count() == 1
    assert bytes(Batch.objects.get(pk=closed.pk).wrapped_key) == b""
    with pytest.raises(KeyMissing):
        keyring().unwrap(bytes(original), keys.batch_context(batch.pk))


def test_an_interrupted_rotation_of_the_key_is_finished_not_begun_anew(domain, monkeypatch):
    def die(*args: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(keeping.wrapped, "rewrap", die)
    with pytest.raises(KeyboardInterrupt):
        run("rotate-kek")
    assert steps("vault.key_rotated") == [("success", "requested"), ("failed", "stopped")]
    monkeypatch.undo()
    assert "version 2" in run("rotate-kek")
    assert keyring().versions == (1, 2)
    assert keeping.keys_wrapped_before(2) == 0


def test_a_key_that_came_up_meanwhile_isnt_forgotten(domain, monkeypatch):
    monkeypatch.setattr(keeping.wrapped, "rewrap", lambda on_progress: 0)
    with pytest.raises(CommandError, match="run the rotation again"):
        run("rotate-kek", "--forget-old")
    assert keyring().versions == (1, 2)


def test_a_patient_is_shredded_by_a_cloud_id_as_typed(organization, domain):
    patient, study = send(domain.pk)
    typed = patient.lower()
    assert "destroyed" in run("shred-patient", "hospital", typed, "--reason", "asked to")
    assert vault.find_study([domain.pk], study) is None
    assert steps("vault.patient_shredded") == DONE
    assert [subject for _, subject, _ in trail("vault.patient_shredded")] == [patient] * 2
    for unknown in (patient, "0000000000000", "x"):
        with pytest.raises(CommandError, match="No cloud patient"):
            run("shred-patient", "hospital", unknown, "--reason", "asked to")


def test_another_organizations_patient_is_unknown(domain):
    make_organization("elsewhere")
    patient, _ = send(domain.pk)
    with pytest.raises(CommandError, match="No cloud patient"):
        run("shred-patient", "elsewhere", patient, "--reason", "asked to")
    assert Patient.objects.count() == 1


def test_what_an_open_batch_still_holds_isnt_shredded(organization, domain):
    patient, study = send(domain.pk)
    batch = make_batch(organization)
    Study.objects.create(
        batch=batch,
        organization=organization,
        number=1,
        study_index=b"x",
        cloud_study_id=study,
        cloud_patient_id=patient,
    )
    for act in (
        ("shred-patient", "hospital", patient),
        ("shred-domain", domain.pk, "--confirm", "default"),
    ):
        with pytest.raises(CommandError, match="close or cancel it"):
            run(*act, "--reason", "asked to")
    Batch.objects.filter(pk=batch.pk).move(BatchState.CANCELLED)
    run("shred-patient", "hospital", patient, "--reason", "asked to")
    assert Patient.objects.count() == 0


def test_a_domain_is_shredded_when_its_name_is_confirmed(domain):
    send(domain.pk)
    with pytest.raises(CommandError, match="--confirm default"):
        run("shred-domain", domain.pk, "--reason", "closed")
    run("shred-domain", domain.pk, "--reason", "closed", "--confirm", "default")
    assert Patient.objects.count() == 0
    assert steps("vault.domain_shredded") == DONE
    assert "leads back" in run("verify")


def test_an_interrupted_shredding_is_finished_and_audited(domain, monkeypatch):
    patient, _ = send(domain.pk)

    def die() -> None:
        raise vault.NotErased("busy")

    monkeypatch.setattr(shredding, "erase_freed", die)
    with pytest.raises(CommandError, match="busy"):
        run("shred-patient", "hospital", patient, "--reason", "asked to")
    assert steps("vault.patient_shredded")[-1] == ("failed", "stopped")
    monkeypatch.undo()
    assert "1 destructions" in run("finish")
    assert Shredding.objects.get().done is not None
    assert trail("vault.patient_shredded")[-1] == ("success", patient, {"step": "finished"})
    assert "0 destructions" in run("finish")


def test_after_a_restore_shreddings_are_applied_again(domain):
    patient, _ = send(domain.pk)
    row = Patient.objects.get()
    run("shred-patient", "hospital", patient, "--reason", "asked to")
    row.save(force_insert=True)
    assert "1 destructions" in run("after-restore")
    assert Patient.objects.count() == 0
    assert trail("vault.patient_shredded")[-1] == ("success", patient, {"step": "re-applied"})


def test_verify_names_what_is_lost_or_damaged(organization, domain):
    patient, study = send(domain.pk)
    batch = make_batch(organization)
    Study.objects.create(
        batch=batch,
        organization=organization,
        number=1,
        study_index=b"x",
        cloud_study_id=study,
        cloud_patient_id=patient,
    )
    assert "every row opens" in run("verify")
    VaultStudy.objects.update(sealed=b"")
    with pytest.raises(CommandError, match=study):
        run("verify")
    VaultStudy.objects.all().delete()
    with pytest.raises(CommandError, match=f"cloud study {study} isn't in the vault"):
        run("verify")
    lost = LinkageDomain.objects.create(organization=organization, name="lost")
    with pytest.raises(CommandError, match=f"linkage domain {lost.pk} isn't in the vault"):
        run("verify")
    assert [outcome for outcome, _, _ in trail("vault.verified")] == ["success"] + ["failed"] * 3


@pytest.fixture
def pair(tmp_path):
    """Return the paths of a key pair that OpenSSL made."""
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "X25519", "-out", private], check=True)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
    return private, public


def test_a_domain_moves_to_another_organization_of_another_vault(
    organization, domain, pair, tmp_path
):
    private, public = pair
    patient, study = send(domain.pk)
    file = tmp_path / "domain.sealed"
    run("export", file, "--domain", domain.pk, "--to-key", public, "--reason", "moving")
    assert file.stat().st_mode & 0o777 == 0o600
    assert b"MRN0017" not in file.read_bytes()
    assert steps("vault.exported") == DONE
    vault_rows = vault_transfer.Domain.objects.all()
    vault_rows.delete()
    LinkageDomain.objects.all().delete()
    make_organization("elsewhere")
    run("import", file, "elsewhere", "--key", private)
    imported = LinkageDomain.objects.get()
    assert (imported.pk, imported.organization.slug) == (domain.pk, "elsewhere")
    assert vault_rows.get().organization_id == imported.organization_id
    assert vault.find_study([imported.pk], study).cloud_patient_id == patient
    assert steps("vault.imported") == DONE


@pytest.fixture
def batch(organization, domain):
    """Return a batch of which one study was sent out."""
    batch = make_batch(organization)
    send(domain.pk, batch=batch.pk)
    first = next(vault.batch_mapping(domain.pk, batch.pk))
    Instance.objects.create(
        batch=batch, number=1, sop_instance_uid=first.new_sop_uid, object_key="b/s/1.dcm"
    )
    return batch


def test_a_batchs_mapping_leaves_sealed_to_a_public_key(batch, pair, tmp_path):
    private, public = pair
    file = tmp_path / "mapping.sealed"
    run("export", file, "--batch", batch.pk, "--to-key", public, "--reason", "migration")
    with file.open("rb") as raw:
        key = vault_transfer.read_private_key(private.read_bytes())
        found = json.loads(vault_transfer.open_sealed(key, raw, "batch-mapping").read())
    assert found["BatchId"] == str(batch.pk)
    (study,) = found["StudyMappings"]
    assert (study["OriginalStudyUID"], study["OriginalPatientId"]) == ("1.2.826.0.1.17", "MRN0017")
    assert [file["CloudPath"] for file in found["FileMappings"]] == ["b/s/1.dcm", ""]
    assert found["FileMappings"][0]["OriginalPath"] == "Moreau^Alice/IM0000"
    assert found["FileMappings"][0]["CloudStudyId"] == study["CloudStudyId"]
    assert steps("vault.exported") == DONE
    assert "MRN0017" not in json.dumps(trail("vault.exported"))


def test_a_batchs_mapping_leaves_as_csv_for_its_owner_only(batch, domain, tmp_path):
    folder = tmp_path / "mapping"
    run("export", folder, "--batch", batch.pk, "--csv", "--reason", "benchmark")
    with (folder / "patid_mapping.csv").open(newline="") as text:
        patients = list(csv.DictReader(text))
    with (folder / "uid_mapping.csv").open(newline="") as text:
        uids = {row["id_old"]: row["id_new"] for row in csv.DictReader(text)}
    cloud_id = Patient.objects.get().cloud_id
    assert patients == [{"id_old": "MRN0017", "id_new": f"HOSP-{cloud_id}"}]
    assert len(uids) == 4
    assert vault.find_uid([domain.pk], uids["1.2.826.0.1.17"]).cloud_patient_id == cloud_id
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    with pytest.raises(CommandError, match="can't be made"):
        run("export", folder, "--batch", batch.pk, "--csv", "--reason", "again")


def test_an_export_names_what_and_for_whom(batch, domain, tmp_path):
    file, reason = tmp_path / "x", ("--reason", "because")
    for wrong, message in (
        ((), "either"),
        (("--domain", domain.pk, "--batch", batch.pk), "either"),
        (("--domain", domain.pk, "--csv"), "for a batch"),
        (("--batch", batch.pk), "--to-key"),
        (("--batch", BATCH, "--csv"), "no such batch"),
        (("--batch", batch.pk, "--to-key", tmp_path / "no.pem"), "can't be read"),
    ):
        with pytest.raises(CommandError, match=message):
            run("export", file, *wrong, *reason)
    assert trail("vault.exported") == []
    assert not file.exists()
