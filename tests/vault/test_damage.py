"""A wrong or missing key, a damaged row: the error names row and key version, the rest works."""

import base64
from collections.abc import Callable

import pytest

from studies.sealing import KeyMissing, KeyWrong, SealedCorrupt, SealedTruncated, SealError, new_key
from studies.vault import service as vault
from studies.vault.models import Domain, DomainKey, InstanceRow, Patient, Study
from studies.vault.verification import verify
from tests.vault.conftest import BATCH, send


def quiet(done: int, total: int) -> None:
    """Take progress and show nothing."""


def flip(blob: bytes) -> bytes:
    return blob[:-1] + bytes([blob[-1] ^ 1])


DAMAGES: dict[str, tuple[Callable[[bytes], bytes], type[SealError]]] = {
    "changed": (flip, SealedCorrupt),
    "cut to nothing": (lambda blob: b"", SealedTruncated),
    "cut in its head": (lambda blob: blob[:20], SealedTruncated),
    "cut at its end": (lambda blob: blob[:-1], SealedCorrupt),
    "of another format": (lambda blob: b"\x09" + blob[1:], SealedCorrupt),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", [Patient, Study, InstanceRow])
def test_a_damaged_row_is_named_and_breaks_nothing_else(domain, kind, damage):
    patient, study = send(domain)
    kept = send(domain, "MRN0018", "1.2.18", batch=BATCH)[1]
    row = kind.objects.order_by("pk")[0]
    spoil, error = DAMAGES[damage]
    kind.objects.filter(pk=row.pk).update(sealed=spoil(bytes(row.sealed)))
    name = patient if kind is Patient else study
    with pytest.raises(error, match=rf"{name}.*key version 1") as caught:
        vault.find_study([domain], study)
    assert "MRN" not in str(caught.value)
    assert vault.find_study([domain], kept) is not None
    findings = verify(quiet)
    assert len(findings) == 1
    assert name in findings[0]


@pytest.mark.parametrize("kind", [Patient, Study, InstanceRow])
def test_a_value_moved_to_another_row_doesnt_open_there(domain, kind):
    send(domain)
    send(domain, "MRN0018", "1.2.18")
    first, second = kind.objects.order_by("pk")
    kind.objects.filter(pk=second.pk).update(sealed=first.sealed)
    assert len(verify(quiet)) == 1


def test_an_index_of_another_patient_is_found(domain):
    patient, _ = send(domain)
    Patient.objects.update(index=bytes(32))
    Study.objects.update(index=bytes(32))
    findings = verify(quiet)
    assert len(findings) == 2
    assert patient in findings[0]


def test_a_row_under_a_version_that_isnt_there_is_named(domain):
    _, study = send(domain)
    Study.objects.update(key_version=4)
    with pytest.raises(KeyMissing, match=rf"{study}.*key version 4"):
        vault.find_study([domain], study)


@pytest.mark.parametrize("which", ["root", "key"])
def test_a_damaged_domain_breaks_no_other_domain(domain, new_domain, which):
    send(domain)
    other = new_domain()
    kept = send(other)[1]
    if which == "root":
        Domain.objects.filter(pk=domain).update(
            wrapped_root=flip(bytes(Domain.objects.get(pk=domain).wrapped_root))
        )
    else:
        DomainKey.objects.filter(domain=domain).update(wrapped=b"")
    findings = verify(quiet)
    assert len(findings) == 1
    assert str(domain) in findings[0]
    assert vault.find_study([other], kept) is not None


def test_the_wrong_key_ring_is_called_wrong(domain, settings):
    _, study = send(domain)
    settings.KEYS = f"1:{base64.b64encode(new_key()).decode()}"
    with pytest.raises(KeyWrong, match="version 1"):
        vault.find_study([domain], study)
    settings.KEYS = f"2:{base64.b64encode(new_key()).decode()}"
    with pytest.raises(KeyMissing, match="version 1"):
        vault.find_study([domain], study)
    settings.KEYS = ""
    assert vault.find_study([domain], study) is not None


def test_a_whole_vault_verifies_with_progress(domain, new_domain):
    send(domain)
    send(new_domain())
    steps = []
    assert verify(lambda done, total: steps.append((done, total))) == []
    assert steps == [(6, 6)]
    assert verify(quiet, [domain]) == []
