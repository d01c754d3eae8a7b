"""Measures the ways in: rate, CPU and memory of upload, C-STORE and WADO-RS, small and large.

    python -m benchmarks.intake                  # 1,000 CT of 0.5 MB, one multi-frame of 2 GB
    python -m benchmarks.intake --files 200 --large-mb 512

Each way runs in a process of its own, whose CPU and peak memory are printed; senders are others.
Everything is sealed below a temporary folder, which is removed at the end.
"""

import argparse
import http.server
import io
import json
import os
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

MIB = 1 << 20
HALF = MIB // 2
BLOCK = os.urandom(MIB)
BOUNDARY = b"benchmark"
PART = b"\r\n--" + BOUNDARY + b"\r\nContent-Type: application/dicom\r\n\r\n"
UID = "1.2.826.0.1.3680043.10.1"


def header(number: int, pixels: int) -> bytes:
    """Return the head of a DICOM file, up to pixel data of so many bytes."""

    def element(group: int, tag: int, vr: bytes, value: bytes) -> bytes:
        value += (b"\0" if vr == b"UI" else b" ") * (len(value) % 2)
        return struct.pack("<HH2sH", group, tag, vr, len(value)) + value

    sop = f"{UID}.9.{number}".encode()
    meta = element(2, 2, b"UI", b"1.2.840.10008.5.1.4.1.1.2")
    meta += element(2, 3, b"UI", sop) + element(2, 0x10, b"UI", b"1.2.840.10008.1.2.1")
    meta = element(2, 0, b"UL", struct.pack("<I", len(meta))) + meta
    data = element(8, 0x16, b"UI", b"1.2.840.10008.5.1.4.1.1.2") + element(8, 0x18, b"UI", sop)
    data += element(0x10, 0x20, b"LO", b"BENCH") + element(0x20, 0xD, b"UI", UID.encode())
    data += element(0x20, 0xE, b"UI", f"{UID}.1".encode())
    return (
        b"\0" * 128 + b"DICM" + meta + data + struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OW", 0, pixels)
    )


def content(number: int, size: int) -> Iterator[bytes]:
    """Give a whole file of about so many bytes."""
    head = header(number, size)
    yield head
    for at in range(0, size, MIB):
        yield BLOCK[: min(MIB, size - at)]


# --- in the process that is measured -------------------------------------------------------------


def upload(batch: Any, files: int, size: int) -> None:
    """Take files as the browser sends them: bodies of 8 MiB, small files packed."""
    from studies.services.uploads import receive_frames

    body: list[bytes] = []
    for number in range(files):
        whole = len(header(number, size)) + size
        offset = 0
        pending = b""
        blocks = content(number, size)
        while offset < whole:
            while len(pending) < min(8 * MIB, whole - offset):
                pending += next(blocks)
            part, pending = pending[: 8 * MIB], pending[8 * MIB :]
            said = json.dumps({"file": number, "path": f"f/{number}", "size": whole,
                               "offset": offset, "length": len(part)}).encode()  # fmt: skip
            frame = struct.pack(">I", len(said)) + said + part
            if sum(map(len, body)) + len(frame) > 8 * MIB + 16384 and body:
                send(receive_frames, batch, body)
            body.append(frame)
            offset += len(part)
    send(receive_frames, batch, body)


def send(receive_frames: Callable[..., Any], batch: Any, body: list[bytes]) -> None:
    """Hand over one body and empty it."""
    data = b"".join(body)
    body.clear()
    receive_frames(batch, io.BytesIO(data), len(data))


def wado(batch: Any, address: str) -> None:
    """Fetch a series over WADO-RS into sealed parts."""
    from studies.intake.dicomweb import DicomWeb
    from studies.services.uploads import PartPack

    with PartPack(batch) as pack:

        class Incoming:
            def __init__(self) -> None:
                self.part = pack.begin("one")

            def write(self, block: bytes) -> None:
                self.part.write(block)

            def done(self) -> bool:
                return True

            def drop(self) -> None:
                pack.drop(self.part)

        remote = DicomWeb({"url": address}, {})
        remote.fetch(UID, f"{UID}.1", [], Incoming, lambda: None, whole=True)
        pack.finish()


def store() -> None:
    """Be the C-STORE listener until the parent says stop."""
    from studies.management.listener import Listener

    listener = Listener()
    listener.start(("127.0.0.1", 0), None)
    print(listener.port, flush=True)
    sys.stdin.readline()
    listener.stop()


def measured(arguments: list[str]) -> None:
    """Do one way in this process and print what it took."""
    set_up()
    from studies.models import Batch

    way, files, size, address = arguments[0], int(arguments[1]), int(arguments[2]), arguments[3]
    before = resource.getrusage(resource.RUSAGE_SELF)
    if way == "C-STORE":
        store()
    else:
        batch = Batch.objects.get(pk=address.rpartition("#")[2])
        if way == "upload":
            upload(batch, files, size)
        else:
            wado(batch, address.partition("#")[0])
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"cpu": cpu, "rss": after.ru_maxrss * 1024}), flush=True)


# --- in the process that measures ----------------------------------------------------------------


def set_up() -> None:
    """Start Django on the folder in the environment."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "anonportal.settings"
    import django

    django.setup()


def make_hospital(folder: Path) -> Any:
    """Make an organization with a folder to deliver to, and a listener rule."""
    from django.core.management import call_command

    for alias in ("default", "vault"):
        call_command("migrate", database=alias, verbosity=0)
    from studies.services import organizations, places, rules

    organization = organizations.create_organization(
        slug="bench", name="Bench", prefix="BENCH", allowed_regions=["here"]
    )
    out = folder / "out"
    out.mkdir()
    destination = places.save_destination(
        organization,
        organizations.COMMAND,
        values={"name": "Out", "kind": "folder", "config": {"root": str(out)}, "region": "here",
                "operator": "Bench", "agreement": "-"},
    )  # fmt: skip
    rules.save_rule(
        organization,
        organizations.COMMAND,
        values={"name": "Bench", "kind": "dimse", "calling_ae": "BENCH", "called_ae": "PORTAL",
                "destination": destination, "profile_version": organization.default_profile},
    )  # fmt: skip
    return organization, destination


def new_batch(organization: Any, destination: Any) -> str:
    """Open a batch and return its id."""
    from studies.services import organizations, receiving

    source = organization.sources.get(kind="upload")
    batch = receiving.open_batch(
        organization, None, source, destination, organization.default_profile,
        actor=organizations.COMMAND,
    )  # fmt: skip
    return str(batch.pk)


def serve(files: int, size: int) -> http.server.ThreadingHTTPServer:
    """Answer every request with a series as WADO-RS does."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            kind = f'multipart/related; type="application/dicom"; boundary={BOUNDARY.decode()}'
            self.send_header("Content-Type", kind)
            self.end_headers()
            for number in range(files):
                self.wfile.write(PART)
                for block in content(number, size):
                    self.wfile.write(block)
            self.wfile.write(b"\r\n--" + BOUNDARY + b"--\r\n")

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def run(way: str, files: int, size: int, hospital: Any, folder: Path) -> None:
    """Measure one way and print its line."""
    server = None
    address = new_batch(*hospital)
    if way == "WADO-RS":
        server = serve(files, size)
        address = f"http://127.0.0.1:{server.server_address[1]}#{address}"
    command = [sys.executable, "-m", "benchmarks.intake", "--measured", way, str(files), str(size),
               address]  # fmt: skip
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        if way == "C-STORE":
            inbox = folder / "send"
            inbox.mkdir()
            for number in range(files):
                with (inbox / f"{number}.dcm").open("wb") as file:
                    file.writelines(content(number, size))
            port = child.stdout.readline().strip()
            begun = time.monotonic()
            sender = ["storescu", "-pdu", "131072", "+sd", "-aet", "BENCH", "-aec", "PORTAL"]
            sender += ["127.0.0.1", port, str(inbox)]
            subprocess.run(sender, check=True, stdout=subprocess.DEVNULL)
            seconds = time.monotonic() - begun
            child.stdin.write("stop\n")
            child.stdin.flush()
            shutil.rmtree(inbox)
        else:
            begun = time.monotonic()
        figures = json.loads(child.stdout.readlines()[-1])
        if way != "C-STORE":
            seconds = time.monotonic() - begun
    if server is not None:
        server.shutdown()
        server.server_close()
    volume = files * size / 1e6
    cpu, memory = 1000 * figures["cpu"] / volume, figures["rss"] / 1e6
    shown = f"{files:,} × {size / 1e6:,.1f} MB"
    print(f"| {way} | {shown} | {volume / seconds:,.0f} | {cpu:.2f} | {memory:,.0f} |", flush=True)
    for sealed in (folder / "sealed").glob("*"):
        shutil.rmtree(sealed, ignore_errors=True)


def main() -> int:
    """Measure every way with small and large files."""
    if sys.argv[1:2] == ["--measured"]:
        measured(sys.argv[2:])
        return 0
    parser = argparse.ArgumentParser(prog="python -m benchmarks.intake", description=__doc__)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--large-mb", type=int, default=2048)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["ANONPORTAL_DATA"] = name
        os.environ["ANONPORTAL_DEMO"] = "1"
        os.environ["ANONPORTAL_FOLDER_ROOTS"] = name
        (folder / "db").mkdir()
        set_up()
        hospital = make_hospital(folder)
        print("| way in | files | MB/s | CPU ms per MB | peak memory MB |")
        print("| --- | --- | ---: | ---: | ---: |")
        ways = ["upload", "WADO-RS"] + (["C-STORE"] if shutil.which("storescu") else [])
        for way in ways:
            run(way, options.files, HALF, hospital, folder)
            run(way, 1, options.large_mb * MIB - MIB, hospital, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
