"""`python -m benchmarks.delivery`: delivery to S3 beside the AWS CLI, and memory of a large object.

The same objects, into the same server (moto, a process of its own, on loopback), in turn: this
portal's delivery job from sealed staging, `aws s3 cp --recursive` from plain files. A job is forked
by a worker that runs already, so that is where its clock begins; it imports boto3 and makes its
client, and the CLI starts. The server's own work is in both walls.
"""

import argparse
import hashlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from functools import partial
from pathlib import Path
from typing import Any

BATCH = uuid.UUID(int=1)
KEYS = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}


def main() -> int:
    """Measure both on small objects in turn, then the memory of one large object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.delivery", description=__doc__)
    parser.add_argument("--aws", default=shutil.which("aws") or "", help="the AWS CLI")
    parser.add_argument("--objects", type=int, default=400)
    parser.add_argument("--kilobytes", type=int, default=540)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--large-mb", type=int, default=2048)
    parser.add_argument("--send", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.send:
        return send(*options.send)
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), options)
        if options.large_mb:
            large(Path(folder), options.large_mb << 20)
    return 0


def compare(folder: Path, options: argparse.Namespace) -> None:
    """Send many objects of an image's size, the two senders in turn."""
    prepare(folder, options.objects, options.kilobytes << 10)
    found: dict[str, list[tuple[float, float]]] = {}
    for run in range(options.runs):
        with Server() as url:
            found.setdefault("anonportal", []).append(ours(folder, url, f"run-{run}")[:2])
        if options.aws:
            with Server() as url:
                found.setdefault("aws s3 cp", []).append(cli(folder, url, options.aws))
    print(f"{options.objects} objects of {options.kilobytes} KiB, medians of {options.runs} runs")
    for name, rows in found.items():
        wall, cpu = (statistics.median(column) for column in zip(*rows, strict=True))
        print(f"{name:12} {wall:7.2f} s wall {cpu:7.2f} s CPU")
    if len(found) == 2:
        ours_wall, cli_wall = (statistics.median(w for w, _cpu in rows) for rows in found.values())
        print(f"ratio of wall times {ours_wall / cli_wall:.2f} (to be at most 1.30)")


def large(folder: Path, size: int) -> None:
    """Send one large object into a server that keeps nothing, and say how much memory it took."""
    prepare(folder, 1, size)
    with Sink() as url:
        wall, cpu, peak = ours(folder, url, "large")
    print(
        f"one object of {size >> 20} MiB: {wall:.1f} s wall, {cpu:.1f} s CPU, "
        f"{peak / 1024:.0f} MB resident at most (to be under 200)"
    )


def prepare(folder: Path, count: int, size: int) -> None:
    """Write plain files for the CLI and the same, sealed, as a batch's staging."""
    shutil.rmtree(folder / "plain", ignore_errors=True)
    (folder / "plain").mkdir()
    block = os.urandom(min(size, 8 << 20))
    for number in range(count):
        with (folder / "plain" / f"2.25.{number}.dcm").open("wb") as target:
            left = size
            while left:
                target.write(number.to_bytes(8, "little"))
                part = block[: max(min(left - 8, len(block) - 8), 0)]
                target.write(part)
                left = max(left - 8 - len(part), 0)


def ours(folder: Path, url: str, bucket: str) -> tuple[float, float, float]:
    """Run this portal's sending in a process of its own; return wall, CPU, peak KB."""
    environment = {**os.environ, "ANONPORTAL_DATA": str(folder / "data"), "ANONPORTAL_DEMO": "1"}
    environment["DJANGO_SETTINGS_MODULE"] = "anonportal.settings"
    run = [sys.executable, "-m", "benchmarks.delivery", "--send", str(folder), url, bucket]
    # Sealing is part of processing: done before, by a process that isn't measured.
    subprocess.run([*run, "seal"], check=True, env=environment)
    answer = subprocess.run(
        [*run, "send"], check=True, env=environment, stdout=subprocess.PIPE, text=True
    )
    wall, cpu, peak = answer.stdout.split()[-3:]
    return float(wall), float(cpu), float(peak)


def measured(command: list[str], environment: dict[str, str]) -> tuple[float, float, float]:
    """Run a command and return wall, CPU and peak KB of it."""
    begun = time.monotonic()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0]} ended with {process.returncode}")
    return time.monotonic() - begun, usage.ru_utime + usage.ru_stime, float(usage.ru_maxrss)


def cli(folder: Path, url: str, program: str) -> tuple[float, float]:
    """Run the AWS CLI on the plain files; return wall and CPU."""
    environment = {**os.environ, **KEYS, "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": url}
    subprocess.run(
        [program, "s3", "mb", "s3://cli"], check=True, env=environment, stdout=subprocess.DEVNULL
    )
    source = str(folder / "plain")
    wall, cpu, _peak = measured(
        [program, "s3", "cp", "--recursive", "--only-show-errors", source, "s3://cli/batch/"],
        environment,
    )
    return wall, cpu


def send(folder: str, url: str, bucket: str, act: str) -> int:
    """Seal the objects into staging, or send them from there, in a child as a worker's job is."""
    import django

    django.setup()
    # What a worker has imported before it forks.
    from studies.services import delivering  # noqa: F401

    if act == "seal":
        seal(Path(folder), url, bucket)
        return 0
    begun = time.monotonic()
    child = os.fork()
    if not child:
        os._exit(0 if job(Path(folder), url, bucket) else 1)
    _pid, status, usage = os.wait4(child, 0)
    wall = time.monotonic() - begun
    print(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
    return os.waitstatus_to_exitcode(status)


def place_at(url: str, bucket: str) -> Any:
    """Return the destination."""
    from types import SimpleNamespace

    from studies.delivery import open_destination

    config = {"bucket": bucket, "endpoint": url, "auth": "keys", "path_style": True}
    row: Any = SimpleNamespace(kind="s3", config=config | {"create": True})
    return open_destination(row, {"access_key": "bench", "secret_key": "bench"})


def seal(folder: Path, url: str, bucket: str) -> None:
    """Seal the plain files as a batch's staging, and make the bucket."""
    from studies.storage import BatchStore

    store = BatchStore(BATCH, bytes(32))
    store.clear_staging()
    digests = []
    for path in sorted((folder / "plain").iterdir()):
        _name, target = store.create("staging", path.stem)
        with path.open("rb") as source, target:
            while block := source.read(1 << 20):
                target.write(block)
        with path.open("rb") as source:
            digests.append(hashlib.file_digest(source, "sha256").hexdigest())
    (folder / "digests").write_text("\n".join(digests))
    place_at(url, bucket).put_bytes("made", b"", {})


def job(folder: Path, url: str, bucket: str) -> bool:
    """Send everything, as a delivery job does; return whether all arrived."""
    from studies.delivery import Outgoing, kinds
    from studies.delivery.limits import Limits
    from studies.delivery.sending import send as send_all
    from studies.storage import BatchStore

    store = BatchStore(BATCH, bytes(32))
    plain = sorted((folder / "plain").iterdir())
    digests = (folder / "digests").read_text().split()
    objects = [
        Outgoing(
            f"{BATCH}/DC0T3GN3M887M/1/{path.name}",
            path.stat().st_size,
            digest,
            partial(store.open_staged, path.stem),
        )
        for path, digest in zip(plain, digests, strict=True)
    ]
    place = place_at(url, bucket)
    limits = Limits(BATCH, kinds.parallel("s3", {}), 0)
    said = {"batch_id": str(BATCH), "priority": "ROUTINE", "uploaded_at": "now"}
    done: list[Outgoing] = []
    send_all(place, objects, said, limits, beat=int, arrived=done.extend)
    place.close()
    return len(done) == len(objects)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """moto's S3 server."""

    command = ("-m", "moto.server", "-H", "127.0.0.1", "-p")

    def __enter__(self) -> str:
        port = free_port()
        self.process = subprocess.Popen(
            [sys.executable, *self.command, str(port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(400):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return f"http://127.0.0.1:{port}"
        raise SystemExit("the server did not start")

    def __exit__(self, *_exception: object) -> None:
        self.process.terminate()
        self.process.wait()


class Sink(Server):
    """A server that answers as S3 does and keeps nothing, so that a large object fits anywhere."""

    command = ("-m", "benchmarks.s3_sink")


if __name__ == "__main__":
    sys.exit(main())
