"""A real PACS for tests: Orthanc with its DICOMweb plugin, on loopback, empty at its start."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

PROGRAM = shutil.which("Orthanc") or "/usr/sbin/Orthanc"
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
needs_orthanc = pytest.mark.skipif(
    not Path(PROGRAM).exists() or not PLUGIN.exists(),
    reason="Orthanc with its DICOMweb plugin isn't installed",
)
AE_TITLE = "ORTHANC"


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Orthanc:
    """A running Orthanc."""

    http_port: int
    dicom_port: int

    @property
    def rest(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def web(self) -> str:
        return f"{self.rest}/dicom-web"

    def store(self, *files: bytes) -> list[str]:
        """Put files into it; return Orthanc's own ids of the instances."""
        ids = []
        for data in files:
            answer = requests.post(f"{self.rest}/instances", data=data, timeout=30)
            answer.raise_for_status()
            ids.append(answer.json()["ID"])
        return ids

    def count(self) -> int:
        return int(requests.get(f"{self.rest}/statistics", timeout=30).json()["CountInstances"])

    def empty(self) -> None:
        for study in requests.get(f"{self.rest}/studies", timeout=30).json():
            requests.delete(f"{self.rest}/studies/{study}", timeout=30).raise_for_status()


@contextmanager
def run_orthanc(folder: Path, modalities: dict[str, list[Any]] | None = None) -> Iterator[Orthanc]:
    """Run Orthanc until the end of the block."""
    running = Orthanc(free_port(), free_port())
    configuration = {
        "Name": AE_TITLE,
        "StorageDirectory": str(folder / "db"),
        "IndexDirectory": str(folder / "db"),
        "HttpPort": running.http_port,
        "DicomPort": running.dicom_port,
        "DicomAet": AE_TITLE,
        "DicomCheckCalledAet": False,
        "DicomAlwaysAllowGet": True,
        "DicomAlwaysAllowFind": True,
        "DicomAlwaysAllowMove": True,
        "AuthenticationEnabled": False,
        "RemoteAccessAllowed": True,
        "DicomModalities": modalities or {},
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        "DefaultEncoding": "Utf8",
    }
    path = folder / "orthanc.json"
    path.write_text(json.dumps(configuration))
    with (folder / "orthanc.log").open("wb") as log:
        process = subprocess.Popen([PROGRAM, str(path)], stdout=log, stderr=log)
    try:
        _wait(running, process)
        yield running
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(running: Orthanc, process: subprocess.Popen[bytes]) -> None:
    for _ in range(400):
        if process.poll() is not None:
            raise RuntimeError("Orthanc did not start")
        try:
            if requests.get(f"{running.rest}/system", timeout=2).ok:
                return
        except requests.RequestException:
            time.sleep(0.05)
    raise RuntimeError("Orthanc does not answer")
