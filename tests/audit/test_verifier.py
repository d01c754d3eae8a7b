"""The second implementation, alone in a process of its own, agrees with the portal."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import transaction
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

import audit
from audit import record
from audit.exports import json_lines
from audit.merkle import keep_leaves, leaf
from audit.proofs import NoProof, instance_proof
from audit.sealer import seal_all
from audit.timeline import Filters
from tests.audit.conftest import ALICE, JOB, KEY, SECOND_PLACE, KeptKey

pytestmark = pytest.mark.django_db

VERIFIER = Path(audit.__file__).with_name("verifier.py")


def verifier(*arguments):
    """Run the one file from an empty folder, as an outsider would."""
    done = subprocess.run(
        [sys.executable, "-I", str(VERIFIER), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def trusted(key=KEY):
    return ["--key", key.public_key.hex()]


@pytest.fixture
def export(tmp_path):
    with transaction.atomic():
        for index in range(12):
            detail = {"n": index, "who": "Zoë 山田 \u2028\x7f"}
            record("study.held", actor=ALICE, chain="org-1", detail=detail)
    seal_all()
    seal_all()
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b"".join(json_lines("org-1", Filters(), 1000)))
    return path


def rewrite(path, change):
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    change(lines)
    path.write_text("\n".join(json.dumps(line) for line in lines))


def test_an_export_is_proved_without_the_portal(export):
    code, said = verifier(export, *trusted())
    assert code == 0
    assert said.startswith("INTACT: chain org-1, events 13, first 1, last 13, checkpoints 1")
    assert "signed_to 12" in said
    assert "warning" in verifier(export)[1], "without a trusted key it says what that means"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: lines[5]["event"].update(outcome="refused"), "event 5 was changed"),
        (lambda lines: lines[5]["event"]["detail"].update(n=99), "event 5 was changed"),
        (lambda lines: lines.pop(5), "link 5 is missing"),
        (lambda lines: lines.insert(5, lines[4]), "link 5 is missing, the next one is 4"),
        (lambda lines: lines.insert(5, lines.pop(8)), "link 5 is missing, the next one is 8"),
        (lambda lines: lines[7].update(previous="00" * 32), "link 7 was changed"),
        (lambda lines: [lines.pop(10) for _ in range(4)], "a signed checkpoint saw it reach 12"),
        (
            lambda lines: lines[-1]["checkpoint"]["document"].update(sequence=3),
            "a signature is not right",
        ),
    ],
)
def test_what_was_changed_in_an_export_is_named(export, change, said):
    rewrite(export, change)
    code, answer = verifier(export, *trusted())
    assert (code, said in answer) == (1, True), answer


def test_a_chain_made_anew_contradicts_the_checkpoint_kept_elsewhere(export, tmp_path):
    from audit.canonical import event_digest, link_digest

    def forge(lines):
        lines.pop()
        previous = bytes(32)
        for line in lines[1:]:
            line["event"]["actor"]["label"] = "Somebody Else"
            spelled = json.dumps(
                line["event"], sort_keys=True, separators=(",", ":"), ensure_ascii=False
            )
            digest = event_digest(spelled.encode())
            line["previous"], line["event_digest"] = previous.hex(), digest.hex()
            previous = link_digest("org-1", line["sequence"], digest, previous)
            line["digest"] = previous.hex()

    rewrite(export, forge)
    assert verifier(export, *trusted())[0] == 0, "alone it agrees with itself"
    kept = tmp_path / "checkpoint.json"
    kept.write_bytes(next(iter(SECOND_PLACE.values())))
    code, said = verifier(export, *trusted(), "--checkpoint", kept)
    assert (code, "the chain was replaced" in said) == (1, True)


def test_a_strangers_signature_is_not_trusted(export):
    code, said = verifier(export, *trusted(KeptKey()))
    assert (code, "a key you did not name" in said) == (1, True)


def test_what_is_no_export_can_not_be_read(tmp_path):
    wrong = tmp_path / "x"
    for content in ("", "{}", "[1]", "not json"):
        wrong.write_text(content)
        assert verifier(wrong)[0] == 2


@pytest.fixture
def proved(tmp_path):
    """A delivered file, and the proof that a job made it under a profile."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = "2.25.123456789"
    data = Dataset()
    data.file_meta = meta
    data.SOPInstanceUID, data.SOPClassUID = "2.25.123456789", CTImageStorage
    path = tmp_path / "delivered.dcm"
    data.save_as(path, enforce_file_format=True)
    profile = hashlib.sha256(b"profile").hexdigest()
    mine = leaf("2.25.123456789", hashlib.sha256(path.read_bytes()).hexdigest(), profile)
    others = [leaf(f"2.25.{n}", "11" * 32, profile) for n in range(9)]
    with transaction.atomic():
        root = keep_leaves([*others, mine])
        event = record(
            "study.deidentified",
            actor=JOB,
            chain="org-1",
            detail={"merkle_root": root, "images": 10},
        )
        for _ in range(3):
            record("study.held", actor=ALICE, chain="org-1")
    seal_all()
    proof = instance_proof(event, mine, profile)
    with pytest.raises(NoProof):
        instance_proof(event, leaf("2.25.123456789", "33" * 32, profile), profile)
    where = tmp_path / "proof.json"
    where.write_text(json.dumps(proof))
    return where, path


def test_one_file_is_proved_from_the_file_alone(proved):
    where, path = proved
    code, said = verifier(where, path, *trusted())
    assert code == 0, said
    assert "sop_instance_uid 2.25.123456789" in said
    assert "sequence 1, signed_to 4" in said


def test_another_file_or_a_changed_proof_is_refused(proved):
    where, path = proved
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"X")
    assert verifier(where, path, *trusted())[0] == 1
    path.write_bytes(content)
    proof = json.loads(where.read_text())
    for change in (
        {"path": proof["path"][:-1]},
        {"profile_digest": "00" * 32},
        {"following": proof["following"][:-1]},
        {"following": proof["following"][::-1]},
    ):
        where.write_text(json.dumps(proof | change))
        assert verifier(where, path, *trusted())[0] == 1
