"""The manifest: what the recipient reads, the same bytes for the same batch, checked offline."""

import hashlib
import io
import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from studies.delivery.manifest import (
    ManifestInput,
    build_manifest,
    compare_files,
    is_signed,
    read_manifest,
)
from studies.services import signing

BATCH = "0b54a2f0-5f0e-4a3c-9c53-2f3a5e0c9a11"


def given_files(files: dict[str, bytes], **changed: object) -> ManifestInput:
    values = {
        "batch_id": BATCH,
        "priority": "STAT",
        "submitted": datetime(2026, 11, 21, 3, 4, 5, 600, tzinfo=timezone(timedelta(hours=2))),
        "profile": "teleradiology 7",
        "profile_digest": "ab" * 32,
        "revision": 1,
        "held": 0,
        "refused": 1,
        "excluded": 2,
        "files": [
            (name.split("/")[0], f"{BATCH}/{name}", len(data), hashlib.sha256(data).hexdigest())
            for name, data in files.items()
        ],
        **changed,
    }
    return ManifestInput(**values)  # type: ignore[arg-type]


FILES = {
    "DC0T3GN3M887M/1/2.25.1.dcm": b"one",
    "DC0T3GN3M887M/1/2.25.2.dcm": b"two",
    "X14FG3TMTDDZ4/0/2.25.3.dcm": b"three",
}


def test_a_1_0_reader_finds_everything_it_knows():
    manifest = json.loads(build_manifest(given_files(FILES)))
    known = {
        name: manifest[name]
        for name in (
            "Version", "BatchId", "Priority", "SubmittedAt", "TotalStudies", "TotalImages",
            "Studies",
        )
    }  # fmt: skip
    assert known == {
        "Version": "1.0",
        "BatchId": BATCH,
        "Priority": "STAT",
        "SubmittedAt": "2026-11-21T01:04:05Z",
        "TotalStudies": 2,
        "TotalImages": 3,
        "Studies": [
            {
                "CloudStudyId": "DC0T3GN3M887M",
                "ImageCount": 2,
                "Files": ["DC0T3GN3M887M/1/2.25.1.dcm", "DC0T3GN3M887M/1/2.25.2.dcm"],
            },
            {
                "CloudStudyId": "X14FG3TMTDDZ4",
                "ImageCount": 1,
                "Files": ["X14FG3TMTDDZ4/0/2.25.3.dcm"],
            },
        ],
    }


def test_the_additions_account_for_every_byte_and_for_what_was_kept_back():
    manifest = json.loads(build_manifest(given_files(FILES)))
    assert manifest["FileDetails"][0] == {
        "Name": "DC0T3GN3M887M/1/2.25.1.dcm",
        "Size": 3,
        "Sha256": hashlib.sha256(b"one").hexdigest(),
    }
    assert manifest["Profile"] == {"Name": "teleradiology 7", "Digest": "ab" * 32}
    assert (manifest["HeldCount"], manifest["RefusedCount"], manifest["ExcludedCount"]) == (0, 1, 2)
    assert (manifest["Revision"], manifest["Complete"]) == (1, True)


def test_a_manifest_is_complete_only_when_nothing_may_follow():
    assert json.loads(build_manifest(given_files(FILES, held=1)))["Complete"] is False


def test_the_same_batch_has_the_same_bytes():
    assert build_manifest(given_files(FILES)) == build_manifest(given_files(FILES))
    assert b" " not in build_manifest(given_files(FILES)).replace(b"teleradiology 7", b"")


def test_a_manifest_is_read_back_and_one_that_contradicts_itself_is_not():
    body = build_manifest(given_files(FILES))
    assert read_manifest(body)["TotalImages"] == 3
    for old, new in (
        (b'"TotalImages":3', b'"TotalImages":2'),
        (b'"TotalStudies":2', b'"TotalStudies":3'),
        (b'"ImageCount":1', b'"ImageCount":2'),
        (b'"Version":"1.0"', b'"Version":"2.0"'),
        (b'"Name":"X14F', b'"Name":"Y14F'),
    ):
        assert old in body
        with pytest.raises(ValueError, match="manifest"):
            read_manifest(body.replace(old, new))
    with pytest.raises(ValueError, match="JSON"):
        read_manifest(b"no json")
    with pytest.raises(ValueError, match="version"):
        read_manifest(b"[]")


@given(st.binary(max_size=200), st.integers(0, 10_000))
def test_any_change_of_a_byte_breaks_the_signature(data, at):
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    body = build_manifest(given_files(FILES)) + data
    signature = key.sign(body)
    assert is_signed(body, signature, public)
    at %= len(body)
    changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
    assert not is_signed(changed, signature, public)
    assert not is_signed(body, signature[:-1], public)
    assert not is_signed(body, signature, b"short")


# --- the command ---------------------------------------------------------------------------------


@pytest.fixture
def delivered(db, tmp_path) -> Path:
    for name, data in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    body = build_manifest(given_files(FILES))
    (tmp_path / "manifest.json").write_bytes(body)
    (tmp_path / "manifest.json.sig").write_bytes(signing.signer().sign(body))
    return tmp_path


def verify(*arguments: object) -> tuple[int, str]:
    """Run the command; return its exit code and all that it said."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("verify_manifest", *map(str, arguments), stdout=out, stderr=err)
    except CommandError as error:
        return error.returncode, f"{out.getvalue()}{err.getvalue()}{error}"
    return 0, out.getvalue()


def test_a_right_manifest_with_its_files_passes(delivered):
    code, said = verify(delivered, "--files", delivered)
    assert code == 0
    assert "The signature is right" in said
    assert "3 images of 2 studies" in said
    assert "Every listed file is there" in said


def test_it_is_checked_offline_with_a_public_key(delivered):
    public = signing.signer().public_key
    for content in (public, f"{public.hex()}\n".encode()):
        (delivered.parent / "key").write_bytes(content)
        assert verify(delivered / "manifest.json", "--public-key", delivered.parent / "key")[0] == 0
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    (delivered.parent / "key").write_bytes(other)
    assert verify(delivered, "--public-key", delivered.parent / "key")[0] == 3
    (delivered.parent / "key").write_bytes(b"no key")
    assert verify(delivered, "--public-key", delivered.parent / "key")[0] == 2


def test_a_changed_manifest_is_not_to_be_trusted(delivered):
    path = delivered / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"HeldCount":0', b'"HeldCount":1'))
    code, said = verify(delivered)
    assert code == 3
    assert "Do not trust it" in said


def test_a_signed_file_that_is_no_manifest_is_said(delivered):
    (delivered / "manifest.json").write_bytes(b"{}")
    (delivered / "manifest.json.sig").write_bytes(signing.signer().sign(b"{}"))
    assert verify(delivered)[0] == 2


def test_missing_changed_and_foreign_files_are_named(delivered):
    one, two, three = sorted(FILES)
    (delivered / one).unlink()
    (delivered / two).write_bytes(b"TWO")
    (delivered / three).write_bytes(b"another length")
    (delivered / "stray.dcm").write_bytes(b"")
    code, said = verify(delivered, "--files", delivered)
    assert code == 4
    assert f"{one}: missing." in said
    assert f"{two}: has another content" in said
    assert f"{three}: has another size" in said
    assert "stray.dcm: isn't in the manifest." in said


def test_a_name_that_leads_out_is_never_read(tmp_path):
    details = [{"Name": "../secret", "Size": 1, "Sha256": "0" * 64}]
    assert list(compare_files({"FileDetails": details}, tmp_path)) == [
        "../secret: this name leads out of the folder; nothing was read."
    ]


def test_nothing_to_check_is_said(delivered):
    assert verify(delivered / "gone.json")[0] == 2
    assert verify()[0] == 2
    (delivered / "manifest.json.sig").unlink()
    assert verify(delivered)[0] == 2


def test_the_public_key_can_be_printed_for_recipients(delivered):
    key = signing.signer()
    code, said = verify("--print-public-key")
    assert (code, said.strip()) == (0, f"{key.key_id} {key.public_key.hex()}")


def test_a_manifest_signed_before_a_rotation_still_verifies(delivered):
    signing.rotate()
    assert verify(delivered)[0] == 0


def test_submission_time_is_utc():
    manifest = build_manifest(
        given_files(FILES, submitted=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    )
    assert b'"SubmittedAt":"2026-01-02T03:04:05Z"' in manifest
