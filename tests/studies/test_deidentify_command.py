"""`manage.py deidentify`: the engine's own command, with the vault's identities, audited."""

import json
from pathlib import Path

import pydicom
import pytest
from django.core.management import CommandError, call_command

from audit.models import Event
from studies.models import LinkageDomain, Role
from studies.services.reidentification import domains_of
from studies.vault import service as vault
from tests import datasets
from tests.studies.hospital import make_hospital

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "vault"])


@pytest.fixture
def hospital(tmp_path: Path, settings):
    settings.FOLDER_ROOTS = [str(tmp_path)]
    return make_hospital(tmp_path)


def test_files_get_the_identities_of_the_organization_and_the_way_back(
    hospital, tmp_path: Path, capsys
) -> None:
    markers = datasets.Markers()
    folder = tmp_path / "files"
    datasets.write_series(folder, [datasets.ct(markers, number=n) for n in range(1, 71)])
    report = tmp_path / "report.json"
    arguments = [str(folder), str(tmp_path / "out"), "--workers", "2", "--report", str(report)]
    call_command("deidentify", *arguments, "--organization", "north")

    entries = json.loads(report.read_text(encoding="utf-8"))
    assert {entry["state"] for entry in entries} == {"deidentified"}
    assert len(entries) == 70
    sent = pydicom.dcmread(tmp_path / "out" / entries[0]["output"])
    domain = LinkageDomain.objects.get(organization=hospital.organization)
    cloud_patient = vault.identities(
        domain.pk, prefix="NORTH", scheme="patient", default_issuer="NORTH"
    ).patient(markers.patient_id, markers.issuer)
    assert sent.PatientID == f"NORTH-{cloud_patient}"
    found = vault.find_study(domains_of(hospital.viewer(Role.RADIOLOGIST)), sent.AccessionNumber)
    assert found is not None
    assert found.patient["PatientID"] == (markers.patient_id,)
    assert found.study["AccessionNumber"] == (markers.accession,)
    assert markers.family not in capsys.readouterr().err


def test_the_run_is_in_the_trail_at_its_start_and_at_its_end(hospital, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    datasets.write_series(folder, [datasets.capture(datasets.Markers())])
    with pytest.raises(SystemExit) as ended:
        call_command("deidentify", str(folder), str(tmp_path / "out"), "--organization", "north")
    assert ended.value.code == 1
    events = Event.objects.filter(action="command.deidentified").order_by("pk")
    assert [event.outcome for event in events] == ["success", "failed"]
    assert [json.loads(event.detail_json)["phase"] for event in events] == ["started", "ended"]


def test_an_organization_that_is_not_there_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(CommandError) as refused:
        call_command("deidentify", str(tmp_path), str(tmp_path / "o"), "--organization", "none")
    assert refused.value.returncode == 2
