"""A small client of the portal's API: needs Python and requests, nothing else.

export ANONPORTAL_URL=https://portal.example ANONPORTAL_TOKEN=ap_…
python anonportal_client.py anonymize in.dcm out.dcm
python anonportal_client.py send folder --priority HIGH
python anonportal_client.py stow folder
python anonportal_client.py report report.txt
"""

import argparse
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import requests

FINISHED = {"review", "attention", "delivered", "closed", "cancelled"}


class Refused(Exception):
    """The portal said no: `code` is stable, the text is a sentence."""

    def __init__(self, response: requests.Response) -> None:
        is_problem = response.headers.get("Content-Type") == "application/problem+json"
        said = response.json() if is_problem else {}
        super().__init__(said.get("detail", response.reason))
        self.status = response.status_code
        self.code = said.get("code", "")
        self.where = said.get("where", "")


class Portal:
    """One portal, as the machine that holds a token sees it."""

    def __init__(self, url: str, token: str, timeout: float = 120) -> None:
        self._base = url.rstrip("/") + "/api"
        self._timeout = timeout
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {token}"

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        """Call an operation; wait as long as the portal asks for where it is busy."""
        for _try in range(5):
            response = self._session.request(
                method, self._base + path, timeout=self._timeout, **more
            )
            is_busy = response.status_code in (429, 503) and not hasattr(more.get("data"), "read")
            if not is_busy:
                break
            time.sleep(min(int(response.headers.get("Retry-After", "1")), 60))
        if not response.ok:
            raise Refused(response)
        return response

    def anonymize(self, source: Path, target: Path, **choice: str) -> str:
        """De-identify one file into another; return its cloud study id."""
        with source.open("rb") as stream:
            response = self.call(
                "POST",
                "/anonymize-stream",
                data=stream,
                params=choice,
                headers={"Content-Type": "application/dicom"},
                stream=True,
            )
        with target.open("wb") as out:
            for block in response.iter_content(1 << 20):
                out.write(block)
        return response.headers["X-Cloud-Study-Id"]

    def send(self, files: Iterable[Path], **choice: Any) -> str:
        """Send files as one batch, start it, and return its id."""
        key = {"Idempotency-Key": secrets.token_hex(16)}
        batch = self.call("POST", "/batches", json=choice, headers=key).json()["batchId"]
        for path in files:
            with path.open("rb") as stream:
                self.call(
                    "POST",
                    f"/batches/{batch}/files",
                    data=stream,
                    headers={"Content-Type": "application/dicom"},
                )
        self.call("POST", f"/batches/{batch}/submit")
        return str(batch)

    def wait(self, batch: str, seconds: float = 600) -> dict[str, Any]:
        """Return a batch once it goes no further by itself, or as it is after so long."""
        until = time.monotonic() + seconds
        while True:
            said: dict[str, Any] = self.call("GET", f"/batches/{batch}").json()
            if said["state"] in FINISHED or time.monotonic() > until:
                return said
            time.sleep(1)

    def held(self, batch: str) -> Iterator[dict[str, Any]]:
        """Give the held entries of a batch, page by page."""
        cursor = None
        while True:
            choice = {"state": "held", **({"cursor": cursor} if cursor else {})}
            page = self.call("GET", f"/batches/{batch}/instances", params=choice).json()
            yield from page["items"]
            cursor = page["nextCursor"]
            if cursor is None:
                return

    def stow(self, files: Iterable[Path], rule: str = "") -> dict[str, Any]:
        """Send files by STOW-RS; return which are stored and which failed."""
        boundary = secrets.token_hex(16)
        response = self.call(
            "POST",
            f"/dicom-web/{rule}/studies" if rule else "/dicom-web/studies",
            data=_related(files, boundary),
            headers={
                "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}'
            },
        )
        found: dict[str, Any] = response.json()
        return found

    def report(self, path: Path, kind: str = "text/plain") -> dict[str, Any]:
        """Bring a returned report."""
        headers = {"Content-Type": kind}
        response = self.call("POST", "/reports", data=path.read_bytes(), headers=headers)
        found: dict[str, Any] = response.json()
        return found


def _related(files: Iterable[Path], boundary: str) -> Iterator[bytes]:
    """Give a multipart/related body block by block: no file is held in memory."""
    for path in files:
        yield f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                yield block
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    acts = parser.add_subparsers(dest="act", required=True)
    anonymize = acts.add_parser("anonymize")
    anonymize.add_argument("source", type=Path)
    anonymize.add_argument("target", type=Path)
    send = acts.add_parser("send")
    send.add_argument("folder", type=Path)
    send.add_argument("--priority", default="ROUTINE")
    stow = acts.add_parser("stow")
    stow.add_argument("folder", type=Path)
    stow.add_argument("--rule", default="")
    report = acts.add_parser("report")
    report.add_argument("path", type=Path)
    said = parser.parse_args()
    portal = Portal(os.environ["ANONPORTAL_URL"], os.environ["ANONPORTAL_TOKEN"])
    try:
        if said.act == "anonymize":
            print(portal.anonymize(said.source, said.target))
        elif said.act == "send":
            batch = portal.send(_files(said.folder), priority=said.priority)
            print(batch, portal.wait(batch)["state"])
        elif said.act == "stow":
            answer = portal.stow(_files(said.folder), said.rule)
            stored, failed = (len(answer.get(t, {}).get("Value", [])) for t in SEQUENCES)
            print(f"{stored} stored, {failed} failed")
        else:
            print(portal.report(said.path)["state"])
    except Refused as refusal:
        raise SystemExit(f"{refusal.status} {refusal.code}: {refusal}") from None


SEQUENCES = ("00081199", "00081198")

if __name__ == "__main__":
    main()
