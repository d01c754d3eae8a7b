"""All that went out of one patient, over all studies; and whose a UID is, without opening."""

from studies.vault import service as vault
from tests.vault.conftest import identities, send


def test_a_cloud_patient_id_leads_to_every_study_with_its_dates_and_uids(domain):
    patient, first = send(domain, study_uid="1.2.3.17")
    same, second = send(domain, study_uid="1.2.3.18", chunk="2")
    stranger, _other = send(domain, "MRN9", "1.2.3.19", chunk="3", name="Ito^Ken")
    assert same == patient != stranger

    whole = vault.find_whole_patient([domain], patient)
    assert whole is not None
    assert (whole.domain_id, whole.cloud_patient_id) == (domain, patient)
    assert whole.patient["PatientID"] == ("MRN0017",)
    assert [study.cloud_study_id for study in whole.studies] == [first, second]
    ours = identities(domain)
    for original in ("1.2.3.17", "1.2.3.18", "1.2.3.17.1", "1.2.3.18.9", "1.2.3.18.1.1.5"):
        assert whole.uids[ours.uid(original)] == original
    assert ours.uid("1.2.3.19") not in whole.uids
    assert all(study.dates for study in whole.studies)


def test_a_patient_of_another_domain_is_not_there(domain, new_domain):
    patient, _study = send(domain)
    assert vault.find_whole_patient([new_domain()], patient) is None
    assert vault.find_whole_patient([], patient) is None


def test_it_is_known_whose_a_study_series_or_frame_of_reference_uid_is(domain, new_domain):
    patient, study = send(domain, study_uid="1.2.3.17")
    other, theirs = send(domain, "MRN9", "1.2.3.19", chunk="3", name="Ito^Ken")
    ours = identities(domain)
    asked = [ours.uid(uid) for uid in ("1.2.3.17", "1.2.3.17.1", "1.2.3.17.9", "1.2.3.19")]
    asked += ["2.25.17", "1.2.3.17"]
    owner, stranger = vault.UidOwner(study, patient), vault.UidOwner(theirs, other)
    assert vault.owners_of_uids([domain], asked) == {
        asked[0]: [owner],
        asked[1]: [owner],
        asked[2]: [owner],
        asked[3]: [stranger],
    }
    assert vault.owners_of_uids([new_domain()], asked) == {}
