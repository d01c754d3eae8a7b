"""What Redis keeps of a failed job is a code and a reference; a job dies with its worker."""

import json
import logging
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import django_rq
import pytest
from django.conf import settings
from rq.job import Job

from anonportal.worker import PortalJob, PortalWorker
from tests.ops import jobs
from tests.ops.test_supervisor import wait_until

ROOT = Path(__file__).resolve().parent.parent.parent


def work_off(redis: Any, *calls: Callable[[str], None]) -> list[Job]:
    """Queue the calls and let a real worker, which forks, run them all."""
    queue = django_rq.get_queue("routine")
    queued = [queue.enqueue(call, str(uuid.uuid4())) for call in calls]
    PortalWorker([queue], connection=queue.connection, job_class=PortalJob).work(burst=True)
    return [PortalJob.fetch(job.id, connection=redis) for job in queued]


def everything_in(redis: Any) -> bytes:
    """Return all that Redis holds, unpacked."""
    held = []
    for key in redis.keys("*"):
        held.append(key)
        held.append(redis.dump(key))
    store = settings.DATA_DIR / "redis"
    held += [path.read_bytes() for path in store.rglob("*") if path.is_file()]
    return b"".join(held)


@pytest.fixture(autouse=True)
def _light_worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Import no engine: these jobs need none; give back the signals that a worker takes."""
    monkeypatch.setattr("anonportal.worker.ENGINE", ())
    taken = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in taken.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("job", "code"),
    [(jobs.fail, "job-failed"), (jobs.fail_with_code, "study-conflict"), (jobs.die, "job-died")],
)
def test_a_failure_is_a_code_and_a_reference(
    redis: Any, job: Callable[[str], None], code: str
) -> None:
    (failed,) = work_off(redis, job)
    result = failed.latest_result()
    assert result is not None
    kept, reference = str(result.exc_string).split()
    assert kept == code
    assert len(reference) == 12
    log = (settings.DATA_DIR / "log" / "portal.log").read_text()
    (line,) = [line for line in log.splitlines() if reference in line]
    assert json.loads(line)["code"] == code
    assert jobs.NAME not in log


def test_nothing_that_redis_holds_quotes_the_patient(redis: Any) -> None:
    work_off(redis, jobs.fail, jobs.fail_with_code, jobs.succeed)
    held = everything_in(redis)
    assert b"routine" in held
    assert jobs.NAME.encode() not in held
    assert b"Traceback" not in held


def test_each_job_after_a_failed_one_has_its_own_reference(redis: Any) -> None:
    failed = work_off(redis, jobs.fail, jobs.fail_with_code, jobs.die, jobs.succeed)
    texts = [str(job.latest_result().exc_string) for job in failed[:3]]
    assert [text.split()[0] for text in texts] == ["job-failed", "study-conflict", "job-died"]
    assert len({text.split()[1] for text in texts}) == 3
    assert failed[3].is_finished


def test_a_job_run_in_place_keeps_no_message_either(redis: Any) -> None:
    queue = django_rq.get_queue("routine", is_async=False)
    job = queue.enqueue(jobs.fail, str(uuid.uuid4()))
    assert job.is_failed
    assert str(job.latest_result().exc_string).startswith("job-died ")
    assert jobs.NAME.encode() not in everything_in(redis)


def test_a_description_names_the_function_only(redis: Any) -> None:
    job = django_rq.get_queue("routine").enqueue(jobs.succeed, jobs.NAME)
    assert job.description == "tests.ops.jobs.succeed"


def test_a_job_dies_with_its_worker(redis: Any, tmp_path: Path) -> None:
    """A worker killed with SIGKILL leaves no fork that finishes the job beside its retry."""
    mark = tmp_path / "pid"
    django_rq.get_queue("routine").enqueue(jobs.wait, str(mark))
    program = """
import django
django.setup()
import django_rq
from anonportal import worker
worker.ENGINE = ()
queue = django_rq.get_queue("routine")
worker.PortalWorker([queue], connection=queue.connection, job_class=worker.PortalJob).work()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: mark.exists() and mark.read_text().endswith("."))
    fork = mark.read_text().rstrip(".")
    assert int(fork) != process.pid
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_until(lambda: not Path(f"/proc/{fork}").exists())


def test_rqs_own_lines_name_no_argument(redis: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        work_off(redis, jobs.succeed)
    log = (settings.DATA_DIR / "log" / "portal.log").read_text()
    assert '"logger": "rq.worker"' in log
