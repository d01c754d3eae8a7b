"""One patient has one identity in a domain, two patients never share one, and none is guessable."""

import re
import uuid

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from studies.deid.cloudid import is_cloud_id, new_cloud_id
from studies.deid.errors import Held
from studies.vault import allocation
from studies.vault import service as vault
from studies.vault.keys import DomainKeys
from studies.vault.models import Patient, Study
from tests.vault.conftest import ORGANIZATION, identities, send

SAME_PATIENT = [
    (("MRN0017", "HOSPITAL"), ("  MRN0017 ", "HOSPITAL")),
    (("MRN0017", "HOSPITAL"), ("MRN0017\0", "HOSPITAL ")),
    (("MRN0017", "HOSPITAL"), ("mrn0017", "hospital")),
    (("MRN0017", "HOSPITAL"), ("ＭＲＮ００１７", "HOSPITAL")),
    (("MRN0017", ""), ("MRN0017", "GENERAL")),
    (("Ä12", "HOSPITAL"), ("A\u030812", "HOSPITAL")),
]
OTHER_PATIENT = [
    (("0017", "HOSPITAL"), ("17", "HOSPITAL")),
    (("MRN0017", "HOSPITAL"), ("MRN0017", "CLINIC")),
    (("MRN0017", ""), ("MRN0017", "CLINIC")),
    (("MRN 17", "HOSPITAL"), ("MRN17", "HOSPITAL")),
    (("MRN-17", "HOSPITAL"), ("MRN17", "HOSPITAL")),
    (("AB", "C"), ("A", "BC")),
    (("Ä12", "HOSPITAL"), ("A12", "HOSPITAL")),
]


@pytest.mark.parametrize(("one", "other"), SAME_PATIENT)
def test_the_same_patient_from_two_modalities_is_one(domain, one, other):
    ours = identities(domain, default_issuer="GENERAL")
    assert ours.patient(*one) == identities(domain, default_issuer="GENERAL").patient(*other)
    assert ours.patient(*other) == ours.patient(*one)


@pytest.mark.parametrize(("one", "other"), OTHER_PATIENT)
def test_two_patients_are_never_one(domain, one, other):
    ours = identities(domain, default_issuer="GENERAL")
    assert ours.patient(*one) != ours.patient(*other)


@pytest.mark.parametrize(
    "patient_id", ["", " ", "\0", "UNKNOWN", "unknown", "0", "000", "ANONYMOUS"]
)
def test_an_id_that_says_nothing_stops_at_a_person(domain, patient_id):
    with pytest.raises(Held) as held:
        identities(domain).patient(patient_id, "HOSPITAL")
    assert held.value.code == "patient-id-missing"
    assert Patient.objects.count() == 0


@given(st.data())
@examples(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_ids_are_as_many_as_patients_and_studies(domain, data):
    text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
    patient_id = "P" + data.draw(text)
    ours = identities(domain)
    patient = ours.patient(patient_id, "")
    assert is_cloud_id(patient)
    assert patient == identities(domain).patient(patient_id, "")
    assert Patient.objects.get(cloud_id=patient).domain_id == domain


def test_a_study_has_one_id_and_belongs_to_one_patient(domain):
    ours = identities(domain)
    alice, bob = ours.patient("MRN1", ""), ours.patient("MRN2", "")
    study = ours.study("1.2.3", alice)
    assert is_cloud_id(study)
    assert identities(domain).study("1.2.3 \0", alice) == study
    assert ours.study("1.2.4", alice) != study
    with pytest.raises(Held) as held:
        ours.study("1.2.3", bob)
    assert held.value.code == "identity-conflict"
    assert "1.2.3" not in held.value.message


def test_a_study_without_a_uid_stops_at_a_person(domain):
    ours = identities(domain)
    with pytest.raises(Held) as held:
        ours.study(" ", ours.patient("MRN1", ""))
    assert held.value.code == "study-uid-missing"


def test_one_id_with_two_names_and_two_birth_dates_stops_at_a_person(domain):
    send(domain, name="Moreau^Alice", birth_date="19600102")
    send(domain, "MRN0017", "1.2.5", name="MOREAU^ALICE^M", birth_date="19600201")
    send(domain, "MRN0017", "1.2.6", name="Lefèvre^Zoé", birth_date="19600102")
    with pytest.raises(Held) as held:
        send(domain, "MRN0017", "1.2.7", name="Durand^Chloé", birth_date="19811224")
    assert held.value.code == "identity-conflict"
    assert not {"Durand", "19811224", "MRN0017"} & set(re.findall(r"\w+", held.value.message))


def test_domains_cant_be_linked(new_domain):
    one, other = (identities(new_domain()) for _ in range(2))
    patients = one.patient("MRN1", ""), other.patient("MRN1", "")
    assert patients[0] != patients[1]
    assert one.study("1.2.3", patients[0]) != other.study("1.2.3", patients[1])
    assert one.uid("1.2.3") != other.uid("1.2.3")
    indexes = [bytes(row.index) for row in Patient.objects.all()]
    assert len(set(indexes)) == 2


def test_making_a_domain_again_changes_nothing(domain):
    before = identities(domain).uid("1.2.3")
    vault.create_domain(domain, ORGANIZATION, "default")
    assert identities(domain).uid("1.2.3") == before
    with pytest.raises(vault.UnknownDomain):
        identities(uuid.uuid4())


def test_uids_are_2_25_and_registered_ones_stand_for_themselves(domain):
    ours = identities(domain)
    made = [ours.uid(f"1.2.3.{number}") for number in range(1000)]
    assert len(set(made)) == 1000
    assert all(re.fullmatch(r"2\.25\.(0|[1-9]\d{0,38})", uid) for uid in made)
    assert ours.uid("1.2.3.5 ") == ours.uid("1.2.3.5\0") == made[5]
    for registered in ("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.4.1.1", ""):
        assert ours.uid(registered) == registered


def test_dates_go_back_by_1_to_3650_days_for_each_patient(domain):
    ours = identities(domain)
    shifts = [ours.date_shift(new_cloud_id(number)) for number in range(20_000)]
    assert (min(shifts), max(shifts)) == (1, 3650)
    assert len(set(shifts)) > 3600
    assert identities(domain).date_shift(new_cloud_id(3)) == shifts[3]


def test_names_and_keys_of_the_past_give_the_same_ids_today():
    keys = DomainKeys(uuid.UUID(int=5), bytes(range(32)), {1: bytes(range(32, 64))}, 1)
    assert {
        "uid": keys.uid("1.2.826.0.1.17"),
        "shift": keys.date_shift("0123456789ABC"),
        "patient": keys.patient_index(1, "MRN0017", "HOSPITAL").hex(),
        "study": keys.study_index(1, "1.2.826.0.1.17").hex(),
    } == {
        "uid": "2.25.93540981334575186537542487097047721676",
        "shift": 3327,
        "patient": "896adae6ba52f118b9d88c09a63ec57535e5842351d2cdf857d4574f04cffb35",
        "study": "57e49e80b2686a275eb2116d18c7a22f79f53935118767a52f5ad33ca6c65d1d",
    }


@pytest.fixture
def few_ids(monkeypatch):
    """Let the source of random numbers give only ids from a very small set, in turns."""
    drawn = iter([5, 5, 5, 6, 6, 5, 7, 5, 6, 7, 8])
    monkeypatch.setattr(allocation.secrets, "randbits", lambda bits: next(drawn))


def test_a_cloud_id_that_is_taken_is_drawn_again(domain, few_ids):
    ours = identities(domain)
    patients = [ours.patient(f"MRN{number}", "") for number in range(2)]
    study = ours.study("1.2.3", patients[0])
    another = ours.study("1.2.4", patients[0])
    assert [*patients, study, another] == [new_cloud_id(number) for number in (5, 6, 7, 8)]


def test_a_cloud_id_taken_at_the_last_moment_is_drawn_again(domain, monkeypatch):
    drawn = iter([new_cloud_id(5), new_cloud_id(5), new_cloud_id(6)])
    monkeypatch.setattr(allocation, "draw_cloud_id", lambda: next(drawn))
    ours = identities(domain)
    assert [ours.patient(f"MRN{number}", "") for number in range(2)] == [
        new_cloud_id(5),
        new_cloud_id(6),
    ]


def test_without_any_free_id_there_is_an_error_and_no_loop(domain, monkeypatch):
    monkeypatch.setattr(allocation, "draw_cloud_id", lambda: new_cloud_id(5))
    ours = identities(domain)
    ours.patient("MRN1", "")
    with pytest.raises(vault.VaultError, match="no free cloud id"):
        ours.patient("MRN2", "")


def test_a_study_keeps_the_scheme_and_prefix_it_was_first_sent_under(domain):
    before = identities(domain, prefix="OLD", scheme="study")
    patient = before.patient("MRN1", "")
    study = before.study("1.2.3", patient)
    after = identities(domain, prefix="NEW", scheme="patient")
    assert (after.prefix, after.scheme) == ("NEW", "patient")
    assert after.study("1.2.3", patient) == study
    assert (after.prefix, after.scheme) == ("OLD", "study")
    after.study("1.2.4", patient)
    assert (after.prefix, after.scheme) == ("NEW", "patient")
    after.study("1.2.3", patient)
    assert (after.prefix, after.scheme) == ("OLD", "study")
    assert Study.objects.get(cloud_id=study).prefix == "OLD"


def test_priors_stay_together_whatever_the_scheme(domain):
    for scheme in ("patient", "study"):
        ours = identities(domain, scheme=scheme)
        patient = ours.patient("MRN1", "")
        assert ours.study(f"1.2.{len(scheme)}", patient) != patient
    assert Patient.objects.count() == 1
