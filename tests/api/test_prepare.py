"""batch-prepare: a folder's studies, de-identified into a folder, with a signed manifest."""

import json
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from studies import jobs
from studies.models import Batch, BatchState, PreparedBatch
from tests import datasets
from tests.api.conftest import client_for
from tests.studies.hospital import Hospital, work_off

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "vault"])


def prepare(client: Client, hospital: Hospital, directory: str = "one", **more: Any) -> Any:
    headers = more.pop("headers", {})
    said = {"organizationId": "north", "studyDirectory": directory, "priority": "HIGH", **more}
    return client.post(
        "/api/batch-prepare", json.dumps(said), content_type="application/json", headers=headers
    )


@pytest.fixture
def client(hospital: Hospital, redis_server: object) -> Client:
    datasets.write_series(hospital.inbox / "one", [datasets.ct(), datasets.mr()])
    return client_for(hospital.organization)


def test_a_folder_is_prepared_and_the_answer_says_where(client: Client, hospital: Hospital) -> None:
    answer = prepare(client, hospital, str(hospital.inbox / "one"))
    assert answer.status_code == 202
    first = answer.json()
    assert (first["success"], first["manifestPath"]) == (False, "")
    work_off()
    said = client.get(answer["Location"]).json()
    assert said["success"] is True
    assert (said["totalFiles"], said["successfulFiles"], said["state"]) == (2, 2, "delivered")
    staging = Path(said["stagingDirectory"])
    assert staging == hospital.outbox / said["batchId"]
    assert json.loads(Path(said["manifestPath"]).read_text())["TotalImages"] == 2
    assert len(list(staging.rglob("*.dcm"))) == 2
    assert Batch.objects.get().priority == "HIGH"


def test_a_caller_may_wait_for_the_result(client: Client, hospital: Hospital) -> None:
    answers: list[Any] = []
    started = threading.Event()

    def ask() -> None:
        start = jobs.start
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(jobs, "start", lambda batch: (start(batch), started.set()))
            answers.append(prepare(client, hospital, headers={"prefer": "wait=60"}))
        connections.close_all()

    asking = threading.Thread(target=ask)
    asking.start()
    assert started.wait(30)
    work_off()
    asking.join()
    (answer,) = answers
    assert answer.status_code == 200
    assert answer["Preference-Applied"] == "wait=60"
    assert answer.json()["success"] is True


def test_what_is_held_waits_for_a_person_and_is_no_success(
    client: Client, hospital: Hospital
) -> None:
    datasets.write(datasets.ct(PatientID=""), hospital.inbox / "one" / "nobody.dcm")
    answer = prepare(client, hospital)
    work_off()
    said = client.get(answer["Location"]).json()
    assert (said["success"], said["totalFiles"], said["successfulFiles"]) == (False, 3, 2)
    assert (said["state"], said["manifestPath"]) == ("review", "")


def test_only_a_folder_below_the_organizations_sources_is_taken(
    client: Client, hospital: Hospital, foreign: Hospital, tmp_path: Path
) -> None:
    datasets.write_series(foreign.inbox / "theirs", [datasets.ct()])
    (hospital.inbox / "link").symlink_to(foreign.inbox / "theirs")
    for directory in (
        str(foreign.inbox / "theirs"),
        "/etc",
        "..",
        "../south-in/theirs",
        "link",
        "not-there",
        str(hospital.outbox),
        "one/IM00001",
        "a\0b",
    ):
        answer = prepare(client, hospital, directory)
        assert (answer.status_code, answer.json()["code"]) == (404, "directory-unknown"), directory
    assert Batch.objects.count() == 0


def test_another_organization_is_not_found_and_an_empty_folder_is_said(
    client: Client, hospital: Hospital, foreign: Hospital
) -> None:
    answer = prepare(client, hospital, organizationId="south")
    assert (answer.status_code, answer.json()["code"]) == (404, "organization-unknown")
    (hospital.inbox / "empty").mkdir()
    answer = prepare(client, hospital, "empty")
    assert (answer.status_code, answer.json()["code"]) == (422, "nothing-selected")
    assert set(Batch.objects.values_list("state", flat=True)) == {BatchState.CANCELLED}
    answer = prepare(client, hospital, priority="SOON")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


def test_the_same_key_prepares_once(client: Client, hospital: Hospital) -> None:
    answers = [prepare(client, hospital, headers={"idempotency-key": "week"}) for _ in range(2)]
    assert answers[0].json()["batchId"] == answers[1].json()["batchId"]
    assert Batch.objects.count() == 1
    work_off()


def test_what_was_prepared_is_removed_when_its_batch_closes(
    client: Client, hospital: Hospital
) -> None:
    answer = prepare(client, hospital)
    work_off()
    staging = Path(client.get(answer["Location"]).json()["stagingDirectory"])
    jobs.close_due()
    assert staging.is_dir()
    Batch.objects.update(closes=timezone.now() - timedelta(seconds=1))
    jobs.close_due()
    assert not staging.exists()
    assert hospital.outbox.is_dir()
    assert PreparedBatch.objects.get().cleared is not None
