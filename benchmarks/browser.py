"""Measure uploads by a real browser: Chromium picks a folder, the portal seals it, over loopback.

    python -m benchmarks.browser                     # 2,000 files of 50 KB, then 200 of 0.5 MB
    python -m benchmarks.browser --chromium /usr/bin/chromium

The portal runs under gunicorn as it is deployed. The time is from choosing a folder to "everything
has arrived"; hashing in the browser, announcing and the server's sealing included.
"""

import argparse
import os
import shutil
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.gateway import Peer, portal, redis, set_up

SIZES = ((2000, 50_000), (200, 500_000))
PATIENCE_MS = 600_000


def write_folder(folder: Path, files: int, size: int) -> None:
    """Write files that no compression makes smaller."""
    folder.mkdir()
    for number in range(files):
        (folder / f"IM{number:05}").write_bytes(os.urandom(size))


def coordinator() -> dict[str, Any]:
    """Make a person who may upload; return the cookie of their session."""
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.contrib.sessions.backends.db import SessionStore

    from studies.models import Membership, Organization, Role

    organization = Organization.objects.get(slug="bench")
    user = get_user_model().objects.create_user(email="bench@example.org", password=None)
    Membership.objects.create(user=user, organization=organization, role=Role.COORDINATOR)
    session = SessionStore()
    session["_auth_user_id"] = str(user.pk)
    session["_auth_user_backend"] = settings.AUTHENTICATION_BACKENDS[0]
    session["_auth_user_hash"] = user.get_session_auth_hash()
    session.save()
    return {"name": settings.SESSION_COOKIE_NAME, "value": session.session_key}


def open_batch() -> str:
    """Open an empty batch; return its id."""
    from studies.models import Destination, Organization, Priority, ReleasePolicy, Source
    from studies.models.places import SourceKind
    from studies.services import organizations, receiving

    organization = Organization.objects.get(slug="bench")
    source, _made = Source.objects.get_or_create(
        organization=organization, kind=SourceKind.UPLOAD, defaults={"name": "Upload"}
    )
    profile = organization.default_profile
    if profile is None:
        raise SystemExit("the organization has no default profile")
    batch = receiving.open_batch(
        organization,
        None,
        source,
        Destination.objects.get(organization=organization),
        profile,
        Priority.ROUTINE,
        ReleasePolicy.MANUAL,
        True,
        actor=organizations.COMMAND,
    )
    return str(batch.pk)


def upload(page: Any, ours: Peer, address: str, folder: Path) -> None:
    """Pick a folder, wait until all of it has arrived, print what it took."""
    sizes = [path.stat().st_size for path in folder.iterdir()]
    page.goto(f"{address}/batches/{open_batch()}/")
    cpu, begin = ours.cpu(), time.perf_counter()
    page.locator("#pick-folder").set_input_files(folder)
    live = page.locator("[data-live]", has_text="Everything has arrived")
    live.wait_for(state="attached", timeout=PATIENCE_MS)
    seconds, cpu = time.perf_counter() - begin, ours.cpu() - cpu
    print(
        f"{len(sizes):>6,} files of {sizes[0]:>9,} bytes  {seconds:6.2f} s"
        f"  {sum(sizes) / 1e6 / seconds:6.1f} MB/s  server CPU {cpu:5.2f} s"
        f"  peak {ours.peak()} MB",
        flush=True,
    )


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chromium", default=shutil.which("chromium") or "")
    options = parser.parse_args()
    from django.core.management import call_command
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory(prefix="anonportal-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        (folder / "data").mkdir()
        # Playwright runs a loop in this thread; the database calls here are not in it.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        token = set_up(folder / "data")
        call_command("collectstatic", interactive=False, verbosity=0)
        stack.enter_context(redis(folder))
        ours = stack.enter_context(portal(folder / "data", token))
        address = f"http://{os.environ['ANONPORTAL_BIND']}"
        browser = stack.enter_context(sync_playwright()).chromium.launch(
            executable_path=options.chromium or None, args=["--no-sandbox"]
        )
        context = browser.new_context()
        context.add_cookies([{**coordinator(), "url": address}])
        page = context.new_page()
        for files, size in SIZES:
            place = folder / f"of-{size}"
            write_folder(place, files, size)
            upload(page, ours, address, place)
        browser.close()


if __name__ == "__main__":
    main()
