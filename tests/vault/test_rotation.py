"""Keys are replaced while the vault is in use; an interrupted rotation goes on where it stopped."""

import uuid

import pytest

from studies.sealing import KeyMissing, keyring
from studies.vault import rotation
from studies.vault import service as vault
from studies.vault.models import Domain, DomainKey, InstanceRow, Patient, Study
from studies.vault.rotation import domains_wrapped_before, rewrap_domains, rotate_domain
from studies.vault.verification import verify
from tests.vault.conftest import BATCH, identities, send


def quiet(done: int, total: int) -> None:
    """Take progress and show nothing."""


def answers(domain) -> tuple[object, ...]:
    """Return everything the vault answers about what `send` sent."""
    ours = identities(domain)
    patient = ours.patient("MRN0017", "HOSPITAL")
    study = ours.study("1.2.826.0.1.17", patient)
    return (
        patient,
        study,
        ours.uid("1.2.3"),
        ours.date_shift(patient),
        vault.find_study([domain], study),
        vault.find_patient([domain], patient),
        vault.search_patient([domain], "MRN0017", "HOSPITAL"),
        list(vault.batch_mapping(domain, BATCH)),
    )


def test_a_new_key_encryption_key_wraps_every_domain(domain, new_domain):
    send(domain)
    new_domain()
    before, steps = answers(domain), []
    assert keyring().add_version() == 2
    assert domains_wrapped_before(2) == 4
    assert rewrap_domains(lambda done, total: steps.append((done, total))) == 4
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert domains_wrapped_before(2) == 0
    keyring().forget(1)
    assert answers(domain) == before
    assert rewrap_domains(quiet) == 0


def test_a_rotation_of_the_key_encryption_key_goes_on_after_a_stop(domain, new_domain):
    for _ in range(3):
        new_domain()
    keyring().add_version()

    def die(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rewrap_domains(die)
    assert domains_wrapped_before(2) == 5
    send(domain)
    assert rewrap_domains(quiet) == 5


def test_without_the_old_key_nothing_opens_and_the_version_is_named(domain):
    send(domain)
    keyring().add_version()
    keyring().forget(1)
    with pytest.raises(KeyMissing, match="version 1"):
        answers(domain)
    assert ["version 1" in finding for finding in verify(quiet)] == [True]


def test_a_domain_gets_new_keys_and_keeps_its_identities(domain):
    send(domain)
    rows = (Patient, Study, InstanceRow)
    before = answers(domain)
    sealed = {bytes(kind.objects.get().sealed) for kind in rows}
    index = bytes(Patient.objects.get().index)
    assert rotate_domain(domain, quiet) == 2
    assert answers(domain) == before
    assert not sealed & {bytes(kind.objects.get().sealed) for kind in rows}
    assert bytes(Patient.objects.get().index) != index
    assert {kind.objects.get().key_version for kind in rows} == {2}
    assert [key.version for key in DomainKey.objects.all()] == [2]
    assert Domain.objects.get().key_version == 2


def test_old_and_new_are_both_read_while_a_domain_is_rotated(domain, monkeypatch):
    monkeypatch.setattr(rotation, "_AT_ONCE", 1)
    send(domain)
    send(domain, "MRN0018", "1.2.18")
    job = identities(domain)  # a job that began before
    before, seen = answers(domain), []

    def look(done: int, total: int) -> None:
        seen.append((done, total))
        assert answers(domain) == before
        assert job.patient("MRN0018", "HOSPITAL") == identities(domain).patient(
            "MRN0018", "HOSPITAL"
        )
        job.patient(f"NEW{done}", "HOSPITAL")
        send(domain, "MRN0019", f"1.2.19.{done}", batch=uuid.UUID(int=2))

    assert rotate_domain(domain, look) == 2
    assert seen[0] == (1, 6)
    assert [job.patient(f"NEW{n}", "HOSPITAL") for n in range(1, 7)] == [
        identities(domain).patient(f"NEW{n}", "HOSPITAL") for n in range(1, 7)
    ]
    assert Patient.objects.count() == 3 + 6
    assert verify(quiet) == []


def test_an_interrupted_rotation_is_finished_and_not_begun_anew(domain, monkeypatch):
    monkeypatch.setattr(rotation, "_AT_ONCE", 1)
    send(domain)
    before = answers(domain)

    def die(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rotate_domain(domain, die)
    assert DomainKey.objects.count() == 2
    assert answers(domain) == before
    assert rotate_domain(domain, quiet) == 2
    assert DomainKey.objects.count() == 1
    assert answers(domain) == before
    assert rotate_domain(domain, quiet) == 3


def test_a_job_that_outlived_a_whole_rotation_still_writes(domain):
    job = identities(domain)
    patient = job.patient("MRN0017", "HOSPITAL")
    rotate_domain(domain, quiet)
    rotate_domain(domain, quiet)
    assert identities(domain).patient("MRN0017", "HOSPITAL") == patient
    assert job.study("1.2.3", patient) == identities(domain).study("1.2.3", patient)
    assert job.patient("MRN0018", "HOSPITAL") == identities(domain).patient("MRN0018", "HOSPITAL")
    assert verify(quiet) == []


def test_a_domain_that_isnt_there_cant_be_rotated(domain):
    Domain.objects.all().delete()
    with pytest.raises(vault.UnknownDomain):
        rotate_domain(domain, quiet)
