"""Workers die at any moment, their forked children live on, and still nothing is lost or twice.

Real workers in processes of their own, on real Redis; killed with SIGKILL at random moments.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as project

from studies import jobs
from studies.models import Batch, BatchState, Instance
from studies.storage import BatchStore
from tests import datasets
from tests.counts import count
from tests.on_disk import content
from tests.studies.hospital import Hospital, counts, delivered_files, make_hospital

KILLS = 10
INSTANCES = 300


class Workers:
    """Two worker processes, each started again by the test when it is killed."""

    def __init__(self, roots: Path) -> None:
        self._roots = str(roots)
        self.running = [self._start() for _ in range(2)]

    def _start(self) -> subprocess.Popen[bytes]:
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "tests.settings_hurried",
            "ANONPORTAL_FOLDER_ROOTS": self._roots,
        }
        return subprocess.Popen(
            [sys.executable, "manage.py", "rqworker", "stat", "high", "routine"],
            cwd=Path(__file__).parents[2],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def kill_one(self) -> None:
        """Kill a worker alone: the child that does its job lives on for a while."""
        at = random.randrange(len(self.running))
        self.running[at].kill()
        self.running[at].wait()
        self.running[at] = self._start()

    def stop(self) -> None:
        for process in self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def workers(redis_server: Path, tmp_path: Path) -> Iterator[Workers]:
    started = Workers(tmp_path)
    yield started
    started.stop()


@pytest.fixture
def hospital(tmp_path: Path, settings, transactional_db, redis_server) -> Hospital:
    settings.FOLDER_ROOTS = [str(tmp_path)]
    settings.LEASE_SECONDS = 3
    settings.CHUNK_INSTANCES = 6
    return make_hospital(tmp_path)


@pytest.mark.chain
@pytest.mark.timeout(1800)
@pytest.mark.django_db(transaction=True, databases=["default", "vault"])
def test_a_batch_survives_ten_killed_workers(hospital: Hospital, workers: Workers, proof) -> None:
    markers = [datasets.Markers() for _ in range(3)]
    size = count(INSTANCES, INSTANCES * 4)
    for number, one in enumerate(markers):
        share = range(1, size // 3 + 1)
        datasets.write_series(
            hospital.inbox / f"s{number}", [datasets.ct(one, number=n) for n in share]
        )
    batch = hospital.submit(release="when-clean")
    killed = drive(batch, workers)
    assert killed >= KILLS

    assert counts(batch) == {"delivered": size}
    files = delivered_files(hospital, batch)
    rows = Instance.objects.filter(batch=batch)
    assert sorted(path.stem for path in files) == sorted(row.sop_instance_uid for row in rows)
    assert len({row.sop_instance_uid for row in rows}) == size
    said = json.loads((hospital.outbox / str(batch.pk) / "manifest.json").read_bytes())
    assert said["TotalImages"] == size
    assert sum(study["ImageCount"] for study in said["Studies"]) == size
    # The last run empties staging after its commit; were it killed there, the scheduler would.
    jobs.close_due()
    assert not BatchStore(batch.pk, b"").has_staging()
    workers.stop()
    assert_nothing_in_clear(markers)
    proof("killed workers", killed, f"{size} images delivered once, manifest right")


def drive(batch: Batch, workers: Workers) -> int:
    """Play the scheduler and the killer until the batch is delivered; the sum holds throughout."""
    killed = 0
    next_kill = time.monotonic() + random.uniform(0.2, 1)
    until = time.monotonic() + 900
    while time.monotonic() < until:
        jobs.requeue_lost()
        jobs.take_up_stalled()
        batch.refresh_from_db()
        if batch.state == BatchState.DELIVERED:
            if killed >= KILLS:
                return killed
            raise AssertionError(f"delivered after {killed} kills: the batch is too small to tell")
        assert batch.state != BatchState.ATTENTION, batch.attention_code
        assert sum(counts(batch).values()) == Instance.objects.filter(batch=batch).count()
        if time.monotonic() > next_kill and killed < KILLS:
            workers.kill_one()
            killed += 1
            next_kill = time.monotonic() + random.uniform(0.1, 0.7)
        time.sleep(0.05)
    raise AssertionError(f"the batch did not arrive: {batch.state}, {counts(batch)}")


def assert_nothing_in_clear(markers: list[datasets.Markers]) -> None:
    tokens = [token.encode() for one in markers for token in one.tokens()]
    for path in Path(project.DATA_DIR).rglob("*"):
        if path.is_file() and not path.is_socket():
            found = content(path)
            assert not [token for token in tokens if token in found], path.name
