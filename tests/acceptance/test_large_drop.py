"""A whole archive in one drop, in real Chromium: with a disc's own files, a zip, and what is twice.

PROVE=1: 10,000 images, 5 GB (sparse on this disk, real on the wire).
"""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from studies.models import ChunkKind, Instance, Role
from studies.services import batches, choosing, inventory, receiving
from studies.services.chunks import Claim, claim
from studies.services.uploads import upload_status
from tests import datasets
from tests.acceptance.test_upload import (
    _plain_http,  # noqa: F401 - a fixture for every test of this module
    address,
    pick_folder,
    sign_in,  # noqa: F401 - a fixture
)
from tests.counts import count
from tests.studies.hospital import counts, make_hospital

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.django_db(transaction=True, databases=["default", "vault"]),
]
IMAGES = count(60, 10_000)
SIZE = count(20_000, 500_000)


def write_archive(folder: Path) -> None:
    """Write images as a disc holds them, what else lies on a disc, a zip, and one file twice."""
    markers = datasets.Markers()
    whole = datasets.part10(datasets.ct(markers, number=1, size=32))
    for number in range(IMAGES):
        path = folder / f"S{number // 500}" / f"IM{number:05d}"
        path.parent.mkdir(parents=True, exist_ok=True)
        ds = datasets.ct(markers, number=number + 1, size=32)
        path.write_bytes(datasets.part10(ds))
        with path.open("r+b") as file:
            # Trailing padding as some archives write it; sparse.
            file.truncate(SIZE)
    (folder / "DICOMDIR").write_bytes(b"no directory of ours")
    (folder / "VIEWER.EXE").write_bytes(b"MZ" + b"\0" * 5000)
    (folder / "AUTORUN.INF").write_bytes(b"[autorun]")
    (folder / "AGAIN").write_bytes((folder / "S0" / "IM00000").read_bytes())
    with zipfile.ZipFile(folder / "more.zip", "w") as packed:
        other = datasets.Markers()
        for number in range(3):
            packed.writestr(f"in/{number}", datasets.part10(datasets.ct(other, number=number + 1)))
        packed.writestr("in/viewer.dll", b"MZ")
    assert len(whole) < SIZE


def must_claim(chunk_id: int) -> Claim:
    claimed = claim(chunk_id)
    assert claimed is not None
    return claimed


def test_an_archive_in_one_drop_is_counted_to_the_last_file(
    tmp_path: Path,
    settings: Any,
    live_server: Any,
    sign_in: Callable[[Any], None],  # noqa: F811
    page: Any,
    proof: Callable[[str, int, str], None],
) -> None:
    settings.FOLDER_ROOTS = [str(tmp_path)]
    folder = tmp_path / "DISC"
    folder.mkdir()
    write_archive(folder)
    hospital = make_hospital(tmp_path / "made")
    settings.FOLDER_ROOTS = [str(tmp_path)]
    caller = hospital.viewer(Role.COORDINATOR)
    batch = choosing.draft(caller)
    sign_in(batch)
    page.goto(address(live_server, batch))
    pick_folder(page, folder)
    seconds = count(60, 1800)
    expect(page.locator("[data-live]")).to_contain_text(
        "Everything has arrived", timeout=1000 * seconds
    )
    status = upload_status(batch)
    assert (len(status.whole), status.missing) == (IMAGES + 5, 0)
    receiving.submit(batch, caller.actor)
    chunk = batches.new_chunk(batch, ChunkKind.INVENTORY)
    while not inventory.take_inventory(must_claim(chunk.pk)):
        pass
    batch.refresh_from_db()
    found = counts(batch)
    assert (found["skipped"], found["duplicate"]) == (4, 1)
    codes = Instance.objects.filter(batch=batch, state="skipped").values_list("code", flat=True)
    assert set(codes) == {"not-dicom"}
    assert sum(found.values()) == IMAGES + 8
    page.goto(address(live_server, batch))
    expect(page.locator("main")).to_contain_text("skipped")
    proof("Drops files in one go in a browser", IMAGES, "all there, skipped and twice told apart")
