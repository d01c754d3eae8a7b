"""Run Orthanc over a folder by its REST interface: upload, anonymize, download. SOURCE TARGET.

The server is a child of this process, on a free port and in memory-backed folders, so its CPU and
its memory are in the figures. Its start is, too.
"""

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_STARTS_WITHIN = 30.0


def main() -> None:
    """Serve, send every file through, and stop."""
    program, source, target = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        configuration = Path(folder) / "orthanc.json"
        settings = {
            "HttpPort": port,
            "DicomServerEnabled": False,
            "StorageDirectory": f"{folder}/store",
            "IndexDirectory": f"{folder}/index",
            "StorageCompression": False,
        }
        configuration.write_text(json.dumps(settings), encoding="utf-8")
        server = subprocess.Popen([program, str(configuration)])
        try:
            connection = _connected(port)
            for number, path in enumerate(sorted(source.iterdir())):
                _anonymize(connection, path, target / f"{number}.dcm")
        finally:
            server.terminate()
            server.wait()


def _connected(port: int) -> http.client.HTTPConnection:
    begun = time.monotonic()
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
        try:
            connection.request("GET", "/system")
            connection.getresponse().read()
        except OSError:
            if time.monotonic() - begun > _STARTS_WITHIN:
                raise
            time.sleep(0.05)
        else:
            return connection


def _anonymize(connection: http.client.HTTPConnection, path: Path, target: Path) -> None:
    with path.open("rb") as file:
        size = str(os.fstat(file.fileno()).st_size)
        connection.request("POST", "/instances", file, {"Content-Length": size})
        stored = json.loads(connection.getresponse().read())
    connection.request("POST", f"/instances/{stored['ID']}/anonymize", b"{}")
    answer = connection.getresponse()
    if answer.status != 200:
        answer.read()
        raise SystemExit(f"Orthanc answered {answer.status}")
    with target.open("wb") as file:
        while block := answer.read(1 << 20):
            file.write(block)


if __name__ == "__main__":
    main()
