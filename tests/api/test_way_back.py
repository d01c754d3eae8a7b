"""What went out through the gateway comes back like all else: by the door, and with a report."""

from pathlib import Path

import pytest

from studies.faults import PermanentError
from studies.models import ReportState, Role, Scope
from studies.services import returning
from studies.services.reidentification import Request, reidentify
from tests import datasets
from tests.api.conftest import client_for
from tests.api.test_anonymize_stream import send
from tests.studies.hospital import Hospital, make_hospital

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "vault"])


@pytest.fixture
def sent(hospital: Hospital) -> tuple[datasets.Markers, str]:
    """An instance that only passed the gateway: its patient, and its cloud study id."""
    markers = datasets.Markers()
    client = client_for(hospital.organization, Scope.ANONYMIZE)
    response = send(client, datasets.part10(datasets.ct(markers)))
    assert response.status_code == 200
    return markers, response["X-Cloud-Study-Id"]


def test_the_door_opens_to_its_patient(
    hospital: Hospital, sent: tuple[datasets.Markers, str]
) -> None:
    markers, cloud_id = sent
    found = reidentify(
        hospital.viewer(Role.RADIOLOGIST), Request(cloud_id, "report"), is_fresh=True
    )
    assert found.patient["PatientID"] == (markers.patient_id,)


def test_for_another_hospital_it_does_not_exist(
    hospital: Hospital, sent: tuple[datasets.Markers, str], tmp_path: Path
) -> None:
    other = make_hospital(tmp_path, slug="other", prefix="OTHER")
    with pytest.raises(PermanentError) as refused:
        reidentify(other.viewer(Role.RADIOLOGIST), Request(sent[1], "report"), is_fresh=True)
    assert refused.value.code == "unknown-id"


def test_it_is_in_no_batch(hospital: Hospital, sent: tuple[datasets.Markers, str]) -> None:
    asked = Request(sent[1], "report", batch="3f9c21aa")
    with pytest.raises(PermanentError) as refused:
        reidentify(hospital.viewer(Role.RADIOLOGIST), asked, is_fresh=True)
    assert refused.value.code == "unknown-id"


def test_a_report_on_it_arrives(hospital: Hospital, sent: tuple[datasets.Markers, str]) -> None:
    body = f"Report on study {sent[1]}: no finding.".encode()
    report = returning.receive(hospital.organization, body, hospital.viewer(Role.RADIOLOGIST).actor)
    assert (report.state, report.cloud_study_id) == (ReportState.ARRIVED, sent[1])
