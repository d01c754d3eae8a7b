"""What went out leads back to the patient, whole, and only inside the caller's domains."""

import uuid

import pytest

from studies.vault import service as vault
from studies.vault.models import InstanceRow, Patient
from tests.vault.conftest import BATCH, example_originals, identities, send


def test_a_cloud_study_id_leads_back_to_patient_and_study(domain):
    patient, study = send(domain)
    found = vault.find_study([domain], study)
    assert (found.domain_id, found.cloud_study_id, found.cloud_patient_id) == (
        domain,
        study,
        patient,
    )
    assert found.patient == {
        "PatientID": ("MRN0017",),
        "IssuerOfPatientID": ("HOSPITAL",),
        "PatientName": ("Moreau^Alice",),
        "PatientBirthDate": ("19600102",),
    }
    assert found.study == {
        "StudyInstanceUID": ("1.2.826.0.1.17",),
        "AccessionNumber": ("AMRN0017",),
    }
    assert found.study_instance_uid == "1.2.826.0.1.17"
    assert set(found.dates) == {
        ("(0008,0020)", "20260301", "20190704"),
        ("(0008,0021)", "20260301", "20190704"),
    }
    assert (found.prefix, found.scheme) == ("HOSP", "patient")
    assert found.date_shift == identities(domain).date_shift(patient)


def test_every_uid_that_was_sent_out_leads_back(domain):
    _, study = send(domain, instances=3)
    ours = identities(domain)
    originals = [example_originals(ours, "MRN0017", "1.2.826.0.1.17", n).uids for n in range(3)]
    sent = {new: old for uids in originals for old, new in uids.items()}
    assert vault.find_study([domain], study).uids == sent


@pytest.mark.parametrize("uid", ["1.2.826.0.1.17", "1.2.826.0.1.17.1"])
def test_a_study_or_series_uid_that_was_sent_out_leads_back(domain, uid):
    _, study = send(domain)
    assert vault.find_uid([domain], identities(domain).uid(uid) + " ").cloud_study_id == study
    assert vault.find_uid([domain], uid) is None
    assert vault.find_uid([domain], "") is None


def test_uids_that_a_profile_retains_lead_back_to_themselves(domain):
    ours = identities(domain)
    patient = ours.patient("MRN1", "")
    study = ours.study("1.2.3", patient)
    originals = example_originals(ours, "MRN1", "1.2.3", 1)
    originals.uids = {}
    ours.remember(
        originals,
        cloud_study_id=study,
        cloud_patient_id=patient,
        new_sop_uid="1.2.3.1.1",
        original_path="a",
    )
    ours.flush(BATCH, "1")
    found = vault.find_uid([domain], "1.2.3")
    assert found.uids == {uid: uid for uid in ("1.2.3", "1.2.3.1", "1.2.3.1.1", "1.2.3.9")}
    (file,) = vault.batch_mapping(domain, BATCH)
    assert (file.new_study_uid, file.new_series_uid, file.new_sop_uid) == (
        "1.2.3",
        "1.2.3.1",
        "1.2.3.1.1",
    )


def test_what_a_person_types_is_found(domain):
    patient, study = send(domain)
    typed = f" {study[:4]}-{study[4:8].lower()} {study[8:]}".replace("0", "o").replace("1", "l")
    assert vault.find_study([domain], typed).cloud_study_id == study
    assert vault.find_patient([domain], patient.lower()).cloud_patient_id == patient
    wrong = study[:-1] + ("0" if study[-1] != "0" else "1")
    assert vault.find_study([domain], wrong) is None
    assert vault.find_patient([domain], "") is None


def test_other_domains_and_unknown_ids_look_alike(domain, new_domain):
    patient, study = send(domain)
    other = new_domain()
    uid = identities(domain).uid("1.2.826.0.1.17")
    for domains in ([other], []):
        assert vault.find_study(domains, study) is None
        assert vault.find_patient(domains, patient) is None
        assert vault.find_uid(domains, uid) is None
        assert vault.search_patient(domains, "MRN0017", "HOSPITAL") == []
    assert vault.find_study([other, domain], study) is not None


def test_a_patient_leads_to_all_of_its_studies_and_all_of_its_values(domain):
    patient, first = send(domain)
    _, second = send(domain, "mrn0017 ", "1.2.4", name="Moreau-Petit^Alice")
    found = vault.find_patient([domain], patient)
    assert found.cloud_study_ids == (first, second)
    assert found.patient["PatientName"] == ("Moreau^Alice", "Moreau-Petit^Alice")
    assert found.patient["PatientID"] == ("MRN0017", "mrn0017 ")
    assert vault.search_patient([domain], "mrn0017", "Hospital") == [first, second]
    assert vault.search_patient([domain], "MRN0017", default_issuer="HOSPITAL") == [first, second]
    assert vault.search_patient([domain], "MRN0017") == []


def test_a_mapping_never_shows_itself_in_a_trace(domain):
    _, study = send(domain)
    found = vault.find_study([domain], study)
    files = list(vault.batch_mapping(domain, BATCH))
    assert "MRN0017" not in repr(found) + repr(files)


def test_a_batch_leads_back_file_by_file(domain):
    send(domain, instances=2)
    send(domain, "MRN0018", "1.2.9", name="Ito^太郎", instances=1)
    send(domain, "MRN0019", "1.2.8", batch=uuid.UUID(int=2))
    ours = identities(domain)
    files = list(vault.batch_mapping(domain, BATCH))
    assert [file.original_path for file in files] == [
        "Moreau^Alice/IM0000",
        "Moreau^Alice/IM0001",
        "Ito^太郎/IM0000",
    ]
    last = files[-1]
    assert (last.original_patient_id, last.original_study_uid) == ("MRN0018", "1.2.9")
    assert last.new_patient_id == f"HOSP-{last.cloud_patient_id}"
    assert (last.original_series_uid, last.original_sop_uid) == ("1.2.9.1", "1.2.9.1.0")
    assert last.new_sop_uid == ours.uid("1.2.9.1.0")


def test_a_chunk_that_runs_twice_is_written_once(domain):
    send(domain)
    before = bytes(InstanceRow.objects.get().sealed)
    send(domain)
    assert bytes(InstanceRow.objects.get().sealed) == before
    assert len(list(vault.batch_mapping(domain, BATCH))) == 2


def test_a_chunk_that_runs_again_with_more_loses_nothing(domain):
    _, study = send(domain, instances=2)
    send(domain, instances=4)
    send(domain, instances=1)
    assert InstanceRow.objects.count() == 1
    assert len(list(vault.batch_mapping(domain, BATCH))) == 4
    assert len(vault.find_study([domain], study).uids) == 3 + 2 * 4


def test_chunks_and_batches_append_rows(domain):
    send(domain, chunk="1")
    send(domain, chunk="2", instances=3)
    send(domain, chunk="1", batch=uuid.UUID(int=2))
    assert InstanceRow.objects.count() == 3
    assert len(list(vault.batch_mapping(domain, BATCH))) == 3


def test_what_was_destroyed_meanwhile_isnt_written_again(domain):
    ours = identities(domain)
    patient = ours.patient("MRN1", "")
    study = ours.study("1.2.3", patient)
    arguments = {"cloud_study_id": study, "cloud_patient_id": patient, "new_sop_uid": ""}
    ours.remember(example_originals(ours, "MRN1", "1.2.3", 1), original_path="a", **arguments)
    Patient.objects.all().delete()
    with pytest.raises(vault.MappingGone):
        ours.flush(BATCH, "1")
    fresh = identities(domain)
    with pytest.raises(vault.MappingGone):
        fresh.remember(example_originals(ours, "MRN1", "1.2.3", 1), original_path="a", **arguments)


def test_a_person_may_say_that_two_names_are_one_patient(domain):
    send(domain)
    ours = identities(domain)
    patient = ours.patient("MRN0017", "HOSPITAL")
    study = ours.study("1.2.7", patient)
    ours.remember(
        example_originals(ours, "MRN0017", "1.2.7", 1, name="Durand^Zoe", birth_date="19811224"),
        cloud_study_id=study,
        cloud_patient_id=patient,
        new_sop_uid=ours.uid("1.2.7.1.1"),
        original_path="a",
        same_person=True,
    )
    ours.flush(BATCH, "9")
    found = vault.find_study([domain], study)
    assert found.patient["PatientName"] == ("Moreau^Alice", "Durand^Zoe")
    assert found.patient["PatientBirthDate"] == ("19600102", "19811224")
