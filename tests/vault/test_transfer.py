"""A domain moves to another vault whole, readable for one key only; a restore brings all back."""

import io
import uuid

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from studies.sealing import KeyWrong, SealedCorrupt, SealError
from studies.vault import service as vault
from studies.vault import transfer
from studies.vault.models import Domain, Patient
from studies.vault.rotation import rotate_domain
from studies.vault.shredding import shred_domain
from studies.vault.transfer import (
    export_domain,
    import_domain,
    open_sealed,
    read_private_key,
    read_public_key,
    seal_to,
)
from studies.vault.verification import verify
from tests.vault.test_rotation import answers, send

PRIVATE = X25519PrivateKey.generate()
PUBLIC = PRIVATE.public_key()


def quiet(done: int, total: int) -> None:
    """Take progress and show nothing."""


def exported(domain: uuid.UUID) -> bytes:
    raw = io.BytesIO()
    export_domain(domain, PUBLIC, raw, quiet)
    return raw.getvalue()


def test_a_domain_arrives_in_another_installation_as_it_was(domain, settings, tmp_path):
    send(domain)
    send(domain, "MRN0018", "1.2.18")
    rotate_domain(domain, quiet)
    before, steps = answers(domain), []
    raw = io.BytesIO()
    total = export_domain(domain, PUBLIC, raw, lambda done, total: steps.append((done, total)))
    assert steps[-1] == (total, total)
    shred_domain(domain)
    settings.KEY_FILE = tmp_path / "elsewhere" / "keyring.json"
    raw.seek(0)
    assert import_domain(PRIVATE, raw, quiet) == domain
    assert answers(domain) == before
    assert verify(quiet) == []


def test_an_import_that_was_interrupted_goes_on(domain, monkeypatch):
    monkeypatch.setattr(transfer, "_AT_ONCE", 2)
    for number in range(5):
        send(domain, f"MRN{number}", f"1.2.{number}")
    send(domain)
    before, blob = answers(domain), exported(domain)
    shred_domain(domain)

    def die(done: int, total: int) -> None:
        if done >= 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_domain(PRIVATE, io.BytesIO(blob), die)
    for _ in range(2):
        import_domain(PRIVATE, io.BytesIO(blob), quiet)
    assert Patient.objects.count() == 6
    assert answers(domain) == before


def test_an_import_never_mixes_two_patients(domain):
    send(domain)
    blob = exported(domain)
    Patient.objects.all().delete()
    send(domain)
    with pytest.raises(vault.VaultError, match="as another one"):
        import_domain(PRIVATE, io.BytesIO(blob), quiet)
    Domain.objects.all().delete()
    vault.create_domain(domain, uuid.uuid4(), "other keys")
    with pytest.raises(vault.VaultError, match="with other keys"):
        import_domain(PRIVATE, io.BytesIO(blob), quiet)


def test_an_export_opens_for_its_key_and_unchanged_only(domain):
    send(domain)
    blob = exported(domain)
    assert b"MRN0017" not in blob
    with pytest.raises(KeyWrong):
        import_domain(X25519PrivateKey.generate(), io.BytesIO(blob), quiet)
    with pytest.raises(KeyWrong):
        open_sealed(PRIVATE, io.BytesIO(blob), "another purpose")
    with pytest.raises(SealedCorrupt):
        import_domain(PRIVATE, io.BytesIO(b"x" * 99), quiet)
    for changed in (blob[:-1], blob[:-1] + b"\x00\x00", blob[:300] + b"!" + blob[301:]):
        with pytest.raises(SealError):
            import_domain(PRIVATE, io.BytesIO(changed), quiet)
    with pytest.raises(vault.UnknownDomain):
        export_domain(uuid.uuid4(), PUBLIC, io.BytesIO(), quiet)


def test_any_file_may_be_sealed_to_a_public_key():
    raw = io.BytesIO()
    with seal_to(PUBLIC, raw, "batch-mapping") as writer:
        writer.write(b"mapping")
    raw.seek(0)
    assert open_sealed(PRIVATE, raw, "batch-mapping").read() == b"mapping"


def test_keys_are_x25519_in_pem():
    def pems(key):
        return (
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        )

    private, public = pems(PRIVATE)
    assert read_public_key(public) == PUBLIC
    assert read_private_key(private).public_key() == PUBLIC
    for wrong in (b"", b"nonsense", *pems(Ed25519PrivateKey.generate())):
        with pytest.raises(vault.VaultError, match="X25519"):
            read_public_key(wrong)
        with pytest.raises(vault.VaultError, match="X25519"):
            read_private_key(wrong)
