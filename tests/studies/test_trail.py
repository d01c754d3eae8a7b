"""What the trail says of a batch: proof of one file, the night's work, who reads what."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.core import mail
from django.core.management import CommandError, call_command

from audit import SYSTEM_CHAIN, verifier
from audit.checkpoints import write_checkpoint
from audit.models import Event
from studies import jobs
from studies.models import Role
from studies.services import access, batches, signing
from tests import datasets
from tests.studies.hospital import delivered_files, make_hospital, work_off

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "vault"]),
    pytest.mark.usefixtures("redis_server"),
]


@pytest.fixture
def hospital(tmp_path: Path, settings):
    settings.FOLDER_ROOTS = [str(tmp_path)]
    return make_hospital(tmp_path)


@pytest.fixture
def sent(hospital) -> Path:
    """Deliver three images; return the file of one."""
    markers = datasets.Markers()
    images = [datasets.ct(markers, number=n) for n in (1, 2, 3)]
    datasets.write_series(hospital.inbox / "one", images)
    batch = hospital.submit(release="when-clean")
    work_off()
    return delivered_files(hospital, batch)[1]


def run_verifier(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(Path(verifier.__file__)), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_delivered_file_is_proved_from_itself_and_a_short_proof(
    hospital, sent: Path, tmp_path: Path
) -> None:
    chain = str(hospital.organization.pk)
    write_checkpoint(chain, batches.JOB, signing.signer())
    proof = tmp_path / "proof.json"
    call_command("audit_prove", sent.stem, "--output", str(proof))
    key = signing.signer().public_key.hex()
    good = run_verifier(str(proof), str(sent), "--key", key)
    assert good.returncode == 0, good.stdout + good.stderr

    changed = tmp_path / "changed.dcm"
    content = bytearray(sent.read_bytes())
    content[-1] ^= 1
    changed.write_bytes(content)
    assert run_verifier(str(proof), str(changed), "--key", key).returncode == 1
    assert len(json.loads(proof.read_text(encoding="utf-8"))["path"]) <= 2


def test_what_was_never_delivered_has_no_proof() -> None:
    with pytest.raises(CommandError):
        call_command("audit_prove", "2.25.1")


def test_the_night_verifies_each_chain_and_tells_its_auditors(hospital, sent, monkeypatch) -> None:
    monkeypatch.setattr(jobs, "NIGHT_HOURS", range(24))
    assert jobs.look_after_trails() >= 1
    work_off()
    assert Event.objects.filter(action="audit.verified", outcome="success").exists()
    assert [message.to for message in mail.outbox] == [["auditor@north.example"]]
    assert jobs.look_after_trails() == 0, "once a night"


def test_the_installations_own_chain_is_read_by_platform_operators_alone(hospital) -> None:
    auditor = hospital.people[Role.AUDITOR]
    assert [chain for chain, _label in access.audit_chains(auditor)] == [
        str(hospital.organization.pk)
    ]
    auditor.is_platform_operator = True
    assert SYSTEM_CHAIN in [chain for chain, _label in access.audit_chains(auditor)]
