"""Every command of docs/api.md, every body that /api/docs shows, and the Python client, run."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
from django.test import Client

from studies.api.examples import EXAMPLES
from studies.api.openapi import specification
from studies.models import ApiToken, Batch, Report
from tests import datasets
from tests.api.conftest import client_for, token_for
from tests.api.server import ROOT
from tests.studies.hospital import Hospital
from tests.studies.test_listening import make_rule

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "vault"])
PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
CLIENT = ROOT / "docs" / "examples" / "anonportal_client.py"


def commands() -> list[str]:
    """Return the curl commands of the page, each with its continuation lines."""
    blocks = re.findall(r"(?:^    .*\n)+", PAGE, re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", "\n".join(blocks)).splitlines()
    return [line.strip() for line in lines if line.strip().startswith("curl ")]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl isn't installed")
def test_the_commands_of_the_page_do_what_they_say(
    hospital: Hospital, portal_server: str, tmp_path: Path
) -> None:
    make_rule(hospital, kind="stow", calling_ae="", called_ae="")
    data = datasets.part10(datasets.ct())
    (tmp_path / "image.dcm").write_bytes(data)
    head = b"--edge\r\nContent-Type: application/dicom\r\n\r\n"
    (tmp_path / "body").write_bytes(head + data + b"\r\n--edge--\r\n")
    (tmp_path / "report.txt").write_text("No acute finding.")
    datasets.write_series(hospital.inbox / "2026" / "week-47", [datasets.ct()])
    place = {"PORTAL": portal_server, "TOKEN": token_for(hospital.organization), "BATCH": ""}
    statuses = []
    for command in commands():
        # What waits for a worker that isn't here is asked for once.
        command = command.replace("wait=30", "wait=0")
        found = subprocess.run(
            ["sh", "-c", command.replace("curl ", "curl -sS -w '\\n%{http_code}' ", 1)],
            cwd=tmp_path,
            env=os.environ | place,
            capture_output=True,
            text=True,
        )
        statuses.append((found.stdout.rpartition("\n")[2], command))
        opened = re.search(r'"batchId": ?"([0-9a-f-]{36})"', found.stdout)
        if opened and command.endswith("/api/batches"):
            place["BATCH"] = opened.group(1)
    assert len(statuses) >= 15
    # The last batch isn't delivered here, so that it has no manifest yet; and there is no PACS.
    elsewhere = {"/manifest": "404", "/find": "404"}
    for status, command in statuses:
        missing = [code for path, code in elsewhere.items() if command.endswith(path)]
        assert status.startswith(missing[0] if missing else "2"), (status, command)
    assert sum(command.endswith(path) for path in elsewhere for _status, command in statuses) == 2
    assert Report.objects.count() == 1


def test_every_body_that_is_shown_is_taken_as_it_stands(
    hospital: Hospital, redis_server: object
) -> None:
    client = client_for(hospital.organization)
    datasets.write_series(hospital.inbox / "2026" / "week-47", [datasets.ct()])
    operations = {
        operation["operationId"]: (method, path)
        for path, methods in specification()["paths"].items()
        for method, operation in methods.items()
    }
    batch = client.post("/api/batches", b"{}", content_type="application/json").json()["batchId"]
    place = client.get("/api/destinations").json()[0]["destinationId"]
    for name, body in EXAMPLES.items():
        method, path = operations[name]
        url = path.replace("{batch_id}", batch).replace("{destination_id}", place)
        url = url.replace("{study_id}", batch)
        answer: Any = getattr(client, method)(url, body, content_type="application/json")
        # What it is about may not be there, or not in a state for it: the body is understood.
        assert answer.status_code < 300 or answer.status_code in (404, 409), answer.content


def test_the_page_of_the_documentation_shows_each_operation_and_no_script(
    hospital: Hospital,
) -> None:
    page = Client().get("/api/docs")
    text = page.content.decode()
    for methods in specification()["paths"].values():
        for operation in methods.values():
            assert f'id="{operation["operationId"]}"' in text
    assert "style=" not in text
    assert page["Content-Security-Policy"]


def test_the_client_in_python_anonymizes_sends_and_stores(
    hospital: Hospital, portal_server: str, tmp_path: Path
) -> None:
    make_rule(hospital, kind="stow", calling_ae="", called_ae="")
    folder = tmp_path / "studies"
    datasets.write_series(folder, [datasets.ct(), datasets.mr()])
    (tmp_path / "report.txt").write_text("No acute finding.")
    secret = token_for(hospital.organization)
    environment = os.environ | {"ANONPORTAL_URL": portal_server, "ANONPORTAL_TOKEN": secret}

    def run(*arguments: str) -> str:
        command = [sys.executable, str(CLIENT), *arguments]
        found = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert found.returncode == 0, found.stderr
        return found.stdout.strip()

    cloud_id = run("anonymize", str(next(folder.iterdir())), "out.dcm")
    assert re.fullmatch(r"[0-9A-Z]{13}", cloud_id)
    assert cloud_id.encode() in (tmp_path / "out.dcm").read_bytes()
    assert run("stow", str(folder)) == "2 stored, 0 failed"
    assert run("report", "report.txt") == "attention"
    ApiToken.objects.update(scopes=["stow"])
    assert requests.get(f"{portal_server}/api/batches", timeout=30).status_code == 401
    command = [sys.executable, str(CLIENT), "anonymize", "report.txt", "x"]
    refused = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (refused.returncode, refused.stderr.split(":")[0]) == (1, "403 scope-missing")
    assert Batch.objects.count() == 1
