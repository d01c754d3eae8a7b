"""The second place for checkpoints of the trail, apart from the databases.

A folder, or a bucket whose objects can't be changed or removed before their time (S3 Object Lock,
compliance mode): then not even the administrator of this installation can rewrite what was signed.
"""

import base64
import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

# A chain and a file of it, as in "system/000000000012-0a1b2c3d.json".
_SEGMENT = r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}"
_CHECKPOINT_NAME = re.compile(rf"{_SEGMENT}/{_SEGMENT}\Z")
_CHAIN_NAME = re.compile(rf"{_SEGMENT}\Z")
_BUCKET = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/([A-Za-z0-9._/-]*))?\Z")


def store_checkpoint(name: str, data: bytes) -> None:
    """Store a checkpoint of the trail, named chain/file, whole or not at all."""
    if not _CHECKPOINT_NAME.match(name):
        raise ValueError("a checkpoint is named chain/file, of letters, digits, '.', '_' and '-'")
    if _bucket():
        _put_object(name, data)
    else:
        _write_file(checkpoint_folder() / name, data)


def stored_checkpoints(chain: str) -> list[bytes]:
    """Return the stored checkpoints of a chain, oldest first."""
    if not _CHAIN_NAME.match(chain):
        raise ValueError("a chain's name is letters, digits, '.', '_' and '-'")
    if _bucket():
        return list(_objects(chain))
    return [path.read_bytes() for path in sorted((checkpoint_folder() / chain).glob("*.json"))]


def checkpoint_folder() -> Path:
    """Return the folder that checkpoints are stored in, unless it is a bucket."""
    return Path(settings.CHECKPOINTS or Path(settings.DATA_DIR) / "checkpoints")


# A folder -------------------------------------------------------------------------------------


def _write_file(path: Path, data: bytes) -> None:
    for folder in (checkpoint_folder(), path.parent):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with temporary.open("xb") as target:
            temporary.chmod(0o600)
            target.write(data)
            target.flush()
            os.fsync(target.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# A bucket -------------------------------------------------------------------------------------


def _bucket() -> str:
    return settings.CHECKPOINTS if settings.CHECKPOINTS.startswith("s3:") else ""


def _place() -> tuple[str, str]:
    """Return bucket and prefix; raise if the setting is no address of a bucket."""
    found = _BUCKET.match(_bucket())
    if found is None:
        raise ImproperlyConfigured("ANONPORTAL_CHECKPOINTS must be a folder or s3://bucket/prefix")
    prefix = (found[2] or "").strip("/")
    return found[1], f"{prefix}/" if prefix else ""


def _put_object(name: str, data: bytes) -> None:
    """Put an object that its bucket keeps for the time that the setting states.

    Raises botocore's errors: the caller has not noted the checkpoint as written yet.
    """
    bucket, prefix = _place()
    locked: dict[str, Any] = {}
    if settings.CHECKPOINTS_LOCK_DAYS:
        until = timezone.now() + timedelta(days=settings.CHECKPOINTS_LOCK_DAYS)
        locked = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until}
    _client(settings.CHECKPOINTS_ENDPOINT).put_object(
        Bucket=bucket,
        Key=f"{prefix}{name}",
        Body=data,
        ContentType="application/json",
        ChecksumAlgorithm="SHA256",
        ChecksumSHA256=base64.b64encode(hashlib.sha256(data).digest()).decode(),
        **locked,
    )


def _objects(chain: str) -> Iterator[bytes]:
    """Yield a chain's objects by name, each in its first version: later ones are not ours."""
    bucket, prefix = _place()
    client = _client(settings.CHECKPOINTS_ENDPOINT)
    pages = client.get_paginator("list_object_versions").paginate(
        Bucket=bucket, Prefix=f"{prefix}{chain}/"
    )
    first: dict[str, tuple[Any, str]] = {}
    for page in pages:
        for version in page.get("Versions", ()):
            key, stamp = version["Key"], version["LastModified"]
            # Versions of a second come newest first.
            if key.endswith(".json") and (key not in first or stamp <= first[key][0]):
                first[key] = (stamp, version["VersionId"])
    for key, (_stamp, version_id) in sorted(first.items()):
        found = client.get_object(Bucket=bucket, Key=key, VersionId=version_id)
        yield found["Body"].read()


@lru_cache(maxsize=4)
def _client(endpoint: str) -> Any:
    """Return a client with the machine's own credentials (environment, profile or role)."""
    import boto3

    return boto3.client("s3", endpoint_url=endpoint or None)
