"""Makes an organization with a batch, without the vault or the engine: what intake tests need."""

import itertools
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

from audit import Actor
from studies.models import (
    Batch,
    Destination,
    LinkageDomain,
    Organization,
    Profile,
    ProfileVersion,
    Source,
)
from studies.services.keys import new_organization_key
from studies.services.receiving import open_batch

ALICE = Actor(kind="person", id="1", label="Alice", role="coordinator")
_numbers = itertools.count(10)


def make_organization(slug: str = "") -> Organization:
    """Make a hospital with a key of its own."""
    number = next(_numbers)
    key = uuid4()
    return Organization.objects.create(
        id=key,
        slug=slug or f"hospital-{number}",
        name=f"Hospital {number}",
        prefix=f"H{number}",
        wrapped_key=new_organization_key(key),
    )


def make_batch(
    organization: Organization | None = None, root: Path | None = None, **values: Any
) -> Batch:
    """Open a batch; from a folder source where `root` is given, else for uploads."""
    organization = organization or make_organization()
    domain, _made = LinkageDomain.objects.get_or_create(organization=organization, name="default")
    profile, _made = Profile.objects.get_or_create(organization=organization, name="basic")
    version, _made = ProfileVersion.objects.get_or_create(
        profile=profile, number=1, defaults={"definition": {}, "digest": "0" * 64}
    )
    source = Source.objects.create(
        organization=organization,
        name=f"Source {next(_numbers)}",
        kind="folder" if root else "upload",
        config={"root": str(root)} if root else {},
    )
    destination = Destination.objects.create(
        organization=organization,
        domain=domain,
        name=f"Destination {next(_numbers)}",
        kind="folder",
    )
    return open_batch(
        organization, None, source, destination, version, actor=values.pop("actor", ALICE), **values
    )


def frame(
    file: int,
    path: str,
    data: bytes,
    *,
    offset: int = 0,
    size: int | None = None,
    **more: Any,
) -> bytes:
    """Return one frame of an upload body, as a browser packs it."""
    said = {
        "file": file,
        "path": path,
        "size": len(data) if size is None else size,
        "offset": offset,
        "length": len(data),
        **more,
    }
    description = json.dumps(said).encode()
    return len(description).to_bytes(4, "big") + description + data
