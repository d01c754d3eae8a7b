"""Opened keys are kept for minutes, and serve only while vault and key ring still have them."""

import uuid

import pytest

from studies.sealing import KeyMissing, keyring
from studies.vault import keys as vault_keys
from studies.vault import service as vault
from studies.vault.keys import open_keys
from studies.vault.models import Domain
from studies.vault.rotation import rewrap_domains, rotate_domain
from studies.vault.shredding import shred_domain
from tests.vault.conftest import send


def quiet(done: int, total: int) -> None:
    """Take progress and show nothing."""


@pytest.fixture
def unwrapped(monkeypatch) -> list[str]:
    """Return a list that grows by the context of each key that is unwrapped."""
    contexts: list[str] = []
    ring = type(keyring())
    unwrap = ring.unwrap

    def counted(self, blob: bytes, context: bytes) -> bytes:
        contexts.append(context.decode())
        return unwrap(self, blob, context)

    monkeypatch.setattr(ring, "unwrap", counted)
    return contexts


def test_many_look_ups_unwrap_once(domain, unwrapped):
    patient, study = send(domain)
    assert len(unwrapped) == 2
    for _ in range(3):
        assert vault.find_study([domain], study).cloud_patient_id == patient
        assert vault.search_patient([domain], "MRN0017", "HOSPITAL") == [study]
    assert len(unwrapped) == 2
    open_keys(domain, anew=True)
    assert len(unwrapped) == 4


def test_keys_that_were_rotated_or_wrapped_anew_are_opened_again(domain, unwrapped):
    before = open_keys(domain)
    rotate_domain(domain, quiet)
    after = open_keys(domain)
    assert (set(before.versions), set(after.versions), after.current) == ({1}, {2}, 2)
    keyring().add_version()
    rewrap_domains(quiet)
    unwrapped.clear()
    assert open_keys(domain).uid("1.2.3") == before.uid("1.2.3")
    assert len(unwrapped) == 2


def test_a_forgotten_key_ends_what_is_kept_at_once(domain):
    open_keys(domain)
    keyring().add_version()
    keyring().forget(1)
    with pytest.raises(KeyMissing, match="version 1"):
        open_keys(domain)


def test_nothing_is_kept_of_a_domain_that_is_gone(domain, new_domain):
    shredded, lost = domain, new_domain()
    open_keys(shredded)
    open_keys(lost)
    shred_domain(shredded)
    assert shredded not in vault_keys._opened
    Domain.objects.filter(pk=lost).delete()
    with pytest.raises(vault.UnknownDomain):
        open_keys(lost)
    assert lost not in vault_keys._opened


def test_what_is_kept_is_bounded_in_time_and_number(domain, new_domain, unwrapped, monkeypatch):
    monkeypatch.setattr(vault_keys, "_KEPT_SECONDS", -1.0)
    open_keys(domain)
    open_keys(domain)
    assert len(unwrapped) == 4
    monkeypatch.undo()
    monkeypatch.setattr(vault_keys, "_KEPT_DOMAINS", 2)
    domains = [new_domain() for _ in range(3)]
    for domain_id in domains:
        open_keys(domain_id)
    assert list(vault_keys._opened) == domains[1:]


def test_one_holders_current_version_is_not_anothers(domain):
    first, second = open_keys(domain), open_keys(domain)
    first.current = 9
    assert second.current == open_keys(domain).current == 1
    assert uuid.UUID(str(first.domain_id)) == domain
