"""However many processes submit the same patients at once, each gets one id; nobody an error."""

import json
import os
import subprocess
import sys

import pytest

from studies.vault.models import DomainKey, InstanceRow, Patient, Study
from studies.vault.rotation import rotate_domain
from studies.vault.verification import verify
from tests.counts import count

PROCESSES = count(4, 16)
TIMES = count(60, 1_250)  # 16 × 1,250 = 20,000 submissions
PATIENTS = count(25, 2_000)
ROTATIONS = count(2, 20)


@pytest.mark.timeout(count(300, 3600))
def test_racing_processes_agree_on_every_id(domain, files, key_file, tmp_path):
    orders = {
        "database": files.settings | {"NAME": str(files.settings["NAME"])},
        "key_file": str(key_file),
        "domain": str(domain),
        "start": str(tmp_path / "start"),
        "times": TIMES,
        "patients": PATIENTS,
    }
    racers = [_start(orders | {"seed": seed}) for seed in range(PROCESSES)]
    (tmp_path / "start").touch()
    for _ in range(ROTATIONS):
        rotate_domain(domain, lambda done, total: None)
    answers = [(racer, *racer.communicate()) for racer in racers]
    assert [(racer.returncode, error) for racer, _, error in answers] == [(0, "")] * PROCESSES
    given: dict[str, set[str]] = {}
    for _, output, _ in answers:
        for name, ids in json.loads(output).items():
            given.setdefault(name, set()).update(ids)
    assert all(len(ids) == 1 for ids in given.values())
    ids = [next(iter(ids)) for ids in given.values()]
    assert len(set(ids)) == len(ids) == Patient.objects.count() + Study.objects.count()
    assert set(ids) == {row.cloud_id for kind in (Patient, Study) for row in kind.objects.all()}
    assert InstanceRow.objects.exists()
    assert DomainKey.objects.count() == 1
    assert verify(lambda done, total: None) == []


def _start(orders: dict[str, object]) -> "subprocess.Popen[str]":
    racer = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "tests.vault.racer"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"},
    )
    racer.stdin.write(json.dumps(orders))
    racer.stdin.close()
    racer.stdin = None
    return racer
