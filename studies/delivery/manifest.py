"""The manifest: what a batch delivered, in a form that a program of 2023 and an auditor can read.

Version 1.0 is Version, BatchId, Priority, SubmittedAt, TotalStudies, TotalImages and Studies with
CloudStudyId, ImageCount and Files. What stands beside these is an addition that a 1.0 reader
ignores. The bytes are canonical (sorted keys, no blanks, UTF-8), so the same batch has the same
manifest, and its signature is over exactly these bytes.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

VERSION = "1.0"
MANIFEST_NAME = "manifest.json"
SIGNATURE_NAME = "manifest.json.sig"


@dataclass(frozen=True)
class ManifestInput:
    """What a manifest is made of; `files` are (cloud study id, object key, size, SHA-256)."""

    batch_id: str
    priority: str
    submitted: datetime
    profile: str
    profile_digest: str
    revision: int
    held: int
    refused: int
    excluded: int
    files: Sequence[tuple[str, str, int, str]]


def build_manifest(given: ManifestInput) -> bytes:
    """Return the bytes of a manifest; names in it are relative to the manifest itself."""
    studies: dict[str, list[str]] = {}
    details = []
    for cloud_study_id, key, size, sha256 in given.files:
        name = key.removeprefix(f"{given.batch_id}/")
        studies.setdefault(cloud_study_id, []).append(name)
        details.append({"Name": name, "Size": size, "Sha256": sha256})
    return canonical(
        {
            "Version": VERSION,
            "BatchId": given.batch_id,
            "Priority": given.priority,
            "SubmittedAt": given.submitted.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "TotalStudies": len(studies),
            "TotalImages": len(details),
            "Studies": [
                {"CloudStudyId": study, "ImageCount": len(names), "Files": names}
                for study, names in studies.items()
            ],
            "FileDetails": details,
            "Profile": {"Name": given.profile, "Digest": given.profile_digest},
            "HeldCount": given.held,
            "RefusedCount": given.refused,
            "ExcludedCount": given.excluded,
            "Revision": given.revision,
            # What is held may still follow in a supplement, with a manifest of a later revision.
            "Complete": given.held == 0,
        }
    )


def canonical(value: Any) -> bytes:
    """Return the one spelling of a JSON value that is signed."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def is_signed(body: bytes, signature: bytes, public_key: bytes) -> bool:
    """Say whether a signature is of these bytes under this public key."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, body)
    except (InvalidSignature, ValueError):
        return False
    return True


def read_manifest(body: bytes) -> dict[str, Any]:
    """Return a manifest's content; raise ValueError with a sentence where it isn't one."""
    try:
        data = json.loads(body)
    except ValueError:
        raise ValueError("This is not a manifest: it can't be read as JSON.") from None
    if not isinstance(data, dict) or data.get("Version") != VERSION:
        raise ValueError(f"This is not a manifest of version {VERSION}.")
    listed = [name for study in data.get("Studies", []) for name in study.get("Files", [])]
    counts = sum(study.get("ImageCount", -1) for study in data.get("Studies", []))
    detailed = [detail.get("Name") for detail in data.get("FileDetails", [])]
    if not len(listed) == counts == data.get("TotalImages") or len(data["Studies"]) != data.get(
        "TotalStudies"
    ):
        raise ValueError("The manifest contradicts itself: its totals aren't those of its studies.")
    if sorted(map(str, detailed)) != sorted(listed):
        raise ValueError("The manifest contradicts itself: its details aren't of its files.")
    return data


def compare_files(manifest: dict[str, Any], folder: Path) -> Iterator[str]:
    """Give a sentence for each file that is missing, changed or not in the manifest."""
    known = {MANIFEST_NAME, SIGNATURE_NAME}
    for detail in manifest["FileDetails"]:
        name = str(detail["Name"])
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or ".." in parts:
            yield f"{name}: this name leads out of the folder; nothing was read."
            continue
        known.add(name)
        path = folder.joinpath(*parts)
        if not path.is_file():
            yield f"{name}: missing."
        elif path.stat().st_size != detail["Size"]:
            yield f"{name}: has another size than the manifest says."
        elif _digest(path) != detail["Sha256"]:
            yield f"{name}: has another content than the manifest says."
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in known:
            yield f"{name}: isn't in the manifest."


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
