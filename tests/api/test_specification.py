"""The API does what its OpenAPI description says: schemathesis looks for where it doesn't."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tests import datasets
from tests.api.conftest import token_for
from tests.api.server import ROOT
from tests.counts import PROVE, count
from tests.studies.hospital import Hospital, work_off
from tests.studies.test_listening import make_rule

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "vault"])


def test_schemathesis_finds_nothing(
    hospital: Hospital, portal_server: str, tmp_path: Path, proof: Any
) -> None:
    datasets.write_series(hospital.inbox / "one", [datasets.ct(), datasets.ct(PatientID="")])
    hospital.submit(["one"])
    work_off()
    make_rule(hospital, kind="stow")
    secret = token_for(hospital.organization)
    examples = count(1, 60)
    found = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG)),
            *("run", f"{portal_server}/api/openapi.json"),
            *("--header", f"Authorization: Bearer {secret}", "--workers", "1"),
            *("--max-examples", str(examples), "--phases", PHASES, "--seed", "1"),
            "--no-color",
        ],
        env=os.environ
        | {"SCHEMATHESIS_HOOKS": "tests.api.schemathesis_hooks", "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stdout[-80000:] + found.stderr[-2000:]
    # A server that answers "too often" would hide what it does with the request.
    assert "Rate limited" not in found.stdout, found.stdout[-8000:]
    proof("schemathesis looks for answers that the description doesn't allow", examples, "none")


CONFIG = Path(__file__).with_name("schemathesis.toml")
PHASES = "examples,coverage,fuzzing" if PROVE else "examples,fuzzing"


def test_the_description_is_openapi_3_1_and_names_every_scope() -> None:
    said = Client().get("/api/openapi.json").json()
    assert said["openapi"].startswith("3.1")
    operations = [op for methods in said["paths"].values() for op in methods.values()]
    assert all(op["security"] == [{"Token": []}] for op in operations)
    assert len({op["operationId"] for op in operations}) == len(operations)
    assert all(op["summary"].endswith(".") for op in operations)
