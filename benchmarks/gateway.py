"""Measure the gateway over loopback, beside Orthanc on the same files in the same run.

    python -m benchmarks.gateway                 # 300 CT of 0.5 MB each
    python -m benchmarks.gateway --large 2000    # and a multi-frame of so many MB through each

The portal runs under gunicorn as it is deployed, with its Redis and SQLite, mapping and audit
included. Calls of the two alternate, so that other load on the machine meets both.
"""

import argparse
import http.client
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
ORTHANC = shutil.which("Orthanc") or "/usr/sbin/Orthanc"
DICOM = "application/dicom"
PER_REQUEST = 10
BLOCK = 1 << 20


class Peer:
    """A server in this run: its address, its process, and how it is called."""

    def __init__(self, name: str, address: str, process: subprocess.Popen[bytes]) -> None:
        self.name = name
        self.process = process
        place = urlsplit(address)
        self._connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=600)
        self.headers: dict[str, str] = {}
        self.times: list[float] = []

    def connect(self) -> None:
        """Begin a connection for the next measurement; it is kept open, as clients do."""
        self._connection.close()
        self._connection.connect()
        # Without it headers and body wait for each other's acknowledgement.
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def post(self, path: str, body: Any, kind: str) -> bytes:
        """Call, and return the answer's body."""
        headers = {**self.headers, "Content-Type": kind}
        self._connection.request("POST", path, body, headers)
        answer = self._connection.getresponse()
        data = b""
        while block := answer.read(BLOCK):
            data = block if answer.length and answer.length > BLOCK else data + block
        if answer.status >= 300:
            raise SystemExit(f"{self.name} answered {answer.status}: {data[:300]!r}")
        return data

    def time(self, call: Callable[[], object]) -> None:
        """Call and note how long it took."""
        begin = time.perf_counter()
        call()
        self.times.append(time.perf_counter() - begin)

    def members(self) -> list[Path]:
        """Return the /proc folders of the server's processes."""
        found, wanted = [], {self.process.pid}
        for folder in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(folder.name) in wanted or int(fields[1]) in wanted:
                wanted.add(int(folder.name))
                found.append(folder)
        return found

    def cpu(self) -> float:
        """Return the CPU seconds its processes took so far."""
        ticks = 0
        for folder in self.members():
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def peak(self) -> int:
        """Return the most resident memory that one of its processes has had, in MB."""
        statuses = [(folder / "status").read_text() for folder in self.members()]
        return max(int(text.split("VmHWM:")[1].split()[0]) for text in statuses) // 1024


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def running(name: str, command: list[str], port: int) -> Iterator[Peer]:
    """Run a server until the end of the block."""
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield Peer(name, f"http://127.0.0.1:{port}", process)
    finally:
        process.terminate()
        process.wait(timeout=60)


@contextmanager
def redis(folder: Path) -> Iterator[None]:
    """Run the portal's own Redis."""
    from anonportal.redis_server import find_redis_program, private_folder, redis_arguments

    socket_file = folder / "redis.sock"
    os.environ["ANONPORTAL_REDIS_SOCKET"] = str(socket_file)
    arguments = redis_arguments(
        find_redis_program(), socket_file, private_folder(folder / "redis-store")
    )
    with subprocess.Popen(
        arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while not socket_file.exists():
            time.sleep(0.05)
        try:
            yield
        finally:
            process.terminate()


def set_up(folder: Path) -> str:
    """Make a hospital with a listener rule; return a token of it."""
    os.environ["ANONPORTAL_DATA"] = str(folder)
    os.environ["ANONPORTAL_DEMO"] = "1"
    os.environ["ANONPORTAL_FOLDER_ROOTS"] = str(folder)
    os.environ["ANONPORTAL_MIN_FREE_MB"] = "100"
    os.environ["ANONPORTAL_API_CALLS_PER_MINUTE"] = "1000000"
    os.environ["ANONPORTAL_LOG_STDERR"] = "ERROR"
    os.environ["DJANGO_SETTINGS_MODULE"] = "anonportal.settings"
    (folder / "db").mkdir()
    import django
    from django.core.management import call_command

    django.setup()
    for database in ("default", "vault"):
        call_command("migrate", database=database, verbosity=0)
    from django.db import connections

    from studies.services import organizations, places, rules, tokens

    organization = organizations.create_organization(
        slug="bench", name="Bench", prefix="BENCH", allowed_regions=["here"]
    )
    (folder / "out").mkdir()
    destination = places.save_destination(
        organization,
        organizations.COMMAND,
        values={
            "name": "Out",
            "kind": "folder",
            "config": {"root": str(folder / "out")},
            "region": "here",
            "operator": "bench",
            "agreement": "none",
        },
    )
    rules.save_rule(
        organization,
        organizations.COMMAND,
        values={
            "name": "bench",
            "kind": "stow",
            "destination": destination,
            "profile_version": organization.default_profile,
        },
    )
    scopes = ["anonymize", "stow"]
    secret = tokens.create(organization, "bench", scopes, organizations.COMMAND)[1]
    connections.close_all()
    return secret


@contextmanager
def portal(folder: Path, token: str) -> Iterator[Peer]:
    """Run the portal's web server."""
    port = free_port()
    os.environ["ANONPORTAL_BIND"] = f"127.0.0.1:{port}"
    command = [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.py", "anonportal.wsgi"]
    with running("anonportal", command, port) as peer:
        peer.headers["Authorization"] = f"Bearer {token}"
        yield peer


@contextmanager
def orthanc(folder: Path) -> Iterator[Peer]:
    """Run Orthanc with its DICOMweb plugin."""
    port = free_port()
    settings = {
        "HttpPort": port,
        "StorageDirectory": str(folder / "orthanc"),
        "IndexDirectory": str(folder / "orthanc"),
        "DicomServerEnabled": False,
        "RemoteAccessAllowed": False,
        "Plugins": ["/usr/share/orthanc/plugins/libOrthancDicomWeb.so"],
        "DicomWeb": {"Enable": True},
        "OverwriteInstances": True,
    }
    path = folder / "orthanc.json"
    path.write_text(json.dumps(settings))
    with running("Orthanc", [ORTHANC, str(path)], port) as peer:
        yield peer


def anonymize_with_orthanc(peer: Peer, data: bytes) -> bytes:
    """Upload an instance, anonymize it, take the result: what the gateway does in one call."""
    found = json.loads(peer.post("/instances", data, DICOM))
    wanted = json.dumps({"Force": True}).encode()
    return peer.post(f"/instances/{found['ID']}/anonymize", wanted, "application/json")


def related(instances: list[bytes]) -> tuple[bytes, str]:
    """Return the body of a STOW-RS request and its content type."""
    boundary = secrets.token_hex(8)
    head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    body = b"".join(head + data + b"\r\n" for data in instances) + f"--{boundary}--\r\n".encode()
    return body, f'multipart/related; type="application/dicom"; boundary={boundary}'


def show(peer: Peer, calls: int, cpu: float, size: int) -> None:
    """Print a line of figures, and forget the times."""
    times = sorted(peer.times)
    rate = size / 1e6 / sum(times)
    print(
        f"{peer.name:<12} median {times[len(times) // 2] * 1000:7.2f} ms"
        f"  p95 {times[len(times) * 95 // 100] * 1000:7.2f} ms"
        f"  CPU {cpu / calls * 1000:6.2f} ms each  {rate:6.1f} MB/s",
        flush=True,
    )
    peer.times.clear()


def compare(peers: list[tuple[Peer, Callable[[bytes], object]]], bodies: list[bytes]) -> None:
    """Call each peer with each body in turn, and print what it took."""
    for peer, call in peers:
        peer.connect()
        for body in bodies[:5]:
            call(body)
        peer.times.clear()
    before = {peer.name: peer.cpu() for peer, _call in peers}
    for body in bodies[5:]:
        for peer, call in peers:
            peer.time(lambda call=call, body=body: call(body))  # type: ignore[misc]
    for peer, _call in peers:
        spent = peer.cpu() - before[peer.name]
        show(peer, len(bodies) - 5, spent, sum(map(len, bodies[5:])))


def gateway(ours: Peer, theirs: Peer | None, files: list[bytes]) -> None:
    """Measure single instances: in, de-identified, out."""
    print(f"one instance in, de-identified, out: {len(files) - 5} CT of {len(files[0]):,} bytes")
    peers: list[tuple[Peer, Callable[[bytes], object]]] = [
        (ours, lambda body: ours.post("/api/anonymize-stream", body, DICOM))
    ]
    if theirs is not None:
        peers.append((theirs, lambda body: anonymize_with_orthanc(theirs, body)))
    compare(peers, files)


def stow(ours: Peer, theirs: Peer | None, files: list[bytes], per_request: int) -> None:
    """Measure STOW-RS in."""
    groups = [files[at : at + per_request] for at in range(0, len(files), per_request)]
    size = sum(map(len, groups[0]))
    print(f"\nSTOW-RS in: requests of {per_request} CT, {size / 1e6:.1f} MB each")
    sent = {id(group): related(group) for group in groups}
    keys = [str(key).encode() for key in sent]

    def call(peer: Peer, path: str) -> Callable[[bytes], object]:
        return lambda key: peer.post(path, *sent[int(key)])

    for peer, path in ((ours, "/api/dicom-web/studies"), (theirs, "/dicom-web/studies")):
        if peer is not None:
            bodies = {key: sent[int(key)][0] for key in keys}
            before = peer.cpu()
            peer.connect()
            for key in keys:
                peer.time(lambda key=key, peer=peer, path=path: call(peer, path)(key))  # type: ignore[misc]
            show(peer, len(files), peer.cpu() - before, sum(map(len, bodies.values())))


def large(ours: Peer, folder: Path, megabytes: int) -> None:
    """Send a large multi-frame through each, and print the server's memory."""
    from benchmarks.build import build_apart

    path = next(build_apart(folder, "multiframe", 1, megabytes << 20).iterdir())
    size = path.stat().st_size
    print(f"\na multi-frame of {size / 1e6:,.0f} MB; peak memory of the server's largest process")
    print(f"{'before':<18} {ours.peak()} MB")
    ours.connect()
    with path.open("rb") as stream:
        ours.headers["Content-Length"] = str(size)
        ours.time(lambda: ours.post("/api/anonymize-stream", stream, DICOM))
    print(f"{'anonymize-stream':<18} {ours.peak()} MB, {size / 1e6 / ours.times[-1]:,.0f} MB/s")
    head, tail = b"--edge\r\nContent-Type: application/dicom\r\n\r\n", b"\r\n--edge--\r\n"
    ours.headers["Content-Length"] = str(size + len(head) + len(tail))

    def body() -> Iterator[bytes]:
        yield head
        with path.open("rb") as stream:
            while block := stream.read(BLOCK):
                yield block
        yield tail

    kind = 'multipart/related; type="application/dicom"; boundary=edge'
    ours.time(lambda: ours.post("/api/dicom-web/studies", body(), kind))
    print(f"{'STOW-RS':<18} {ours.peak()} MB, {size / 1e6 / ours.times[-1]:,.0f} MB/s")


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--large", type=int, default=0, help="megabytes of a multi-frame")
    options = parser.parse_args()
    from benchmarks.build import build_apart

    with tempfile.TemporaryDirectory(prefix="anonportal-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        data = folder / "data"
        data.mkdir()
        corpus = build_apart(folder, "ct", options.files + 5, 0)
        files = [path.read_bytes() for path in sorted(corpus.iterdir())]
        token = set_up(data)
        stack.enter_context(redis(folder))
        ours = stack.enter_context(portal(data, token))
        theirs = stack.enter_context(orthanc(folder)) if Path(ORTHANC).exists() else None
        gateway(ours, theirs, files)
        stow(ours, theirs, files, PER_REQUEST)
        stow(ours, theirs, files[:100], 1)
        if options.large:
            large(ours, folder, options.large)


if __name__ == "__main__":
    main()
